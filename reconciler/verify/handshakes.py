"""Requests that a provider sends before it delivers, to see that the receiver is there, and the replies they need.

All are data (`handshake_kinds`): Microsoft Graph and Dropbox want back a parameter of the query, Slack and Twitch a
text of a signed body, Meta one in return for a token that was agreed on, Zoom and X the hash of one, Okta the value of
a header, Discord a constant, Xero the right status. Asana tells its secret, Amazon SNS asks for a call. Each shipped
definition that has one cites the vendor's document.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from reconciler.core.model import Json, Secret
from reconciler.verify.encodings import digest_of, encode
from reconciler.verify.handshake_kinds import Digest, Handshake, Reply, Template
from reconciler.verify.keys import key_bytes, usable
from reconciler.verify.message import Value
from reconciler.verify.places import BodyPlace, HeaderPlace, QueryPlace, text_at
from reconciler.verify.request import NOTHING, Facts, Need, Request
from reconciler.verify.schemes import Scheme, verify
from reconciler.verify.sns import confirmation

__all__ = [
    "BodyPlace",
    "Handshake",
    "HandshakeReply",
    "HeaderPlace",
    "QueryPlace",
    "answer",
    "verify_token",
]

MAX_ECHO = 2000
"""More characters than this are not echoed."""

TEXT, JSON = "text/plain; charset=utf-8", "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class HandshakeReply:
    """What to answer, as it is: status, headers, body. `captured` is a secret that the provider told, to be kept."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    captured: Secret | None = None


def answer(
    handshakes: Iterable[Handshake],
    scheme: Scheme,
    secrets: Sequence[Secret],
    request: Request,
    now: float,
    facts: Facts = NOTHING,
) -> HandshakeReply | Need | None:
    """The reply to a handshake, or None for whatever is none: that is a delivery, or to be refused as one. Total.

    A `Need` is to be fetched as for `verify`. A reply that holds a captured secret is sent once that is stored.
    """
    for handshake in handshakes:
        if _asks(handshake, request) and _told_token(handshake, secrets, request):
            proof = _proof(handshake, scheme, secrets, request, now, facts)
            if isinstance(proof, Need):
                return proof
            if proof is not None:
                return _confirmed(request, facts) if handshake.confirm else _reply(handshake, proof, request, facts)
    return None


def verify_token(secret: Secret, url: str) -> Secret:
    """The token that a person, or a create, tells a provider beside the URL, and that its handshake tells us.

    It is made of the webhook's secret and URL, so nothing more need be kept; it does not tell the secret.
    """
    return Secret(hmac.digest(key_bytes(secret), b"verify-token:" + _utf8(url), "sha256").hex()[:40])


def _asks(handshake: Handshake, request: Request) -> bool:
    if handshake.method and request.method != handshake.method:
        return False
    if handshake.place is None:
        return bool(handshake.method)
    found = text_at(handshake.place, request)
    return bool(found) and handshake.equals in {"", found}


def _told_token(handshake: Handshake, secrets: Iterable[Secret], request: Request) -> bool:
    """Whether the request tells the token of the webhook, where it must."""
    if handshake.token is None:
        return True
    told = _utf8(text_at(handshake.token, request))
    matches = False
    for secret in secrets:
        if usable([secret]):
            matches |= hmac.compare_digest(told, key_bytes(verify_token(secret, request.url)))
    return matches


def _proof(
    handshake: Handshake,
    scheme: Scheme,
    secrets: Sequence[Secret],
    request: Request,
    now: float,
    facts: Facts,
) -> Secret | Need | None:
    """The secret that proves a handshake (an empty one where none has to), or None where nothing does."""
    if handshake.capture is not None and not facts.capturing:
        return None
    if not handshake.proved:
        return next((secret for secret in secrets if usable([secret])), Secret(""))
    for secret in secrets or [Secret("")]:
        found = verify(scheme, [secret], request, now, facts)
        if isinstance(found, Need):
            return found
        if found:
            return secret
    return None


def _confirmed(request: Request, facts: Facts) -> HandshakeReply | Need | None:
    """The call that confirms a subscription; a status of our own fault where it failed, None where nothing is asked."""
    need = confirmation(request, facts)
    if need is None:
        return None
    fetched = facts.fetched.get(need)
    return need if fetched is None else HandshakeReply(status=200 if fetched.ok else 503)


def _reply(handshake: Handshake, secret: Secret, request: Request, facts: Facts) -> HandshakeReply | None:
    """The reply; None where a text that it needs is missing, or is not fit to be sent back."""
    if handshake.echo is not None:
        texts = {"echo": text_at(handshake.echo, request)}
        reply = Reply(text=(Value("echo"),))
    else:
        texts = {name: text_at(place, request) for name, place in handshake.values.items()}
        reply = handshake.reply or Reply()
    captured = text_at(handshake.capture, request) if handshake.capture else ""
    if handshake.capture and not captured:
        return None
    if not all(_harmless(text) for text in (*texts.values(), *([captured] if captured else []))):
        return None
    needy = any(digest.keyed or Value("verify_token") in digest.of for digest in handshake.digests.values())
    if needy and not usable([secret]):
        return None
    texts |= {"url": request.url, "verify_token": verify_token(secret, request.url).reveal()}
    texts |= {name: _digest(digest, secret, texts) for name, digest in handshake.digests.items()}
    return _written(reply, texts, Secret(captured) if captured else None)


def _harmless(text: str) -> bool:
    """What a browser could take for a page is not sent back: no vendor's token holds that."""
    return 0 < len(text) <= MAX_ECHO and text.isprintable() and {"<", ">"}.isdisjoint(text)


def _digest(digest: Digest, secret: Secret, texts: Mapping[str, str]) -> str:
    message = _utf8(_filled(digest.of, texts))
    keyed = hmac.digest(key_bytes(secret), message, digest.algorithm) if digest.keyed else None
    return digest.prefix + encode(digest.encoding, keyed or digest_of(digest.algorithm, message))


def _written(reply: Reply, texts: Mapping[str, str], captured: Secret | None) -> HandshakeReply | None:
    headers = {name: _filled(template, texts) for name, template in reply.headers.items()}
    if not all(value.isascii() and value.isprintable() for value in headers.values()):
        return None
    body, kind = b"", {}
    if reply.text is not None:
        body, kind = _utf8(_filled(reply.text, texts)), {"Content-Type": TEXT, "X-Content-Type-Options": "nosniff"}
    elif reply.fields is not None:
        filled = {name: _field(value, texts) for name, value in reply.fields.items()}
        body, kind = json.dumps(filled).encode(), {"Content-Type": JSON}
    return HandshakeReply(status=reply.status, headers=tuple((kind | headers).items()), body=body, captured=captured)


def _field(value: Template | Json, texts: Mapping[str, str]) -> Json:
    return _filled(value, texts) if isinstance(value, tuple) else value


def _filled(template: Template, texts: Mapping[str, str]) -> str:
    return "".join(texts[part.name] if isinstance(part, Value) else part for part in template)


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
