"""What a pass works with: opened to write, or to read only, and closed again."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from reconciler.core.model import Desired, Secret
from reconciler.core.ports import Clock, Entropy, Progress, Provider, ResponseCache
from reconciler.documents.packaged import program_version
from reconciler.engine.context import Ports, Scope, Secrets
from reconciler.engine.reconciler import Reconciler, require_base_url
from reconciler.manifests.project import Project
from reconciler.providers.client import HttpTransport
from reconciler.providers.definition_files import ApiDefinitions
from reconciler.providers.http import HttpProvider
from reconciler.providers.transport import Transport
from reconciler.settings.credentials import DeclaredCredentials
from reconciler.store.empty import EmptyStore
from reconciler.store.keys import KeySource
from reconciler.store.opening import open_existing, open_for_reading, open_for_writing
from reconciler.store.sql import SqlStore
from reconciler.system import SystemClock, SystemEntropy
from reconciler.wiring.actor import present_actor
from reconciler.wiring.announcing import announce_records
from reconciler.wiring.binding import origin_of
from reconciler.wiring.loading import Loaded
from reconciler.wiring.progress import worded


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """An open project: the engine, what it is to make true, and where it is recorded."""

    reconciler: Reconciler
    ports: Ports
    scope: Scope
    store: SqlStore | EmptyStore
    desired: Sequence[Desired]
    supplied: Secrets


@asynccontextmanager
async def writing(loaded: Loaded, progress: Progress, lock_timeout: float) -> AsyncIterator[Session]:
    """A session that may change things: the store is made where there is none, and migrated where it is old.

    Raises `MissingConfigError` without a base URL, before anything is made, and `StateError`.
    """
    project = loaded.project
    require_base_url(project.base_url)
    store = await asyncio.to_thread(open_for_writing, project.state, key_source(project))
    async with _session(loaded, store, progress, lock_timeout) as session:
        yield session


@asynccontextmanager
async def amending(loaded: Loaded, progress: Progress, lock_timeout: float) -> AsyncIterator[Session]:
    """The same for work that makes sense only where there is a store. Raises `StateError` where there is none."""
    require_base_url(loaded.project.base_url)
    store = await asyncio.to_thread(open_existing, loaded.project.state, key_source(loaded.project))
    async with _session(loaded, store, progress, lock_timeout) as session:
        yield session


@asynccontextmanager
async def reading(loaded: Loaded, progress: Progress) -> AsyncIterator[Session]:
    """A session that changes nothing: no store, key, lock or migration is made. Without a store, an empty one."""
    store = await asyncio.to_thread(open_for_reading, loaded.project.state, key_source(loaded.project))
    async with _session(loaded, store, progress, lock_timeout=0.0) as session:
        yield session


def key_source(project: Project) -> KeySource:
    """Where the encryption key of a project's store is looked for."""
    return KeySource(project.settings.key, project.key_file, project.settings.pipeline)


def announce(store: SqlStore | EmptyStore, scope: str, progress: Progress) -> None:
    """Say which state is used, and how much it holds."""
    if store.exists:
        remark = "" if store.scopes() else " (the state is new)"
        announce_records(store.location, store.count(scope), scope, progress, remark)
        if isinstance(store, SqlStore) and store.made_key:
            message = (
                f"the encryption key of this state was made, and is nowhere but in {store.made_key}: save it now, and "
                "give it to every other machine in RECONCILER_KEY; without it the recorded secrets are lost"
            )
            progress("key_made", level="warning", message=message, key_file=str(store.made_key))
    else:
        message = f"there is no state at {store.location}: everything is looked at as if nothing had been recorded"
        progress("state", level="warning", message=message, state=store.location, scope=scope, records=0)


@asynccontextmanager
async def _session(
    loaded: Loaded, store: SqlStore | EmptyStore, progress: Progress, lock_timeout: float
) -> AsyncIterator[Session]:
    project, entropy = loaded.project, SystemEntropy()
    try:
        await asyncio.to_thread(announce, store, project.scope, progress)
        origin = await asyncio.to_thread(origin_of, project.files[0])
        actor = await asyncio.to_thread(present_actor)
        scope = Scope(
            name=project.scope,
            base_url=project.base_url or "",
            catalogue=loaded.definitions.traits,
            binding=origin.binding,
            holder=holder_of(entropy),
            actor=actor.user,
            host=actor.host,
            default_user=project.default_user,
            limits=project.limits,
            commit=origin.commit,
            tool_version=program_version(),
            lock_timeout=lock_timeout,
        )
        async with HttpTransport() as transport:
            clock = SystemClock()
            ports = Ports(
                store=store,
                providers=_Providers(loaded.definitions, transport, clock, store.responses(clock)),
                credentials=_credentials(loaded),
                clock=clock,
                entropy=entropy,
                progress=worded(progress, project.default_user),
            )
            desired, supplied = _supplied(loaded, store)
            yield Session(
                reconciler=Reconciler(ports, scope),
                ports=ports,
                scope=scope,
                store=store,
                desired=desired,
                supplied=supplied,
            )
    finally:
        await asyncio.to_thread(store.close)


class _Providers(Mapping[str, Provider]):
    """Providers by name, each made when it is first asked for."""

    def __init__(
        self, definitions: ApiDefinitions, transport: Transport, clock: Clock, responses: ResponseCache
    ) -> None:
        self._definitions = definitions
        self._transport = transport
        self._clock = clock
        self._responses = responses
        self._made: dict[str, Provider] = {}

    def __getitem__(self, name: str) -> Provider:
        if name not in self._made:
            definition = self._definitions[name]
            self._made[name] = HttpProvider(definition, self._transport, self._clock.now, self._responses)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._definitions)

    def __len__(self) -> int:
        return len(self._definitions)


def _credentials(loaded: Loaded) -> DeclaredCredentials:
    project = loaded.project
    return DeclaredCredentials(
        declarations=project.credentials,
        reader=project.secrets,
        allowed_hosts=project.settings.allowed_hosts,
        api_homes=loaded.definitions.api_home,
    )


def _supplied(loaded: Loaded, store: SqlStore | EmptyStore) -> tuple[Sequence[Desired], Secrets]:
    """The wishes with the fingerprints of this store, and the secrets that users supplied, by those.

    The files were read, and found to be valid, before the store was opened: until then a stand-in names each secret.
    """
    fingerprints = {name: store.fingerprint(secret) for name, secret in loaded.secrets.items()}
    desired = [replace(wish, secret=fingerprints[wish.secret]) if wish.secret else wish for wish in loaded.desired]
    supplied: dict[str, Secret] = {fingerprints[name]: secret for name, secret in loaded.secrets.items()}
    return desired, supplied


def holder_of(entropy: Entropy) -> str:
    """Who holds a lease, for people: machine, process, and something that no other run has."""
    return f"{socket.gethostname()}:{os.getpid()}:{entropy.webhook_id()[:8]}"
