"""The ingress of a project: its webhooks from the store, its vendors from the definitions, its fetches over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from reconciler.core.errors import ConfigError, ProviderError
from reconciler.core.model import Recorded, Secret
from reconciler.core.ports import Clock, CredentialStore, Progress
from reconciler.documents.nearest import suggestion
from reconciler.ingress.ports import Fetch, Found, Kind, Ordered, Ports, Vendor, never_ordered, nothing_to_do
from reconciler.manifests.project import Project
from reconciler.providers.catalogue import Definitions, known_definitions
from reconciler.providers.client import HttpTransport
from reconciler.providers.definition import Definition
from reconciler.providers.delivered import delivery_rules, handshakes, refusal, scheme
from reconciler.providers.guarded import GuardedTransport, Leave, Resolve
from reconciler.providers.requests import Requests
from reconciler.providers.traits import provider_traits
from reconciler.providers.transport import Call, OversizedReplyError, Transport, TransportError
from reconciler.settings.credentials import DeclaredCredentials
from reconciler.settings.urls import host
from reconciler.store.inboxes import inbox_of
from reconciler.store.opening import open_existing
from reconciler.store.sql import SqlStore
from reconciler.system import SystemClock, SystemEntropy
from reconciler.verify.kinds import Unverified
from reconciler.verify.request import Fetched, Need
from reconciler.wiring.inputs import Inputs
from reconciler.wiring.loading import load_project_of
from reconciler.wiring.session import announce, key_source


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A project that is open for its ingress."""

    project: Project
    store: SqlStore
    vendors: Mapping[str, Vendor]
    webhooks: StoredWebhooks
    fetch: Fetch
    progress: Progress

    @property
    def prefix(self) -> str:
        """What stands before `/webhooks` in the project's ingress URLs: the path of its base URL."""
        return _path(self.project.base_url or "")

    def former(self) -> tuple[str, ...]:
        """The same of the other base URLs that webhooks of these scopes were ever registered under.

        Raises `StateError`.
        """
        known = {_path(url) for scope in self.webhooks.scopes for url in self.store.base_urls(scope)}
        return tuple(sorted(known - {self.prefix}))

    def ports(self, wake: Callable[[], None] = nothing_to_do, ordered: Ordered = never_ordered) -> Ports:
        """What the ingress application needs; `wake` and `ordered` are the dispatcher's."""
        return Ports(
            webhooks=self.webhooks,
            vendors=self.vendors,
            inbox=inbox_of(self.store),
            fetch=self.fetch,
            clock=SystemClock(),
            entropy=SystemEntropy(),
            progress=self.progress,
            wake=wake,
            ordered=ordered,
        )


def _path(base_url: str) -> str:
    return urlsplit(base_url).path.rstrip("/")


@asynccontextmanager
async def open_ingress(inputs: Inputs, progress: Progress, also: Iterable[str] = ()) -> AsyncIterator[Opened]:
    """Open a project's state for its ingress; none is made where none is. The manifests are not read.

    `also` are further scopes of the same state, such as that of a platform's `WebhookManager`. Raises `ConfigError` and
    `StateError`.
    """
    project, also = load_project_of(inputs), tuple(also)
    definitions = known_definitions(project.providers)
    if problems := definitions.check():
        raise ConfigError(problems)
    vendors = vendors_of(definitions, project.allow_unverified)
    store = await asyncio.to_thread(open_existing, project.state, key_source(project))
    try:
        await asyncio.to_thread(announce, store, project.scope, progress)
        await asyncio.to_thread(_warn_of_unknown, store, also, progress)
        credentials = DeclaredCredentials(
            declarations=project.credentials,
            reader=project.secrets,
            allowed_hosts=project.settings.allowed_hosts,
            api_homes=definitions.api_home,
        )
        async with HttpTransport() as transport:
            yield Opened(
                project=project,
                store=store,
                vendors=vendors,
                webhooks=StoredWebhooks(store, (project.scope, *also)),
                fetch=HttpFetch(
                    transport,
                    Outbound(transport, definitions.comes_with_us, project.settings.allowed_hosts),
                    definitions,
                    credentials,
                    SystemClock(),
                ),
                progress=progress,
            )
    finally:
        await asyncio.to_thread(store.close)


def _warn_of_unknown(store: SqlStore, scopes: tuple[str, ...], progress: Progress) -> None:
    """A scope may be served before its first pass; more often it is a slip, and all its deliveries would be refused."""
    known = store.scopes()
    for scope in scopes:
        if scope not in known:
            message = f"--also-scope {scope}: nothing was ever recorded in it ({suggestion(scope, known)})"
            progress("scope_unknown", level="warning", message=message, scope=scope)


