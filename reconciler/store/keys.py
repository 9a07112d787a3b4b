"""Encryption keys: where they come from, how they are named, and what they seal.

AES-256-GCM with a random nonce of 96 bits (NIST SP 800-38D); the identity of the row is bound in as associated data,
so that a ciphertext moved to another row does not open.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from reconciler.core.errors import StateError
from reconciler.core.model import Secret
from reconciler.store import files
from reconciler.store.errors import WrongKeyError

KEY_BYTES = 32
_NONCE_BYTES = 12
_ID_DOMAIN = b"webhook-reconciler/key-id/1\0"
_STAMP_DOMAIN = b"webhook-reconciler/stamp/1\0"
_HEX = re.compile(r"[0-9a-fA-F]{64}")


class Sealed(NamedTuple):
    """A ciphertext, and which key opens it."""

    key_id: str
    nonce: bytes
    ciphertext: bytes


@dataclass(frozen=True, slots=True)
class Key:
    """One key of 32 bytes. `id` names it without telling anything about it; `stamp` is a key of its own, made of it."""

    id: str
    cipher: AESGCM = field(repr=False)
    stamp: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where keys are looked for: `text` (the value of `RECONCILER_KEY`) when it is given, else the key file.

    Without `file` it is the file `key` beside the state file. A key is base64 or hexadecimal of 32 bytes; several are
    separated by commas: the first encrypts, all decrypt. On a `passing` machine files do not outlive the process by
    much, so that no key file is made there for a state that does.
    """

    text: Secret | None = None
    file: Path | None = None
    passing: bool = False

    def beside(self, state: Path) -> KeySource:
        """The same source with the default place of the key file filled in."""
        return self if self.file else replace(self, file=state.with_name("key"))

    @property
    def without_key(self) -> bool:
        """Whether there is no key yet."""
        return not self.text and (self.file is None or not self.file.exists())

    def __str__(self) -> str:
        return "set RECONCILER_KEY" + (f", or put back the key file {self.file}" if self.file else "")


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys at hand: the first seals, all open."""

    keys: tuple[Key, ...] = ()
    source: KeySource = field(default_factory=KeySource)

    def __bool__(self) -> bool:
        return bool(self.keys)

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the keys in their order, each once."""
        return tuple(dict.fromkeys(key.id for key in self.keys))

    def seal(self, plain: bytes, row: str) -> Sealed:
        """Encrypt with the first key, bound to the identity `row`."""
        key = self.keys[0]
        nonce = os.urandom(_NONCE_BYTES)
        return Sealed(key.id, nonce, key.cipher.encrypt(nonce, plain, row.encode()))

    def unseal(self, sealed: Sealed, row: str) -> bytes:
        """Decrypt; raises `StateError` when the key is missing or the ciphertext is not the one of `row`."""
        for key in self.keys:
            if key.id == sealed.key_id:
                try:
                    return key.cipher.decrypt(sealed.nonce, sealed.ciphertext, row.encode())
                except (InvalidTag, ValueError):
                    raise StateError(f"the store is damaged: what it holds for {row} does not decrypt") from None
        raise missing(sealed.key_id, self)


def missing(key_id: str, ring: KeyRing) -> WrongKeyError:
    """The refusal when a store needs a key that is not at hand."""
    have = ", ".join(key.id for key in ring.keys)
    found = f" (found: {have})" if have else ""
    return WrongKeyError(
        f"the encryption key {key_id} of this store is missing{found}: {ring.source}; "
        "a new key is made only together with a new store"
    )


def load(source: KeySource) -> KeyRing:
    """The keys of `source`, or an empty ring where there are none; raises `StateError` for one that is no key."""
    if source.text:
        return KeyRing(_parsed(source.text.reveal(), "RECONCILER_KEY"), source)
    if source.file is None or not source.file.exists():
        return KeyRing((), source)
    files.check_private(source.file, "key file")
    return KeyRing(_parsed(source.file.read_text(encoding="utf-8", errors="replace"), str(source.file)), source)


def load_or_create(source: KeySource) -> KeyRing:
    """The keys of `source`; where there are none, a new key file. For a new, empty store only."""
    ring = load(source)
    if ring or source.file is None:
        return ring
    files.make_folder(source.file.parent)
    files.create_with(source.file, _new() + "\n")
    return load(source)


def put_first(file: Path) -> None:
    """Put a new key in front of those in the key file, which stay; the caller holds the folder's lock."""
    files.replace_with(file, "\n".join([_new(), *_parts(file.read_text(encoding="ascii"))]) + "\n")


def keep_first(file: Path) -> None:
    """Drop all keys of the key file but the first; the caller holds the folder's lock."""
    files.replace_with(file, _parts(file.read_text(encoding="ascii"))[0] + "\n")


def _new() -> str:
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()


def _parts(text: str) -> list[str]:
    return [part for part in re.split(r"[,\s]+", text) if part]


def _parsed(text: str, origin: str) -> tuple[Key, ...]:
    parts = _parts(text)
    if not parts:
        raise StateError(f"{origin} holds no key: expected base64 or hexadecimal of {KEY_BYTES} bytes")
    return tuple(_key(part, f"key {number} of {origin}") for number, part in enumerate(parts, 1))


def _key(text: str, origin: str) -> Key:
    raw = _bytes(text)
    if len(raw) != KEY_BYTES:
        raise StateError(f"{origin} is no key: expected base64 or hexadecimal of {KEY_BYTES} bytes")
    stamp = hmac.digest(raw, _STAMP_DOMAIN, "sha256")
    return Key(hashlib.sha256(_ID_DOMAIN + raw).hexdigest()[:8], AESGCM(raw), stamp)


def _bytes(text: str) -> bytes:
    if _HEX.fullmatch(text):
        return bytes.fromhex(text)
    standard = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""
