"""A stand-in of the API of SendGrid's Event Webhook, as far as the reconciler needs it.

Written from Twilio's OpenAPI description `tsg_webhooks_v3`, "Getting Started with the Event Webhook Security Features"
and "Event Webhook Reference". Signatures are switched on apart from a create; a row shows the public key where they
are. The calls that take the oldest webhook where no id is given do so here, too. Not made: subusers, OAuth, parsing
settings, repeated deliveries; a plan allows five webhooks.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reconciler.core.model import Json
from reconciler.testing.vendors.base import (
    Access,
    Delivery,
    Outcome,
    Refusal,
    Subscription,
    Surroundings,
    UnknownEventError,
    bearer,
    compact,
    names,
    refused,
)
from reconciler.testing.vendors.bodies import is_url, json_object

MAX_ALLOWED = 5
EVENTS = names(
    "bounce click deferred delivered dropped group_resubscribe group_unsubscribe open processed spam_report unsubscribe"
)
TOLD = {"spam_report": "spamreport"}
"""Events that a delivery names otherwise than the settings do."""

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(slots=True)
class Hook:
    """An Event Webhook: its settings, and its key pair, which signs where `signed`."""

    id: str
    settings: dict[str, Json]
    created: str
    updated: str
    key: ec.EllipticCurvePrivateKey = field(repr=False)
    signed: bool = False

    @property
    def url(self) -> str:
        """Where it delivers to."""
        return str(self.settings["url"])

    @property
    def public_key(self) -> str:
        """As the vendor writes it: base64 of the DER of a SubjectPublicKeyInfo."""
        der = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(der).decode()

    def shown(self) -> dict[str, Json]:
        """The settings, the id and the dates."""
        dates = {"created_date": self.created, "updated_date": self.updated}
        return {**self.settings, "id": self.id, **dates}


class SendGrid:
    """The stand-in. Any API key is known unless `access` says otherwise; each has webhooks of its own."""

    name = "sendgrid"

    def __init__(self, surroundings: Surroundings, access: Access) -> None:
        self._around = surroundings
        self._access = access
        self._hooks: dict[tuple[str, str], Hook] = {}
        root = "/v3/user/webhooks/event/settings"
        self.app = Starlette(
            routes=[
                Route(f"{root}/all", self._list, methods=["GET"]),
                Route(root, self._create, methods=["POST"]),
                Route(f"{root}/signed", self._sign, methods=["PATCH"]),
                Route(f"{root}/signed/{{id}}", self._sign, methods=["PATCH"]),
                Route(f"{root}/signed/{{id}}", self._key, methods=["GET"]),
                Route(f"{root}/{{id}}", self._get, methods=["GET"]),
                Route(f"{root}/{{id}}", self._update, methods=["PATCH"]),
                Route(f"{root}/{{id}}", self._delete, methods=["DELETE"]),
            ],
            exception_handlers={Refusal: refused, HTTPException: _no_such_route},
        )

    # -- what the sandbox asks ---------------------------------------------------------------------------------------

    def webhooks(self) -> Sequence[Subscription]:
        return [
            Subscription(
                id=hook.id,
                resource="self",
                url=hook.url,
                events=tuple(sorted(name for name in EVENTS if hook.settings.get(name))),
                active=bool(hook.settings["enabled"]),
                detail=hook.shown(),
            )
            for hook in self._hooks.values()
        ]

    def deliveries(self, event: str, resource: str | None, payload: Mapping[str, Json] | None) -> Sequence[Delivery]:
        if event not in EVENTS:
            raise UnknownEventError(f"SendGrid has no event {event!r}")
        return [
            self._posted(hook, event, payload)
            for hook in self._hooks.values()
            if hook.settings["enabled"] and hook.settings.get(event) and resource in {None, "self"}
        ]

    def delivered(self, outcome: Outcome) -> None:
        """Nothing is made of it: see what is not made."""

    def reset(self) -> None:
        self._hooks.clear()

    # -- the API -----------------------------------------------------------------------------------------------------

    async def _list(self, request: Request) -> Response:
        token = self._enter(request)
        rows = [hook.shown() | ({"public_key": hook.public_key} if hook.signed else {}) for hook in self._mine(token)]
        return JSONResponse({"max_allowed": MAX_ALLOWED, "webhooks": rows or [{}]})

    async def _create(self, request: Request) -> Response:
        token = self._enter(request)
        settings = self._settings(await _object(request), token, None)
        if len(self._mine(token)) >= MAX_ALLOWED:
            raise _refusal(400, "You have reached the maximum number of webhooks per your current billing plan.")
        now = self._around.iso()
        number = int.from_bytes(self._around.random_bytes(32), "big") % (_ORDER - 1) + 1
        hook = Hook(self._around.uuid(), settings, now, now, ec.derive_private_key(number, ec.SECP256R1()))
        self._hooks[token, hook.id] = hook
        return JSONResponse(hook.shown(), 201)

    async def _get(self, request: Request) -> Response:
        return JSONResponse(self._find(request).shown())

    async def _update(self, request: Request) -> Response:
        hook = self._find(request)
        hook.settings = self._settings(await _object(request), self._enter(request), hook)
        hook.updated = self._around.iso()
        return JSONResponse(hook.shown())

    async def _delete(self, request: Request) -> Response:
        del self._hooks[self._enter(request), self._find(request).id]
        return Response(status_code=204)

    async def _sign(self, request: Request) -> Response:
        hook = self._find(request)
        enabled = (await _object(request)).get("enabled")
        if not isinstance(enabled, bool):
            raise _refusal(400, "enabled must be true or false")
        hook.signed = enabled
        return JSONResponse({"id": hook.id, "public_key": hook.public_key if enabled else ""})

    async def _key(self, request: Request) -> Response:
        hook = self._find(request)
        return JSONResponse({"id": hook.id, "public_key": hook.public_key if hook.signed else ""})

    # -- rules -------------------------------------------------------------------------------------------------------

    def _enter(self, request: Request) -> str:
        token = bearer(request, "bearer")
        if not self._access.token(token):
            raise _refusal(401, "The provided authorization grant is invalid, expired, or revoked")
        return token

    def _mine(self, token: str) -> list[Hook]:
        return [hook for (owner, _), hook in self._hooks.items() if owner == token]

    def _find(self, request: Request) -> Hook:
        """The webhook; the oldest where no id is given."""
        token, asked = self._enter(request), request.path_params.get("id")
        oldest = next(iter(self._mine(token)), None)
        hook = self._hooks.get((token, asked)) if asked else oldest
        if hook is None:
            raise _refusal(404, "Invalid id provided.")
        return hook

    def _settings(self, asked: Mapping[str, Json], token: str, before: Hook | None) -> dict[str, Json]:
        known = {"enabled", "url", "friendly_name", *EVENTS}
        url = asked.get("url")
        if not is_url(url, "http", "https"):
            raise _refusal(400, f"'{url}' is not a valid url")
        for hook in self._mine(token):
            if hook.url == url and hook is not before:
                message = f"Webhook at '{url}' already exists. Please provide a unique URL."
                raise Refusal(400, {"errors": [{"id": hook.id, "message": message, "url": url}]})
        if unfit := [name for name in {"enabled", *EVENTS} & asked.keys() if not isinstance(asked[name], bool)]:
            raise _refusal(400, f"{unfit[0]} must be true or false")
        held = before.settings if before else {"enabled": False, **dict.fromkeys(sorted(EVENTS), False)}
        return {**held, **{name: value for name, value in asked.items() if name in known}}

    # -- deliveries --------------------------------------------------------------------------------------------------

    def _posted(self, hook: Hook, event: str, payload: Mapping[str, Json] | None) -> Delivery:
        now = int(self._around.now())
        content: dict[str, Json] = {
            "email": "grace@example.com",
            "timestamp": now,
            "smtp-id": "<14c5d75ce93.dfd.64b469@ismtpd-555>",
            "event": TOLD.get(event, event),
            "category": ["newsletter"],
            "sg_event_id": base64.urlsafe_b64encode(self._around.random_bytes(16)).decode().rstrip("="),
            "sg_message_id": "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0",
            **(payload or {}),
        }
        body = compact([content]) + b"\r\n"
        headers = {"Content-Type": "application/json;charset=utf-8", "User-Agent": "SendGrid Event API"}
        if hook.signed:
            headers["X-Twilio-Email-Event-Webhook-Timestamp"] = str(now)
            headers["X-Twilio-Email-Event-Webhook-Signature"] = signature(hook.key, str(now), body)
        return Delivery(provider=self.name, webhook_id=hook.id, event=event, url=hook.url, headers=headers, body=body)


def signature(key: ec.EllipticCurvePrivateKey, timestamp: str, body: bytes) -> str:
    """The signature of a delivery ("Verify the signature"): ECDSA with SHA-256 over the timestamp and the body."""
    return base64.b64encode(key.sign(timestamp.encode() + body, ec.ECDSA(SHA256()))).decode()


async def _object(request: Request) -> dict[str, Json]:
    try:
        return await json_object(request)
    except ValueError:
        raise _refusal(400, "the request body is not a JSON object") from None


def _refusal(status: int, message: str) -> Refusal:
    return Refusal(status, {"errors": [{"message": message}]})


async def _no_such_route(_request: Request, _error: Exception) -> Response:
    return JSONResponse({"errors": [{"message": "Not Found"}]}, 404)
