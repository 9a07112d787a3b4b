"""The watch over a server's connections: how many there are, and which of them owe us a request for too long."""

from __future__ import annotations

import asyncio
import math
from email.utils import formatdate
from typing import Final, Protocol

HEADER_SECONDS: Final = 10.0
"""For the request line and all headers, and for a new connection to say anything."""

IDLE_SECONDS: Final = 75.0
"""Between an answer and the next request: longer than proxies keep a connection, so that it is they who end it."""

CONNECTIONS: Final = 2048
CONNECTIONS_PER_PEER: Final = 1024
"""At a time; a proxy of ours is one peer."""

SPARED: Final = 2.0
"""Seconds for which a connection may owe us a request also where there is no room for another."""

_LOOK_EVERY = 1.0
_MAKE_ROOM_EVERY = 0.1


class Connection(Protocol):
    """What is watched of a connection: since when it owes us a request, and for how many seconds it may."""

    waiting_since: float | None
    patience: float

    def close(self) -> None:
        """Hang up at once."""
        ...

    def drain(self) -> None:
        """Take no more requests, and hang up when what was begun is answered."""
        ...


class Watch:
    """All connections of a server: how many there are, and which of them owe us a request for too long."""

    def __init__(self, most: int = CONNECTIONS, most_each: int = CONNECTIONS_PER_PEER) -> None:
        self._most = most
        self._most_each = most_each
        self._connections: set[Connection] = set()
        self._peers: dict[str, int] = {}
        self._empty = asyncio.Event()
        self._draining = False
        self._made_room_at = -math.inf
        self.date = _date()
        """The time of the last look, as HTTP tells it."""
        self.refused = 0
        """How many connections were hung up on."""

    def __len__(self) -> int:
        return len(self._connections)

    def enter(self, connection: Connection, peer: str, now: float) -> bool:
        """Watch a new connection, if there is room for it, and the end is not near; `now` is the loop's time."""
        mine = self._peers.get(peer, 0)
        full = len(self._connections) >= self._most and not self._makes_room(now)
        if self._draining or full or mine >= self._most_each:
            self.refused += 1
            return False
        self._peers[peer] = mine + 1
        self._connections.add(connection)
        return True

    def leave(self, connection: Connection, peer: str) -> None:
        """Forget a connection, if it was watched."""
        if connection in self._connections:
            self._connections.discard(connection)
            self._peers[peer] -= 1
            if not self._peers[peer]:
                del self._peers[peer]
            if not self._connections:
                self._empty.set()

    def look(self, now: float) -> None:
        """Hang up on those that owe us a request for too long; `now` is the loop's time."""
        self.date = _date()
        self._end_waiting(now, math.inf)

    def _makes_room(self, now: float) -> bool:
        """Hang up on those that owe us a request for long: else a few that say nothing would keep everybody out.

        Whether there were any. Not for each that comes, for to look at all takes time.
        """
        if now - self._made_room_at < _MAKE_ROOM_EVERY:
            return False
        self._made_room_at = now
        return self._end_waiting(now, SPARED) > 0

    def _end_waiting(self, now: float, seconds: float) -> int:
        """Hang up on those that owe us a request for longer than that, or than they may; how many there were."""
        late = [
            each
            for each in self._connections
            if each.waiting_since is not None and now - each.waiting_since > min(seconds, each.patience)
        ]
        for connection in late:
            self.refused += 1
            connection.close()
        return len(late)

    async def keep_looking(self) -> None:
        """Look, again and again."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            self.look(loop.time())

    async def drain(self, seconds: float) -> None:
        """Let all come to an end, and hang up on those that have not after so many seconds.

        Also on what comes meanwhile: a connection may be taken before the listener is closed, and told of later.
        """
        self._draining = True
        for connection in [*self._connections]:
            connection.drain()
        self._empty.clear()
        try:
            async with asyncio.timeout(seconds):
                while self._connections:
                    await self._empty.wait()
        except TimeoutError:
            for connection in [*self._connections]:
                connection.close()


def _date() -> bytes:
    return formatdate(usegmt=True).encode()
