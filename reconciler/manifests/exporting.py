"""Manifests of what exists at a provider: a trigger for each webhook there, and comments on how to adopt it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from reconciler.core.diff import same
from reconciler.core.events import normalised
from reconciler.core.fold import fold
from reconciler.core.model import (
    Desired,
    Json,
    Observed,
    ProviderTraits,
    SecretOrigin,
    Subscriber,
    Trigger,
    WebhookKey,
)
from reconciler.core.shown_url import shown_url
from reconciler.documents.formatting import formatted
from reconciler.documents.scalars import spelled
from reconciler.manifests.canonical import MANIFEST_CANON
from reconciler.manifests.rules import TypeRules, canonical

_STATES: Mapping[bool | None, str] = MappingProxyType(
    {True: ", active", False: ", switched off (it is switched on when it is adopted)", None: ""}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An object at the provider, on a resource as it is written; `unrecorded` where its URL is ours."""

    type: str
    resource: str
    observed: Observed
    unrecorded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What is written about: one provider seen with one set of credentials, and who the triggers start.

    `said` are the keys that must be written, for no default of the project gives them (`user`, `credentials`).
    `declared` are the webhooks that manifests ask for already. `notes` go to the top as comments, and where the schema
    is, unless `schema` is empty.
    """

    provider: ProviderTraits
    credentials: str
    subscriber: Subscriber
    user: str
    default_user: str
    schema: str
    said: frozenset[str] = frozenset()
    declared: Mapping[WebhookKey, Desired] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """An object as a trigger would declare it: the webhook that it would be, its events, options, and remarks."""

    found: Found
    key: WebhookKey
    trigger: Trigger
    address: str
    unknown: tuple[str, ...]
    unfit: tuple[str, ...]


def manifest_of(export: Export, found: Iterable[Found]) -> str:
    """The manifest, in canonical form. Of objects that would be one webhook, the first is written."""
    shared: dict[WebhookKey, list[_Candidate]] = {}
    for item in found:
        candidate = _candidate(export, item)
        shared.setdefault(candidate.key, []).append(candidate)
    header, triggers = [], []
    for key in sorted(shared):
        # What is declared already, or of whose events none is known, stays a comment.
        candidates = sorted(shared[key], key=_preference)
        first = candidates[0]
        comments = [line for item in candidates for line in _remarks(export, item, first)]
        if key in export.declared:
            where = export.declared[key].triggers[0].location
            header += [f"Declared already, in {where.file}:{where.line}:", *comments]
        elif not first.trigger.events:
            header += ["No trigger is written for this, for no event of it is known:", *comments]
        else:
            triggers += [*(f"  # {line}" for line in map(_line, comments)), *_trigger(export, first.trigger)]
    return _text(export, header, triggers)


def _preference(item: _Candidate) -> tuple[bool, ...]:
    """What a trigger can be written for, what is ours, what is active: such an object goes before others."""
    return (not item.trigger.events, not item.found.unrecorded, item.found.observed.active is False)


def _text(export: Export, header: Sequence[str], triggers: Sequence[str]) -> str:
    title, credentials = export.provider.title, export.credentials
    lines = [
        *([f"# yaml-language-server: $schema={export.schema}"] if export.schema else []),
        f"# What {title} has, seen with the credentials {credentials}. Commit this, then run the commands in it.",
    ]
    lines += [f"# {line}" for line in map(_line, (*export.notes, *header))]
    lines.append(f"{export.subscriber.kind}: {spelled(export.subscriber.id)}")
    if "user" in export.said:
        lines.append(f"user: {spelled(export.user)}")
    lines += ["triggers:", *triggers] if triggers else ["triggers: []"]
    return formatted("".join(f"{line}\n" for line in lines).encode(), MANIFEST_CANON).decode()


def _trigger(export: Export, trigger: Trigger) -> Iterator[str]:
    yield f"  - provider: {spelled(trigger.provider)}"
    if len(export.provider.types) > 1:
        yield f"    type: {spelled(trigger.type)}"
    if not export.provider.types[trigger.type].default_resource:
        yield f"    resource: {spelled(trigger.resource)}"
    yield f"    events: [{', '.join(map(spelled, sorted(trigger.events)))}]"
    if "credentials" in export.said:
        yield f"    credentials: {spelled(trigger.credentials)}"
    if trigger.options:
        yield "    options:"
        yield from (f"      {spelled(name)}: {spelled(value)}" for name, value in sorted(trigger.options.items()))


def _candidate(export: Export, found: Found) -> _Candidate:
    traits = export.provider.types[found.type]
    rules = TypeRules(export.provider, traits)
    names = normalised(_events(found, rules), traits.events)
    known = frozenset(name for name in names if rules.knows(name))
    told = {name: value for name, value in found.observed.options.items() if _worth_telling(name, value, rules)}
    unfit = tuple(sorted(name for name, value in told.items() if any(rules.option_problems({name: value}))))
    trigger = Trigger(
        user=export.user,
        subscriber=export.subscriber,
        provider=export.provider.name,
        type=found.type,
        resource=found.resource,
        canonical=canonical(found.resource, traits.canonical),
        events=known,
        credentials=export.credentials,
        options={name: value for name, value in told.items() if name not in unfit},
    )
    (wish,) = fold([trigger], {export.provider.name: export.provider}).desired
    return _Candidate(
        found=found,
        key=wish.key,
        trigger=trigger,
        address=wish.key.address(export.default_user),
        unknown=tuple(sorted(names - known)),
        unfit=unfit,
    )


def _events(found: Found, rules: TypeRules) -> frozenset[str]:
    """The events that are told; where nothing is told and there is one only, that one."""
    if found.observed.events is not None:
        return found.observed.events
    names = rules.traits.events.names
    return frozenset(names) if len(names) == 1 else frozenset()


def _worth_telling(name: str, value: Json, rules: TypeRules) -> bool:
    """Whether a manifest should say an option: it is known, compared, and not what it would be without a word."""
    option = rules.traits.options.get(name)
    return option is not None and not option.at_creation and value is not None and not same(value, option.default)


def _remarks(export: Export, item: _Candidate, first: _Candidate) -> Iterator[str]:
    """The comments on one object: which it is, how to adopt it, and what a manifest cannot say of it."""
    observed, trigger = item.found.observed, item.trigger
    if item is not first:
        yield "Or this one: on a resource there is one webhook of ours, so all but the adopted one stay foreign."
        yield f"Its events: {', '.join(sorted(trigger.events)) or 'none that is known'}"
        if trigger.options:
            yield f"Its options: {spelled(dict(sorted(trigger.options.items())))}"
    ours = ", ours though no record explains it" if item.found.unrecorded else ""
    health = f" ({observed.health})" if observed.health else ""
    slot = export.provider.types[trigger.type].slot
    name = "The webhook" if slot else f"Webhook {observed.remote_id}"
    told = f"{name} to {shown_url(observed.url)}{_STATES[observed.active]}{health}{ours}"
    if export.provider.secret_origin is SecretOrigin.HANDSHAKE and not item.found.unrecorded:
        yield f"{told}. It cannot be adopted: the receiver alone was told its secret."
        yield "A pass makes one of ours beside it; then remove this one at the provider."
    else:
        yield f"{told}:"
        yield f"  {_command(export, item)}"
    if item.unknown:
        yield f"Left out, for no such event is known: {', '.join(item.unknown)}"
    if observed.events is None:
        yield f"Which events it has is not told: `reconcile providers {export.provider.name}` has their names."
    if item.unfit:
        values = {name: observed.options[name] for name in item.unfit}
        yield f"Left out, for no such values are allowed: {spelled(values)}"


def _command(export: Export, item: _Candidate) -> str:
    """The command that binds the object, to be pasted into a shell."""
    if item.found.unrecorded:
        return shlex.join(["reconcile", "adopt", "--unrecorded", "--target", item.address])
    words = ["reconcile", "adopt", item.address, "--id", item.found.observed.remote_id]
    if _needs_secret(export.provider, item.found.type):
        words += ["--secret", f"env/{export.provider.name.upper().replace('-', '_')}_SIGNING_SECRET"]
    return shlex.join(words)


def _needs_secret(provider: ProviderTraits, type_name: str) -> bool:
    """Whether we can neither read nor reset the secret of an object that somebody else made."""
    if provider.secret_origin is SecretOrigin.CALLER:
        return "secret" not in provider.types[type_name].updatable
    return provider.secret_origin is SecretOrigin.RESPONSE


def _line(text: str) -> str:
    """Whatever a provider says, on one line of a comment."""
    return "".join(char if char.isprintable() else "?" for char in text)
