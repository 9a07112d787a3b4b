"""Deliveries as plain data: what arrived, or would have, how it came to us, and what makes it known again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum


class Provenance(StrEnum):
    """How a delivery came to us."""

    RECEIVED = "received"
    """The provider sent it."""
    RECOVERED = "recovered"
    """We asked the provider for it afterwards."""
    REPLAYED = "replayed"
    """A person had a stored one handed on again."""
    SENT = "sent"
    """A person made it, to try a flow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One HTTP request that was verified, byte for byte, at `received_at` (UNIX seconds).

    `id` is ours and sorts by time; `provider_delivery_id` the vendor's, empty where it gives none. `url` is the one
    that the provider was given, `query` what followed it. `replayed_as` is the delivery that dispatches of this one
    moved to when it was handed on once more; empty where none did.
    """

    id: str
    scope: str
    webhook_id: str
    provider: str
    received_at: float
    provenance: Provenance
    method: str
    url: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    events: tuple[str, ...] = ()
    provider_delivery_id: str = ""
    replayed_as: str = ""


def key_digest(webhook_id: str, key: str) -> bytes:
    """The 16 bytes by which a dedupe key of a webhook is known: a vendor's word may be long, odd, or somebody's."""
    text = f"{webhook_id}\0{key}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=16).digest()


def id_key(provider_delivery_id: str) -> str:
    """The dedupe key that a provider's delivery id makes."""
    return f"id {provider_delivery_id}"
