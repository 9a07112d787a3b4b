"""A provider in memory: the smallest complete implementation of the port, and the engine's stand-in in tests."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from reconciler.core.errors import ErrorKind, TerminalError
from reconciler.core.model import Observed, ProviderTraits, Secret, SecretOrigin, TypeTraits
from reconciler.core.ports import Answer, Budget, Credentials, Missed, Rebuilt, Registration, Target

_ANSWERED: Final = frozenset({SecretOrigin.RESPONSE, SecretOrigin.FETCH})
_MINTED: Final = _ANSWERED | {SecretOrigin.HANDSHAKE}

Fault = Callable[[str, Target], None]
"""Called before a verb is carried out, with its name; raises what the provider shall answer instead."""


@dataclass(slots=True)
class Held:
    """An object as the provider has it, with the secret that it would never show."""

    observed: Observed
    secret: Secret | None


Objects = list[Held]


def _never() -> float | None:
    return None


async def _nobody(_webhook_id: str, _secret: Secret) -> bool:
    return False


@dataclass
class MemoryProvider:
    """Keeps webhooks per (credentials' account, type, resource).

    `before` and `after` are asked around each verb and may raise: an error raised by `after` is an answer that was
    lost, for the verb has taken effect. `calls` logs the verbs; `accounts` maps credentials to the account that they
    see, which is their own name unless said otherwise. `lease_end` says until when a webhook made or renewed now lives.
    `naming` gives the id of a new object where the caller chooses it, and then a create of one that is there overwrites
    it, as such vendors do. `lacking` maps credentials to the permission that they lack, `budgets` to what is left of
    their rate limit; `checked` logs the credentials whose permission was asked for.

    Where the provider tells its secret by a handshake, `handshake` is the receiver: it is told the webhook's id and a
    secret while a create is carried out, and returns whether it took it; where it did not, nothing is made.

    `log` has the tries at deliveries by the object's id, newest first, and `held` what each delivery held, by the id of
    the try; `asked` logs the tries that were to be sent again.
    """

    traits: ProviderTraits
    lease_end: Callable[[], float | None] = _never
    before: Fault | None = None
    after: Fault | None = None
    accounts: dict[str, str] = field(default_factory=dict)
    lacking: dict[str, str] = field(default_factory=dict)
    budgets: dict[str, Budget] = field(default_factory=dict)
    checked: list[str] = field(default_factory=list)
    log: dict[str, list[Missed]] = field(default_factory=dict)
    held: dict[str, Rebuilt] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    naming: Callable[[Registration], str] | None = None
    handshake: Callable[[str, Secret], Awaitable[bool]] = _nobody
    calls: list[tuple[str, str]] = field(default_factory=list)
    objects: dict[tuple[str, str, str], dict[str, Held]] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def slot(self, credentials: Credentials) -> str:
        slotted = any(kind.slot for kind in self.traits.types.values())
        return f"{self.traits.name}/{self._account(credentials)}" if slotted else ""

    async def list(self, target: Target) -> tuple[Observed, ...]:
        self._begin("list", target)
        found = tuple(held.observed for held in self._place(target).values())
        self._end("list", target)
        return found

    async def create(self, target: Target, registration: Registration) -> Answer:
        self._begin("create", target)
        kind = self.traits.types[target.type]
        remote_id = self._named(kind, registration)
        secret = await self._secret(remote_id, registration)
        observed = replace(_observed(remote_id, registration), lease_expires_at=self.lease_end())
        self._place(target)[remote_id] = Held(observed, secret)
        self._end("create", target)
        told = secret if self.traits.secret_origin in _ANSWERED else None
        return Answer(remote_id=remote_id, secret=told, lease_expires_at=observed.lease_expires_at)

    async def update(self, target: Target, remote_id: str, registration: Registration) -> Answer:
        self._begin("update", target)
        held = self._held(target, remote_id)
        end = held.observed.lease_expires_at
        held.observed = replace(_observed(remote_id, registration), lease_expires_at=end)
        told = None
        if self.traits.secret_origin is SecretOrigin.CALLER:
            held.secret = registration.secret or held.secret
        elif self.traits.secret_origin is SecretOrigin.FETCH:
            told = held.secret = held.secret or Secret(f"minted-{remote_id}")
        self._end("update", target)
        return Answer(remote_id=remote_id, secret=told, lease_expires_at=end)

    async def renew(self, target: Target, remote_id: str, registration: Registration) -> Answer:
        self._begin("renew", target)
        held = self._held(target, remote_id)
        end = self.lease_end()
        held.observed = replace(held.observed, lease_expires_at=end)
        self._end("renew", target)
        return Answer(remote_id=remote_id, lease_expires_at=end)

    async def delete(self, target: Target, remote_id: str) -> None:
        self._begin("delete", target)
        self._held(target, remote_id)
        del self._place(target)[remote_id]
        self._end("delete", target)

    async def ping(self, target: Target, remote_id: str) -> None:
        self._begin("ping", target)
        self._held(target, remote_id)
        self._end("ping", target)

    async def missed(self, target: Target, remote_id: str, since: float) -> tuple[Missed, ...]:
        self._begin("missed", target)
        return tuple(item for item in self.log.get(remote_id, ()) if item.at is None or item.at >= since)

    async def redeliver(self, target: Target, remote_id: str, missed_id: str) -> None:
        self._begin("redeliver", target)
        self._tried(remote_id, missed_id)
        self.asked.append(missed_id)
        self._end("redeliver", target)

    async def fetch(self, target: Target, remote_id: str, missed_id: str) -> Rebuilt:
        self._begin("fetch", target)
        self._tried(remote_id, missed_id)
        return self.held[missed_id]

    async def missing_permission(self, target: Target) -> str:
        self.checked.append(target.credentials.name)
        if self.before:
            self.before("missing_permission", target)
        return self.lacking.get(target.credentials.name, "")

    def budget(self, credentials: Credentials) -> Budget | None:
        return self.budgets.get(credentials.name)

    def edit(self, remote_id: str, **changes: object) -> None:
        """Change an object behind the reconciler's back."""
        for place in self.objects.values():
            if held := place.get(remote_id):
                held.observed = replace(held.observed, **changes)  # type: ignore[arg-type]  # fields by name, from tests

    def everything(self) -> Objects:
        """All objects, in any place."""
        return [held for place in self.objects.values() for held in place.values()]

    def _named(self, kind: TypeTraits, registration: Registration) -> str:
        if self.naming:
            return self.naming(registration)
        return "slot" if kind.slot else str(next(self._numbers))

    async def _secret(self, remote_id: str, registration: Registration) -> Secret | None:
        """The secret of a new object: ours, or one that the provider makes."""
        origin, minted = self.traits.secret_origin, Secret(f"minted-{remote_id}")
        if origin is SecretOrigin.HANDSHAKE and not await self.handshake(registration.webhook_id, minted):
            raise TerminalError("the receiver did not take the secret", kind=ErrorKind.INVALID)
        return minted if origin in _MINTED else registration.secret

    def _account(self, credentials: Credentials) -> str:
        return self.accounts.get(credentials.name, credentials.name)

    def _place(self, target: Target) -> dict[str, Held]:
        key = (self._account(target.credentials), target.type, target.resource)
        return self.objects.setdefault(key, {})

    def _held(self, target: Target, remote_id: str) -> Held:
        if not remote_id:
            raise TerminalError("an operation needs an id", kind=ErrorKind.INVALID)
        if held := self._place(target).get(remote_id):
            return held
        raise TerminalError(f"no object {remote_id}", kind=ErrorKind.NOT_FOUND)

    def _tried(self, remote_id: str, missed_id: str) -> None:
        if missed_id not in {item.id for item in self.log.get(remote_id, ())}:
            raise TerminalError(f"no delivery {missed_id}", kind=ErrorKind.NOT_FOUND)

    def _begin(self, verb: str, target: Target) -> None:
        self.calls.append((verb, target.resource))
        if self.before:
            self.before(verb, target)

    def _end(self, verb: str, target: Target) -> None:
        if self.after:
            self.after(verb, target)


def _observed(remote_id: str, registration: Registration) -> Observed:
    return Observed(
        remote_id=remote_id,
        url=registration.url,
        events=registration.events,
        active=True,
        options=registration.options,
    )
