"""The sandbox: stateful stand-ins of vendors behind one ASGI app, with controls under `/_sandbox`.

`ROOTS` says which path takes the place of which vendor's API root.

Controls (JSON): `GET /_sandbox/health`, `GET|DELETE /requests`, `GET /webhooks`, `GET /deliveries`, `POST /fire`,
`GET|POST|DELETE /faults`, `POST|DELETE /reset`.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from reconciler.core.model import Json
from reconciler.testing.faults import Fault, Faults, faulty
from reconciler.testing.outbound import Courier
from reconciler.testing.requests_log import RequestLog, recording
from reconciler.testing.vendors.airtable import Airtable
from reconciler.testing.vendors.asana import Asana
from reconciler.testing.vendors.base import (
    Access,
    Delivery,
    Outcome,
    Sender,
    Surroundings,
    UnknownEventError,
    Vendor,
)
from reconciler.testing.vendors.bitbucket import Bitbucket
from reconciler.testing.vendors.calendly import Calendly
from reconciler.testing.vendors.exa import Exa
from reconciler.testing.vendors.gitea import Gitea
from reconciler.testing.vendors.github import GitHub
from reconciler.testing.vendors.gitlab import GitLab
from reconciler.testing.vendors.hubspot import HubSpot
from reconciler.testing.vendors.linear import Linear
from reconciler.testing.vendors.manual import SENDERS
from reconciler.testing.vendors.microsoft_graph import MicrosoftGraph
from reconciler.testing.vendors.sendgrid import SendGrid
from reconciler.testing.vendors.slack import Slack
from reconciler.testing.vendors.slant3d import Slant3D
from reconciler.testing.vendors.stripe import Stripe
from reconciler.testing.vendors.telegram import Telegram
from reconciler.testing.vendors.typeform import Typeform
from reconciler.testing.vendors.vercel import Vercel

ROOTS: Mapping[str, str] = {
    "github": "/github",
    "gitlab": "/gitlab/api/v4",
    "telegram": "/telegram",
    "stripe": "/stripe/v1",
    "gitea": "/gitea/api/v1",
    "bitbucket": "/bitbucket/2.0",
    "typeform": "/typeform",
    "linear": "/linear",
    "vercel": "/vercel",
    "calendly": "/calendly",
    "airtable": "/airtable/v0",
    "microsoft-graph": "/microsoft-graph/v1.0",
    "exa": "/exa/websets/v0",
    "slant3d": "/slant3d/api",
    "asana": "/asana/api/1.0",
    "sendgrid": "/sendgrid",
}
"""Provider to the path that stands for its API root; immutable in use."""

_CONTROLS = "/_sandbox"
_ANSWERED = "not sent: nothing is there to take it, so the sandbox answered this handshake itself"


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxConfig:
    """What a sandbox is made of.

    `now` gives UNIX seconds. `forward_to` and `receiver` are explained at `Courier`. `access` says, by provider, which
    tokens and resources exist; a provider that is not named knows all. `answer_handshakes`: a handshake that a vendor
    makes during a call, and that could go nowhere, is answered by the sandbox itself, and the log of deliveries says
    so; thus manifests can be tried before anything takes deliveries. False: it fails, as it would at the vendor.
    """

    now: Callable[[], float]
    random_bytes: Callable[[int], bytes] = secrets.token_bytes
    forward_to: str = ""
    receiver: ASGIApp | None = None
    access: Mapping[str, Access] = field(default_factory=dict)
    log_limit: int = 1000
    answer_handshakes: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class FireOrder:
    """What to fire: `event` of `provider`, for one `resource` or all; `payload` overrides fields of the body.

    Providers without an API need `url`, where the delivery goes, and may take a `secret`.
    """

    provider: str
    event: str = ""
    resource: str | None = None
    payload: Mapping[str, Json] | None = None
    url: str = ""
    secret: str = field(default="", repr=False)


class Sandbox:
    """An ASGI app that holds the stand-ins; its attributes are for tests in the same process."""

    def __init__(self, config: SandboxConfig) -> None:
        self.log = RequestLog(config.now, config.log_limit)
        self.faults = Faults()
        self.outcomes: deque[Outcome] = deque(maxlen=config.log_limit)
        self._courier = Courier(forward_to=config.forward_to, receiver=config.receiver)
        self._answers = config.answer_handshakes and config.receiver is None
        around = Surroundings(now=config.now, random_bytes=config.random_bytes, deliver=self._asked)
        access = {provider: config.access.get(provider, Access()) for provider in ROOTS}
        self.github = GitHub(around, access["github"])
        self.gitlab = GitLab(around, access["gitlab"])
        self.telegram = Telegram(around, access["telegram"])
        self.stripe = Stripe(around, access["stripe"])
        self.airtable = Airtable(around, access["airtable"])
        self.microsoft_graph = MicrosoftGraph(around, access["microsoft-graph"])
        self.exa = Exa(around, access["exa"])
        self.slant3d = Slant3D(around, access["slant3d"])
        self._senders: Mapping[str, Sender] = {**SENDERS, Slack.name: Slack(around), HubSpot.name: HubSpot(around)}
        everyone: tuple[Vendor, ...] = (
            self.github,
            self.gitlab,
            self.telegram,
            self.stripe,
            Gitea(around, access["gitea"]),
            Bitbucket(around, access["bitbucket"]),
            Typeform(around, access["typeform"]),
            Linear(around, access["linear"]),
            Vercel(around, access["vercel"]),
            Calendly(around, access["calendly"]),
            self.airtable,
            self.microsoft_graph,
            self.exa,
            self.slant3d,
            Asana(around, access["asana"]),
            SendGrid(around, access["sendgrid"]),
        )
        self.vendors: Mapping[str, Vendor] = {vendor.name: vendor for vendor in everyone}
        mounts = [Mount(ROOTS[name], app=vendor.app) for name, vendor in self.vendors.items()]
        self._vendor_app = recording(faulty(Starlette(routes=mounts), self.faults), self.log)
        self._control_app = Starlette(routes=[Mount(_CONTROLS, routes=self._controls())])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        controls = scope["type"] != "http" or scope["path"].startswith(_CONTROLS)
        await (self._control_app if controls else self._vendor_app)(scope, receive, send)

    async def fire(self, order: FireOrder) -> Sequence[Outcome]:
        """Send a signed delivery to every webhook that is subscribed to the event.

        Raises `UnknownEventError` where the vendor has no such event, and ValueError where the order makes no sense.
        """
        return [await self._deliver(delivery) for delivery in self.made(order)]

    def reset(self) -> None:
        """Forget everything: webhooks, requests, deliveries and faults."""
        for vendor in self.vendors.values():
            vendor.reset()
        self.log.clear()
        self.outcomes.clear()
        self.faults.clear()

    def made(self, order: FireOrder) -> Sequence[Delivery]:
        """The deliveries that `fire` would send. Raises as it does."""
        if (vendor := self.vendors.get(order.provider)) is not None:
            return vendor.deliveries(order.event, order.resource, order.payload)
        if (sender := self._senders.get(order.provider)) is None:
            known = ", ".join([*self.vendors, *self._senders])
            raise ValueError(f"the sandbox has no provider {order.provider!r}; it has {known}")
        if not order.url:
            raise ValueError(f"{order.provider} has no API, so the sandbox cannot know the webhook: give its url")
        return [sender.delivery(order.url, order.event, order.secret, order.payload)]

    async def _asked(self, delivery: Delivery) -> Outcome:
        """Send what a vendor sends during a call; a handshake that could go nowhere is answered here."""
        if not (delivery.echo and self._answers) or self._courier.destination(delivery.url) is not None:
            return await self._deliver(delivery)
        body = "" if delivery.echo_header else delivery.echo
        outcome = Outcome(
            delivery=delivery,
            sent=False,
            status=200,
            body=body,
            media_type="text/plain",
            echoed=delivery.echo,
            error=_ANSWERED,
        )
        self.outcomes.append(outcome)
        return outcome

    async def _deliver(self, delivery: Delivery) -> Outcome:
        outcome = await self._courier.send(delivery)
        self.outcomes.append(outcome)
        if outcome.sent and (vendor := self.vendors.get(delivery.provider)) is not None:
            vendor.delivered(outcome)
        return outcome

    # -- controls ----------------------------------------------------------------------------------------------------

    def _controls(self) -> list[Route]:
        return [
            Route("/health", self._get_health, methods=["GET"]),
            Route("/requests", self._get_requests, methods=["GET"]),
            Route("/requests", self._delete_requests, methods=["DELETE"]),
            Route("/webhooks", self._get_webhooks, methods=["GET"]),
            Route("/deliveries", self._get_deliveries, methods=["GET"]),
            Route("/fire", self._post_fire, methods=["POST"]),
            Route("/faults", self._get_faults, methods=["GET"]),
            Route("/faults", self._post_fault, methods=["POST"]),
            Route("/faults", self._delete_faults, methods=["DELETE"]),
            Route("/reset", self._post_reset, methods=["POST", "DELETE"]),
        ]

    async def _get_health(self, _request: Request) -> Response:
        return JSONResponse({"ready": True, "roots": dict(ROOTS)})

    async def _get_requests(self, request: Request) -> Response:
        root = ROOTS.get(request.query_params.get("provider", ""), "/")
        shown = [entry.document() for entry in self.log if entry.path.startswith(root)]
        return JSONResponse({"requests": shown, "total": self.log.total})

    async def _delete_requests(self, _request: Request) -> Response:
        self.log.clear()
        return JSONResponse({"requests": [], "total": 0})

    async def _get_webhooks(self, request: Request) -> Response:
        wanted = request.query_params.get("provider")
        shown = [
            {"provider": name, **asdict(subscription)}
            for name, vendor in self.vendors.items()
            for subscription in vendor.webhooks()
            if wanted in {None, name}
        ]
        return JSONResponse({"webhooks": shown})

    async def _get_deliveries(self, _request: Request) -> Response:
        return JSONResponse({"deliveries": [outcome_document(outcome) for outcome in self.outcomes]})

    async def _post_fire(self, request: Request) -> Response:
        try:
            outcomes = await self.fire(_built(FireOrder, await request.json()))
        except (UnknownEventError, ValueError, TypeError) as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse({"deliveries": [outcome_document(outcome) for outcome in outcomes]})

    async def _get_faults(self, _request: Request) -> Response:
        return JSONResponse({"faults": self.faults.documents()})

    async def _post_fault(self, request: Request) -> Response:
        try:
            self.faults.add(_built(Fault, await request.json()))
        except (ValueError, TypeError) as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse({"faults": self.faults.documents()}, 201)

    async def _delete_faults(self, _request: Request) -> Response:
        self.faults.clear()
        return JSONResponse({"faults": []})

    async def _post_reset(self, _request: Request) -> Response:
        self.reset()
        return JSONResponse({"reset": True})


def create_sandbox(config: SandboxConfig) -> Sandbox:
    """A new, empty sandbox: an ASGI app. `ConfigError` where `forward_to` is not an origin."""
    return Sandbox(config)


def outcome_document(outcome: Outcome) -> dict[str, Json]:
    """A delivery and what became of it, as JSON and without its proof."""
    delivery = outcome.delivery
    return {
        "provider": delivery.provider,
        "webhook_id": delivery.webhook_id,
        "event": delivery.event,
        "url": delivery.url,
        "status": outcome.status,
        "accepted": outcome.accepted,
        "body": outcome.body,
        "error": outcome.error,
    }


def _built(kind: type[Any], document: Json) -> Any:
    """A dataclass from a JSON object; ValueError where a key is unknown."""
    known = {item.name for item in fields(kind)}
    if not isinstance(document, dict) or set(document) - known:
        raise ValueError(f"expected an object with some of {', '.join(sorted(known))}")
    return kind(**document)
