"""One delivery from its headers to its answer: limits, admission, proof, store, acknowledgement, in this order."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Final

from reconciler.core.errors import StateError
from reconciler.core.inbox import Arrival
from reconciler.core.model import Secret
from reconciler.ingress.admission import Admission, Admitted
from reconciler.ingress.answering import Receive, Scope, Send, answer, answer_with
from reconciler.ingress.arriving import Arrivals
from reconciler.ingress.asking import Asked, Refusal, asked
from reconciler.ingress.counting import Counters, Outcome
from reconciler.ingress.fetching import Fetcher
from reconciler.ingress.keeper import FullError, Keeper
from reconciler.ingress.limits import Buckets, Flight, Limits
from reconciler.ingress.ports import Ports, Vendor
from reconciler.ingress.reading import Reader, TooLongError, TooMuchError, TooSlowError
from reconciler.ingress.suspecting import Suspicion
from reconciler.verify.body import DeliveryError, MediaTypeError
from reconciler.verify.handshakes import HandshakeReply
from reconciler.verify.handshakes import answer as handshake_reply
from reconciler.verify.request import Facts, Need, Request, Verdict, undecided
from reconciler.verify.schemes import verify

MOST_FETCHES: Final = 3
"""For one request: keys, newer ones, a confirmation."""

_DECOY: Final = (Secret("nobody's secret, so that a refusal costs what any other does"),)


class Receiver:
    """Takes deliveries, in one event loop."""

    def __init__(self, ports: Ports, limits: Limits, counters: Counters) -> None:
        self._ports = ports
        self._limits = limits
        self._counters = counters
        self._fetcher = Fetcher(ports.fetch)
        self._flight = Flight(limits.in_flight, limits.in_flight_per_client)
        self._strangers = Flight(max(limits.in_flight // 2, 1), max(limits.in_flight_per_client // 2, 1))
        self._reader = Reader(limits)
        self._nobodys = Reader(replace(limits, held=limits.held // 4))
        self._buckets = Buckets(limits.rate, limits.burst, limits.clients)
        self._unknown = Buckets(limits.unknown_rate, limits.unknown_burst, 2)
        self._unknown_each = Buckets(limits.unknown_rate_each, limits.unknown_burst_each, limits.clients)
        self._suspicion = Suspicion(ports.inbox, ports.progress)
        self.admission = Admission(ports, limits.keep_seconds)
        self.arrivals = Arrivals(ports.clock, ports.entropy, ports.ordered)
        self.keeper = Keeper(ports.inbox, limits.queue, ports.progress, limits.keep_seconds, limits.held)
        counters.gauge("ingress_in_flight", "Requests that are being worked on.", lambda: self._flight.count)
        counters.gauge("ingress_waiting", "Deliveries that wait to be stored.", lambda: self.keeper.waiting)
        held = "Bytes of bodies in memory."
        counters.gauge("ingress_held_bytes", held, lambda: self._reader.held + self._nobodys.held)

    async def __call__(self, scope: Scope, receive: Receive, send: Send, vendor: Vendor, webhook_id: str) -> None:
        """Answer one request. Raises `Refusal`, or `GoneError` where nobody waits for an answer."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        what = asked(scope, vendor, webhook_id, self._limits)
        if not self._flight.enter(what.client):
            raise Refusal(503, Outcome.OVERLOADED, later=True, close=True)
        held, reader = 0, self._reader
        try:
            admitted = await self._admitted(what, began)
            reader = self._reader if admitted is not None else self._nobodys
            body = await (self._body(what, receive, reader) if admitted is not None else self._strange(what, receive))
            held = len(body)
            request = Request(
                method=what.method,
                url=admitted.found.record.url if admitted is not None else "",
                query=scope["query_string"].decode("latin-1"),
                headers=what.headers,
                body=body,
            )
            proved = await self._proved(what, admitted, request)
            if isinstance(proved, HandshakeReply):
                await self._shake(proved, vendor, send)
            else:
                await self._keep(proved, request, send)
                self._counters.took(loop.time() - began)
        finally:
            self._flight.leave(what.client)
            reader.release(held)

    # -- before the proof ----------------------------------------------------------------------------------------------

    async def _admitted(self, what: Asked, now: float) -> Admitted | None:
        """The webhook, within the rates: those hold before anything is verified, or looked for in the store."""
        webhook_id = what.webhook_id
        admitted = self.admission.remembered(webhook_id, now)
        if admitted is None:
            if not self.admission.familiar(webhook_id) and not self._may_ask(what.client, now):
                raise Refusal(429, Outcome.THROTTLED, later=True, close=True)
            admitted = await self._looked_up(webhook_id)
        if admitted is not None and not self._buckets.take(what.client + webhook_id, now):
            raise Refusal(429, Outcome.THROTTLED, later=True, close=True)
        return admitted

    def _may_ask(self, client: str, now: float) -> bool:
        """Whether one more id that is not in memory may be looked for: nobody uses up what there is for all."""
        return self._unknown_each.take(client, now) and self._unknown.take("", now)

    async def _looked_up(self, webhook_id: str) -> Admitted | None:
        try:
            return await self.admission.look_up(webhook_id)
        except StateError as error:
            self._ports.progress("ingress_state", level="error", message=f"webhooks cannot be looked up: {error}")
            raise Refusal(503, Outcome.UNAVAILABLE, later=True, close=True) from None

    async def _strange(self, what: Asked, receive: Receive) -> bytes:
        """A body for nobody's webhook. Of all room, a part is theirs: whoever knows an id has the rest."""
        if not self._strangers.enter(what.client):
            raise Refusal(503, Outcome.OVERLOADED, later=True, close=True)
        try:
            return await self._body(what, receive, self._nobodys)
        finally:
            self._strangers.leave(what.client)

    @staticmethod
    async def _body(what: Asked, receive: Receive, reader: Reader) -> bytes:
        try:
            return await reader.read(receive, what.limit)
        except TooLongError:
            raise Refusal(413, Outcome.TOO_LARGE, close=True) from None
        except TooSlowError:
            raise Refusal(408, Outcome.TOO_SLOW, close=True) from None
        except TooMuchError:
            raise Refusal(503, Outcome.OVERLOADED, later=True, close=True) from None

    # -- the proof -----------------------------------------------------------------------------------------------------

    async def _proved(self, what: Asked, admitted: Admitted | None, request: Request) -> Admitted | HandshakeReply:
        """The webhook that a request is proved to be for, or the reply to its handshake; else the one refusal."""
        refusal = what.vendor.refusal
        if admitted is None or admitted.vendor is not what.vendor or admitted.disabled:
            _pretend(what.vendor, request)
            disabled = admitted is not None and admitted.vendor is what.vendor
            raise Refusal(refusal, Outcome.DISABLED if disabled else Outcome.UNKNOWN)
        found = await self._judged(admitted, request)
        if not self._final(found) and not self.admission.recent(admitted):
            renewed = await self._looked_up(what.webhook_id)
            if renewed is not None and renewed.vendor is what.vendor and not renewed.disabled:
                admitted = renewed
                found = await self._judged(admitted, request)
        if isinstance(found, HandshakeReply):
            return await self._captured(admitted, found, refusal)
        if found.unknown:
            self._ports.progress("ingress_undecided", level="warning", message=f"{what.vendor.name}: {found.reason}")
            raise Refusal(503, Outcome.UNDECIDED, later=True)
        if not found:
            raise Refusal(refusal, Outcome.FORGED)
        if what.method != "POST":
            raise Refusal(refusal, Outcome.MALFORMED)
        return admitted

    @staticmethod
    def _final(found: Verdict | HandshakeReply) -> bool:
        """Whether the webhook need not be read anew; who is told to come again will find it so anyway."""
        return isinstance(found, HandshakeReply) or found.ok or found.unknown

    async def _judged(self, admitted: Admitted, request: Request) -> Verdict | HandshakeReply:
        """What a request is, with whatever must be fetched for that."""
        facts = admitted.facts
        for _ in range(MOST_FETCHES):
            found = self._judge(admitted, request, facts)
            if not isinstance(found, Need):
                return found
            facts = facts.given(found, await self._fetcher(found, admitted.found.record))
        found = self._judge(admitted, request, facts)
        return undecided(found.reason) if isinstance(found, Need) else found

    def _judge(self, admitted: Admitted, request: Request, facts: Facts) -> Verdict | HandshakeReply | Need:
        vendor, now = admitted.vendor, self._ports.clock.now()
        if vendor.handshakes:
            reply = handshake_reply(vendor.handshakes, vendor.scheme, admitted.found.secrets, request, now, facts)
            if reply is not None:
                return reply
        return admitted.verify(request, now, facts)

    async def _captured(self, admitted: Admitted, reply: HandshakeReply, refusal: int) -> HandshakeReply:
        """The reply, once a secret that it answers to is stored."""
        if reply.captured is None:
            return reply
        try:
            kept = await self.admission.capture(admitted, reply.captured)
        except StateError as error:
            self._ports.progress("ingress_state", level="error", message=f"a secret cannot be stored: {error}")
            raise Refusal(503, Outcome.UNAVAILABLE, later=True) from None
        if not kept:
            raise Refusal(refusal, Outcome.FORGED)
        return reply

    # -- after the proof -----------------------------------------------------------------------------------------------

    async def _shake(self, reply: HandshakeReply, vendor: Vendor, send: Send) -> None:
        if reply.status >= 500:
            raise Refusal(503, Outcome.UNDECIDED, later=True)
        self._counters.count(vendor.name, Outcome.HANDSHAKE)
        await answer_with(send, reply.status, reply.headers, reply.body)

    async def _keep(self, admitted: Admitted, request: Request, send: Send) -> None:
        """Store a delivery that is genuine, and say so when that is durable."""
        vendor = admitted.vendor
        arrival = self._arrival(admitted, request)
        if not arrival.dispatches and not self.admission.recent(admitted):
            # Before it is kept for nobody: a pass may have written down just now who asks for it.
            renewed = await self._looked_up(admitted.found.record.id)
            if renewed is not None and renewed.vendor is vendor:
                arrival = self._arrival(renewed, request)
        try:
            kept = await self.keeper.keep(arrival)
        except FullError:
            raise Refusal(503, Outcome.OVERLOADED, later=True) from None
        except StateError:
            raise Refusal(503, Outcome.UNAVAILABLE, later=True) from None
        if kept != arrival.delivery.id:
            self._counters.count(vendor.name, Outcome.DUPLICATE)
            self._suspicion.look(arrival.delivery, kept)
        else:
            self._counters.count(vendor.name, Outcome.KEPT)
            if arrival.dispatches:
                self._ports.wake()
        await answer(send, vendor.accepted)

    def _arrival(self, admitted: Admitted, request: Request) -> Arrival:
        vendor = admitted.vendor
        try:
            return self.arrivals.received(admitted.found, vendor, request)
        except DeliveryError as error:
            self._ports.progress("ingress_unreadable", level="warning", message=f"{vendor.name}: {error}")
            raise Refusal(415 if isinstance(error, MediaTypeError) else 400, Outcome.UNREADABLE) from None


def _pretend(vendor: Vendor, request: Request) -> None:
    """Do what a proof costs, for nobody: how long a refusal takes must not tell why it is one."""
    if vendor.handshakes:
        handshake_reply(vendor.handshakes, vendor.scheme, _DECOY, request, 0.0)
    verify(vendor.scheme, _DECOY, request, 0.0)
