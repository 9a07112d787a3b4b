"""The provider engine: what a definition says, done over HTTP. Implements the port `core.ports.Provider`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from reconciler.core.errors import ErrorKind, RetryableError, TerminalError
from reconciler.core.model import Json, Observed, ProviderTraits, Secret, SecretOrigin
from reconciler.core.ports import Answer, Credentials, Registration, Target
from reconciler.providers.answers import (
    Context,
    check,
    document_of,
    identifier,
    rows_of,
    search,
    text_of,
    truth_of,
)
from reconciler.providers.blocks.calls import BearerAuth, HeaderAuth, Lookup, PathAuth, Step
from reconciler.providers.blocks.resources import Identity, Option
from reconciler.providers.definition import Definition
from reconciler.providers.encoding import CONTENT_TYPES, decode_events, encode_body, encode_events, sent_names
from reconciler.providers.leases import lease_end, told_end
from reconciler.providers.lookups import Lookups
from reconciler.providers.paging import Pages, with_query
from reconciler.providers.rendering import (
    TemplateError,
    placeholders,
    quote_path,
    quote_segment,
    render,
    render_path,
    render_text,
)
from reconciler.providers.traits import provider_traits
from reconciler.providers.transport import Call, OversizedReplyError, Reply, Transport, TransportError

SLOT: Final = "slot"
"""The remote id where a resource has room for one webhook, and the provider gives it none."""

_MASKED: Final = re.compile(r"\*+")
_API_URL: Final = re.compile(r"https?://[^/?#@\s]+(/[^?#\s]*)?")

_TASKS: Final[Mapping[str, str]] = {
    "list": "list the webhooks of",
    "create": "create a webhook for",
    "update": "update the webhook of",
    "renew": "renew the webhook of",
    "delete": "delete the webhook of",
    "ping": "ping the webhook of",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Operation:
    """One operation on one target, ready to be filled: its step, its words in messages, and its values."""

    step: Step
    target: Target
    token: str
    context: Context
    values: Mapping[str, Json]
    spread: Mapping[str, Json]


class HttpProvider:
    """One provider, as its definition describes it; the transport is the caller's to close.

    `now` gives UNIX seconds. Raises `ValueError` without it where the definition says how long a lease shall be.
    """

    def __init__(self, definition: Definition, transport: Transport, now: Callable[[], float] | None = None) -> None:
        if now is None and any(lease.length for lease in map(definition.lease_of, definition.types) if lease):
            raise ValueError(f"webhooks of {definition.name} are asked for until a time: a clock is needed")
        self._now = now
        self._definition = definition
        self._transport = transport
        self._traits = provider_traits(definition)
        self._lookups = Lookups(definition.lookups)

    @property
    def traits(self) -> ProviderTraits:
        return self._traits

    def slot(self, credentials: Credentials) -> str:
        """The slot that these credentials lead to; `TerminalError` where they do not have the vendor's form."""
        rule = self._definition.identity.slot if self._definition.identity else None
        if rule is None:
            return ""
        public, found, _ = self._token(credentials).partition(rule.before)
        if not found or not public:
            raise self._bad_credentials(credentials)
        return f"{self._definition.name}/{public}"

    async def list(self, target: Target) -> tuple[Observed, ...]:
        operation = await self._operation("list", target)
        pagination = self._definition.pagination
        if pagination is None:
            raise self._unsupported("list", target)
        pages = Pages(pagination, operation.context, operation.step)
        call: Call | None = self._call(operation)
        # A list that grows while it is read shows an object on two pages; twice ours would read as one too many.
        objects: dict[str, Observed] = {}
        while call is not None:
            document = document_of(reply := await self._send(call, operation.context), operation.context)
            rows = rows_of(document, pagination.rows, operation.context)
            found = [self._observed(row, target.type, operation.context) for row in rows]
            objects |= {item.remote_id: item for item in found}
            call = pages.next_call(call, reply, document)
        return tuple(objects.values())

    async def create(self, target: Target, registration: Registration) -> Answer:
        operation = await self._operation("create", target, self._registration_values(target, registration))
        reply = await self._send(self._call(operation), operation.context)
        identity = self._identity()
        if identity.id is None:
            return Answer(remote_id=identity.constant or SLOT)
        document = document_of(reply, operation.context)
        remote_id = _remote_id(identity, document, operation.context)
        end = told_end(self._definition.lease_of(target.type), document, operation.context)
        return Answer(remote_id=remote_id, secret=self._minted(document, operation.context), lease_expires_at=end)

    async def update(self, target: Target, remote_id: str, registration: Registration) -> Answer:
        return await self._extended("update", target, remote_id, registration)

    async def renew(self, target: Target, remote_id: str, registration: Registration) -> Answer:
        return await self._extended("renew", target, remote_id, registration)

    async def _extended(self, name: str, target: Target, remote_id: str, registration: Registration) -> Answer:
        """Change what is there, or renew it; where it has a lease, the answer tells until when."""
        values = self._registration_values(target, registration)
        operation = await self._operation(name, target, values | {"id": remote_id})
        reply = await self._send(self._call(operation), operation.context)
        lease = self._definition.lease_of(target.type)
        end = told_end(lease, document_of(reply, operation.context), operation.context) if lease else None
        return Answer(remote_id=remote_id, lease_expires_at=end)

    async def delete(self, target: Target, remote_id: str) -> None:
        operation = await self._operation("delete", target, {"id": remote_id})
        await self._send(self._call(operation), operation.context)

    async def ping(self, target: Target, remote_id: str) -> None:
        operation = await self._operation("ping", target, {"id": remote_id})
        await self._send(self._call(operation), operation.context)

    # Preparing a call

    async def _operation(self, name: str, target: Target, values: Mapping[str, Json] | None = None) -> _Operation:
        step = self._definition.operations_of(target.type).get(name) if target.type in self._definition.types else None
        if step is None:
            raise self._unsupported(name, target)
        values = dict(values or {}) | self._resource_values(target)
        secret = values.get("secret")
        token = self._token(target.credentials)
        hidden = [*(field.reveal() for field in target.credentials.fields.values()), secret]
        context = Context(
            task=f"{_TASKS[name]} {self._definition.name}/{target.type}/{target.resource}",
            errors=self._definition.errors,
            secrets=tuple(text for text in hidden if isinstance(text, str) and text),
            writes=name in {"create", "update", "renew"},
            expect=step.expect,
        )
        events = values.get("events")
        spread = events if step.body and step.body.spread and isinstance(events, Mapping) else {}
        operation = _Operation(step=step, target=target, token=token, context=context, values=values, spread=spread)
        return replace(operation, values=values | await self._looked_up(operation))

    def _resource_values(self, target: Target) -> dict[str, Json]:
        parts = self._definition.types[target.type].resource.parts
        segments = target.resource.split("/", len(parts) - 1) if parts else ()
        named = {f"resource.{part}": segment for part, segment in zip(parts, segments, strict=False)}
        return {"resource": target.resource, **named}

    async def _looked_up(self, operation: _Operation) -> dict[str, str]:
        """The values of the lookups that the operation needs, with the same credentials."""
        kind, step, target = self._definition.types[operation.target.type], operation.step, operation.target
        body = step.body.template if step.body else None
        names = self._definition.looked_up([kind.path, step.path, step.query, step.headers, body])

        async def ask(lookup: Lookup, context: Context) -> Reply:
            values: dict[str, str] = self._path_token(operation.token)
            url = self._root(target.credentials) + render_path(lookup.path, values)
            headers = self._headers(operation.token, lookup.headers)
            query = {key: str(text) for key, text in lookup.query.items()}
            call = Call(method=lookup.method, url=with_query(url, query) if query else url, headers=headers)
            return await self._send(call, context)

        return await self._lookups.values(
            names, target.credentials, replace(operation.context, writes=False, expect=()), ask
        )

    def _registration_values(self, target: Target, registration: Registration) -> dict[str, Json]:
        """What create and update are filled with. A secret that is missing or masked is refused here."""
        if self._definition.secret.origin is SecretOrigin.CALLER:
            revealed = registration.secret.reveal() if registration.secret else ""
            if not revealed or _MASKED.fullmatch(revealed):
                message = f"the webhook of {self._definition.name}/{target.type}/{target.resource} has no usable secret"
                raise TerminalError(f"{message}: it is not registered", kind=ErrorKind.INVALID)
        events = self._definition.events
        known = target.type in self._definition.types
        catalogue = self._definition.events_of(target.type) if known else {}
        lease = self._definition.lease_of(target.type) if known else None
        return {
            "lease_end": lease_end(lease, self._now()) if lease and self._now else None,
            "url": registration.url,
            "events": encode_events(events.encoder, sent_names(events, registration.events), catalogue),
            "secret": registration.secret.reveal() if registration.secret else None,
            "webhook_id": registration.webhook_id,
            **{f"options.{name}": value for name, value in registration.options.items()},
        }

    def _call(self, operation: _Operation) -> Call:
        step, values = operation.step, operation.values
        body = step.body
        templates = [step.path, step.query, step.headers, body.template if body else None]
        if "id" in placeholders(templates) and not values.get("id"):
            message = f"cannot {operation.context.task}: its id at the provider is empty, and nothing is called without"
            raise TerminalError(message, kind=ErrorKind.INVALID)
        try:
            url = self._root(operation.target.credentials) + self._path(operation)
            query = {key: render_text(str(text), values) for key, text in step.query.items()}
            headers = {key: render_text(text, values) for key, text in step.headers.items()}
            fields = render(body.template, values) | operation.spread if body else {}
            content = encode_body(body.format, fields, body.query) if body else b""
        except TemplateError as error:
            message = f"cannot {operation.context.task}: {operation.context.redact(str(error))}"
            raise TerminalError(message, kind=ErrorKind.INVALID) from None
        if body:
            headers["Content-Type"] = CONTENT_TYPES[body.format]
        headers = self._headers(operation.token, headers)
        return Call(method=step.method, url=with_query(url, query) if query else url, headers=headers, body=content)

    def _path(self, operation: _Operation) -> str:
        kind = self._definition.types[operation.target.type]
        quoted = quote_path if kind.resource.encode == "path" else quote_segment
        named = {*placeholders([kind.path, operation.step.path])} - {"resource", "path", "token"}
        values = {
            name: quote_segment(str(value)) for name in named if (value := operation.values.get(name)) is not None
        }
        values |= {"resource": quoted(operation.target.resource)} | self._path_token(operation.token)
        return render_path(operation.step.path, values | {"path": render_path(kind.path, values)})

    def _path_token(self, token: str) -> dict[str, str]:
        auth = self._definition.auth
        return {"token": quote_segment(token, auth.safe)} if isinstance(auth, PathAuth) else {}

    def _root(self, credentials: Credentials) -> str:
        url = credentials.api_url or (self._definition.api.url if self._definition.api else "")
        if not _API_URL.fullmatch(url):
            message = f"the api_url of credentials {credentials.name!r} is not the http(s) URL of an API"
            raise TerminalError(message, kind=ErrorKind.INVALID)
        return url.rstrip("/")

    def _headers(self, token: str, own: Mapping[str, str]) -> dict[str, str]:
        """The headers of a call: its own over those of every call, and the credentials."""
        api, auth = self._definition.api, self._definition.auth
        headers = {"Accept": "application/json", **(api.headers if api else {}), **own}
        if isinstance(auth, BearerAuth):
            headers["Authorization"] = f"Bearer {token}"
        elif isinstance(auth, HeaderAuth):
            headers[auth.header] = f"{auth.prefix}{token}"
        return headers

    def _token(self, credentials: Credentials) -> str:
        auth = self._definition.auth
        if auth is None:
            return ""
        secret = credentials.fields.get(auth.field)
        if not secret:
            message = f"credentials {credentials.name!r} have no {auth.field!r}"
            raise TerminalError(message, kind=ErrorKind.AUTH)
        token = secret.reveal()
        # Neither a header nor a path can carry anything else, and the library's complaint would quote it.
        fits = token.isascii() and token.isprintable() and " " not in token
        if not fits or (isinstance(auth, PathAuth) and not re.fullmatch(auth.pattern, token)):
            raise self._bad_credentials(credentials)
        return token

    # Calling, and reading what came back

    async def _send(self, call: Call, context: Context) -> Reply:
        try:
            reply = await self._transport.send(call)
        except TransportError as error:
            message = f"cannot {context.task}: {context.redact(str(error))}"
            raise RetryableError(message, uncertain=error.sent and context.writes) from None
        except OversizedReplyError:
            context.bad_answer("the answer is larger than any list of webhooks")
        check(reply, context)
        return reply

    def _observed(self, row: Mapping[str, Json], type_name: str, context: Context) -> Observed:
        identity, lifecycle = self._identity(), self._definition.lifecycle
        remote_id = _remote_id(identity, row, context) if identity.id else SLOT
        active = truth_of(search(lifecycle.active, row), lifecycle.active, context) if lifecycle.active else None
        health = text_of(search(lifecycle.health, row), lifecycle.health, context) if lifecycle.health else ""
        options = self._definition.options_of(type_name)
        place = identity.url or ""
        url = text_of(search(place, row), place, context)
        if identity.slot and not url:
            context.bad_answer(f"the slot is said to be taken, and the answer holds no URL at `{identity.url}`")
        return Observed(
            remote_id=remote_id,
            url=url,
            events=decode_events(self._definition.events, self._definition.events_of(type_name), row, context),
            active=active,
            options={name: _told(option, row) for name, option in options.items() if option.path},
            health=context.show(health),
            lease_expires_at=told_end(self._definition.lease_of(type_name), row, context),
        )

    def _minted(self, document: Json, context: Context) -> Secret | None:
        """The secret that the provider made and tells this once."""
        path = self._definition.secret.path
        if path is None:
            return None
        secret = text_of(search(path, document), path, context)
        if not secret or _MASKED.fullmatch(secret):
            context.bad_answer(f"the answer holds no secret at `{path}`, so deliveries could not be verified")
        return Secret(secret)

    def _identity(self) -> Identity:
        if self._definition.identity is None:
            raise TerminalError(f"{self._definition.title} has no API for webhooks", kind=ErrorKind.UNSUPPORTED)
        return self._definition.identity

    def _unsupported(self, name: str, target: Target) -> TerminalError:
        message = f"cannot {_TASKS[name]} {self._definition.name}/{target.type}/{target.resource}"
        return TerminalError(f"{message}: {self._definition.title} has no such operation", kind=ErrorKind.UNSUPPORTED)

    def _bad_credentials(self, credentials: Credentials) -> TerminalError:
        message = f"credentials {credentials.name!r} do not look like those of {self._definition.title}"
        return TerminalError(message, kind=ErrorKind.AUTH)


def _remote_id(identity: Identity, document: Json, context: Context) -> str:
    """The provider's id, in an answer or a row; of a URI its last segment."""
    path = identity.id or ""
    told = identifier(search(path, document), path, context)
    if identity.form == "plain":
        return told
    try:
        segment = urlsplit(told).path.rstrip("/").rpartition("/")[2]
    except ValueError:
        segment = ""
    return segment or context.bad_answer(f"`{path}` is no URI with an id in the answer")


def _told(option: Option, row: Mapping[str, Json]) -> Json:
    """An option's value as a row tells it: null is the default, and a number is text where the option is text."""
    value = search(option.path or "", row)
    if value is None:
        return option.default
    number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if number and option.option_schema.get("type") == "string" else value
