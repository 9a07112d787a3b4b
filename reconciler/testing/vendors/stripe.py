"""A stand-in of Stripe's webhook endpoints and events (API v1); mounted where `/v1` is.

Written from Stripe's API reference ("Webhook Endpoints", "Pagination", "Errors", "Idempotent requests", "Metadata"),
its OpenAPI description, and "Resolve webhook signature verification errors".
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reconciler.core.model import Json
from reconciler.testing.vendors import stripe_events
from reconciler.testing.vendors import stripe_parameters as parameters
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
    refused,
)
from reconciler.testing.vendors.stripe_log import Log, paged
from reconciler.testing.vendors.stripe_parameters import Endpoint, refusal

API_VERSION = "2025-09-30.clover"
ENDPOINTS_PER_MODE = 16


class Stripe:
    """The stand-in: one account with a live and a test mode, chosen by the key (`sk_live_...` or any other)."""

    name = "stripe"

    def __init__(self, surroundings: Surroundings, access: Access) -> None:
        self._around = surroundings
        self._access = access
        self._endpoints: dict[str, Endpoint] = {}
        self._replies: dict[tuple[bool, str], tuple[bytes, Json]] = {}
        self._log = Log()
        many, one = "/webhook_endpoints", "/webhook_endpoints/{endpoint}"
        self.app = Starlette(
            routes=[
                Route(many, self._list, methods=["GET"]),
                Route(many, self._create, methods=["POST"]),
                Route(one, self._get, methods=["GET"]),
                Route(one, self._update, methods=["POST"]),
                Route(one, self._delete, methods=["DELETE"]),
                Route("/events", self._list_events, methods=["GET"]),
                Route("/events/{event}", self._get_event, methods=["GET"]),
            ],
            exception_handlers={Refusal: refused, HTTPException: _no_such_route},
        )

    # -- what the sandbox asks ---------------------------------------------------------------------------------------

    def webhooks(self) -> Sequence[Subscription]:
        return [
            Subscription(
                id=endpoint.id,
                resource="",
                url=endpoint.url,
                events=tuple(endpoint.enabled_events),
                active=not endpoint.disabled,
                detail=endpoint.shown(),
            )
            for endpoint in self._endpoints.values()
        ]

    def deliveries(self, event: str, resource: str | None, payload: Mapping[str, Json] | None) -> Sequence[Delivery]:
        del resource  # an account has no parts
        if event not in stripe_events.TYPES:
            raise UnknownEventError(f"Stripe has no event {event!r}")
        wanted = [
            endpoint
            for endpoint in self._endpoints.values()
            if not endpoint.disabled and {event, "*"} & set(endpoint.enabled_events)
        ]
        number = self._around.hex(24)
        made = [self._signed(endpoint, event, number, len(wanted), payload) for endpoint in wanted]
        # Events of connected accounts are in those accounts' lists.
        self._log.note([each for each in made if not self._endpoints[each.webhook_id].application])
        return made

    def delivered(self, outcome: Outcome) -> None:
        """The list of events tells which were taken by every endpoint."""
        self._log.delivered(outcome)

    def reset(self) -> None:
        self._endpoints.clear()
        self._replies.clear()
        self._log.clear()

    # -- the API -----------------------------------------------------------------------------------------------------

    async def _list(self, request: Request) -> Response:
        live = self._enter(request)
        mine = [endpoint for endpoint in reversed(self._endpoints.values()) if endpoint.livemode == live]
        shown = [endpoint.shown() for endpoint in mine]
        return self._answer(paged(shown, request.query_params, "/v1/webhook_endpoints"))

    async def _create(self, request: Request) -> Response:
        live = self._enter(request)
        values = await parameters.parsed(request, parameters.CREATE)
        return self._once(request, live, values, lambda: self._new(live, values))

    def _new(self, live: bool, values: parameters.Values) -> Json:
        for name in ("enabled_events", "url"):
            if not values.get(name):
                raise refusal(400, f"Missing required param: {name}.", code="parameter_missing", param=name)
        mode = "live" if live else "test"
        if sum(endpoint.livemode == live for endpoint in self._endpoints.values()) >= ENDPOINTS_PER_MODE:
            raise refusal(400, f"You have reached the maximum of {ENDPOINTS_PER_MODE} {mode} webhook endpoints.")
        endpoint = Endpoint(
            id=f"we_1{self._around.hex(23)}",
            livemode=live,
            created=int(self._around.now()),
            url=str(values["url"]),
            secret=f"whsec_{self._around.hex(32)}",
            api_version=parameters.version(values.get("api_version")),
            application="ca_sandbox" if values.get("connect") == "true" else None,
        )
        parameters.apply(endpoint, values)
        self._endpoints[endpoint.id] = endpoint
        return {**endpoint.shown(), "secret": endpoint.secret}

    async def _get(self, request: Request) -> Response:
        return self._answer(self._find(request, self._enter(request)).shown())

    async def _update(self, request: Request) -> Response:
        live = self._enter(request)
        endpoint = self._find(request, live)
        values = await parameters.parsed(request, parameters.UPDATE)

        def change() -> Json:
            parameters.apply(endpoint, values)
            return endpoint.shown()

        return self._once(request, live, values, change)

    async def _delete(self, request: Request) -> Response:
        endpoint = self._find(request, self._enter(request))
        del self._endpoints[endpoint.id]
        return self._answer({"id": endpoint.id, "object": "webhook_endpoint", "deleted": True})

    async def _list_events(self, request: Request) -> Response:
        found = self._log.chosen(request.query_params, self._enter(request), self._around.now())
        return self._answer(paged([event.shown() for event in found], request.query_params, "/v1/events"))

    async def _get_event(self, request: Request) -> Response:
        event = self._log.find(request.path_params["event"], self._enter(request), self._around.now())
        return self._answer(event.shown())

    # -- rules -------------------------------------------------------------------------------------------------------

    def _enter(self, request: Request) -> bool:
        """Whether an allowed request is in live mode."""
        key = bearer(request, "bearer") or _basic_user(request)
        if not key:
            raise refusal(401, "You did not provide an API key. You need to provide it in the Authorization header.")
        if not self._access.token(key):
            raise refusal(401, f"Invalid API Key provided: {key[:7]}********")
        return key.startswith(("sk_live_", "rk_live_"))

    def _find(self, request: Request, live: bool) -> Endpoint:
        endpoint = self._endpoints.get(request.path_params["endpoint"])
        if endpoint is None or endpoint.livemode != live:
            raise self._missing(request.path_params["endpoint"], "webhook_endpoint")
        return endpoint

    def _missing(self, identifier: str, param: str) -> Refusal:
        return refusal(404, f"No such webhook endpoint: '{identifier}'", code="resource_missing", param=param)

    def _once(self, request: Request, live: bool, values: parameters.Values, act: parameters.Act) -> Response:
        key = request.headers.get("idempotency-key", "")
        if not key:
            return self._answer(act())
        fingerprint = compact([request.url.path, values])
        first, reply = self._replies.get((live, key), (fingerprint, None))
        if first != fingerprint:
            raise parameters.reused(key)
        headers = {"Idempotency-Key": key}
        if reply is not None:
            return self._answer(reply, {**headers, "Idempotent-Replayed": "true"})
        reply = act()
        self._replies[live, key] = (fingerprint, reply)
        return self._answer(reply, headers)

    def _answer(self, document: Json, headers: Mapping[str, str] | None = None) -> Response:
        common = {"Request-Id": f"req_{self._around.hex(14)}", "Stripe-Version": API_VERSION}
        return JSONResponse(document, headers={**common, **(headers or {})})

    # -- deliveries --------------------------------------------------------------------------------------------------

    def _signed(
        self, endpoint: Endpoint, event: str, number: str, pending: int, payload: Mapping[str, Json] | None
    ) -> Delivery:
        now = int(self._around.now())
        content: dict[str, Json] = {
            "id": f"evt_{number}",
            "object": "event",
            "api_version": endpoint.api_version or API_VERSION,
            "created": now,
            "data": {"object": stripe_events.subject(event, number, now)},
            "livemode": endpoint.livemode,
            "pending_webhooks": pending,
            "request": {"id": None, "idempotency_key": None},
            "type": event,
        }
        body = self._around.unlike({**content, **(payload or {})})
        return Delivery(
            provider=self.name,
            webhook_id=endpoint.id,
            event=event,
            url=endpoint.url,
            headers={
                "Content-Type": "application/json; charset=utf-8",
                "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
                "Accept": "*/*; q=0.5, application/xml",
                "Cache-Control": "no-cache",
                "Stripe-Signature": signature(endpoint.secret, now, body),
            },
            body=body,
        )


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """The `Stripe-Signature` of a delivery: the time and an HMAC over time, a dot and the body."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


def _basic_user(request: Request) -> str:
    try:
        return base64.b64decode(bearer(request, "basic"), validate=True).decode().partition(":")[0]
    except ValueError:
        return ""


async def _no_such_route(request: Request, _error: Exception) -> Response:
    message = f"Unrecognized request URL ({request.method}: {request.url.path})."
    return JSONResponse({"error": {"message": message, "type": "invalid_request_error"}}, 404)
