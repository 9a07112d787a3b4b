"""What is kept beside a state without being a part of it: stamped with its key, and good for one standing of its file.

Light on purpose: nothing here loads the database library.
"""

from __future__ import annotations

import hashlib
import hmac
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from reconciler.core.errors import StateError
from reconciler.store import keys
from reconciler.store.keys import KeySource

_SCHEME = "sqlite:///"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_COARSEST_SECONDS = 2.0
"""The coarsest times that file systems keep: a file that changed so recently may change again and look the same."""

DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class Stamp:
    """A keyed digest (BLAKE2b, RFC 7693): whoever lacks the encryption key can neither make one nor learn from one.

    `keys` names the keys at hand, in their order.
    """

    keys: tuple[str, ...]
    _secret: bytes = field(repr=False)

    def of(self, data: bytes) -> str:
        """32 hexadecimal digits."""
        return hashlib.blake2b(data, digest_size=DIGEST_BYTES, key=self._secret).hexdigest()

    def fits(self, data: bytes, digest: str) -> bool:
        """Whether `digest` is that of `data`."""
        return hmac.compare_digest(self.of(data).encode(), digest.encode("utf-8", "surrogatepass"))


def stamp_of(source: KeySource) -> Stamp | None:
    """The stamp of the key that seals; None where there is no key, or one that cannot be used."""
    try:
        ring = keys.load(source)
    except (StateError, OSError):
        return None
    return Stamp(ring.ids, ring.keys[0].stamp) if ring else None


class Standing(NamedTuple):
    """An SQLite file that nobody is writing to: as long as this stays the same, so does everything in it."""

    device: int
    inode: int
    size: int
    modified: int
    changed: int

    def settled(self, now: float) -> bool:
        """Whether the file has been left alone for long enough for the next change to show; `now` in UNIX seconds."""
        return max(self.modified, self.changed) / 1e9 + _COARSEST_SECONDS <= now


def standing_of(url: str) -> Standing | None:
    """How the file of a state URL stands.

    None where there is none, somebody may be writing to it (SQLite then keeps a file beside it), others can touch it,
    or the state is no file.
    """
    if not url.startswith(_SCHEME):
        return None
    path = Path(url.removeprefix(_SCHEME))
    try:
        if any(path.with_name(path.name + ending).exists() for ending in ("-wal", "-journal", "-shm")):
            return None
        found = path.stat()
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode) or found.st_mode & _OTHERS or not found.st_size:
        return None
    return Standing(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
