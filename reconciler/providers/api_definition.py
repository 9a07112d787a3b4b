"""The half of a definition that a pass needs: the vendor's API, and what registering a webhook there takes.

How deliveries look and what proves them stands in the same file, and is not read here: `providers.definition` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import Field
from pydantic_core import InitErrorDetails, ValidationError

from reconciler.core.model import Json, SecretOrigin
from reconciler.providers.blocks.base import Block, Items, Name, ProviderName, Reserved, Source, Text
from reconciler.providers.blocks.calls import Api, Auth, Errors, Lookup, Operations, Pagination, PathAuth, Step
from reconciler.providers.blocks.recovery import Recover
from reconciler.providers.blocks.resources import Events, Fields, Identity, Lease, Lifecycle, Limits, Option, Type
from reconciler.providers.blocks.secrets import SecretRule
from reconciler.providers.rendering import embedded, placeholders

WORDS: Mapping[str, frozenset[str]] = {
    "list": frozenset({"path", "resource"}),
    "create": frozenset({"path", "resource", "url", "events", "secret", "webhook_id", "lease_end"}),
    "update": frozenset({"path", "resource", "url", "events", "secret", "webhook_id", "id", "lease_end"}),
    "renew": frozenset({"path", "resource", "url", "events", "secret", "webhook_id", "id", "lease_end"}),
    "delete": frozenset({"path", "resource", "id"}),
    "ping": frozenset({"path", "resource", "id"}),
}
"""The placeholders that each operation may use; `${token}` and `${options.NAME}` join where there are such."""

LOG_WORDS: Mapping[str, frozenset[str]] = {
    "list": frozenset({"path", "resource", "id", "since"}),
    "redeliver": frozenset({"path", "resource", "id", "delivery"}),
    "detail": frozenset({"path", "resource", "id", "delivery"}),
}
"""The same for the calls of `recover`."""

WITH_OPTIONS = frozenset({"create", "update", "renew"})

FIELD_NAMES = frozenset({"url", "events", "secret", "active"})

DOTTED = frozenset({"options", "resource"})
"""What stands before the dot of placeholders; a lookup is called otherwise."""


class Refusal(NamedTuple):
    """Something that does not fit together: where it stands in the document, and why."""

    path: tuple[str | int, ...]
    message: str


class ApiDefinition(Block):
    """One provider, without what only deliveries need: `verify`, `handshakes` and `delivery` are as written."""

    version: Literal[1]
    name: ProviderName
    title: Text
    sources: Items[Source] = ()
    api: Api | None = None
    auth: Auth | None = None
    types: Annotated[dict[Name, Type], Field(min_length=1)]
    lookups: dict[Name, Lookup] = Field(default_factory=dict)
    options: dict[Name, Option] = Field(default_factory=dict)
    operations: Operations = Operations.model_construct()
    pagination: Pagination | None = None
    identity: Identity | None = None
    events: Events
    fields: Fields = Fields.model_construct()
    secret: SecretRule
    verify: Any
    handshakes: Any = ()
    delivery: Any
    recover: Recover | None = None
    lifecycle: Lifecycle = Lifecycle.model_construct()
    limits: Limits = Limits.model_construct()
    errors: Errors = Errors.model_construct()
    hooks: Reserved = None

    @cached_property
    def hosts(self) -> frozenset[str]:
        """The hosts that the vendor serves its API from: credentials may be sent there without further leave."""
        return frozenset({urlsplit(self.api.url).hostname or "", *self.api.hosts}) if self.api else frozenset()

    def events_of(self, type_name: str) -> dict[str, str]:
        """The events of one type, in the definition's order, each with its sentence."""
        return self.events.catalogue | self.types[type_name].events

    def options_of(self, type_name: str) -> dict[str, Option]:
        """The options of one type."""
        return self.options | self.types[type_name].options

    def operations_of(self, type_name: str) -> dict[str, Step]:
        """The operations of one type: its own before the provider's."""
        return self.operations.named() | self.types[type_name].operations.named()

    def lease_of(self, type_name: str) -> Lease | None:
        """The lease of webhooks of one type, where they end by themselves."""
        return self.types[type_name].lease or self.lifecycle.lease

    def recover_of(self, type_name: str) -> Recover | None:
        """How missed deliveries of webhooks of one type are had, where the vendor keeps a log."""
        return self.types[type_name].recover or self.recover

    @property
    def event_names(self) -> Mapping[str, str]:
        """Events that are delivered under another name than they are registered under, by that name."""
        rule: Mapping[str, Mapping[str, str]] = self.delivery["event"]
        return rule.get("names", {})

    def looked_up(self, names: Iterable[str]) -> frozenset[str]:
        """The lookups that placeholders of these names need values of."""
        return frozenset(name.partition(".")[0] for name in names) & self.lookups.keys()


