"""How bytes are written: each encoding has exactly one spelling of a value, and no other is read."""

from __future__ import annotations

import base64
import hashlib
from enum import StrEnum
from typing import Final


class Algorithm(StrEnum):
    """A hash."""

    SHA1 = "sha1"
    SHA256 = "sha256"
    SHA512 = "sha512"


SIZES: Final = {Algorithm.SHA1: 20, Algorithm.SHA256: 32, Algorithm.SHA512: 64}
"""How many bytes a hash has."""


class Encoding(StrEnum):
    """How a digest or a signature is written."""

    HEX = "hex"
    BASE64 = "base64"
    BASE64URL = "base64url"
    """The alphabet that is safe in URLs, without padding."""


def encode(encoding: Encoding, raw: bytes) -> str:
    """The one spelling of some bytes."""
    if encoding is Encoding.HEX:
        return raw.hex()
    if encoding is Encoding.BASE64:
        return base64.b64encode(raw).decode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(encoding: Encoding, text: bytes) -> bytes | None:
    """The bytes whose one spelling is `text`; None for upper case, white space, missing or wrong padding, and junk."""
    try:
        if encoding is Encoding.HEX:
            raw = bytes.fromhex(text.decode("ascii"))
        elif encoding is Encoding.BASE64:
            raw = base64.b64decode(text, validate=True)
        else:
            raw = base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    except ValueError:
        return None
    return raw if encode(encoding, raw).encode() == text else None


def digest_of(algorithm: Algorithm, message: bytes) -> bytes:
    """The hash of a message."""
    return hashlib.new(algorithm, message, usedforsecurity=False).digest()
