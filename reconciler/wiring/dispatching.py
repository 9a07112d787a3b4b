"""Composes what hands deliveries on: the targets of a project, and a dispatcher for each scope of its ingress.

It runs beside the server of `reconcile ingress`, and in the same way in an application that embeds the ingress::

    async with open_ingress(inputs, progress) as opened, dispatching(opened) as handing:
        ingress = app(opened.ports(handing.wake, handing.ordered))
        ...
        await ingress.aclose()

What is in the inbox is handed on while the block runs; at its end what is under way is finished. What was kept for long
enough is let go of meanwhile.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TextIO
from urllib.parse import urlsplit

from reconciler.core.errors import ConfigError, Problem
from reconciler.core.model import Secret
from reconciler.core.ports import Progress
from reconciler.engine.context import Stop
from reconciler.ingress.counting import Handings
from reconciler.ingress.dispatching import Dispatcher, Means
from reconciler.ingress.handing import EventReader
from reconciler.ingress.ports import Ordered
from reconciler.ingress.routes import Retries, Route, Routes
from reconciler.ingress.targets.event import Drop, Event, Target
from reconciler.ingress.targets.http import Answered, HttpTarget, Post, UnreachableError, secret_problem
from reconciler.ingress.targets.log import LogTarget, Write, appending
from reconciler.ingress.targets.python import PythonTarget, handler_of
from reconciler.ingress.tidying import Tidying
from reconciler.manifests.project import Project
from reconciler.providers.client import HttpTransport
from reconciler.providers.guarded import GuardedTransport, Leave
from reconciler.providers.transport import Call, Transport, TransportError
from reconciler.settings.targets import HttpDeclaration, LogDeclaration, PythonDeclaration, TargetDeclaration
from reconciler.settings.urls import host, is_loopback
from reconciler.store.inboxes import inbox_of
from reconciler.system import SystemClock, SystemEntropy
from reconciler.wiring.ingress import Opened
from reconciler.wiring.session import holder_of

AFTER_A_BUG = 5.0
"""Seconds after which handing on goes on."""


class Dispatching:
    """The dispatchers of an ingress, one for each scope, over the same targets, and whoever tidies up behind them."""

    def __init__(
        self,
        dispatchers: tuple[Dispatcher, ...],
        routes: Routes,
        progress: Progress,
        tidying: tuple[Tidying, ...] = (),
    ) -> None:
        self._dispatchers = dispatchers
        self._routes = routes
        self._progress = progress
        self._tidying = tidying

    def wake(self) -> None:
        """Something was stored. Called in the event loop."""
        for dispatcher in self._dispatchers:
            dispatcher.wake()

    def ordered(self, subscriber: str, /) -> bool:
        """Whether dispatches of `graph:ID` or `preset:ID` are handed on one after another."""
        return self._routes.ordered(subscriber)

    async def run(self, stop: Stop) -> None:
        """Hand on until the end is asked for, then finish what is under way."""
        workers: tuple[Dispatcher | Tidying, ...] = (*self._dispatchers, *self._tidying)
        await asyncio.gather(*(self._keep_on(worker, stop) for worker in workers))

    async def _keep_on(self, worker: Dispatcher | Tidying, stop: Stop) -> None:
        while not stop.requested:
            try:
                await worker.run(stop)
            except Exception as error:  # noqa: BLE001 - deliveries must not stay where they are for a bug of ours
                message = f"this is a bug ({type(error).__name__}); deliveries are handed on in a moment"
                self._progress("bug", level="error", message=message)
                await asyncio.sleep(AFTER_A_BUG)


@asynccontextmanager
async def dispatching(
    opened: Opened, also: tuple[str, ...] = (), stdout: TextIO | None = None, counts: Handings | None = None
) -> AsyncIterator[Dispatching]:
    """Hand on what is in the inbox of a project's scope, and of those in `also`, while the block runs.

    `counts` is told what came of each. Raises `ConfigError` for a secret that is not there or is no key, and for an
    entry point that nobody offers.
    """
    clock, entropy = SystemClock(), SystemEntropy()
    read = EventReader(opened.vendors, opened.webhooks.find, clock.now).event
    async with routed(opened.project, clock.now, stdout or sys.stdout) as routes:
        scopes = (opened.project.scope, *also)
        dispatchers = tuple(
            Dispatcher(
                Means(
                    inbox=inbox_of(opened.store),
                    read=read,
                    clock=clock,
                    entropy=entropy,
                    scope=scope,
                    holder=holder_of(entropy),
                    progress=opened.progress,
                    counts=counts or Handings(),
                ),
                routes,
            )
            for scope in scopes
        )
        tidying = Tidying(inbox_of(opened.store), scopes, clock, opened.progress)
        handing, stop = Dispatching(dispatchers, routes, opened.progress, (tidying,)), Stop()
        running = asyncio.create_task(handing.run(stop))
        try:
            yield handing
        finally:
            stop.request()
            await running


@asynccontextmanager
async def routed(project: Project, now: Callable[[], float], stdout: TextIO) -> AsyncIterator[Routes]:
    """The targets of a project, ready to be handed to. Raises `ConfigError`, with every problem of all of them."""
    made = _Made(project, now, stdout)
    try:
        yield made.routes()
    finally:
        await made.aclose()


def ordered_by(targets: Sequence[TargetDeclaration]) -> Ordered:
    """Whether targets want the dispatches of `graph:ID` or `preset:ID` one after another; none is made."""
    return Routes(tuple(_route(each, _Nowhere()) for each in targets)).ordered


class _Nowhere:
    """The target of whoever only asks which one it would be."""

    async def send(self, event: Event) -> None:
        raise Drop("this target takes nothing")

    async def aclose(self) -> None:
        """There is nothing to let go of."""


class _Made:
    """Targets as they are made, each over connections of its own, so that none waits for another's."""

    def __init__(self, project: Project, now: Callable[[], float], stdout: TextIO) -> None:
        self._project = project
        self._now = now
        self._stdout = stdout
        self._transports: list[HttpTransport] = []
        self._targets: list[Target] = []

    def routes(self) -> Routes:
        problems: list[Problem] = []
        routes: list[Route] = []
        for declaration in self._project.targets:
            try:
                routes.append(_route(declaration, self._target(declaration)))
            except ConfigError as error:
                problems += error.problems
        if problems:
            raise ConfigError(tuple(problems))
        return Routes(tuple(routes))

    async def aclose(self) -> None:
        for target in self._targets:
            await target.aclose()
        for transport in self._transports:
            await transport.aclose()

    def _target(self, declaration: TargetDeclaration) -> Target:
        to = declaration.to
        target: Target
        if isinstance(to, HttpDeclaration):
            target = self._http(to, declaration)
        elif isinstance(to, PythonDeclaration):
            target = PythonTarget(handler_of(to.name, declaration.location), declaration.concurrency)
        else:
            target = LogTarget(self._writer(to), payload=to.payload)
        self._targets.append(target)
        return target

    def _http(self, to: HttpDeclaration, declaration: TargetDeclaration) -> HttpTarget:
        def secret() -> Secret:
            return self._project.secrets.read(to.secret)

        try:
            wrong = secret_problem(secret())
        except ConfigError as error:
            wrong = error.problems[0].message
        if wrong:
            message = f"the secret of the target: {wrong}"
            raise ConfigError((Problem("targets", message, declaration.location),))
        transport = HttpTransport()
        self._transports.append(transport)
        leave = leave_of(to, self._project.settings.allowed_hosts)
        guarded = GuardedTransport(transport, leave, declaration.timeout)
        return HttpTarget(to.url, posting(guarded), secret, self._now)

    def _writer(self, to: LogDeclaration) -> Write:
        if to.file:
            return appending(self._project.key_file.parent / to.file)

        def write(line: str) -> None:
            self._stdout.write(line)
            self._stdout.flush()

        return write