def api_definition(values: Json) -> ApiDefinition:
    """That half of the definition that parsed YAML describes; raises pydantic's `ValidationError`."""
    candidate = ApiDefinition.model_validate(values)
    refuse(candidate, api_refusals(candidate))
    return candidate


def refuse(candidate: ApiDefinition, refusals: Iterable[Refusal]) -> None:
    """Raise pydantic's `ValidationError` with all refusals, if there are any."""
    details = [_detail(refusal) for refusal in refusals]
    if details:
        raise ValidationError.from_exception_data(type(candidate).__name__, details)


def _detail(refusal: Refusal) -> InitErrorDetails:
    return InitErrorDetails(
        type="value_error", loc=refusal.path, input=None, ctx={"error": ValueError(refusal.message)}
    )


def api_refusals(candidate: ApiDefinition) -> Iterator[Refusal]:
    """What does not fit together in this half."""
    yield from _calls(candidate)
    yield from _lookups(candidate)
    yield from _leases(candidate)
    for name in candidate.types:
        yield from _placeholders(candidate, name)
        yield from _recovery(candidate, name)
    yield from _listed(candidate)
    yield from _fields(candidate)
    yield from _secret(candidate)


def _calls(candidate: ApiDefinition) -> Iterator[Refusal]:
    """What operations need beside themselves."""
    used = {operation for name in candidate.types for operation in candidate.operations_of(name)}
    needs: dict[str, Json] = {"api": candidate.api, "auth": candidate.auth, "identity": candidate.identity}
    if "list" in used:
        needs["pagination"] = candidate.pagination
    if used:
        for block, value in needs.items():
            if value is None:
                yield Refusal((), f"operations need the block `{block}`")
    identity = candidate.identity
    if identity and sum(way is not None for way in (identity.id, identity.slot, identity.constant)) != 1:
        yield Refusal(("identity",), "give one of `id`, `slot` and `constant`")
    if identity and "list" in used and (identity.url is None or identity.constant is not None):
        yield Refusal(("identity",), "a `list` needs the `url` of each row, and its `id` or the `slot`")
    if candidate.events.encoder != "flags" and candidate.events.path is None and "list" in used:
        message = f"the encoder `{candidate.events.encoder}` needs the `path` at which a row tells its events"
        yield Refusal(("events",), message)


def _leases(candidate: ApiDefinition) -> Iterator[Refusal]:
    """Renewals without a lease, and ends that nothing leads to."""
    for name in candidate.types:
        lease, operations = candidate.lease_of(name), candidate.operations_of(name)
        if "renew" in operations and lease is None:
            yield Refusal(("operations", "renew"), "a renewal needs `lifecycle.lease`, or the `lease` of each type")
        bodies = [step.body.template for step in operations.values() if step.body is not None]
        if "lease_end" in placeholders(bodies) and (lease is None or lease.length is None):
            yield Refusal(("types", name), "${lease_end} needs the `length` of the lease")


def _lookups(candidate: ApiDefinition) -> Iterator[Refusal]:
    """Lookups whose names are taken, or that would need what is not known before them."""
    token = {"token"} if isinstance(candidate.auth, PathAuth) else set()
    for name, lookup in candidate.lookups.items():
        if name in DOTTED:
            yield Refusal(("lookups", name), f"{name!r} is another kind of placeholder: use another name")
        yield from _unknown(lookup.path, ("lookups", name, "path"), token)
        yield from _unknown([lookup.query, lookup.headers], ("lookups", name), set())


