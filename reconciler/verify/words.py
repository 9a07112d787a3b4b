"""Words that definitions choose among. Apart from what they mean: most commands read definitions and verify nothing."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

FORM: Final = "application/x-www-form-urlencoded"
"""The media type of a form."""


class Unit(StrEnum):
    """How a time is told."""

    SECONDS = "s"
    """UNIX seconds, whole ones."""
    MILLISECONDS = "ms"
    """UNIX milliseconds, whole ones."""
    ISO = "iso"
    """ISO 8601 with its zone, as RFC 3339 has it."""


class Part(StrEnum):
    """A part of the signed message that is not literal."""

    BODY = "body"
    """The received bytes."""
    FORM = "form"
    """The sorted fields of a form body; nothing for a body that is no form."""
    TIMESTAMP = "timestamp"
    METHOD = "method"
    URL = "url"
    """The URL that the provider was given; never what the request says of itself."""
    QUERY = "query"
    """What followed the URL when the provider called, with its question mark; nothing where nothing did."""
    RESOURCE = "resource"
    PROVIDER_ID = "provider_id"


class PublicKeyEncoding(StrEnum):
    """How the provider's public key is written."""

    HEX = "hex"
    """The 32 bytes of an Ed25519 key."""
    BASE64 = "base64"
    """The 32 bytes of an Ed25519 key, or SubjectPublicKeyInfo in DER."""
    PEM = "pem"


class JwtAlgorithm(StrEnum):
    """The one algorithm of a provider's tokens; never told by the token."""

    RS256 = "RS256"
    ES256 = "ES256"
    HS256 = "HS256"
    HS512 = "HS512"
