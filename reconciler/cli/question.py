"""The question before something is changed."""

from __future__ import annotations

import asyncio

from reconciler.cli.output import Output


async def ask(question: str, output: Output) -> bool:
    """Ask at the terminal and wait for a line; only `y` and `yes` mean yes. May be cancelled."""
    streams = output.streams
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[str] = loop.create_future()

    def read() -> None:
        if not answered.done():
            answered.set_result(streams.stdin.readline())

    line = ""
    output.question(f"{question} [y/N] ")
    loop.add_reader(streams.stdin.fileno(), read)
    try:
        line = await answered
        return line.strip().lower() in {"y", "yes"}
    finally:
        loop.remove_reader(streams.stdin.fileno())
        output.answered(line)
