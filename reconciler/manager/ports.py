"""The outside of a manager: the real one, made from settings, or what a test puts in its place."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from reconciler.core.errors import ConfigError, Problem
from reconciler.core.ports import Clock, Entropy, Provider, Store
from reconciler.documents.nearest import quoted, suggestion
from reconciler.manager.settings import ManagerSettings
from reconciler.providers.catalogue import known_definitions
from reconciler.providers.client import HttpTransport
from reconciler.providers.delivered import delivery_rules, handshakes, scheme
from reconciler.providers.http import HttpProvider
from reconciler.settings.urls import ApiHome
from reconciler.store.keys import KeySource
from reconciler.store.opening import open_for_writing
from reconciler.store.sql import SqlStore
from reconciler.system import SystemClock, SystemEntropy
from reconciler.verify.delivery import DeliveryRules
from reconciler.verify.handshakes import Handshake
from reconciler.verify.schemes import Scheme


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagerPorts:
    """What a manager works with.

    `store` gives the store, opened when it is first asked for; it is called in a thread. `scheme` and `rules` (by
    webhook type) say how deliveries are proved and read, `handshakes` what is answered before there are any. `api_home`
    says where the API is, and which hosts need no leave.
    """

    store: Callable[[], Store]
    provider: Provider
    scheme: Scheme
    rules: Callable[[str], DeliveryRules]
    aclose: Callable[[], Awaitable[None]]
    clock: Clock = field(default_factory=SystemClock)
    entropy: Entropy = field(default_factory=SystemEntropy)
    handshakes: Sequence[Handshake] = ()
    api_home: ApiHome = field(default_factory=ApiHome)


class LazyStore:
    """Opens the store once, for whichever thread asks first."""

    def __init__(self, settings: ManagerSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._store: SqlStore | None = None

    def __call__(self) -> SqlStore:
        """The open store; raises `StateError` where it cannot be opened."""
        with self._lock:
            if self._store is None:
                self._store = open_for_writing(self._settings.state, KeySource(self._settings.key))
            return self._store

    def close(self) -> None:
        """Close it; the next call opens it again."""
        with self._lock:
            if self._store is not None:
                self._store.close()
                self._store = None


def http_ports(provider: str, settings: ManagerSettings, transport: HttpTransport) -> ManagerPorts:
    """The ports for a provider's name, with a transport of your choice: it may lead to a stand-in.

    Raises `ConfigError` where there is no such provider, or a definition is wrong.
    """
    definitions = known_definitions(settings.providers)
    if definitions.problems:
        raise ConfigError(definitions.problems)
    if provider not in definitions:
        message = f"there is no provider {quoted(provider)}"
        raise ConfigError((Problem("unknown_provider", message, hint=suggestion(provider, definitions)),))
    definition = definitions[provider]
    store = LazyStore(settings)

    async def aclose() -> None:
        await transport.aclose()
        await asyncio.to_thread(store.close)

    clock = SystemClock()
    return ManagerPorts(
        store=store,
        provider=HttpProvider(definition, transport, clock.now),
        scheme=scheme(definition),
        rules=lambda webhook_type: delivery_rules(definition, webhook_type),
        aclose=aclose,
        clock=clock,
        handshakes=handshakes(definition),
        api_home=definitions.api_home(provider),
    )
