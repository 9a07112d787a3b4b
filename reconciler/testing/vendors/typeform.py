"""A stand-in of Typeform's webhook API: one webhook per form and tag, and the client chooses the tag.

Written from Typeform's "Webhooks API" ("Create or update webhook", "Retrieve webhooks", "Retrieve single webhook",
"Delete webhook", "Secure your webhooks", "Example payload") and its SDK, which turns a webhook off by sending `enabled`
alone: an update keeps what it does not name. Not documented, and so read with caution: a new webhook is off unless
`enabled` says otherwise.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

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
    refused,
)
from reconciler.testing.vendors.bodies import is_url, json_object

EVENT_TYPES = ("form_response", "form_response_partial")


@dataclass(slots=True)
class Hook:
    """A webhook as Typeform keeps it."""

    id: str
    form_id: str
    tag: str
    created_at: str
    updated_at: str = ""
    url: str = ""
    enabled: bool = False
    verify_ssl: bool = True
    event_types: dict[str, bool] = field(default_factory=dict)
    secret: str = field(default="", repr=False)

    def shown(self) -> dict[str, Json]:
        """The webhook as the API shows it, secret included, as the reference says."""
        document: dict[str, Json] = {
            "id": self.id,
            "form_id": self.form_id,
            "tag": self.tag,
            "url": self.url,
            "enabled": self.enabled,
            "verify_ssl": self.verify_ssl,
            "event_types": dict(self.event_types),
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        }
        return {**document, "secret": self.secret} if self.secret else document


class Typeform:
    """The stand-in. Any token and any form are known, unless `access` says otherwise."""

    name = "typeform"

    def __init__(self, surroundings: Surroundings, access: Access) -> None:
        self._around = surroundings
        self._access = access
        self._hooks: dict[tuple[str, str], Hook] = {}
        many, one = "/forms/{form_id}/webhooks", "/forms/{form_id}/webhooks/{tag}"
        self.app = Starlette(
            routes=[
                Route(many, self._list, methods=["GET"]),
                Route(one, self._get, methods=["GET"]),
                Route(one, self._put, methods=["PUT"]),
                Route(one, self._delete, methods=["DELETE"]),
            ],
            exception_handlers={Refusal: refused, HTTPException: _no_such_route},
        )

    # -- what the sandbox asks ---------------------------------------------------------------------------------------

    def webhooks(self) -> Sequence[Subscription]:
        return [
            Subscription(
                id=hook.tag,
                resource=hook.form_id,
                url=hook.url,
                events=tuple(name for name, on in hook.event_types.items() if on),
                active=hook.enabled,
                detail={**hook.shown(), **({"secret": "********"} if hook.secret else {})},
            )
            for hook in self._hooks.values()
        ]

    def deliveries(self, event: str, resource: str | None, payload: Mapping[str, Json] | None) -> Sequence[Delivery]:
        if event not in EVENT_TYPES:
            raise UnknownEventError(f"Typeform has no event {event!r}; it has {' and '.join(EVENT_TYPES)}")
        wanted = [
            hook
            for hook in self._hooks.values()
            if hook.enabled and hook.event_types.get(event) and resource in {None, hook.form_id}
        ]
        return [self._signed(hook, event, payload) for hook in wanted]

    def delivered(self, outcome: Outcome) -> None:
        """Typeform's API does not show how deliveries went."""

    def reset(self) -> None:
        self._hooks.clear()

    # -- the API -----------------------------------------------------------------------------------------------------

    async def _list(self, request: Request) -> Response:
        form_id = self._enter(request)
        return JSONResponse({"items": [hook.shown() for hook in self._hooks.values() if hook.form_id == form_id]})

    async def _get(self, request: Request) -> Response:
        return JSONResponse(self._find(request).shown())

    async def _put(self, request: Request) -> Response:
        form_id, tag = self._enter(request), request.path_params["tag"]
        old = self._hooks.get((form_id, tag))
        now = self._around.iso(timespec="milliseconds")
        try:
            values = await json_object(request)
        except ValueError:
            raise _invalid("body", "must be a JSON object") from None
        hook = old or Hook(id=self._around.hex(26).upper(), form_id=form_id, tag=tag, created_at=now)
        _apply(hook, values)
        hook.updated_at = now
        self._hooks[form_id, tag] = hook
        return JSONResponse(hook.shown())

    async def _delete(self, request: Request) -> Response:
        hook = self._find(request)
        del self._hooks[hook.form_id, hook.tag]
        return Response(status_code=204)

    # -- rules -------------------------------------------------------------------------------------------------------

    def _enter(self, request: Request) -> str:
        """The form that an allowed request is about."""
        if not self._access.token(bearer(request, "bearer")):
            message = "Authentication credentials not found on the Request Headers"
            raise Refusal(401, {"code": "AUTHENTICATION_FAILED", "description": message})
        form_id: str = request.path_params["form_id"]
        if not self._access.resource(form_id):
            raise _missing(f"Form {form_id} not found")
        return form_id

    def _find(self, request: Request) -> Hook:
        hook = self._hooks.get((self._enter(request), request.path_params["tag"]))
        if hook is None:
            raise _missing(f"Webhook {request.path_params['tag']} not found")
        return hook

    # -- deliveries --------------------------------------------------------------------------------------------------

    def _signed(self, hook: Hook, event: str, payload: Mapping[str, Json] | None) -> Delivery:
        field_: dict[str, Json] = {"id": "JwWggjAKtOkA", "type": "short_text", "ref": "name"}
        token, now = self._around.hex(32), self._around.iso()
        content: dict[str, Json] = {
            "event_id": self._around.hex(26).upper(),
            "event_type": event,
            "form_response": {
                "form_id": hook.form_id,
                "token": token,
                "landed_at": now,
                "submitted_at": now,
                "definition": {"id": hook.form_id, "title": "Sandbox", "fields": [{**field_, "title": "Your name?"}]},
                "answers": [{"type": "text", "text": "Ada", "field": field_}],
            },
        }
        body = self._around.unlike({**content, **(payload or {})})
        headers = {"Content-Type": "application/json", "User-Agent": "Typeform Webhooks"}
        if hook.secret:
            headers["Typeform-Signature"] = signature(hook.secret, body)
        return Delivery(provider=self.name, webhook_id=hook.tag, event=event, url=hook.url, headers=headers, body=body)