def vendors_of(definitions: Definitions, allow_unverified: frozenset[str]) -> Mapping[str, Vendor]:
    """All vendors, loaded at once, so that no request waits for a file.

    Without those whose deliveries carry no proof, unless the project allows that: they are refused as nobody's.
    """
    found = {name: vendor_of(definitions[name]) for name in definitions}
    return {
        name: vendor
        for name, vendor in found.items()
        if not isinstance(vendor.scheme, Unverified) or name in allow_unverified
    }


def vendor_of(definition: Definition) -> Vendor:
    """A provider as the ingress sees it."""
    types = provider_traits(definition).types
    return Vendor(
        name=definition.name,
        scheme=scheme(definition),
        kinds={name: Kind(rules=delivery_rules(definition, name), events=kind.events) for name, kind in types.items()},
        handshakes=handshakes(definition),
        refusal=refusal(definition),
        accepted=definition.delivery.accepted,
        max_body=definition.delivery.max_body,
    )


class StoredWebhooks:
    """The webhooks of some scopes of a store."""

    def __init__(self, store: SqlStore, scopes: tuple[str, ...]) -> None:
        self.scopes = scopes
        self._store = store

    def find(self, webhook_id: str) -> Found | None:
        """The webhook in the first of the scopes that has it, with its secrets."""
        for scope in self.scopes:
            record = self._store.record(scope, webhook_id)
            if record is not None:
                return Found(scope=scope, record=record, secrets=self._store.secrets(webhook_id))
        return None

    def capture(self, found: Found, secret: Secret) -> bool:
        """Keep the secret that a provider told."""
        return self._store.capture(found.scope, found.record.id, secret)


class Outbound:
    """The way to what a definition names, such as its keys.

    What a project brought along must not reach into the operator's network: there the address is checked and pinned,
    but for hosts that the operator allows.
    """

    def __init__(
        self,
        transport: Transport,
        trusted: Callable[[str], bool],
        allowed: frozenset[str],
        resolve: Resolve | None = None,
    ) -> None:
        self._transport = transport
        self._trusted = trusted
        self._allowed = allowed
        self._public = GuardedTransport(transport, Leave(), resolve=resolve)
        self._anywhere = GuardedTransport(transport, Leave(internal=True, loopback=True), resolve=resolve)

    def __call__(self, provider: str, url: str) -> Transport:
        """What sends to `url` for the definition of `provider`."""
        if self._trusted(provider):
            return self._transport
        return self._anywhere if host(url) in self._allowed else self._public


class HttpFetch:
    """Makes the calls that needs ask for: https only, no redirects, to the host that the definition names."""

    def __init__(
        self,
        transport: Transport,
        outbound: Callable[[str, str], Transport],
        definitions: Mapping[str, Definition],
        credentials: CredentialStore,
        clock: Clock,
    ) -> None:
        self._transport = transport
        self._outbound = outbound
        self._definitions = definitions
        self._credentials = credentials
        self._clock = clock

    async def __call__(self, need: Need, record: Recorded, /) -> Fetched:
        try:
            call = self._api_call(need, record) if need.of_api else _plain_call(need)
            way = self._transport if need.of_api else self._outbound(record.key.provider, need.url)
            reply = await way.send(call) if call is not None else None
        except (TransportError, OversizedReplyError, ProviderError, ConfigError):
            reply = None
        if reply is None:
            return Fetched(status=0)
        return Fetched(status=reply.status, body=reply.body, at=self._clock.now())

    def _api_call(self, need: Need, record: Recorded) -> Call | None:
        """A call to the provider's API, with the credentials of the webhook; None where it has none."""
        credentials = self._credentials.get(record.key.credentials)
        if credentials is None:
            return None
        requests = Requests(self._definitions[record.key.provider])
        headers = requests.headers(requests.token(credentials), {"Content-Type": need.media_type})
        return Call(method=need.method, url=requests.root(credentials) + need.url, headers=headers, body=need.body)


def _plain_call(need: Need) -> Call | None:
    """A call to what the scheme names; None for anything but https at the usual port."""
    parts = urlsplit(need.url)
    if parts.scheme != "https" or parts.username is not None or parts.port not in {None, 443}:
        return None
    return Call(method=need.method, url=need.url, body=need.body)
