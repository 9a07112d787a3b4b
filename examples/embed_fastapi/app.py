"""A platform's own FastAPI application that activates graphs and runs them when a webhook delivers.

The platform owns its users, their tokens and its graphs; `WebhookManager` owns the webhooks.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import BackgroundTasks, FastAPI, Header, HTTPException, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from reconciler import (
    BlockedError,
    ConfigError,
    Credentials,
    DeliveryError,
    ForeignWebhookError,
    ReconcilerError,
    Secret,
    TriggeredNode,
    TriggeredPreset,
    VerificationError,
    WebhookManager,
    WebhookNotFoundError,
)

STATUSES: Mapping[type[ReconcilerError], int] = {
    ConfigError: 422,
    VerificationError: 401,
    DeliveryError: 400,
    ForeignWebhookError: 403,
    WebhookNotFoundError: 404,
    BlockedError: 409,
}
"""What a refusal is to a caller; anything else that the library raises is a provider or a store that failed: 502."""

Triggered = TriggeredNode | TriggeredPreset
User = Annotated[str, Header(alias="X-User")]
"""Who asks. A real platform reads this from its session."""


class Activation(BaseModel):
    """What a user chose in the graph editor."""

    provider: str
    webhook_type: str
    resource: str = ""
    events: list[str]
    node_id: str | None = None


async def log_run(triggered: Triggered, event: str, payload: Any) -> None:
    """Stands for the platform's executor."""
    name = triggered.graph_id if isinstance(triggered, TriggeredNode) else triggered.preset_id
    print(f"running {name} for {event}: {len(payload)} fields")  # noqa: T201 - an example's whole output


def token_of(user: str, provider: str) -> Credentials:
    """The user's token at a provider. A real platform reads it from its vault, under the name it has there."""
    token = os.environ.get(f"{provider.upper()}_TOKEN", "")
    api_url = os.environ.get(f"{provider.upper()}_API_URL", "")
    return Credentials(name=f"{user}-{provider}", provider=provider, fields={"token": Secret(token)}, api_url=api_url)


@dataclass(frozen=True)
class Platform:
    """What the application is made with; a test puts its own in."""

    managers: Mapping[str, WebhookManager]
    credentials: Callable[[str, str], Credentials] = token_of
    run: Callable[[Triggered, str, Any], Awaitable[None]] = field(default=log_run)

    def manager(self, provider: str) -> WebhookManager:
        """The manager of a provider that this platform offers."""
        if provider not in self.managers:
            raise HTTPException(404, f"this platform does not offer {provider}")
        return self.managers[provider]


def create_app(platform: Platform) -> FastAPI:
    """The application: activate, deactivate, and the ingress."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for manager in platform.managers.values():
                await stack.enter_async_context(manager)
            yield

    app = FastAPI(title="A platform with webhooks", lifespan=lifespan)

    @app.exception_handler(ReconcilerError)
    async def refused(_: Request, error: ReconcilerError) -> JSONResponse:
        status = next((code for kind, code in STATUSES.items() if isinstance(error, kind)), 502)
        return JSONResponse({"error": str(error)}, status)

    @app.post("/graphs/{graph_id}/activate", status_code=201)
    async def activate(graph_id: str, wanted: Activation, user: User) -> dict[str, str]:
        manager = platform.manager(wanted.provider)
        credentials = platform.credentials(user, wanted.provider)
        webhook = await manager.get_suitable_auto_webhook(
            user, credentials, wanted.webhook_type, wanted.resource, wanted.events
        )
        await manager.attach(webhook.id, user, graph_id=graph_id, node_id=wanted.node_id, events=wanted.events)
        return {"webhook_id": webhook.id, "url": webhook.url}

    @app.delete("/graphs/{graph_id}/webhooks/{provider}/{webhook_id}")
    async def deactivate(graph_id: str, provider: str, webhook_id: str, user: User) -> dict[str, bool]:
        manager = platform.manager(provider)
        await manager.detach(webhook_id, user, graph_id=graph_id)
        credentials = platform.credentials(user, provider)
        return {"pruned": await manager.prune_webhook_if_dangling(user, webhook_id, credentials)}

    @app.post("/webhooks/{provider}/{webhook_id}", status_code=202)
    async def ingress(provider: str, webhook_id: str, request: Request, later: BackgroundTasks) -> dict[str, int]:
        manager = platform.manager(provider)
        webhook = await manager.get(webhook_id)
        credentials = platform.credentials(webhook.user_id, provider)
        payload, event = await manager.validate_payload(webhook, request, credentials)
        triggered = manager.triggered_by(webhook, event)
        for each in triggered:
            later.add_task(platform.run, each, event, payload)
        return {"triggered": len(triggered)}

    return app


def main() -> FastAPI:
    """The application with managers that read their settings from the environment (`uvicorn --factory app:main`)."""
    return create_app(Platform({name: WebhookManager(name) for name in ("github", "gitlab", "stripe", "telegram")}))
