"""The question before something is changed."""

from __future__ import annotations

import asyncio

from reconciler.cli.output import Streams


async def ask(question: str, streams: Streams) -> bool:
    """Ask at the terminal and wait for a line; only `y` and `yes` mean yes. May be cancelled."""
    streams.stderr.write(f"{question} [y/N] ")
    streams.stderr.flush()
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[str] = loop.create_future()

    def read() -> None:
        if not answered.done():
            answered.set_result(streams.stdin.readline())

    loop.add_reader(streams.stdin.fileno(), read)
    try:
        return (await answered).strip().lower() in {"y", "yes"}
    finally:
        loop.remove_reader(streams.stdin.fileno())
