"""From definitions to what each provider can do; nothing is told here that no definition says."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from reconciler.core.errors import ConfigError, Problem
from reconciler.manifests.project import DEFAULT_FILE
from reconciler.providers.catalogue import Definitions, known_definitions
from reconciler.providers.definition import Definition
from reconciler.providers.traits import recovery_traits
from reconciler.render.capabilities import ProviderCard, TypeCard
from reconciler.wiring.inputs import Inputs
from reconciler.wiring.loading import load_project_of

_ORDER = ("create", "list", "get", "update", "delete", "ping", "renew")


def definitions_of(inputs: Inputs) -> Definitions:
    """The built-in definitions, and the project's own where there is a project. Raises `ConfigError`."""
    if not inputs.files and not (inputs.directory / DEFAULT_FILE).exists():
        return known_definitions()
    definitions = known_definitions(load_project_of(inputs).providers)
    if problems := definitions.check():
        raise ConfigError(problems)
    return definitions


def cards(definitions: Definitions, name: str | None = None) -> tuple[ProviderCard, ...]:
    """What each provider can do, or the one called `name`. Raises `ConfigError` where there is none."""
    if name is not None and name not in definitions:
        near = difflib.get_close_matches(name, list(definitions), n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(definitions)}"
        raise ConfigError((Problem("unknown_provider", f"there is no provider {name!r}", hint=hint),))
    builtin = frozenset(known_definitions())
    return tuple(card(definitions[each], builtin=each in builtin) for each in definitions if name in {None, each})


def card(definition: Definition, *, builtin: bool) -> ProviderCard:
    """What one definition says."""
    verify = definition.verify
    return ProviderCard(
        name=definition.name,
        title=definition.title,
        builtin=builtin,
        api=definition.api.url if definition.api else "",
        auth=definition.auth.scheme if definition.auth else "",
        pagination=definition.pagination.kind if definition.pagination else "",
        secret=str(definition.secret.origin),
        verify=verify if isinstance(verify, str) else _scheme(verify),
        limits=tuple(_limits(definition)),
        types=tuple(_type_card(definition, name) for name in definition.types),
        sources=tuple((source.title, source.url or "") for source in definition.sources),
    )


def _scheme(verify: object) -> str:
    """A scheme's name, with its algorithm and header where it has them."""
    parts = [getattr(verify, part, None) for part in ("scheme", "algorithm", "header")]
    return " ".join(str(part) for part in parts if part)


def _limits(definition: Definition) -> Iterator[str]:
    limits = definition.limits
    if limits.per_resource:
        yield f"{limits.per_resource} per resource"
    if limits.per_event:
        yield f"{limits.per_event} per event"
    if set(limits.url.schemes) == {"https"}:
        yield "https only"
    if limits.url.ports:
        yield f"ports {', '.join(map(str, limits.url.ports))}"


def _type_card(definition: Definition, name: str) -> TypeCard:
    kind, operations = definition.types[name], definition.operations_of(name)
    lease, recovery = definition.lease_of(name), recovery_traits(definition.recover_of(name))
    fields = ("url", "events", "secret", "active", *definition.options_of(name))
    return TypeCard(
        name=name,
        title=kind.title,
        operations=tuple(sorted(operations, key=lambda each: _ORDER.index(each) if each in _ORDER else len(_ORDER))),
        in_place=tuple(field for field in fields if field in definition.fields.updatable and "update" in operations),
        events=definition.events_of(name),
        any_event=definition.events.open,
        wildcard=definition.events.wildcard,
        options={key: _about(option.option_schema) for key, option in definition.options_of(name).items()},
        slot=definition.identity is not None and definition.identity.slot is not None,
        renew_before=float(lease.renew_before) if lease else 0.0,
        recovery=str(recovery.way),
        horizon=recovery.horizon,
    )


def _about(schema: dict[str, object]) -> str:
    return str(schema.get("description") or schema.get("type") or "")
