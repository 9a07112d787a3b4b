"""Secrets as the bytes that schemes work with."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.core.model import Secret


def key_bytes(secret: Secret) -> bytes:
    """The secret's UTF-8 bytes; any text has some, so this never raises."""
    return secret.reveal().encode("utf-8", "surrogatepass")


def usable(secrets: Iterable[Secret]) -> tuple[bytes, ...]:
    """The keys of all secrets that are not empty; one of white space alone is a slip of configuration, and empty."""
    return tuple(key_bytes(secret) for secret in secrets if secret.reveal().strip())