def signature(secret: str, body: bytes) -> str:
    """The `Typeform-Signature` of a delivery ("Secure your webhooks"): base64, not hexadecimal."""
    return "sha256=" + base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def _apply(hook: Hook, values: Mapping[str, Json]) -> None:
    url, secret = values.get("url", hook.url), values.get("secret", hook.secret) or ""
    if not is_url(url, "http", "https"):
        raise _invalid("url", "must be a valid URL")
    for name in ("enabled", "verify_ssl"):
        if not isinstance(values.get(name, True), bool):
            raise _invalid(name, "must be a boolean")
    if not isinstance(secret, str):
        raise _invalid("secret", "must be a string")
    types = values.get("event_types", hook.event_types or {"form_response": True})
    if not isinstance(types, dict) or set(types) - set(EVENT_TYPES) or set(types.values()) - {True, False}:
        raise _invalid("event_types", f"must be an object with some of {', '.join(EVENT_TYPES)}")
    hook.url, hook.secret, hook.event_types = str(url), secret, dict(types)
    hook.enabled, hook.verify_ssl = values.get("enabled", hook.enabled), values.get("verify_ssl", hook.verify_ssl)


def _invalid(name: str, problem: str) -> Refusal:
    detail = {"code": "INVALID", "description": problem, "field": f"/{name}", "in": "body"}
    return Refusal(400, {"code": "VALIDATION_ERROR", "description": f"{name} {problem}", "details": [detail]})


def _missing(description: str) -> Refusal:
    return Refusal(404, {"code": "NOT_FOUND", "description": description})


async def _no_such_route(_request: Request, _error: Exception) -> Response:
    return JSONResponse({"code": "NOT_FOUND", "description": "Endpoint not found"}, 404)
