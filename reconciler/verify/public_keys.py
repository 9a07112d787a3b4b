"""Signatures that a public key proves: Ed25519, ECDSA on P-256, RSA with PKCS #1 version 1.5.

Discord ("Interactions: Security and authorization", docs.discord.com) signs timestamp and body with Ed25519 and shows
the key in hexadecimal; SendGrid ("Event Webhook security features", twilio.com/docs/sendgrid) signs them with ECDSA and
shows the key as DER in base64.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA512
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

from reconciler.core.model import Secret
from reconciler.verify.encodings import Encoding, decode
from reconciler.verify.keys import key_bytes
from reconciler.verify.public_scheme import SignatureKind, SignatureScheme
from reconciler.verify.request import ACCEPTED, Facts, Request, Verdict, refused
from reconciler.verify.signed import Claims, claims
from reconciler.verify.words import PublicKeyEncoding

PublicKey = Ed25519PublicKey | EllipticCurvePublicKey | RSAPublicKey

MIN_RSA_BITS = 2048

_RAW_KEY = 32


def verify_signature(
    scheme: SignatureScheme, keys: Sequence[PublicKey], request: Request, now: float, facts: Facts
) -> Verdict:
    """Whether any candidate signature is of any of the keys."""
    found = claims(scheme, request, now, facts)
    if isinstance(found, Verdict):
        return found
    return ACCEPTED if proved(scheme.kind, keys, found) else refused("no signature matches")


def proved(kind: SignatureKind, keys: Iterable[PublicKey], found: Claims) -> bool:
    """Whether any signature is of any of the keys."""
    return any(holds(kind, key, signature, found.message) for key in keys for signature in found.signatures)


def public_keys(secrets: Iterable[Secret], kind: SignatureKind, encoding: PublicKeyEncoding) -> tuple[PublicKey, ...]:
    """The keys of all secrets that hold one of this kind."""
    found = (public_key(key_bytes(secret), kind, encoding) for secret in secrets)
    return tuple(key for key in found if key is not None)


def public_key(text: bytes, kind: SignatureKind, encoding: PublicKeyEncoding) -> PublicKey | None:
    """The key that a text holds; None where it holds none that is fit for the kind of signature."""
    try:
        key = _loaded(text.strip(), kind, encoding)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return fit(key, kind)


def fit(key: object, kind: SignatureKind) -> PublicKey | None:
    """The key, if it makes signatures of this kind; RSA keys that are too short make none."""
    if kind is SignatureKind.ED25519:
        return key if isinstance(key, Ed25519PublicKey) else None
    if kind in {SignatureKind.ECDSA_DER, SignatureKind.ECDSA_RAW}:
        return key if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1) else None
    return key if isinstance(key, RSAPublicKey) and key.key_size >= MIN_RSA_BITS else None


def holds(kind: SignatureKind, key: PublicKey, signature: bytes, message: bytes) -> bool:
    """Whether a signature of this kind over the message was made with the private half of the key."""
    try:
        _check(kind, key, signature, message)
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        return False
    return True


def _check(kind: SignatureKind, key: PublicKey, signature: bytes, message: bytes) -> None:
    if isinstance(key, Ed25519PublicKey):
        key.verify(signature, message)
    elif isinstance(key, EllipticCurvePublicKey):
        key.verify(_der(signature) if kind is SignatureKind.ECDSA_RAW else signature, message, ECDSA(SHA256()))
    else:
        hashes = {SignatureKind.RSA_SHA1: SHA1, SignatureKind.RSA_SHA512: SHA512}
        key.verify(signature, message, PKCS1v15(), hashes.get(kind, SHA256)())


def _der(signature: bytes) -> bytes:
    if len(signature) != 2 * _RAW_KEY:
        raise InvalidSignature
    numbers = (int.from_bytes(signature[:_RAW_KEY]), int.from_bytes(signature[_RAW_KEY:]))
    return encode_dss_signature(*numbers)


def _loaded(text: bytes, kind: SignatureKind, encoding: PublicKeyEncoding) -> object:
    if encoding is PublicKeyEncoding.PEM:
        return load_pem_public_key(text)
    raw = decode(Encoding.HEX, text.lower()) if encoding is PublicKeyEncoding.HEX else decode(Encoding.BASE64, text)
    if raw is None:
        raise ValueError("not in its encoding")
    if kind is SignatureKind.ED25519 and len(raw) == _RAW_KEY:
        return Ed25519PublicKey.from_public_bytes(raw)
    return load_der_public_key(raw)
