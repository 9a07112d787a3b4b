"""A stand-in of Slant 3D's webhook subscription (API v1); mounted where `/api` is.

Written from the use that AutoGPT's provider makes of it: an endpoint is subscribed with `customer/webhookSubscribe`, to
shipped orders and nothing else; there is neither a list nor a deletion, and deliveries carry no proof. What a success
answers beyond its status is not known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
    refused,
)
from reconciler.testing.vendors.bodies import is_url, json_object

EVENT = "order.shipped"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A subscribed URL. `number` is the sandbox's own name for it: the vendor gives none."""

    number: str
    url: str


class Slant3D:
    """The stand-in. Any key is known, unless `access` says otherwise; each key is an account."""

    name = "slant3d"

    def __init__(self, surroundings: Surroundings, access: Access) -> None:
        self._around = surroundings
        self._access = access
        self._endpoints: dict[tuple[str, str], Endpoint] = {}
        self.app = Starlette(
            routes=[Route("/customer/webhookSubscribe", self._subscribe, methods=["POST"])],
            exception_handlers={Refusal: refused, HTTPException: _no_such_route},
        )

    # -- what the sandbox asks ---------------------------------------------------------------------------------------

    def webhooks(self) -> Sequence[Subscription]:
        return [
            Subscription(
                id=endpoint.number,
                resource="",
                url=endpoint.url,
                events=(EVENT,),
                active=True,
                detail={"endPoint": endpoint.url},
            )
            for endpoint in self._endpoints.values()
        ]

    def deliveries(self, event: str, resource: str | None, payload: Mapping[str, Json] | None) -> Sequence[Delivery]:
        del resource  # an account has no parts
        if event != EVENT:
            raise UnknownEventError(f"Slant 3D has no event {event!r}; it has {EVENT}")
        order: dict[str, Json] = {
            "orderId": self._around.hex(10),
            "status": "SHIPPED",
            "trackingNumber": f"SANDBOX{self._around.hex(8).upper()}",
            "carrierCode": "usps",
        }
        body = self._around.unlike({**order, **(payload or {})})
        return [
            Delivery(
                provider=self.name,
                webhook_id=endpoint.number,
                event=event,
                url=endpoint.url,
                headers={"Content-Type": "application/json"},
                body=body,
            )
            for endpoint in self._endpoints.values()
        ]

    def delivered(self, outcome: Outcome) -> None:
        """The API does not show how deliveries went."""

    def reset(self) -> None:
        self._endpoints.clear()

    # -- the API -----------------------------------------------------------------------------------------------------

    async def _subscribe(self, request: Request) -> Response:
        key = request.headers.get("api-key", "")
        if not self._access.token(key):
            raise Refusal(401, {"error": "Invalid API key"})
        try:
            url = (await json_object(request)).get("endPoint")
        except ValueError:
            raise Refusal(400, {"error": "The body is not a JSON object"}) from None
        if not is_url(url, "http", "https"):
            raise Refusal(400, {"error": "endPoint must be a URL"})
        self._endpoints.setdefault((key, url), Endpoint(self._around.hex(12), url))
        return JSONResponse({"message": "success"})


async def _no_such_route(_request: Request, _error: Exception) -> Response:
    return JSONResponse({"error": "Not found"}, 404)
