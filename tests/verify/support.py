"""What the tests of this folder share: definitions that are all proof, keys, and requests."""

from __future__ import annotations

import base64
from dataclasses import replace
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from reconciler.core.model import Secret
from reconciler.providers.definition import Definition, definition
from reconciler.providers.delivered import handshakes, scheme
from reconciler.verify.handshake_kinds import Handshake
from reconciler.verify.kinds import Scheme
from reconciler.verify.request import Request

NOW = 1_790_000_000.0
URL = "https://hooks.acme.dev/webhooks/vendor/6f1c1a52-6f0e-4a27-9d2a-3c52a4f1d0aa"

REGISTERING = {
    "api": {"url": "https://api.vendor.example"},
    "auth": {"scheme": "bearer"},
    "operations": {"create": {"method": "POST", "path": "/hooks", "body": {"fields": {"url": "${url}"}}}},
    "identity": {"id": "id"},
}


def vendor(verify: Any, *given: Any, origin: str = "vendor") -> Definition:
    """A definition of which only the proof, and the handshakes, matter; what tells a secret needs a create as well."""
    telling = any("capture" in block for block in given)
    return definition(
        (REGISTERING if telling else {})
        | {
            "version": 1,
            "name": "vendor",
            "title": "Vendor",
            "types": {"all": {"title": "everything", "resource": {"schema": {"type": "string"}}}},
            "events": {"encoder": "flags", "catalogue": {"one": "Something happened."}},
            "secret": {"origin": "handshake" if telling else origin},
            "verify": verify,
            "handshakes": list(given),
            "delivery": {"event": {"from": "constant", "name": "one"}},
        }
    )


def proof(verify: Any, origin: str = "vendor") -> Scheme:
    """The scheme that a `verify` block describes."""
    return scheme(vendor(verify, origin=origin))


def handshake(verify: Any, block: Any, origin: str = "vendor") -> Handshake:
    """The handshake that a block describes."""
    (found,) = handshakes(vendor(verify, block, origin=origin))
    return found


def request(body: bytes = b"", query: str = "", method: str = "POST", **headers: str) -> Request:
    """A request at our URL; header names are given with underscores."""
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Request(method=method, url=URL, query=query, headers=pairs, body=body)


def without(received: Request, name: str) -> Request:
    """The request without a header."""
    return replace(received, headers=tuple(pair for pair in received.headers if pair[0].lower() != name.lower()))


def with_header(received: Request, name: str, *values: str) -> Request:
    """The request with a header replaced by these values."""
    return replace(received, headers=(*without(received, name).headers, *((name, value) for value in values)))


@cache
def rsa_key() -> RSAPrivateKey:
    """An RSA key of a test; made once, for that takes a while."""
    return generate_rsa_key(public_exponent=65537, key_size=2048)


@cache
def ec_key() -> EllipticCurvePrivateKey:
    """A key on P-256."""
    return generate_private_key(SECP256R1())


@cache
def ed_key() -> Ed25519PrivateKey:
    """An Ed25519 key."""
    return Ed25519PrivateKey.from_private_bytes(b"k" * 32)


def raw_public(key: Ed25519PrivateKey) -> bytes:
    """The 32 bytes of its public half."""
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def pem(key: RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey) -> Secret:
    """The public half in PEM."""
    return Secret(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def der(key: RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey) -> Secret:
    """The public half as DER in base64."""
    raw = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Secret(base64.b64encode(raw).decode())
