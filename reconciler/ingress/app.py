"""The ingress: an ASGI application that proves deliveries, stores them, and only then acknowledges them.

`POST {prefix}/webhooks/{provider}/{webhook_id}` takes a delivery; GET, HEAD and OPTIONS there, and POST too, answer the
handshakes that a definition knows. `/healthz` and `/readyz` tell how it is. It is plain ASGI, mounts into any
application, and needs no lifespan: its writer begins with the first delivery.

Who asks is nobody until the webhook that is stored under the id says otherwise: the provider in the URL only decides
how a refusal looks, and how long a body may be. All refusals look alike, whether there is no such webhook, it is
another provider's, it is disabled, or nothing proves the delivery.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from reconciler.core.errors import StateError
from reconciler.ingress.answering import Receive, Scope, Send, answer, answer_with
from reconciler.ingress.arriving import Arrivals
from reconciler.ingress.asking import Refusal
from reconciler.ingress.counting import ELSEWHERE, Counters, Outcome
from reconciler.ingress.limits import Limits
from reconciler.ingress.ports import Ports, Vendor
from reconciler.ingress.reading import GoneError
from reconciler.ingress.receiving import Receiver
from reconciler.verify.hmac_signature import HmacScheme

MAX_PATH: Final = 500
"""Characters; no path of ours is longer."""

_NOBODY: Final = Vendor(name=ELSEWHERE, scheme=HmacScheme(header="X-Signature"), kinds={})
_NO_WEBHOOK: Final = "00000000-0000-4000-8000-000000000000"


def app(ports: Ports, limits: Limits | None = None, prefix: str = "", former: Iterable[str] = ()) -> Ingress:
    """The ingress as an ASGI application, to be served or to be mounted.

    `prefix` is what stands before `/webhooks` in the path as it arrives, without a slash at its end; what a mount takes
    off is not part of it. `former` are those of base URLs before: what providers still send there is taken, too.
    """
    return Ingress(ports, limits or Limits(), (prefix, *former))


class Ingress:
    """The application. It lives in one event loop; `aclose` stores what waits for that, then ends the writer."""

    def __init__(self, ports: Ports, limits: Limits, prefixes: Iterable[str]) -> None:
        self.counters = Counters()
        self._ports = ports
        self._receiver = Receiver(ports, limits, self.counters)
        self._draining = False
        self._path = re.compile(
            f"(?:{'|'.join(map(re.escape, prefixes))})" + r"/webhooks/([a-z][a-z0-9_-]{0,59})/"
            r"([0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})"
        )

    @property
    def arrivals(self) -> Arrivals:
        """Makes arrivals as this ingress does."""
        return self._receiver.arrivals

    def drain(self) -> None:
        """Say that the end is near: `/readyz` fails from now on, so that nothing new is sent here."""
        self._draining = True

    async def aclose(self) -> None:
        """Store what waits for that, then end."""
        self.drain()
        await self._receiver.keeper.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the lifespan of the server."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1000})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = _path_of(scope)
        match = self._path.fullmatch(path) if len(path) <= MAX_PATH else None
        vendor = _NOBODY if match is None else self._ports.vendors.get(match[1], _NOBODY)
        try:
            if match is None:
                await self._elsewhere(scope["method"], path, send)
            else:
                await self._receiver(scope, receive, send, vendor, match[2])
        except Refusal as refusal:
            self.counters.count(vendor.name, refusal.outcome)
            await answer(send, refusal.status, later=refusal.later, close=refusal.close)
        except GoneError:
            self.counters.count(vendor.name, Outcome.GONE)
        except Exception as error:  # noqa: BLE001 # a bug is our fault: its sender is to try again
            self.counters.count(vendor.name, Outcome.FAILED)
            message = f"{vendor.name}: a bug, {type(error).__name__}; the sender was told to try again"
            self._ports.progress("ingress_bug", level="error", message=message)
            await answer(send, 503, later=True, close=True)

    async def _elsewhere(self, method: str, path: str, send: Send) -> None:
        """How we are; anything else is not here."""
        if method in {"GET", "HEAD"} and path in {"/healthz", "/readyz"}:
            well = path == "/healthz" or await self._ready()
            body = (b"ok\n" if well else b"not ready\n") if method == "GET" else b""
            await answer_with(send, 200 if well else 503, [("content-type", "text/plain")], body)
            return
        self.counters.count(ELSEWHERE, Outcome.MALFORMED)
        await answer(send, 404, close=True)

    async def _ready(self) -> bool:
        """Whether deliveries would be taken now: the store answers, and nothing failed to be stored just now."""
        keeper = self._receiver.keeper
        if self._draining or keeper.full or keeper.troubled:
            return False
        try:
            await self._receiver.admission.look_up(_NO_WEBHOOK)
        except StateError:
            return False
        return True

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await self.aclose()
        await send({"type": "lifespan.shutdown.complete"})


def _path_of(scope: Scope) -> str:
    """The path below where this is mounted; empty for one that is spelt with escapes, as no path of ours is."""
    if b"%" in (scope.get("raw_path") or b""):
        return ""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path") or "")
