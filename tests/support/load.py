"""Senders that never rest: deliveries one after another over real sockets, and what became of each."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.support.ingress_process import delivery

PATIENCE = 20.0
"""Seconds for which anything is waited for: far longer than it takes anywhere."""


SLACK = 10.0
"""Seconds that a busy machine may add to any answer."""


@dataclass
class Answer:
    """What a sender got, and after how many seconds."""

    status: int
    headers: dict[str, str]
    seconds: float


@dataclass
class Senders:
    """Deliveries by their number: acknowledged, put off, or without an answer."""

    numbers: itertools.count[int] = field(default_factory=itertools.count)
    acknowledged: set[int] = field(default_factory=set)
    put_off: set[int] = field(default_factory=set)
    unanswered: set[int] = field(default_factory=set)
    others: list[Answer] = field(default_factory=list)
    """Answers that are neither an acknowledgement nor "later"; there must be none."""
    slowest: float = 0.0

    @asynccontextmanager
    async def at_work(self, port: int, connections: int = 16) -> AsyncIterator[None]:
        """So many connections while the block runs; each ends with the answer that it waits for."""
        ended = asyncio.Event()
        tasks = [asyncio.create_task(self._work(port, ended)) for _ in range(connections)]
        try:
            yield
        finally:
            ended.set()
            async with asyncio.timeout(2 * PATIENCE):
                await asyncio.gather(*tasks)

    async def again(self, port: int) -> None:
        """Send whatever was not acknowledged once more, as vendors do."""
        missing = sorted(self.put_off | self.unanswered)
        self.put_off.clear()
        self.unanswered.clear()
        shares = [missing[start::8] for start in range(8)]
        await asyncio.gather(*(self._over_one_connection(port, share) for share in shares))

    async def more(self, count: int) -> None:
        """Wait until so many more are acknowledged."""
        wanted = len(self.acknowledged) + count
        await until(lambda: len(self.acknowledged) >= wanted)

    async def refused(self, count: int) -> None:
        """Wait until so many more are put off."""
        wanted = len(self.put_off) + count
        await until(lambda: len(self.put_off) >= wanted)

    async def _work(self, port: int, ended: asyncio.Event) -> None:
        while not ended.is_set():
            if not await self._over_one_connection(port, self._endless(ended)):
                return

    def _endless(self, ended: asyncio.Event) -> Iterable[int]:
        while not ended.is_set():
            yield next(self.numbers)

    async def _over_one_connection(self, port: int, numbers: Iterable[int]) -> bool:
        """Whether one could be had."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionError:
            return False
        try:
            for number in numbers:
                self.unanswered.add(number)
                writer.write(delivery(number))
                self._note(number, await answer_of(reader))
                if number in self.put_off:
                    await asyncio.sleep(0.01)
        except (asyncio.IncompleteReadError, ConnectionError):
            return True
        finally:
            writer.close()
        return True

    def _note(self, number: int, answer: Answer) -> None:
        self.unanswered.discard(number)
        self.slowest = max(self.slowest, answer.seconds)
        if answer.status == 200:
            self.acknowledged.add(number)
        elif answer.status == 503 and int(answer.headers.get("retry-after", "0")) > 0:
            self.put_off.add(number)
        else:
            self.others.append(answer)


async def answer_of(reader: asyncio.StreamReader) -> Answer:
    """The next answer on a connection, none of which has a body."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(int(first.split()[1]), headers, loop.time() - began)


async def until(reached: Callable[[], bool]) -> None:
    """Wait for a moment that only another process brings."""
    async with asyncio.timeout(PATIENCE):
        while not reached():  # noqa: ASYNC110 - the moment is another process's
            await asyncio.sleep(0.01)
