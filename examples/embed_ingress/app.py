"""A FastAPI application of somebody's own that receives a project's deliveries beside everything else it does.

`reconcile` keeps the webhooks; this takes what they deliver: `uvicorn --factory app:create_app` in the project's
folder.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from reconciler.ingress.app import app as ingress_app
from reconciler.wiring.ingress import open_ingress
from reconciler.wiring.inputs import Inputs

log = logging.getLogger(__name__)


def tell(event: str, /, **details: Any) -> None:
    """What the ingress has to say, in this application's own log."""
    log.info("%s: %s", event, details.get("message", ""))


def create_app(project: Path | None = None) -> FastAPI:
    """The application. With `base_url: https://acme.dev/hooks` deliveries arrive below `/hooks`."""
    inputs = Inputs(directory=project or Path(), files=(), environment=os.environ)

    @asynccontextmanager
    async def lifespan(site: FastAPI) -> AsyncIterator[None]:
        async with open_ingress(inputs, tell) as opened:
            ingress = ingress_app(opened.ports())
            site.mount("/hooks", ingress)
            yield
            await ingress.aclose()

    site = FastAPI(title="Acme", lifespan=lifespan)

    @site.get("/")
    async def home() -> dict[str, str]:
        return {"hello": "world"}

    return site
