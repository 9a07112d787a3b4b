"""A vendor's log of deliveries, as its definition describes it: what is in it, and how one of them is had again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final, Protocol

from reconciler.core.errors import ErrorKind, TerminalError
from reconciler.core.model import Json
from reconciler.core.ports import Missed, Rebuilt, Target
from reconciler.providers.answers import Context, document_of, identifier, rows_of, search, text_of, truth_of
from reconciler.providers.api_definition import ApiDefinition
from reconciler.providers.blocks.calls import Step
from reconciler.providers.blocks.recovery import Injection, Recover
from reconciler.providers.exchange import Exchange
from reconciler.providers.operation import Operation
from reconciler.providers.paging import Pages
from reconciler.providers.transport import Call

MAX_LOG_PAGES: Final = 5000
"""A log of more pages than this is taken for an endless one: a vendor may give twenty deliveries a page, for days."""

TASKS: Final[Mapping[str, str]] = {
    "log": "list the deliveries to the webhook of",
    "redeliver": "have a delivery sent again to the webhook of",
    "detail": "fetch a delivery to the webhook of",
}
"""What the calls are for, in words."""


class Prepare(Protocol):
    """Makes a step ready to be filled."""

    async def __call__(self, name: str, step: Step, target: Target, values: Mapping[str, Json]) -> Operation: ...


class Recoveries:
    """The log of one provider. `prepare` and `call` are how the provider makes calls."""

    def __init__(
        self, definition: ApiDefinition, exchange: Exchange, prepare: Prepare, call: Callable[[Operation], Call]
    ) -> None:
        self._definition = definition
        self._exchange = exchange
        self._prepare = prepare
        self._call = call

    async def missed(self, target: Target, remote_id: str, since: float) -> tuple[Missed, ...]:
        """What the log holds since a time (UNIX seconds), newest first."""
        recover = self._rule("log", target)
        values = {"id": remote_id, "since": max(0, int(since))}
        operation = await self._prepare("log", recover.list, target, values)
        pagination = recover.pagination or self._definition.pagination
        if pagination is None:
            raise self._unsupported("log", target)
        pages = Pages(pagination, operation.context, operation.step, MAX_LOG_PAGES)
        call: Call | None = self._call(operation)
        # A log that grows while it is read shows a row on two pages.
        found: dict[str, Missed] = {}
        while call is not None:
            reply = await self._exchange.send(call, operation.context, target.credentials)
            document = document_of(reply, operation.context)
            rows = rows_of(document, pagination.rows, operation.context)
            told = [self._row(recover, row, operation.context) for row in rows]
            old = [item for item in told if item.at is not None and item.at < since]
            found |= {item.id: item for item in told if item not in old}
            call = None if old and recover.newest_first else pages.next_call(call, reply, document)
        return tuple(found.values())

    async def redeliver(self, target: Target, remote_id: str, missed_id: str) -> None:
        """Ask for it."""
        await self._asked("redeliver", target, remote_id, missed_id)

    async def fetch(self, target: Target, remote_id: str, missed_id: str) -> Rebuilt:
        """What it held, by the answer to `detail`; `TerminalError` where the log alone tells that, and did not."""
        recover = self._rule("detail", target)
        if recover.inject is None:
            raise self._unsupported("detail", target)
        if recover.detail is None:
            message = f"{self._definition.title} does not tell any more what the delivery {missed_id} held"
            raise TerminalError(message, kind=ErrorKind.NOT_FOUND)
        document, context = await self._asked("detail", target, remote_id, missed_id)
        held = _rebuilt(recover.inject, document, context)
        return held or context.bad_answer(f"the answer holds no delivery at `{recover.inject.body}`")

    async def _asked(self, name: str, target: Target, remote_id: str, missed_id: str) -> tuple[Json, Context]:
        step = self._rule(name, target).steps().get(name)
        if step is None:
            raise self._unsupported(name, target)
        operation = await self._prepare(name, step, target, {"id": remote_id, "delivery": missed_id})
        reply = await self._exchange.send(self._call(operation), operation.context, target.credentials)
        return (document_of(reply, operation.context) if step.method == "GET" else None), operation.context

    def _rule(self, name: str, target: Target) -> Recover:
        known = target.type in self._definition.types
        recover = self._definition.recover_of(target.type) if known else None
        if recover is None:
            raise self._unsupported(name, target)
        return recover

    def _unsupported(self, name: str, target: Target) -> TerminalError:
        message = f"cannot {TASKS[name]} {self._definition.name}/{target.type}/{target.resource}"
        return TerminalError(f"{message}: {self._definition.title} has no such call", kind=ErrorKind.UNSUPPORTED)

    def _row(self, recover: Recover, row: Mapping[str, Json], context: Context) -> Missed:
        rule = recover.row
        event = text_of(search(rule.event, row), rule.event, context) if rule.event else ""
        return Missed(
            id=identifier(search(rule.id, row), rule.id, context),
            provider_delivery_id=_optional_id(search(rule.delivery_id, row), rule.delivery_id, context),
            at=moment_of(search(rule.at, row), rule.at, context) if rule.at else None,
            event=self._registered(event),
            delivered=truth_of(search(rule.delivered, row), rule.delivered, context) if rule.delivered else None,
            url=text_of(search(rule.url, row), rule.url, context) if rule.url else "",
            held=_rebuilt(recover.inject, row, context) if recover.inject and recover.detail is None else None,
        )

    def _registered(self, event: str) -> str:
        """The name in the registration API of an event that is delivered under another."""
        return self._definition.event_names.get(event, event)


def moment_of(value: Json, path: str, context: Context) -> float | None:
    """UNIX seconds of a time told as such, or in ISO 8601 (without an offset: UTC); None where there is none."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    text = "" if number else text_of(value, path, context)
    if not (number or text):
        return None
    try:
        if number:
            return float(value)
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        context.bad_answer(f"`{path}` is not a time in the answer")


def _optional_id(value: Json, path: str, context: Context) -> str:
    return "" if value is None else identifier(value, path, context)


def _rebuilt(inject: Injection, document: Json, context: Context) -> Rebuilt | None:
    """What the delivery held; None where the document does not tell."""
    body = search(inject.body, document)
    if body is None or body == "":
        return None
    text = body if isinstance(body, str) else json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    headers = dict(inject.headers)
    if inject.headers_at:
        told = search(inject.headers_at, document)
        if not isinstance(told, Mapping) or not all(isinstance(value, str) for value in told.values()):
            context.bad_answer(f"the answer holds no headers at `{inject.headers_at}`")
        headers |= told
    return Rebuilt(headers=tuple(headers.items()), body=text.encode("utf-8", "replace"))
