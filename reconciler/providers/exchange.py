"""Sending the calls of one provider: what is remembered of the answers, and how a failure is told."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Hashable
from dataclasses import replace

from reconciler.core.errors import RetryableError
from reconciler.core.model import Json
from reconciler.core.ports import Budget, Credentials, Response, ResponseCache
from reconciler.providers.answers import Context, check
from reconciler.providers.blocks.calls import Step
from reconciler.providers.blocks.resources import Rate
from reconciler.providers.paging import next_link
from reconciler.providers.rates import Budgets
from reconciler.providers.transport import Call, OversizedReplyError, Reply, Transport, TransportError

NOT_MODIFIED = 304


class Exchange:
    """Calls and their replies. Raises `RetryableError` or `TerminalError`.

    `responses` remembers answers to conditional requests (RFC 9110, section 13); without it none is made.
    """

    def __init__(
        self,
        transport: Transport,
        rate: Rate | None,
        now: Callable[[], float] | None,
        responses: ResponseCache | None,
    ) -> None:
        self._transport = transport
        self._budgets = Budgets(rate, now)
        self._responses = responses

    def budget(self, credentials: Credentials) -> Budget | None:
        """What is left of the rate limit of these credentials, by the newest reply."""
        return self._budgets.get(_account(credentials))

    async def send(self, call: Call, context: Context, credentials: Credentials) -> Reply:
        """The reply to a call, if it is a success."""
        reply = await self._sent(call, context, credentials)
        check(reply, context)
        return reply

    async def ask(self, call: Call, context: Context, credentials: Credentials) -> Reply:
        """The reply to a call that changes nothing, asked for only if it differs from the one that is remembered.

        A reply with the status 304 has the remembered body.
        """
        responses = self._responses
        known = None if responses is None else await asyncio.to_thread(responses.get, _key(call))
        if known is None:
            return await self.send(call, context, credentials)
        conditional = replace(call, headers={**call.headers, "If-None-Match": known.etag})
        reply = await self._sent(conditional, context, credentials)
        if reply.status != NOT_MODIFIED:
            check(reply, context)
            return reply
        return Reply(status=NOT_MODIFIED, headers={"link": known.link} | dict(reply.headers), body=known.body)

    async def keep(self, call: Call, step: Step, reply: Reply, rows: list[dict[str, Json]]) -> None:
        """Remember the reply to a conditional call, which was understood."""
        etag, link = reply.headers.get("etag", ""), reply.headers.get("link", "")
        if self._responses is None or reply.status == NOT_MODIFIED or not etag.isprintable() or not etag:
            return
        # A last page that is full may get a successor without changing itself: its validator would not tell.
        if str(len(rows)) in map(str, step.query.values()) and next_link(link) is None:
            return
        await asyncio.to_thread(self._responses.put, _key(call), Response(etag=etag, body=reply.body, link=link))

    async def _sent(self, call: Call, context: Context, credentials: Credentials) -> Reply:
        try:
            reply = await self._transport.send(call)
        except TransportError as error:
            message = f"cannot {context.task}: {context.redact(str(error))}"
            raise RetryableError(message, uncertain=error.sent and context.writes) from None
        except OversizedReplyError:
            context.bad_answer("the answer is larger than any list of webhooks")
        self._budgets.note(_account(credentials), reply)
        return reply


def fingerprint(credentials: Credentials) -> str:
    """A digest of what calls are authorised with, and where they go: the same for the same secrets by another name."""
    fields = sorted((name, secret.reveal()) for name, secret in credentials.fields.items())
    return _digest([credentials.api_url, *fields])


def _account(credentials: Credentials) -> Hashable:
    """The same, for what is looked up at every call and stays in this process."""
    return credentials.api_url, frozenset(credentials.fields.items())


def _key(call: Call) -> str:
    """What an answer depends on: the URL, and all headers, with those that authorise."""
    return _digest([call.url, *sorted(call.headers.items())])


def _digest(parts: list[Json]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