def _placeholders(candidate: ApiDefinition, type_name: str) -> Iterator[Refusal]:
    """Placeholders that nothing would fill."""
    kind = candidate.types[type_name]
    token = {"token"} if isinstance(candidate.auth, PathAuth) else set()
    known = {f"resource.{part}" for part in kind.resource.parts}
    known |= {f"{name}.{value}" for name, lookup in candidate.lookups.items() for value in lookup.values}
    yield from _unknown(kind.path, ("types", type_name, "path"), {"resource"} | token | known)
    if kind.permission:
        yield from _unknown(kind.permission.path, ("types", type_name, "permission", "path"), token)
    options = {f"options.{name}" for name in candidate.options_of(type_name)}
    for operation, step in candidate.operations_of(type_name).items():
        own = getattr(kind.operations, operation) is not None
        where = ("types", type_name, "operations", operation) if own else ("operations", operation)
        words = WORDS[operation] | known | token | (options if operation in WITH_OPTIONS else set())
        yield from _step(step, where, _Words(words - {"url", "events", "secret", "lease_end"} - options, words - token))
        listed = {"events"} if candidate.events.encoder != "csv" else set()
        for name in sorted(embedded([step.query, step.headers, step.body and step.body.template]) & listed):
            yield Refusal(where, f"${{{name}}} is a list and stands alone, not inside a longer text")


class _Words(NamedTuple):
    """The placeholders that there are in the path of a step, and in the rest of it."""

    in_path: frozenset[str] | set[str]
    elsewhere: frozenset[str] | set[str]


def _step(step: Step, where: tuple[str, ...], words: _Words) -> Iterator[Refusal]:
    """Placeholders of one step that nothing would fill."""
    yield from _unknown(step.path, (*where, "path"), words.in_path)
    yield from _unknown(step.query, (*where, "query"), words.elsewhere)
    yield from _unknown(step.headers, (*where, "headers"), words.elsewhere)
    if step.body is not None:
        key = "variables" if step.body.format == "graphql" else "fields"
        yield from _unknown(step.body.template, (*where, "body", key), words.elsewhere)


def _recovery(candidate: ApiDefinition, type_name: str) -> Iterator[Refusal]:
    """A log that could not be asked, and placeholders that nothing would fill there."""
    recover, kind = candidate.recover_of(type_name), candidate.types[type_name]
    if recover is None:
        return
    where: tuple[str, ...] = ("types", type_name, "recover") if kind.recover else ("recover",)
    if "create" not in candidate.operations_of(type_name):
        yield Refusal(where, "missed deliveries are asked for at a provider that webhooks are registered at")
    if recover.pagination is None and candidate.pagination is None:
        yield Refusal(where, "the log needs `pagination`")
    for name in sorted(recover.options.keys() - candidate.options_of(type_name).keys()):
        yield Refusal((*where, "options", name), f"{name!r} is no option")
    token = {"token"} if isinstance(candidate.auth, PathAuth) else set()
    known = {f"resource.{part}" for part in kind.resource.parts}
    known |= {f"{name}.{value}" for name, lookup in candidate.lookups.items() for value in lookup.values}
    for name, step in recover.steps().items():
        words = LOG_WORDS[name] | known
        yield from _step(step, (*where, name), _Words(words | token, words))


def _unknown(template: Json, where: tuple[str, ...], words: frozenset[str] | set[str]) -> Iterator[Refusal]:
    for name in sorted(placeholders(template) - words):
        known = ", ".join(f"${{{word}}}" for word in sorted(words))
        yield Refusal(where, f"nothing fills ${{{name}}} here; known are {known}")


def _objects(candidate: ApiDefinition, every: set[str]) -> Iterator[Refusal]:
    """Names that no objects could be made of."""
    events = candidate.events
    if (events.encoder == "objects") != bool(events.keys):
        yield Refusal(("events",), "`keys` are those of the objects: they belong to the encoder `objects`")
    if events.encoder != "objects":
        return
    for event in sorted(every):
        if event.count(".") != len(events.keys) - 1:
            yield Refusal(("events", "catalogue"), f"{event!r} must have a part for each of the `keys`")
    if events.open:
        yield Refusal(("events", "open"), "objects are made of names that are listed")


