"""Which scopes credentials have, as the vendor says."""

from __future__ import annotations

import asyncio

from reconciler.core.errors import ProviderError, RetryableError
from reconciler.core.ports import Credentials
from reconciler.providers.answers import Context, told_scopes
from reconciler.providers.blocks.calls import Errors
from reconciler.providers.blocks.resources import Permission
from reconciler.providers.exchange import Exchange, fingerprint
from reconciler.providers.requests import Requests

Place = tuple[str, str, str | None, str | None]
"""Whose scopes, by a digest of the credentials, and where they are told: path, header, expression."""


class Permissions:
    """Asks once for each of the credentials, though many lists and several types want to know.

    A refusal to tell stands as well; an outage is not remembered.
    """

    def __init__(self, requests: Requests, exchange: Exchange, errors: Errors) -> None:
        self._requests = requests
        self._exchange = exchange
        self._errors = errors
        self._told: dict[Place, frozenset[str]] = {}
        self._asking: dict[Place, asyncio.Lock] = {}

    async def missing(self, rule: Permission, credentials: Credentials) -> str:
        """The scope that is missing, where the vendor tells scopes and none of them is enough; else empty.

        Raises `RetryableError` where the vendor refuses for its rate limit.
        """
        place = (fingerprint(credentials), rule.path, rule.header, rule.scopes)
        async with self._asking.setdefault(place, asyncio.Lock()):
            if place not in self._told:
                try:
                    self._told[place] = await self._ask(rule, credentials)
                except RetryableError as error:
                    if error.throttled:
                        raise  # whoever paces the calls of these credentials must hear of it
                    return ""
                except ProviderError:
                    self._told[place] = frozenset()
        scopes = self._told[place]
        return "" if not scopes or scopes.intersection(rule.one_of) else rule.one_of[0]

    async def _ask(self, rule: Permission, credentials: Credentials) -> frozenset[str]:
        task = f"find out which permissions the credentials {credentials.name!r} have"
        context = Context(task=task, errors=self._errors)
        call = self._requests.read(credentials, rule.path, {}, {})
        return told_scopes(rule, await self._exchange.send(call, context, credentials), context)
