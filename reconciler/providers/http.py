"""The provider engine: what a definition says, done over HTTP. Implements the ports `Provider` and `Recovering`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from reconciler.core.errors import ErrorKind, RetryableError, TerminalError
from reconciler.core.model import Json, Observed, ProviderTraits, Secret, SecretOrigin
from reconciler.core.ports import Answer, Budget, Credentials, Missed, Rebuilt, Registration, ResponseCache, Target
from reconciler.providers.answers import Context, document_of, rows_of, search, text_of
from reconciler.providers.api_definition import ApiDefinition
from reconciler.providers.blocks.calls import Lookup, Step
from reconciler.providers.blocks.resources import Identity
from reconciler.providers.encoding import CONTENT_TYPES, encode_body, encode_events
from reconciler.providers.exchange import Exchange
from reconciler.providers.leases import lease_end, told_end
from reconciler.providers.lookups import Lookups
from reconciler.providers.operation import Operation
from reconciler.providers.paging import Pages, with_query
from reconciler.providers.permissions import Permissions
from reconciler.providers.recovering import TASKS as LOG_TASKS
from reconciler.providers.recovering import Recoveries
from reconciler.providers.rendering import (
    TemplateError,
    placeholders,
    quote_path,
    quote_segment,
    render,
    render_path,
    render_text,
)
from reconciler.providers.requests import Requests
from reconciler.providers.rows import SLOT, Rows, remote_id
from reconciler.providers.traits import provider_traits
from reconciler.providers.transport import Call, Reply, Transport

_MASKED: Final = re.compile(r"\*+")

_TASKS: Final[Mapping[str, str]] = {
    "list": "list the webhooks of",
    "create": "create a webhook for",
    "update": "update the webhook of",
    "renew": "renew the webhook of",
    "delete": "delete the webhook of",
    "ping": "ping the webhook of",
    "secret": "ask for the signing secret of the webhook of",
    **LOG_TASKS,
}


class HttpProvider:
    """One provider, as its definition describes it; the transport is the caller's to close.

    `now` gives UNIX seconds. Raises `ValueError` without it where the definition says how long a lease shall be.
    `responses` remembers what was listed, for vendors that answer conditional requests; without it nothing is.
    """

    def __init__(
        self,
        definition: ApiDefinition,
        transport: Transport,
        now: Callable[[], float] | None = None,
        responses: ResponseCache | None = None,
    ) -> None:
        if now is None and any(lease.length for lease in map(definition.lease_of, definition.types) if lease):
            raise ValueError(f"webhooks of {definition.name} are asked for until a time: a clock is needed")
        self._now = now
        self._definition = definition
        self._requests = Requests(definition)
        self._exchange = Exchange(transport, definition.limits.rate, now, responses)
        self._permissions = Permissions(self._requests, self._exchange, definition.errors)
        self._traits = provider_traits(definition)
        self._lookups = Lookups(definition.lookups)
        self._recoveries = Recoveries(definition, self._exchange, self._prepare, self._call)

    @property
    def traits(self) -> ProviderTraits:
        return self._traits

    def slot(self, credentials: Credentials) -> str:
        """The slot that these credentials lead to; `TerminalError` where they do not have the vendor's form."""
        rule = self._definition.identity.slot if self._definition.identity else None
        if rule is None:
            return ""
        public, found, _ = self._requests.token(credentials).partition(rule.before)
        if not found or not public:
            raise self._requests.bad_credentials(credentials)
        return f"{self._definition.name}/{public}"

    async def list(self, target: Target) -> tuple[Observed, ...]:
        operation = await self._operation("list", target)
        pagination = self._definition.pagination
        if pagination is None:
            raise self._unsupported("list", target)
        pages = Pages(pagination, operation.context, operation.step)
        reading = Rows(self._definition, self._identity(), target.type)
        call: Call | None = self._call(operation)
        # A list that grows while it is read shows an object on two pages; twice ours would read as one too many.
        objects: dict[str, Observed] = {}
        while call is not None:
            reply = await self._page(call, operation)
            document = document_of(reply, operation.context)
            rows = rows_of(document, pagination.rows, operation.context)
            objects |= {item.remote_id: item for item in (reading.read(row, operation.context) for row in rows)}
            if operation.step.conditional:
                await self._exchange.keep(call, operation.step, reply, rows)
            call = pages.next_call(call, reply, document)
        return tuple(objects.values())

    async def create(self, target: Target, registration: Registration) -> Answer:
        operation = await self._operation("create", target, self._registration_values(target, registration))
        reply = await self._send(operation)
        identity = self._identity()
        if identity.id is None:
            return Answer(remote_id=identity.constant or SLOT)
        document = document_of(reply, operation.context)
        end = told_end(self._definition.lease_of(target.type), document, operation.context)
        told = remote_id(identity, document, operation.context)
        step = self._definition.secret.step
        secret = self._minted(document, operation.context) if step is None else await self._asked(step, target, told)
        return Answer(remote_id=told, secret=secret, lease_expires_at=end)

    async def update(self, target: Target, remote_id: str, registration: Registration) -> Answer:
        answer = await self._extended("update", target, remote_id, registration)
        step = self._definition.secret.step
        return answer if step is None else replace(answer, secret=await self._asked(step, target, remote_id))

    async def renew(self, target: Target, remote_id: str, registration: Registration) -> Answer:
        return await self._extended("renew", target, remote_id, registration)

    async def _extended(self, name: str, target: Target, remote_id: str, registration: Registration) -> Answer:
        """Change what is there, or renew it; where it has a lease, the answer tells until when."""
        values = self._registration_values(target, registration)
        operation = await self._operation(name, target, values | {"id": remote_id})
        reply = await self._send(operation)
        lease = self._definition.lease_of(target.type)
        end = told_end(lease, document_of(reply, operation.context), operation.context) if lease else None
        return Answer(remote_id=remote_id, lease_expires_at=end)

    async def _asked(self, step: Step, target: Target, remote_id: str) -> Secret | None:
        """The secret that the provider tells when it is asked; the object is there by now, whatever comes of it."""
        try:
            operation = await self._prepare("secret", step, target, {"id": remote_id})
            reply = await self._send(operation)
        except RetryableError as error:
            raise RetryableError(str(error), after=error.after, uncertain=True, throttled=error.throttled) from error
        return self._minted(document_of(reply, operation.context), operation.context)

    async def delete(self, target: Target, remote_id: str) -> None:
        operation = await self._operation("delete", target, {"id": remote_id})
        await self._send(operation)

    async def ping(self, target: Target, remote_id: str) -> None:
        operation = await self._operation("ping", target, {"id": remote_id})
        await self._send(operation)

    async def missed(self, target: Target, remote_id: str, since: float) -> tuple[Missed, ...]:
        return await self._recoveries.missed(target, remote_id, since)

    async def redeliver(self, target: Target, remote_id: str, missed_id: str) -> None:
        await self._recoveries.redeliver(target, remote_id, missed_id)

    async def fetch(self, target: Target, remote_id: str, missed_id: str) -> Rebuilt:
        return await self._recoveries.fetch(target, remote_id, missed_id)

    async def missing_permission(self, target: Target) -> str:
        """The scope that these credentials lack, where the vendor says which ones they have; else empty."""
        kind = self._definition.types.get(target.type)
        rule = kind.permission if kind else None
        return await self._permissions.missing(rule, target.credentials) if rule else ""

    def budget(self, credentials: Credentials) -> Budget | None:
        return self._exchange.budget(credentials)

    async def _send(self, operation: Operation) -> Reply:
        return await self._exchange.send(self._call(operation), operation.context, operation.target.credentials)

    async def _page(self, call: Call, operation: Operation) -> Reply:
        send = self._exchange.ask if operation.step.conditional else self._exchange.send
        return await send(call, operation.context, operation.target.credentials)

    # Preparing a call

    async def _operation(self, name: str, target: Target, values: Mapping[str, Json] | None = None) -> Operation:
        step = self._definition.operations_of(target.type).get(name) if target.type in self._definition.types else None
        if step is None:
            raise self._unsupported(name, target)
        return await self._prepare(name, step, target, values or {})

    async def _prepare(self, name: str, step: Step, target: Target, values: Mapping[str, Json]) -> Operation:
        values = {**values, **self._resource_values(target)}
        secret = values.get("secret")
        token = self._requests.token(target.credentials)
        hidden = [*(field.reveal() for field in target.credentials.fields.values()), secret]
        context = Context(
            task=f"{_TASKS[name]} {self._definition.name}/{target.type}/{target.resource}",
            errors=self._definition.errors,
            rate=self._definition.limits.rate,
            now=self._now,
            secrets=tuple(text for text in hidden if isinstance(text, str) and text),
            writes=name in {"create", "update", "renew"},
            expect=step.expect,
        )
        events = values.get("events")
        spread = events if step.body and step.body.spread and isinstance(events, Mapping) else {}
        operation = Operation(step=step, target=target, token=token, context=context, values=values, spread=spread)
        return replace(operation, values=values | await self._looked_up(operation))

    def _resource_values(self, target: Target) -> dict[str, Json]:
        parts = self._definition.types[target.type].resource.parts
        segments = target.resource.split("/", len(parts) - 1) if parts else ()
        named = {f"resource.{part}": segment for part, segment in zip(parts, segments, strict=False)}
        return {"resource": target.resource, **named}

    async def _looked_up(self, operation: Operation) -> dict[str, str]:
        """The values of the lookups that the operation needs, with the same credentials."""
        if not self._definition.lookups:
            return {}
        kind, step, target = self._definition.types[operation.target.type], operation.step, operation.target
        names = self._definition.looked_up(step.placeholders | placeholders(kind.path))

        async def ask(lookup: Lookup, context: Context) -> Reply:
            call = self._requests.read(target.credentials, lookup.path, lookup.query, lookup.headers)
            return await self._exchange.send(call, context, target.credentials)

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
            "events": encode_events(events, registration.events, catalogue),
            "secret": registration.secret.reveal() if registration.secret else None,
            "webhook_id": registration.webhook_id,
            **{f"options.{name}": value for name, value in registration.options.items()},
        }

    def _call(self, operation: Operation) -> Call:
        step, values = operation.step, operation.values
        body = step.body
        if "id" in step.placeholders and not values.get("id"):
            message = f"cannot {operation.context.task}: its id at the provider is empty, and nothing is called without"
            raise TerminalError(message, kind=ErrorKind.INVALID)
        try:
            url = self._requests.root(operation.target.credentials) + self._path(operation)
            query = {key: render_text(str(text), values) for key, text in step.query.items()}
            headers = {key: render_text(text, values) for key, text in step.headers.items()}
            fields = render(body.template, values) | operation.spread if body else {}
            content = encode_body(body.format, fields, body.query) if body else b""
        except TemplateError as error:
            message = f"cannot {operation.context.task}: {operation.context.redact(str(error))}"
            raise TerminalError(message, kind=ErrorKind.INVALID) from None
        if body:
            headers["Content-Type"] = CONTENT_TYPES[body.format]
        headers = self._requests.headers(operation.token, headers)
        return Call(method=step.method, url=with_query(url, query) if query else url, headers=headers, body=content)

    def _path(self, operation: Operation) -> str:
        kind = self._definition.types[operation.target.type]
        quoted = quote_path if kind.resource.encode == "path" else quote_segment
        named = {*placeholders([kind.path, operation.step.path])} - {"resource", "path", "token"}
        values = {
            name: quote_segment(str(value)) for name in named if (value := operation.values.get(name)) is not None
        }
        values |= {"resource": quoted(operation.target.resource)} | self._requests.path_token(operation.token)
        return render_path(operation.step.path, values | {"path": render_path(kind.path, values)})

    # Reading what came back

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
