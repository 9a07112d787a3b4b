"""Asking a running sandbox: fire deliveries, read what it was asked and what it holds; `url` is its origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.core.model import Json
from reconciler.testing.outbound import SandboxError, exchange

__all__ = ["FireResult", "SandboxError", "fire", "fire_at", "requests", "reset", "webhooks"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FireResult:
    """What became of one delivery. `status` is the receiver's, or None where it got nothing; then `error` says why."""

    provider: str
    webhook_id: str
    event: str
    url: str
    status: int | None
    accepted: bool
    body: str
    error: str


async def fire(
    url: str,
    provider: str,
    event: str,
    *,
    resource: str | None = None,
    payload: Mapping[str, Json] | None = None,
) -> tuple[FireResult, ...]:
    """Have the sandbox send a signed delivery of `event` to every webhook that is subscribed to it.

    Empty where none is. Raises `SandboxError` where no sandbox answers, or it knows no such provider or event.
    """
    order = {"provider": provider, "event": event, "resource": resource, "payload": payload}
    return await _fired(url, order)


async def fire_at(
    url: str,
    provider: str,
    target: str,
    *,
    secret: str = "",
    event: str = "",
    payload: Mapping[str, Json] | None = None,
) -> tuple[FireResult, ...]:
    """The same for a provider without an API: the delivery goes to `target`, with `secret` where one is shared."""
    order = {"provider": provider, "event": event, "url": target, "secret": secret, "payload": payload}
    return await _fired(url, order)


async def requests(url: str) -> tuple[Mapping[str, Json], ...]:
    """The requests that the stand-ins got, oldest first, secrets masked."""
    return tuple((await exchange("GET", _control(url, "requests")))["requests"])


async def webhooks(url: str) -> tuple[Mapping[str, Json], ...]:
    """Every webhook that the stand-ins hold, secrets masked."""
    return tuple((await exchange("GET", _control(url, "webhooks")))["webhooks"])


async def reset(url: str) -> None:
    """Empty the sandbox."""
    await exchange("POST", _control(url, "reset"))


async def _fired(url: str, order: Json) -> tuple[FireResult, ...]:
    answer = await exchange("POST", _control(url, "fire"), order)
    return tuple(FireResult(**delivery) for delivery in answer["deliveries"])


def _control(url: str, name: str) -> str:
    return f"{url.rstrip('/')}/_sandbox/{name}"
