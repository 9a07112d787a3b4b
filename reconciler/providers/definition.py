"""A provider's definition: the format of `providers.d/NAME.yaml`, and what is refused when one is loaded.

Sixteen blocks have their place: `auth`, `types`, `lookups`, `operations`, `pagination`, `identity`, `events`, `fields`,
`secret`, `verify`, `handshakes`, `delivery`, `lifecycle`, `limits`, `errors` and `hooks`. Blocks and variants that no
shipped provider uses yet are reserved: their names are known, and refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import Field
from pydantic_core import InitErrorDetails, ValidationError

from reconciler.core.model import Json, SecretOrigin
from reconciler.providers.blocks.base import Block, Items, Name, Reserved, Source, Text
from reconciler.providers.blocks.calls import Api, Auth, Errors, Operations, Pagination, PathAuth, Step
from reconciler.providers.blocks.deliveries import Delivery, HmacVerify, SecretRule, Verify
from reconciler.providers.blocks.resources import Events, Fields, Identity, Lifecycle, Limits, Option, Type
from reconciler.providers.rendering import embedded, placeholders

WORDS: Mapping[str, frozenset[str]] = {
    "list": frozenset({"path", "resource"}),
    "create": frozenset({"path", "resource", "url", "events", "secret", "webhook_id"}),
    "update": frozenset({"path", "resource", "url", "events", "secret", "webhook_id", "id"}),
    "delete": frozenset({"path", "resource", "id"}),
    "ping": frozenset({"path", "resource", "id"}),
}
"""The placeholders that each operation may use; `${token}` and `${options.NAME}` join where there are such."""

WITH_OPTIONS = frozenset({"create", "update"})

FIELD_NAMES = frozenset({"url", "events", "secret", "active"})


class Refusal(NamedTuple):
    """Something that does not fit together: where it stands in the document, and why."""

    path: tuple[str | int, ...]
    message: str


class Definition(Block):
    """One provider. `verify` is required: where deliveries carry no proof, `none` is written out."""

    version: Literal[1]
    name: Name
    title: Text
    sources: Items[Source] = ()
    api: Api | None = None
    auth: Auth | None = None
    types: Annotated[dict[Name, Type], Field(min_length=1)]
    lookups: Reserved = None
    options: dict[Name, Option] = Field(default_factory=dict)
    operations: Operations = Operations()
    pagination: Pagination | None = None
    identity: Identity | None = None
    events: Events
    fields: Fields = Fields()
    secret: SecretRule
    verify: Verify
    handshakes: Reserved = None
    delivery: Delivery
    lifecycle: Lifecycle = Lifecycle()
    limits: Limits = Limits()
    errors: Errors = Errors()
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


def definition(values: Json) -> Definition:
    """The definition that parsed YAML describes; raises pydantic's `ValidationError` with every problem."""
    candidate = Definition.model_validate(values)
    refusals = [*_refusals(candidate)]
    if refusals:
        raise ValidationError.from_exception_data("Definition", [_detail(refusal) for refusal in refusals])
    return candidate


def _detail(refusal: Refusal) -> InitErrorDetails:
    return InitErrorDetails(
        type="value_error", loc=refusal.path, input=None, ctx={"error": ValueError(refusal.message)}
    )


def _refusals(candidate: Definition) -> Iterator[Refusal]:
    yield from _calls(candidate)
    for name in candidate.types:
        yield from _placeholders(candidate, name)
    yield from _listed(candidate)
    yield from _fields(candidate)
    yield from _proof(candidate)


def _calls(candidate: Definition) -> Iterator[Refusal]:
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
    if identity and (identity.id is None) == (identity.slot is None):
        yield Refusal(("identity",), "give either `id` or `slot`")
    if candidate.events.encoder == "list" and candidate.events.path is None and "list" in used:
        yield Refusal(("events",), "the encoder `list` needs the `path` at which a row tells its events")


def _placeholders(candidate: Definition, type_name: str) -> Iterator[Refusal]:
    """Placeholders that nothing would fill."""
    kind = candidate.types[type_name]
    token = {"token"} if isinstance(candidate.auth, PathAuth) else set()
    yield from _unknown(kind.path, ("types", type_name, "path"), {"resource"} | token)
    options = {f"options.{name}" for name in candidate.options_of(type_name)}
    for operation, step in candidate.operations_of(type_name).items():
        own = getattr(kind.operations, operation) is not None
        where = ("types", type_name, "operations", operation) if own else ("operations", operation)
        words = WORDS[operation] | token | (options if operation in WITH_OPTIONS else set())
        yield from _unknown(step.path, (*where, "path"), words - {"url", "events", "secret"} - options)
        yield from _unknown(step.query, (*where, "query"), words - token)
        yield from _unknown(step.headers, (*where, "headers"), words - token)
        if step.body is not None:
            yield from _unknown(step.body.fields, (*where, "body", "fields"), words - token)
        for name in sorted(embedded([step.query, step.headers, step.body and step.body.fields]) & {"events"}):
            yield Refusal(where, f"${{{name}}} is a list and stands alone, not inside a longer text")


def _unknown(template: Json, where: tuple[str, ...], words: frozenset[str] | set[str]) -> Iterator[Refusal]:
    for name in sorted(placeholders(template) - words):
        known = ", ".join(f"${{{word}}}" for word in sorted(words))
        yield Refusal(where, f"nothing fills ${{{name}}} here; known are {known}")


def _listed(candidate: Definition) -> Iterator[Refusal]:
    """Events that rules refer to and no catalogue lists."""
    every = {event for name in candidate.types for event in candidate.events_of(name)}
    if candidate.events.absent is not None:
        for index, event in enumerate(candidate.events.absent.all_but):
            if event not in every:
                yield Refusal(("events", "absent", "all_but", index), f"{event!r} is not in the catalogue")
    rule = candidate.delivery.event
    referred = rule.names if rule.source_of == "header" else {"name": rule.name} if rule.source_of == "constant" else {}
    for key, event in referred.items():
        if event not in every and not candidate.events.open:
            where = ("delivery", "event", "names", key) if rule.source_of == "header" else ("delivery", "event", key)
            yield Refusal(where, f"{event!r} is not in the catalogue")


def _fields(candidate: Definition) -> Iterator[Refusal]:
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
        sent = placeholders(update.body.fields) | ({"events"} if update.body.spread else set())
        for names in candidate.fields.together:
            if set(names) & sent and not set(names) <= sent:
                message = f"must send {' and '.join(names)} together (`fields.together`)"
                yield Refusal(("operations", "update", "body", "fields"), message)


def _proof(candidate: Definition) -> Iterator[Refusal]:
    """The secret and the scheme must agree."""
    origin, verify = candidate.secret.origin, candidate.verify
    if (verify == "none") != (origin is SecretOrigin.NONE):
        yield Refusal(("verify",), "`verify: none` and `secret: {origin: none}` belong together")
    if (origin is SecretOrigin.RESPONSE) != (candidate.secret.path is not None):
        yield Refusal(("secret",), "`path` tells where the answer holds the secret: it belongs to `origin: response`")
    if isinstance(verify, HmacVerify):
        words = {"body", "timestamp"} if verify.list else {"body"}
        yield from _unknown(verify.message, ("verify", "message"), words)
        if "body" not in placeholders(verify.message):
            yield Refusal(("verify", "message"), "must hold ${body}: else the body would not be proved")
        if verify.list and "timestamp" not in placeholders(verify.message):
            yield Refusal(("verify", "message"), "must hold ${timestamp}: else the timestamp would not be proved")