def leave_of(to: HttpDeclaration, allowed: frozenset[str]) -> Leave:
    """Where deliveries for a target may go: what the project file declares counts only with the operator's word."""
    name = host(to.url)
    if name not in to.allow:
        return Leave()
    if is_loopback(name):
        return Leave(loopback=True)
    return Leave(internal=True, loopback=True) if name in allowed else Leave()


def posting(transport: Transport) -> Post:
    """Posts over a transport of ours."""

    async def post(url: str, headers: Mapping[str, str], body: bytes) -> Answered:
        try:
            reply = await transport.send(Call(method="POST", url=url, headers=headers, body=body))
        except TransportError as error:
            raise UnreachableError(str(error)) from None
        return Answered(status=reply.status, retry_after=reply.headers.get("retry-after", ""))

    return post


def _route(declaration: TargetDeclaration, target: Target) -> Route:
    return Route(
        name=_name(declaration),
        kind=_name(declaration).partition(" ")[0],
        target=target,
        match=declaration.match,
        ordered=declaration.ordered,
        concurrency=declaration.concurrency,
        deadline=declaration.timeout,
        retries=Retries(attempts=declaration.attempts, first=declaration.first, longest=declaration.longest),
    )


def _name(declaration: TargetDeclaration) -> str:
    """How people call a target; of a URL its host alone."""
    match declaration.to:
        case HttpDeclaration(url=url):
            return f"http {urlsplit(url).hostname}"
        case PythonDeclaration(name=name):
            return f"python {name}"
        case LogDeclaration(file=file):
            return f"log {file}".rstrip()