def _grouped(candidate: ApiDefinition, every: set[str]) -> Iterator[Refusal]:
    """Groups that could not be told from one another in a row."""
    events = candidate.events
    if (events.groups or events.told) and events.encoder != "list":
        yield Refusal(("events",), "`groups` and `told` belong to the encoder `list`")
    taken: dict[str, str] = {}
    for event, parts in events.groups.items():
        if event not in every:
            yield Refusal(("events", "groups", event), f"{event!r} is not in the catalogue")
        for index, part in enumerate(parts):
            if part in every:
                yield Refusal(("events", "groups", event, index), f"{part!r} is an event of its own, not a part of one")
            if taken.setdefault(part, event) != event:
                yield Refusal(("events", "groups", event, index), f"{part!r} is a part of {taken[part]!r} already")


def _listed(candidate: ApiDefinition) -> Iterator[Refusal]:
    """Events that rules refer to and no catalogue lists."""
    every = {event for name in candidate.types for event in candidate.events_of(name)}
    yield from _grouped(candidate, every)
    yield from _objects(candidate, every)
    if candidate.events.absent is not None:
        for index, event in enumerate(candidate.events.absent.all_but):
            if event not in every:
                yield Refusal(("events", "absent", "all_but", index), f"{event!r} is not in the catalogue")


def _fields(candidate: ApiDefinition) -> Iterator[Refusal]:
    """Fields that do not exist, and updates that leave one of an inseparable pair behind."""
    known = FIELD_NAMES | {name for kind in candidate.types for name in candidate.options_of(kind)}
    groups = {"updatable": candidate.fields.updatable, "create_only": candidate.fields.create_only}
    groups |= {"write_only": candidate.fields.write_only}
    for group, names in groups.items():
        for index, name in enumerate(names):
            if name not in known:
                yield Refusal(
                    ("fields", group, index), f"{name!r} is neither an option nor one of {sorted(FIELD_NAMES)}"
                )
    for kind in candidate.types:
        update = candidate.operations_of(kind).get("update")
        if update is None or update.body is None:
            continue
        sent = placeholders(update.body.template) | ({"events"} if update.body.spread else set())
        for names in candidate.fields.together:
            if set(names) & sent and not set(names) <= sent:
                message = f"must send {' and '.join(names)} together (`fields.together`)"
                yield Refusal(("operations", "update", "body", "fields"), message)


def _secret(candidate: ApiDefinition) -> Iterator[Refusal]:
    """Secrets that nothing would tell."""
    origin, step = candidate.secret.origin, candidate.secret.step
    if (origin in {SecretOrigin.RESPONSE, SecretOrigin.FETCH}) != (candidate.secret.path is not None):
        message = "`path` tells where the answer holds the secret: it belongs to the origins `response` and `fetch`"
        yield Refusal(("secret",), message)
    if shown := candidate.secret.shown:
        if origin is not SecretOrigin.CALLER:
            yield Refusal(("secret", "shown"), "a secret that is missing is set again: that takes `origin: caller`")
        if (shown.flag is None) == (shown.mask is None):
            yield Refusal(("secret", "shown"), "give one of `flag` and `mask`")
    if (origin is SecretOrigin.FETCH) != (step is not None):
        yield Refusal(("secret",), "`step` is the call that tells the secret: it belongs to `origin: fetch`")
    for name, kind in candidate.types.items():
        if origin in {SecretOrigin.HANDSHAKE, SecretOrigin.FETCH} and "create" not in candidate.operations_of(name):
            yield Refusal(("types", name), f"a secret of `origin: {origin}` is told after a `create`")
        if step is not None:
            words = {"path", "resource", "id", *(f"resource.{part}" for part in kind.resource.parts)}
            token = {"token"} if isinstance(candidate.auth, PathAuth) else set()
            yield from _step(step, ("secret", "step"), _Words(words | token, words))
