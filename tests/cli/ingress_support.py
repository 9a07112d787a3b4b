"""The ingress of a project, with its dispatcher, served from a thread."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from reconciler.ingress.app import app
from reconciler.ingress.serving import served
from reconciler.wiring.dispatching import dispatching
from reconciler.wiring.ingress import open_ingress
from reconciler.wiring.inputs import Inputs
from tests.cli.support import Project


@contextmanager
def ingress_of(project: Project, *, dispatch: bool = True) -> Iterator[str]:
    """Its origin, while the block runs."""
    loop = asyncio.new_event_loop()
    began, ended = threading.Event(), asyncio.Event()
    origins: list[str] = []
    failures: list[BaseException] = []

    def silent(event: str, /, **details: Any) -> None:
        """Tells nobody."""

    async def serve() -> None:
        inputs = Inputs(directory=project.root, environment=project.environment)
        async with open_ingress(inputs, silent) as opened:
            if not dispatch:
                await _listen(app(opened.ports()))
                return
            async with dispatching(opened, stdout=io.StringIO()) as handing:
                await _listen(app(opened.ports(handing.wake, handing.ordered)))

    async def _listen(application: Any) -> None:
        try:
            async with served(application, "127.0.0.1", 0) as listening:
                origins.append(listening.origin)
                began.set()
                await ended.wait()
        finally:
            await application.aclose()

    def work() -> None:
        try:
            loop.run_until_complete(serve())
        except BaseException as error:  # noqa: BLE001 - told in the test's own thread
            failures.append(error)
            began.set()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert began.wait(20)
        if failures:
            raise failures[0]
        yield origins[0]
    finally:
        if not loop.is_closed():
            loop.call_soon_threadsafe(ended.set)
        thread.join()
