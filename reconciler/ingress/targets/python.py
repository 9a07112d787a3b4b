"""A target in this process: a callable that a platform which embeds us offers as an entry point."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import entry_points
from typing import Final

from reconciler.core.errors import ConfigError, Location, Problem
from reconciler.ingress.targets.event import Again, Drop, Event

GROUP: Final = "reconciler.targets"
"""The entry-point group."""

Handler = Callable[[Event], Awaitable[object] | object]
"""What an entry point names: takes an event, and raises where it could not handle it."""


class PythonTarget:
    """Calls a handler: an async one in the event loop, a plain one in a thread, as many at a time as `threads`.

    A plain one that is still at work when its time is over cannot be ended: it keeps its thread until it returns.
    """

    def __init__(self, handler: Handler, threads: int) -> None:
        self._handler = handler
        self._asynchronous = inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(
            getattr(handler, "__call__", None)  # noqa: B004 - looked at, not tested for
        )
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="target")

    async def send(self, event: Event) -> None:
        try:
            if self._asynchronous:
                returned = self._handler(event)
            else:
                returned = await asyncio.get_running_loop().run_in_executor(self._threads, self._handler, event)
            if inspect.isawaitable(returned):
                await returned
        except (Drop, Again):
            raise
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise  # its time is over
            raise Again("the handler raised CancelledError") from error
        except (Exception, SystemExit) as error:  # a handler is somebody else's code, and may raise anything
            # Its text may quote the payload. That it wants to exit is no reason for the ingress to do so.
            raise Again(f"the handler raised {type(error).__name__}") from error

    async def aclose(self) -> None:
        """Take no more; what a thread is at is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def handler_of(name: str, location: Location | None = None) -> Handler:
    """The handler that an installed distribution offers under `name`; nothing else is ever imported.

    Raises `ConfigError` where there is none, several, or one that cannot be loaded or called.
    """
    found = [point for point in entry_points(group=GROUP) if point.name == name]
    if len(found) != 1:
        offered = ", ".join(sorted({point.name for point in entry_points(group=GROUP)}))
        how = "several distributions offer" if found else "no installed distribution offers"
        raise _refused(f"{how} a target {name!r} in {GROUP!r}", f"there is {offered}" if offered else "", location)
    try:
        handler: Handler = found[0].load()
    except Exception as error:  # importing somebody else's code may raise anything
        raise _refused(f"the target {name!r} cannot be loaded: {type(error).__name__}", "", location) from error
    if not callable(handler):
        raise _refused(f"the target {name!r} is not a callable", "", location)
    return handler


def _refused(message: str, hint: str, location: Location | None) -> ConfigError:
    return ConfigError((Problem("target", message, location, hint=hint),))
