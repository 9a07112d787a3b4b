"""A platform in memory: managers over one store and one provider, and what the provider would deliver."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.core.model import Recorded, Secret, SecretOrigin
from reconciler.core.ports import Credentials
from reconciler.manager.manager import WebhookManager
from reconciler.manager.ports import ManagerPorts
from reconciler.manager.settings import ManagerSettings
from reconciler.manager.webhook import Webhook
from reconciler.settings.urls import ApiHome
from reconciler.system import SystemEntropy
from reconciler.testing.memory_provider import Held, MemoryProvider
from reconciler.testing.memory_store import MemoryStore
from reconciler.testing.stand_ins import credentials
from reconciler.verify.delivery import DeliveryRules, HeaderEvent
from reconciler.verify.hmac_signature import HmacScheme
from reconciler.verify.schemes import Scheme, sign
from tests.support.catalogue import CATALOGUE

BASE_URL = "https://hooks.example.com"
SCOPE = "library"
SCHEME = HmacScheme(header="X-Signature", prefix="sha256=")
RULES = DeliveryRules(event=HeaderEvent("X-Event", {}, "action", "."))
UNPROVED = replace(CATALOGUE["paper"], name="unproved", secret_origin=SecretOrigin.NONE, verified=False)
NOW = 1_795_000_000.0


class StillClock:
    """Time that stands still: who waits for the lease asks again at once, and a lease is never renewed."""

    def now(self) -> float:
        return NOW

    async def sleep(self, seconds: float) -> None:
        if seconds >= 5:
            await asyncio.Event().wait()
        await asyncio.sleep(0)


@dataclass
class Incoming:
    """A request as a web framework gives it."""

    content: bytes
    pairs: tuple[tuple[str, str], ...]
    method: str = "POST"
    url: str = "http://10.0.0.7:8000/anything"

    @property
    def headers(self) -> Incoming:
        return self

    def items(self) -> Iterable[tuple[str, str]]:
        """The headers."""
        return self.pairs

    async def body(self) -> bytes:
        return self.content


@dataclass
class Platform:
    """What survives a crash of the platform: the store and the provider."""

    provider_name: str = "acme"
    canonical: tuple[str, ...] = ()
    store: Any = field(default_factory=MemoryStore)
    settings: ManagerSettings = field(default_factory=lambda: ManagerSettings(base_url=BASE_URL))
    scheme: Scheme = SCHEME
    rules: DeliveryRules = RULES
    closed: bool = False

    def __post_init__(self) -> None:
        traits = CATALOGUE.get(self.provider_name) or UNPROVED
        types = {"repo": replace(traits.types["repo"], canonical=self.canonical)}
        self.provider = MemoryProvider(replace(traits, types=types))
        self.credentials = credentials("main", self.provider_name)

    def manager(self, **changes: Any) -> WebhookManager:
        """A manager, as each process of the platform has one; `changes` are settings."""
        ports = ManagerPorts(
            store=lambda: self.store,
            provider=self.provider,
            scheme=self.scheme,
            rules=lambda _: self.rules,
            aclose=self._aclose,
            clock=StillClock(),
            entropy=SystemEntropy(),
            api_home=ApiHome("https://api.acme.example", frozenset({"api.acme.example"})),
        )
        return WebhookManager.with_ports(replace(self.settings, **changes), ports)

    async def suitable(self, *events: str, resource: str = "Acme/API", user: str = "alice") -> Webhook:
        """A suitable webhook, asked for by a new process."""
        return await self.manager().get_suitable_auto_webhook(
            user, self.credentials, "repo", resource, events or ("push",)
        )

    async def manual(self, *events: str, user: str = "alice", graph: str = "triage") -> Webhook:
        """A manual webhook of a graph, asked for by a new process."""
        return await self.manager().get_manual_webhook(user, "repo", events or ("push",), graph_id=graph)

    def objects(self) -> list[Held]:
        """What the provider has."""
        return self.provider.everything()

    def object(self) -> Held:
        """The only object at the provider."""
        (held,) = self.objects()
        return held

    def records(self) -> list[Recorded]:
        """What the store has in the library's scope."""
        return list(self.store.records(SCOPE))

    def record(self) -> Recorded:
        """The only record."""
        (record,) = self.records()
        return record

    def secret(self, webhook: Webhook) -> Secret:
        """The secret that deliveries of a webhook are signed with."""
        secret: Secret = self.store.secrets(webhook.id)[0]
        return secret

    def untouched(self) -> bool:
        """Whether no provider was called and nothing was written."""
        return not self.provider.calls and not self.store.scopes()

    async def _aclose(self) -> None:
        self.closed = True


def other(name: str, provider: str = "acme", api_url: str = "") -> Credentials:
    """Further credentials."""
    return replace(credentials(name, provider), api_url=api_url)


def delivery(secret: Secret, payload: Any, event: str = "issues", **changes: Any) -> Incoming:
    """A delivery as the provider would send it."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    headers: Mapping[str, str] = dict(sign(SCHEME, secret, body, NOW)) | {"X-Event": event}
    return replace(Incoming(body, tuple(headers.items())), **changes)
