"""`reconcile ingress`: receive deliveries until a signal comes."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from reconciler.cli import garbage
from reconciler.cli.exits import ExitCode
from reconciler.cli.flags_ingress import IngressFlags
from reconciler.cli.output import Output
from reconciler.cli.running import carry_out, inputs_of
from reconciler.core.errors import ConfigError, Problem
from reconciler.daemon.draining import Drain
from reconciler.ingress.app import Ingress, app
from reconciler.ingress.counting import Handings
from reconciler.ingress.limits import Limits
from reconciler.ingress.measuring import BacklogGauges, metrics
from reconciler.ingress.ports import Ports
from reconciler.ingress.serving import fast_loop, prepare_process, served
from reconciler.store.inboxes import inbox_of
from reconciler.system import SystemClock
from reconciler.wiring.dispatching import dispatching, ordered_by
from reconciler.wiring.ingress import Opened, open_ingress


def run(flags: IngressFlags, output: Output) -> ExitCode:
    """Serve until SIGINT or SIGTERM; then take nothing new, store and acknowledge what is in flight."""

    async def serve(drain: Drain) -> ExitCode:
        async with AsyncExitStack() as stack:
            opened = await stack.enter_async_context(open_ingress(inputs_of(flags, output), output, _also(flags)))
            prefix = opened.prefix if flags.prefix is None else _checked(flags.prefix)
            former = await asyncio.to_thread(opened.former) if flags.prefix is None else ()
            counts = Handings()
            ports = await _ports(opened, flags, output, stack, counts)
            ingress = app(ports, _limits(flags), prefix, former)
            ingress.counters.include(counts.lines)
            stack.push_async_callback(ingress.aclose)
            prepare_process()
            await _tell(ingress, opened, flags, output, stack)
            await _listen(ingress, prefix, flags, output, stack)
            await drain.wait()
            ingress.drain()
        return ExitCode.DONE

    garbage.steadily()
    return carry_out(serve, output, fast_loop)


async def _ports(opened: Opened, flags: IngressFlags, output: Output, stack: AsyncExitStack, counts: Handings) -> Ports:
    """What the ingress needs; what is kept is handed on beside it, unless that is done elsewhere."""
    if not flags.dispatch:
        return opened.ports(ordered=ordered_by(opened.project.targets))
    handing = await stack.enter_async_context(dispatching(opened, _also(flags), output.streams.stdout, counts))
    return opened.ports(handing.wake, handing.ordered)


async def _tell(ingress: Ingress, opened: Opened, flags: IngressFlags, output: Output, stack: AsyncExitStack) -> None:
    """Serve the metrics, where they are asked for."""
    if flags.metrics_port is None:
        return
    scopes = (opened.project.scope, *_also(flags))
    backlog = BacklogGauges(inbox_of(opened.store), scopes, SystemClock(), ingress.counters)
    told = metrics(ingress.counters, backlog.look)
    counted = await stack.enter_async_context(served(told, flags.metrics_host, flags.metrics_port))
    output("ingress_metrics", message=f"metrics at {counted.origin}/metrics", url=f"{counted.origin}/metrics")


async def _listen(ingress: Ingress, prefix: str, flags: IngressFlags, output: Output, stack: AsyncExitStack) -> None:
    main = await stack.enter_async_context(served(ingress, flags.host, flags.port))
    ingress.counters.gauge("ingress_connections", "Connections that are open.", lambda: len(main.watch))
    ingress.counters.counter("ingress_connections_refused_total", "Connections hung up on.", lambda: main.watch.refused)
    output("ingress_ready", message=f"ingress ready at {main.origin}{prefix}/webhooks/...", url=main.origin)


def _limits(flags: IngressFlags) -> Limits:
    return Limits(rate=flags.rate, burst=4 * flags.rate, trusted_hops=flags.trusted_hops)


def _also(flags: IngressFlags) -> tuple[str, ...]:
    return tuple(flags.also_scope or ())


def _checked(prefix: str) -> str:
    """The prefix without a slash at its end. Raises `ConfigError` for what is no path."""
    path = prefix.rstrip("/")
    if path and (not path.startswith("/") or "?" in path or "%" in path or "//" in path):
        message = f"--prefix {prefix!r} is no path such as /hooks"
        raise ConfigError((Problem("prefix", message),))
    return path
