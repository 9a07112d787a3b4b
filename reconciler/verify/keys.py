"""Secrets as the bytes that schemes work with."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from enum import StrEnum

from reconciler.core.model import Secret


class KeyEncoding(StrEnum):
    """How a secret's text spells the key."""

    TEXT = "text"
    """The text is the key, in UTF-8."""
    BASE64 = "base64"
    """The text decodes to the key."""


def key_bytes(secret: Secret) -> bytes:
    """The secret's UTF-8 bytes; any text has some, so this never raises."""
    return secret.reveal().encode("utf-8", "surrogatepass")


def usable(secrets: Iterable[Secret], encoding: KeyEncoding = KeyEncoding.TEXT) -> tuple[bytes, ...]:
    """The keys of all secrets that hold one; one of white space alone is a slip of configuration, and empty.

    A secret that is not in its encoding holds no key.
    """
    texts = (key_bytes(secret) for secret in secrets if secret.reveal().strip())
    keys = texts if encoding is KeyEncoding.TEXT else (_from_base64(text) for text in texts)
    return tuple(key for key in keys if key)


def _from_base64(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""
