"""Messages of Amazon SNS over HTTP ("Verifying the signatures of Amazon SNS messages", docs.aws.amazon.com).

Any AWS account can have SNS sign for it, so the topic decides: it must be the webhook's own. The certificate comes from
the SNS of that topic's region alone. SNS gives up after an hour ("Amazon SNS message delivery retries"), so a message
is no older than that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import Certificate, load_pem_x509_certificate

from reconciler.core.model import Json
from reconciler.verify.body import parse_unique
from reconciler.verify.encodings import Encoding, decode
from reconciler.verify.public_keys import PublicKey, fit, holds
from reconciler.verify.public_scheme import SignatureKind, SnsScheme
from reconciler.verify.request import ACCEPTED, Facts, Need, NeedKind, Request, Verdict, refused, undecided
from reconciler.verify.times import stale
from reconciler.verify.words import Unit

SUBSCRIBED = ("SubscriptionConfirmation", "UnsubscribeConfirmation")

_SIGNED: Final = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    **dict.fromkeys(SUBSCRIBED, ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")),
}
_OPTIONAL: Final = "Subject"
_KINDS: Final = {"1": SignatureKind.RSA_SHA1, "2": SignatureKind.RSA_SHA256}
_TOPIC: Final = re.compile(
    r"arn:aws(-cn|-us-gov)?:sns:([a-z]{2}(?:-[a-z]+)+-[0-9]):[0-9]{12}:[A-Za-z0-9_-]{1,256}(?:\.fifo)?"
)
_CERTIFICATE: Final = re.compile(r"/SimpleNotificationService-[A-Za-z0-9]{1,64}\.pem")


def verify_sns(scheme: SnsScheme, request: Request, now: float, facts: Facts) -> Verdict | Need:
    """Whether a message is of the webhook's topic, of now, and signed by SNS; the certificate is fetched first."""
    host = sns_host(facts.resource)
    if not host:
        return undecided("the resource of the webhook is not the ARN of a topic")
    body = parse_unique(request.body)
    if body is None or body.get("Type") not in [*_SIGNED]:
        return refused("the body is no message of SNS")
    if body.get("TopicArn") != facts.resource:
        return refused("the message is of another topic")
    told = body.get("Timestamp")
    refusal = stale(told.encode() if isinstance(told, str) else b"", Unit.ISO, scheme.tolerance, now)
    if refusal is not None:
        return refusal
    return _signed(scheme, body, host, now, facts)


def sns_host(topic: str) -> str:
    """The host of SNS in a topic's region; empty for what is no ARN of a topic."""
    found = _TOPIC.fullmatch(topic)
    return f"sns.{found[2]}.amazonaws.com{'.cn' if found[1] == '-cn' else ''}" if found else ""


def confirmation(request: Request, facts: Facts) -> Need | None:
    """The call that confirms the subscription that a verified message asks about; None where it asks none.

    It is made from the webhook's own topic: the URL in the message is not used.
    """
    body, host = parse_unique(request.body), sns_host(facts.resource)
    if body is None or not host or body.get("Type") != SUBSCRIBED[0] or not isinstance(body.get("Token"), str):
        return None
    query = urlencode({"Action": "ConfirmSubscription", "TopicArn": facts.resource, "Token": body["Token"]})
    return Need(kind=NeedKind.CONFIRMATION, url=f"https://{host}/?{query}")


def _signed(scheme: SnsScheme, body: Mapping[str, Json], host: str, now: float, facts: Facts) -> Verdict | Need:
    version, message, signature = body.get("SignatureVersion"), _message(body), _signature(body)
    kind = _KINDS.get(version) if isinstance(version, str) and version in scheme.versions else None
    if kind is None or message is None or signature is None:
        return refused("the message is not signed as it must be")
    url, origin = body.get("SigningCertURL"), f"https://{host}"
    if not (isinstance(url, str) and url.startswith(origin) and _CERTIFICATE.fullmatch(url[len(origin) :])):
        return refused("the certificate is not at the SNS of the topic's region")
    need = Need(kind=NeedKind.CERTIFICATE, url=url)
    fetched = facts.fetched.get(need)
    if fetched is None:
        return need
    key = _key(fetched.body, kind, now) if fetched.ok else None
    if key is None:
        return undecided("the certificate of SNS could not be fetched, or is not good now")
    return ACCEPTED if holds(kind, key, signature, message) else refused("no signature matches")


def _message(body: Mapping[str, Json]) -> bytes | None:
    """What is signed: each field that is, its name and value on a line of their own; None where one is missing."""
    names = [name for name in _SIGNED[body["Type"]] if name != _OPTIONAL or body.get(name) is not None]
    values = [body.get(name) for name in names]
    if not all(isinstance(value, str) for value in values):
        return None
    return "".join(f"{name}\n{value}\n" for name, value in zip(names, values, strict=True)).encode()


def _signature(body: Mapping[str, Json]) -> bytes | None:
    told = body.get("Signature")
    return decode(Encoding.BASE64, told.encode()) if isinstance(told, str) else None


def _key(pem: bytes, kind: SignatureKind, now: float) -> PublicKey | None:
    try:
        certificate = load_pem_x509_certificate(pem)
        return fit(certificate.public_key(), kind) if _good(certificate, now) else None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None


def _good(certificate: Certificate, now: float) -> bool:
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return start.timestamp() <= now <= end.timestamp()
