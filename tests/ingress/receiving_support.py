"""An ingress over things in memory, and a client that speaks ASGI to it."""

from __future__ import annotations

import hmac
import json
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.core.deliveries import Delivery
from reconciler.core.errors import StateError
from reconciler.core.inbox import Arrival, Backlog, Filter, Handed
from reconciler.core.model import EventTraits, Phase, Recorded, Relation, Secret, Subscriber, SubscriberKind, WebhookKey
from reconciler.ingress.app import Ingress, app
from reconciler.ingress.limits import Limits
from reconciler.ingress.ports import Found, Kind, Ports, Vendor
from reconciler.testing.memory_inbox import MemoryInbox
from reconciler.testing.stand_ins import CountingEntropy, VirtualClock
from reconciler.verify.delivery import BodyEvent, BodyId, DeliveryRules, HeaderEvent, HeaderId
from reconciler.verify.handshake_kinds import Handshake
from reconciler.verify.hmac_signature import HmacScheme
from reconciler.verify.places import BodyPlace, HeaderPlace, QueryPlace
from reconciler.verify.request import Fetched, Need
from reconciler.verify.token import BodyTokenScheme, TokenScheme

SCOPE = "acme"
ID = "1f51d05d-fc68-47e4-a4f9-460f18081e83"
OTHER = "2f51d05d-fc68-47e4-a4f9-460f18081e83"
NOBODYS = "3f51d05d-fc68-47e4-a4f9-460f18081e83"
SECRET = Secret("0123456789abcdef0123456789abcdef")
TRAITS = EventTraits(names={"push": "", "issues": ""}, separator=".", wildcard="*")

FORGE = Vendor(
    name="forge",
    scheme=HmacScheme(header="X-Signature", prefix="sha256="),
    kinds={
        "repo": Kind(
            rules=DeliveryRules(
                event=HeaderEvent("X-Event", detail="action", separator="."),
                ids=(HeaderId("X-Delivery"),),
                content_types=frozenset({"application/json"}),
            ),
            events=TRAITS,
        )
    },
)
BATCHING = Vendor(
    name="batching",
    scheme=HmacScheme(header="X-Signature", prefix="sha256="),
    kinds={
        "repo": Kind(
            rules=DeliveryRules(event=BodyEvent("kind"), batch="items", encodings=frozenset({"gzip"})), events=TRAITS
        )
    },
    accepted=202,
)
TOKEN = Vendor(
    name="token",
    scheme=TokenScheme(header="X-Token"),
    kinds={"repo": Kind(rules=DeliveryRules(event=BodyEvent("kind"), ids=(BodyId("id"),)), events=TRAITS)},
    handshakes=(
        Handshake(place=QueryPlace("challenge"), echo=QueryPlace("challenge"), proved=False),
        Handshake(place=HeaderPlace("X-Hook-Secret"), capture=HeaderPlace("X-Hook-Secret"), proved=False),
    ),
    refusal=401,
)
STATEFUL = Vendor(
    name="stateful",
    scheme=BodyTokenScheme(key="state", each="value"),
    kinds={
        "repo": Kind(
            rules=DeliveryRules(
                event=BodyEvent("kind"), batch="value", token=BodyTokenScheme(key="state", each="value")
            ),
            events=TRAITS,
        )
    },
    handshakes=(Handshake(place=BodyPlace("ping"), echo=BodyPlace("ping"), proved=False),),
    max_body=4096,
)
VENDORS = {vendor.name: vendor for vendor in (FORGE, BATCHING, TOKEN, STATEFUL)}


def wants(name: str, *events: str) -> Relation:
    """A graph that asked for events."""
    return Relation(Subscriber(SubscriberKind.GRAPH, name), "", events)


def record(provider: str = "forge", webhook_id: str = ID, **changes: Any) -> Recorded:
    """A registered webhook with one graph that wants pushes."""
    fields: dict[str, Any] = {
        "id": webhook_id,
        "key": WebhookKey("alice", provider, "repo", manual=False, resource="acme/api", credentials="main"),
        "phase": Phase.REGISTERED,
        "resource": "acme/api",
        "url": f"https://hooks.acme.dev/webhooks/{provider}/{webhook_id}",
        "events": frozenset({"push"}),
        "relations": (wants("triage", "push"),),
        "remote_id": "7",
        "created_at": 1_700_000_000.0,
        "updated_at": 1_700_000_000.0,
    }
    return Recorded(**fields | changes)


class Shelf:
    """Webhooks by id; counts how often it is asked."""

    def __init__(self, *found: Found) -> None:
        self.found = {each.record.id: each for each in found}
        self.asked = 0
        self.broken = False
        self.captured: list[Secret] = []

    def put(self, kept: Recorded, *secrets: Secret) -> None:
        """Record a webhook, or record it anew."""
        self.found[kept.id] = Found(scope=SCOPE, record=kept, secrets=secrets)

    def find(self, webhook_id: str) -> Found | None:
        self.asked += 1
        if self.broken:
            raise StateError("the state cannot be read")
        return self.found.get(webhook_id)

    def capture(self, found: Found, secret: Secret) -> bool:
        if self.broken:
            raise StateError("the state cannot be written")
        known = self.found[found.record.id]
        if known.secrets or known.record.phase is not Phase.PENDING:
            return False
        self.captured.append(secret)
        self.found[found.record.id] = replace(known, secrets=(secret,))
        return True


