"""Standard Webhooks (github.com/standard-webhooks, "Standard Webhooks specification"), symmetric and asymmetric."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.core.model import Secret
from reconciler.verify.encodings import Algorithm, Encoding
from reconciler.verify.hmac_signature import HmacScheme, matches
from reconciler.verify.keys import KeyEncoding, key_bytes, usable
from reconciler.verify.message import Value
from reconciler.verify.places import HeaderPlace
from reconciler.verify.public_keys import PublicKey, proved, public_key
from reconciler.verify.public_scheme import SignatureKind, StandardWebhooksScheme
from reconciler.verify.request import ACCEPTED, NOTHING, Request, Verdict, refused
from reconciler.verify.signed import Pairs, claims
from reconciler.verify.times import Stamp
from reconciler.verify.words import Part, PublicKeyEncoding

SYMMETRIC, ASYMMETRIC = "whsec_", "whpk_"


def verify_standard(scheme: StandardWebhooksScheme, secrets: Sequence[Secret], request: Request, now: float) -> Verdict:
    """Whether a signature of the version that a secret proves is right; the other version's are looked past."""
    shared, public = shared_keys(secrets), published_keys(secrets)
    verdict = refused("there is no secret to verify with")
    if shared:
        found = claims(layout(scheme, "v1"), request, now, NOTHING)
        verdict = found if isinstance(found, Verdict) else _judged(matches(found, shared, Algorithm.SHA256))
    if public and not verdict:
        found = claims(layout(scheme, "v1a"), request, now, NOTHING)
        verdict = found if isinstance(found, Verdict) else _judged(proved(SignatureKind.ED25519, public, found))
    return verdict


def layout(scheme: StandardWebhooksScheme, version: str) -> HmacScheme:
    """Where the signatures of a version are, and of what; for `v1` it is the whole of the scheme."""
    return HmacScheme(
        header=f"{scheme.prefix}signature",
        encoding=Encoding.BASE64,
        message=(Value("id"), ".", Part.TIMESTAMP, ".", Part.BODY),
        pairs=Pairs(signature=version, separator=" ", between=","),
        stamp=Stamp(place=HeaderPlace(f"{scheme.prefix}timestamp"), tolerance=scheme.tolerance),
        values={"id": HeaderPlace(f"{scheme.prefix}id")},
    )


def shared_keys(secrets: Iterable[Secret]) -> tuple[bytes, ...]:
    """The keys of the secrets that prove `v1`."""
    return usable((each for each in secrets if not _is_public(each)), KeyEncoding.BASE64, SYMMETRIC)


def published_keys(secrets: Iterable[Secret]) -> tuple[PublicKey, ...]:
    """The keys of the secrets that prove `v1a`."""
    texts = (key_bytes(each).removeprefix(ASYMMETRIC.encode()) for each in secrets if _is_public(each))
    found = (public_key(text, SignatureKind.ED25519, PublicKeyEncoding.BASE64) for text in texts)
    return tuple(key for key in found if key is not None)


def _is_public(secret: Secret) -> bool:
    return secret.reveal().startswith(ASYMMETRIC)


def _judged(right: object) -> Verdict:
    return ACCEPTED if right else refused("no signature matches")
