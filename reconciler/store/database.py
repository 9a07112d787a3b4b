"""What a store asks of its database, whichever that is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")
Work = Callable[[Connection], T]


class Database(Protocol):
    """Transactions as functions: `read` and `write` run `work` inside one; failures come out as `StateError`.

    A read sees one state. Writes of all processes come one after the other, whatever they are about, so that what a
    write looks up stays true until it is committed.
    """

    @property
    def location(self) -> str:
        """Where the state is, for people; never with a password."""
        ...

    @property
    def called(self) -> str:
        """What a message calls it: `state file PATH`, or `state URL`."""
        ...

    @property
    def writable(self) -> bool:
        """Whether `write` does anything but refuse."""
        ...

    def read(self, work: Work[T]) -> T: ...

    def write(self, work: Work[T]) -> T: ...

    def keys_kept(self, key_file: Path | None) -> AbstractContextManager[None]:
        """Hold off every other process of this machine that would make or replace the keys of this store."""
        ...

    def close(self) -> None: ...