class MoodyInbox(MemoryInbox):
    """An inbox that fails, or stalls, when it is told to, and remembers its transactions."""

    def __init__(self) -> None:
        super().__init__()
        self.error: Exception | None = None
        self.poison = ""
        self.stall = threading.Event()
        self.stall.set()
        self.stalled = threading.Event()
        self.batches: list[int] = []

    def accept(self, arrivals: Sequence[Arrival]) -> Sequence[str]:
        self.stalled.set()
        self.stall.wait(10)
        if self.error:
            raise self.error
        if self.poison and any(arrival.delivery.scope == self.poison for arrival in arrivals):
            raise StateError(f"the scope {self.poison} is not in this state")
        if any(b"poison" in arrival.delivery.body for arrival in arrivals):
            raise RuntimeError("a bug that quotes poison")
        self.batches.append(len(arrivals))
        return super().accept(arrivals)

    def backlog(self, scope: str) -> Backlog:
        if self.error:
            raise self.error
        return super().backlog(scope)

    def kept(self) -> list[tuple[Delivery, Sequence[Handed]]]:
        """Everything, oldest first."""
        return [*self.deliveries(SCOPE, Filter(), 10_000)][::-1]


@dataclass
class Answer:
    """What a client got."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    messages: int = 0

    @property
    def told(self) -> tuple[int, dict[str, str], bytes]:
        """All that a client can see of it."""
        return self.status, self.headers, self.body


@dataclass
class World:
    """An ingress, and everything around it."""

    shelf: Shelf = field(default_factory=Shelf)
    inbox: MoodyInbox = field(default_factory=MoodyInbox)
    clock: VirtualClock = field(default_factory=VirtualClock)
    limits: Limits = field(default_factory=Limits)
    vendors: Mapping[str, Vendor] = field(default_factory=lambda: VENDORS)
    answers: dict[str, Fetched] = field(default_factory=dict)
    fetched: list[Need] = field(default_factory=list)
    logs: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    woken: int = 0
    prefix: str = ""
    former: tuple[str, ...] = ()
    gone: Exception | None = None
    """What the server raises for an answer to a client that hung up."""
    ingress: Ingress = field(init=False)

    def __post_init__(self) -> None:
        if not self.shelf.found:
            self.shelf.put(record(), SECRET)
        ports = Ports(
            webhooks=self.shelf,
            vendors=self.vendors,
            inbox=self.inbox,
            fetch=self._fetch,
            clock=self.clock,
            entropy=CountingEntropy(),
            progress=lambda event, /, **details: self.logs.append((event, details)),
            wake=self._wake,
        )
        self.ingress = app(ports, self.limits, self.prefix, self.former)

    async def _fetch(self, need: Need, _record: Recorded) -> Fetched:
        self.fetched.append(need)
        return self.answers.get(need.url, Fetched(status=0))

    def _wake(self) -> None:
        self.woken += 1

    async def post(self, body: Any = None, /, **changes: Any) -> Answer:
        """A genuine push to the one webhook, unless something is said otherwise."""
        raw = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
        secret = changes.pop("secret", SECRET)
        headers = {
            "content-type": "application/json",
            "x-event": changes.pop("event", "push"),
            "x-delivery": changes.pop("delivery", "d1"),
            "x-signature": signature(raw, secret),
            "content-length": str(len(raw)),
        } | changes.pop("headers", {})
        rows = [(name.encode(), value.encode("latin-1")) for name, value in headers.items() if value is not None]
        return await self.ask("POST", changes.pop("path", f"/webhooks/forge/{ID}"), rows, raw, **changes)

    async def ask(
        self,
        method: str,
        path: str,
        headers: Sequence[tuple[bytes, bytes]] = (),
        body: bytes = b"",
        *,
        query: bytes = b"",
        peer: str = "192.0.2.1",
        pieces: Callable[[], Awaitable[dict[str, Any]]] | None = None,
        root: str = "",
    ) -> Answer:
        """One request, and its answer."""
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query,
            "root_path": root,
            "headers": list(headers),
            "client": (peer, 4711),
        }

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        answer = Answer()

        async def send(message: Mapping[str, Any]) -> None:
            if self.gone is not None:
                raise self.gone
            answer.messages += 1
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            else:
                answer.body += message["body"]

        await self.ingress(scope, pieces or receive, send)
        return answer


def signature(body: bytes, secret: Secret = SECRET) -> str:
    """As forge signs."""
    return f"sha256={hmac.digest(secret.reveal().encode(), body, 'sha256').hex()}"
