"""`WebhookManager`: the operations that a platform calls when someone activates a graph or a preset in its UI."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from reconciler.core.capture import may_be_told
from reconciler.core.errors import BlockedError, ConfigError, MissingConfigError, Problem
from reconciler.core.ingress_url import ingress_url
from reconciler.core.model import Desired, Json, Phase, Recorded, Relation, Secret
from reconciler.core.pairing import LIVE
from reconciler.core.ports import Credentials, Store, Write
from reconciler.engine.context import Ports, Scope
from reconciler.engine.leasing import Holding
from reconciler.engine.points import Point
from reconciler.engine.reconciler import Reconciler
from reconciler.engine.unit import Unit
from reconciler.manager import wishes
from reconciler.manager.errors import VerificationError, WebhookNotFoundError
from reconciler.manager.given import Given, checked
from reconciler.manager.incoming import IncomingRequest, received
from reconciler.manager.ports import ManagerPorts, http_ports
from reconciler.manager.records import BINDING, Records
from reconciler.manager.settings import ManagerSettings
from reconciler.manager.webhook import TriggeredNode, TriggeredPreset, Webhook, dispatched, public
from reconciler.manager.wishes import Ask
from reconciler.providers.client import HttpTransport
from reconciler.verify.delivery import read_delivery
from reconciler.verify.handshakes import HandshakeReply, answer
from reconciler.verify.request import Facts
from reconciler.verify.schemes import Unverified, secret_problem, verify


@dataclass(frozen=True, slots=True, kw_only=True)
class _Writing:
    """What a call has in hand while it may write."""

    reconciler: Reconciler
    holding: Holding
    unit: Unit


class WebhookManager:
    """The webhooks of one provider, asked for by code.

    It works on the same engine and store as `reconcile`, in a scope of its own. `provider` is a provider's name;
    `settings` come from the environment when they are not given. Nothing is opened before it is needed; close the
    manager with `aclose`, or use it with `async with`. Any number of managers, in any number of processes, may work on
    one store. In a project's scope it can read and verify, but not write (`ScopeBoundError`). Raises `ConfigError` for
    a provider that does not exist.

    Every method may raise `StateError` (the store), `LockedError` (others kept writing) and, where the provider is
    called, `ProviderError` and `BlockedError`; repeating a call that failed never makes a second webhook.
    """

    def __init__(self, provider: str, settings: ManagerSettings | None = None) -> None:
        settings = settings or ManagerSettings.from_environment()
        self._begin(settings, http_ports(provider, settings, HttpTransport()))

    @classmethod
    def with_ports(cls, settings: ManagerSettings, ports: ManagerPorts) -> Self:
        """A manager with an outside of your choice: a stand-in of the provider, a store in memory, another clock."""
        manager = cls.__new__(cls)
        cls._begin(manager, settings, ports)
        return manager

    def _begin(self, settings: ManagerSettings, ports: ManagerPorts) -> None:
        self._settings = settings.checked()
        self._ports = ports
        self._traits = ports.provider.traits
        self._records = Records(ports, self._settings.scope)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close connections and the store."""
        await self._ports.aclose()

    @property
    def provider(self) -> str:
        """The provider's name."""
        return self._traits.name

    async def get_suitable_auto_webhook(
        self,
        user_id: str,
        credentials: Credentials,
        webhook_type: str,
        resource: str,
        events: Iterable[str],
    ) -> Webhook:
        """The webhook of a user for a resource with at least these events, registered at the provider.

        One that lacks events is widened to the union, with its id and URL; one whose lease ends soon is renewed; where
        there is none, one is created. It is not attached to anything yet. Raises, before any call or write, `TypeError`
        without credentials, `MissingConfigError` without a base URL, and `ConfigError` for a type, resource or event
        that does not exist.
        """
        name = self._checked(credentials).name
        ask = Ask(user_id=user_id, webhook_type=webhook_type, events=events, resource=resource)
        wish = wishes.auto(self._traits, ask, name)
        self._require_settings()
        if record := self._suitable(await self._records.of_key(wish.key), wish):
            return public(record)
        async with self._writing(credentials) as at:
            records = await self._records.of_key(wish.key)
            if record := self._suitable(records, wish):
                return public(record)
            events_of_type = self._traits.types[wish.key.type].events
            return await self._ensured(at, wishes.widened(wish, wishes.kept(records), events_of_type), records)

    async def get_manual_webhook(
        self,
        user_id: str,
        webhook_type: str,
        events: Iterable[str],
        graph_id: str | None = None,
        preset_id: str | None = None,
    ) -> Webhook:
        """The webhook whose URL a person pastes at the vendor, for one graph or preset, which is attached to it.

        It is created where there is none, and a pruned one comes back; either way its id and URL never change. Its
        events become these. Raises `TypeError` unless exactly one of `graph_id` and `preset_id` is given,
        `MissingConfigError` without a base URL, and `ConfigError` for a type or event that does not exist.
        """
        subscriber = wishes.subscriber_of(graph_id, preset_id)
        ask = Ask(user_id=user_id, webhook_type=webhook_type, events=events)
        wish = wishes.manual(self._traits, ask, subscriber)
        self._require_settings()
        records = await self._records.of_key(wish.key)
        if (record := wishes.live_of(records)) and _same(record, wish) and self._is_current(record):
            return public(record)
        async with self._writing(None) as at:
            records = await self._records.of_key(wish.key)
            if record := wishes.kept(records):
                relations = wishes.attached(record.relations, wish.relations[0])
                wish = replace(wish, relations=relations, options=record.options, protect=record.protect)
            return await self._ensured(at, wish, records)

    async def attach(
        self,
        webhook_id: str,
        user_id: str,
        graph_id: str | None = None,
        preset_id: str | None = None,
        node_id: str | None = None,
        events: Iterable[str] | None = None,
    ) -> Webhook:
        """Have a webhook trigger a graph (at a node, where given) or a preset, on `events` or all it subscribes to.

        Attaching again replaces the events. Raises `TypeError` unless exactly one of `graph_id` and `preset_id` is
        given, `WebhookNotFoundError`, `ForeignWebhookError`, and `ConfigError` for events that it does not get.
        """
        subscriber = wishes.subscriber_of(graph_id, preset_id)
        if preset_id and node_id:
            raise TypeError("a preset has no nodes: leave node_id out")
        new = Relation(subscriber, node_id or "", wishes.event_names(events))
        async with self._writing(None) as at:
            record = await self._records.owned(webhook_id, user_id)
            if record.phase not in LIVE:
                raise WebhookNotFoundError(f"webhook {webhook_id} is being removed: ask for a suitable one again")
            relation = wishes.relation_to(record, new, self._traits)
            return await _related(at, record, wishes.attached(record.relations, relation))

    async def detach(
        self,
        webhook_id: str,
        user_id: str,
        graph_id: str | None = None,
        preset_id: str | None = None,
        node_id: str | None = None,
    ) -> Webhook:
        """Have a webhook no longer trigger a graph (at one node, or without `node_id` at none at all) or a preset.

        What is not attached is left so. Raises as `attach` does. The webhook stays: see `prune_webhook_if_dangling`.
        """
        subscriber = wishes.subscriber_of(graph_id, preset_id)
        async with self._writing(None) as at:
            record = await self._records.owned(webhook_id, user_id)
            return await _related(at, record, wishes.detached(record.relations, subscriber, node_id))

    async def get(self, webhook_id: str) -> Webhook:
        """A webhook by its id, as the ingress URL holds it; raises `WebhookNotFoundError`."""
        return public(await self._records.found(webhook_id))

    async def prune_webhook_if_dangling(
        self, user_id: str, webhook_id: str, credentials: Credentials | None = None
    ) -> bool:
        """Deregister and delete a webhook unless something triggers on it still: then False, and nothing happens.

        True also where the provider refused or no credentials are given: what is left there is recorded as an orphan.
        A manual webhook keeps its URL for a later `get_manual_webhook`, but takes no deliveries. Raises
        `WebhookNotFoundError` and `ForeignWebhookError`; after a `RetryableError` the call can be repeated.
        """
        if credentials is not None:
            self._checked(credentials)
        async with self._writing(credentials) as at:
            record = await self._records.owned(webhook_id, user_id)
            if record.relations:
                return False
            for each in await self._records.of_key(record.key):
                if each.id == record.id or each.replaced:
                    await at.reconciler.remove(each, at.holding)
        return True

    async def manual_secret(self, webhook_id: str, user_id: str) -> Secret | None:
        """The secret to paste at the vendor beside the URL of a manual webhook; None where the vendor makes it.

        Raises `WebhookNotFoundError`, `ForeignWebhookError`, and `BlockedError` for a registered webhook.
        """
        record = await self._records.owned(webhook_id, user_id)
        store = await self._records.store()
        secrets = await asyncio.to_thread(store.secrets, _manual(record).id)
        return secrets[0] if secrets else None

    async def set_manual_secret(self, webhook_id: str, user_id: str, secret: Secret) -> None:
        """Record the secret that the vendor made for a manual webhook: deliveries are verified with it from now on.

        Raises as `manual_secret` does, and `ConfigError` for an empty secret, or one that is no key of the vendor's.
        """
        if not secret:
            raise ConfigError((Problem("empty_secret", "an empty secret proves nothing"),))
        if wrong := secret_problem(self._ports.scheme, secret):
            raise ConfigError((Problem("secret", f"the secret {wrong}: with it every delivery would be refused"),))
        async with self._writing(None) as at:
            record = _manual(await self._records.owned(webhook_id, user_id))
            record = replace(record, secret=at.unit.fingerprint(secret), updated_at=at.unit.now)
            await at.unit.write(Point.LOCAL, Write(record=record, secret=secret))

    async def validate_payload(
        self,
        webhook: Webhook,
        request: IncomingRequest,
        credentials: Credentials | None = None,
    ) -> tuple[Json, str]:
        """The payload and event type of a genuine delivery.

        The signature is verified with the recorded secrets, and the very bytes that it proves are parsed. Raises
        `VerificationError` where that fails: an absent or empty secret, header or signature is a refusal, as are
        deliveries without proof unless the settings allow them. Raises `DeliveryError` for a genuine delivery that is
        not JSON, or does not say which event it is.
        """
        store, record = await self._records.store(), await self._records.one(webhook.id)
        if record is None or record.phase is Phase.TOMBSTONE:
            raise VerificationError(f"webhook {webhook.id} takes no deliveries")
        if isinstance(self._ports.scheme, Unverified):
            self._require_leave()
        incoming = await received(request, record.url)
        secrets = await asyncio.to_thread(store.secrets, record.id)
        verdict = verify(self._ports.scheme, secrets, incoming, self._ports.clock.now())
        if not verdict:
            raise VerificationError(f"the delivery for webhook {record.id} is refused: {verdict.reason}")
        delivery = read_delivery(self._ports.rules(record.key.type), incoming)
        return delivery.payload, delivery.event

    async def handshake(self, webhook: Webhook, request: IncomingRequest) -> HandshakeReply | None:
        """What to answer where the provider asks whether the receiver is there; None for every other request.

        Some providers ask while they register the webhook, so the receiver must be up before it is asked for; `get`
        gives the webhook then. A secret that is told so is kept before this returns. Give the reply as it is. A request
        that is no handshake, or whose proof does not hold, is for `validate_payload`.
        """
        store, record = await self._records.store(), await self._records.one(webhook.id)
        if record is None or record.phase is Phase.TOMBSTONE:
            return None
        incoming = await received(request, record.url)
        secrets = await asyncio.to_thread(store.secrets, record.id)
        now = self._ports.clock.now()
        facts = Facts(resource=record.resource, capturing=may_be_told(record, bool(secrets), now))
        reply = answer(self._ports.handshakes, self._ports.scheme, secrets, incoming, now, facts)
        told = reply.captured if isinstance(reply, HandshakeReply) else None
        if told and not await asyncio.to_thread(store.capture, self._settings.scope, record.id, told):
            return None
        return reply if isinstance(reply, HandshakeReply) else None

    def triggered_by(self, webhook: Webhook, event_type: str) -> tuple[TriggeredNode | TriggeredPreset, ...]:
        """Those whom a webhook triggers and who asked for this event (`issues` is asked for all of `issues.*`)."""
        return dispatched(webhook, event_type, self._traits.types[webhook.webhook_type].events)

    async def trigger_ping(self, webhook: Webhook, credentials: Credentials) -> None:
        """Have the provider send a test delivery.

        Raises `NotImplementedError` where the provider has no such call, `TypeError` without credentials, and
        `BlockedError` for a webhook that is not registered.
        """
        self._checked(credentials)
        kind = self._traits.types.get(webhook.webhook_type)
        if kind is None or "ping" not in kind.operations:
            raise NotImplementedError(f"{self.provider} cannot be asked for a ping")
        store, record = await self._records.store(), await self._records.found(webhook.id)
        if record.phase is not Phase.REGISTERED:
            raise BlockedError(f"webhook {record.id} is not registered at {self.provider}: nothing can be pinged")
        await self._reconciler(store, credentials).ping(record)

    def webhook_ingress_url(self, provider: str, webhook_id: str) -> str:
        """Where the deliveries of a webhook arrive; raises `MissingConfigError` without a base URL."""
        self._require_base_url()
        return ingress_url(self._settings.base_url, provider, webhook_id)

    def _suitable(self, records: Sequence[Recorded], wish: Desired) -> Recorded | None:
        """The registered record that has all that is wished, at the URL of now, with nothing to finish or renew."""
        record = wishes.live_of(records)
        if record is None or len(records) > 1 or record.phase is not Phase.REGISTERED or not self._is_current(record):
            return None
        kind = self._traits.types[record.key.type]
        end, events = record.lease_expires_at, kind.events
        if end is not None and self._ports.clock.now() >= end - kind.renew_before:
            return None
        return record if wishes.covered(wish.events, record.events, events) else None

    def _is_current(self, record: Recorded) -> bool:
        return record.url == self.webhook_ingress_url(self.provider, record.id)

    # -- writing ------------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _writing(self, credentials: Credentials | None) -> AsyncIterator[_Writing]:
        """Hold the scope's lease."""
        store = await self._records.store()
        reconciler = self._reconciler(store, credentials)
        async with reconciler.holding() as holding:
            await asyncio.to_thread(store.bind, self._settings.scope, BINDING, self._settings.base_url)
            yield _Writing(reconciler=reconciler, holding=holding, unit=reconciler.unit(holding, {}))

    def _reconciler(self, store: Store, credentials: Credentials | None) -> Reconciler:
        """The engine for one call. Its holder is new each time, so calls of one process exclude one another too."""
        ports = Ports(
            store=store,
            providers={self.provider: self._ports.provider},
            credentials=Given(credentials),
            clock=self._ports.clock,
            entropy=self._ports.entropy,
        )
        scope = Scope(
            name=self._settings.scope,
            base_url=self._settings.base_url,
            catalogue={self.provider: self._traits},
            binding=BINDING,
            holder=f"{socket.gethostname()}:{os.getpid()}:{self._ports.entropy.webhook_id()}",
            lock_timeout=self._settings.lock_timeout,
        )
        return Reconciler(ports, scope)

    async def _ensured(self, at: _Writing, wish: Desired, records: Sequence[Recorded]) -> Webhook:
        webhook_id = await at.reconciler.ensure(wish, records, {}, at.holding)
        return public(await self._records.found(webhook_id))

    # -- refusing -----------------------------------------------------------------------------------------------------

    def _require_base_url(self) -> None:
        if not self._settings.base_url:
            raise MissingConfigError("no base URL: set RECONCILER_BASE_URL, or base_url of ManagerSettings")

    def _require_settings(self) -> None:
        """What must be settled before a webhook is made."""
        self._require_base_url()
        if not self._traits.verified and self.provider not in self._settings.allow_unverified:
            message = f"deliveries of {self.provider} carry no proof"
            hint = "name it in allow_unverified of ManagerSettings if anybody may trigger what is attached"
            raise ConfigError((Problem("unverified", message, hint=hint),))

    def _checked(self, credentials: Credentials | None) -> Credentials:
        return checked(credentials, self.provider, self._ports.api_home, self._settings.allowed_hosts)

    def _require_leave(self) -> None:
        if self.provider not in self._settings.allow_unverified:
            raise VerificationError(f"deliveries of {self.provider} carry no proof, and allow_unverified lacks it")


def _same(record: Recorded, wish: Desired) -> bool:
    """Whether a manual record has the events and the subscriber of a wish."""
    return record.events == wish.events and wish.relations[0] in record.relations


def _manual(record: Recorded) -> Recorded:
    if not record.key.manual:
        raise BlockedError(f"webhook {record.id} is registered at {record.key.provider}: its secret stays here")
    return record


async def _related(at: _Writing, record: Recorded, relations: tuple[Relation, ...]) -> Webhook:
    """Write who is dispatched to."""
    if relations != record.relations:
        record = replace(record, relations=relations, updated_at=at.unit.now)
        await at.unit.write(Point.LOCAL, Write(record=record))
    return public(record)
