"""The store that is not there: what a dry run in a fresh project reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType, TracebackType
from typing import NoReturn, Self

from reconciler.core.errors import StateError
from reconciler.core.model import Orphan, Recorded, Secret
from reconciler.core.ports import Clock, Entry, Lease, Response, Write
from reconciler.store.meta import passing_fingerprints


class NoResponses:
    """A `core.ports.ResponseCache` that keeps nothing."""

    def get(self, key: str) -> Response | None:
        return None

    def put(self, key: str, response: Response) -> None:
        """Nothing is kept."""


_NO_SLOTS: Mapping[str, tuple[str, str]] = MappingProxyType({})


class EmptyStore:
    """A store without records. `exists` is False, so that its caller says so; whatever would write is refused."""

    exists = False

    def __init__(self, location: str, called: str) -> None:
        self._location = location
        self._called = called
        self._fingerprints = passing_fingerprints()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Nothing to let go of."""

    @property
    def location(self) -> str:
        """Where this state would be, for people."""
        return self._location

    @property
    def called(self) -> str:
        """What messages call it."""
        return self._called

    def scopes(self) -> Sequence[str]:
        """No scope was served yet."""
        return ()

    def records(self, scope: str) -> Sequence[Recorded]:
        return ()

    def count(self, scope: str) -> int:
        return 0

    def record(self, scope: str, webhook_id: str) -> Recorded | None:
        return None

    def known_ids(self, webhook_ids: Iterable[str]) -> frozenset[str]:
        return frozenset()

    def slots(self) -> Mapping[str, tuple[str, str]]:
        return _NO_SLOTS

    def base_urls(self, scope: str) -> frozenset[str]:
        return frozenset()

    def secrets(self, webhook_id: str) -> tuple[Secret, ...]:
        return ()

    def capture(self, scope: str, webhook_id: str, secret: Secret) -> bool:
        """Nothing is being registered."""
        return False

    def fingerprint(self, secret: Secret) -> str:
        return self._fingerprints.of(secret)

    def orphans(self, scope: str) -> Sequence[Orphan]:
        return ()

    def history(self, scope: str, webhook_id: str = "") -> Iterator[Entry]:
        return iter(())

    def logged_ids(self, scope: str, beginning: str) -> Sequence[str]:
        """Nothing was done yet."""
        return ()

    def lease(self, scope: str) -> Lease | None:
        """Nobody holds anything."""
        return None

    def responses(self, clock: Clock) -> NoResponses:
        """A cache that keeps nothing."""
        return NoResponses()

    def write(self, lease: Lease, writes: Sequence[Write], entries: Sequence[Entry] = ()) -> None:
        self.refuse()

    def delete(
        self, lease: Lease, webhook_id: str, orphans: Sequence[Orphan] = (), entries: Sequence[Entry] = ()
    ) -> None:
        self.refuse()

    def add_orphan(self, lease: Lease, orphan: Orphan) -> None:
        self.refuse()

    def remove_orphan(self, lease: Lease, orphan_id: str, entries: Sequence[Entry] = ()) -> None:
        self.refuse()

    def binding(self, scope: str) -> str:
        return ""

    def bind(self, scope: str, binding: str, base_url: str = "") -> None:
        self.refuse()

    def acquire(self, scope: str, holder: str, now: float, seconds: float) -> Lease | None:
        self.refuse()

    def renew(self, lease: Lease, now: float, seconds: float) -> Lease:
        self.refuse()

    def release(self, lease: Lease) -> None:
        self.refuse()

    def serial(self, scope: str) -> int:
        """No pass was made yet."""
        return 0

    def applied_at(self, scope: str, digest: str, serial: int) -> float | None:
        """No plan was applied yet."""
        return None

    def mark_applied(self, scope: str, digest: str, serial: int, now: float) -> bool:
        """Nothing can be recorded."""
        self.refuse()

    def refuse(self) -> NoReturn:
        """Nothing can be written here. Raises `StateError`."""
        raise StateError(f"there is no {self._called}, and it is open for reading only")
