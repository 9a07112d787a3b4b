"""Secrets as the bytes that schemes work with."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from reconciler.core.model import Secret
from reconciler.verify.encodings import Encoding, decode


class KeyEncoding(StrEnum):
    """How a secret's text spells the key."""

    TEXT = "text"
    """The text is the key, in UTF-8."""
    BASE64 = "base64"
    """The text decodes to the key."""
    HEX = "hex"
    """The text decodes to the key."""


def key_bytes(secret: Secret) -> bytes:
    """The secret's UTF-8 bytes; any text has some, so this never raises."""
    return secret.reveal().encode("utf-8", "surrogatepass")


def usable(secrets: Iterable[Secret], encoding: KeyEncoding = KeyEncoding.TEXT, prefix: str = "") -> tuple[bytes, ...]:
    """The keys of all secrets that hold one; one of white space alone is a slip of configuration, and empty.

    A secret that is not in its encoding holds no key. `prefix` is cut off where it is there.
    """
    texts = (key_bytes(secret).removeprefix(prefix.encode()) for secret in secrets if secret.reveal().strip())
    return tuple(key for text in texts if text.strip() and (key := _decoded(text, encoding)))


def _decoded(text: bytes, encoding: KeyEncoding) -> bytes | None:
    if encoding is KeyEncoding.TEXT:
        return text
    if encoding is KeyEncoding.HEX:
        return decode(Encoding.HEX, text.lower())
    return decode(Encoding.BASE64, text)
