"""The yardstick of `ingress.py`: a plain ASGI application on uvicorn that does the least, as durably.

It checks the signature, puts id and body into one table of SQLite (write-ahead log, each commit synchronised), as many
to a transaction as wait by then, and answers. No limits, no repetitions but by the id, nobody to hand anything to.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import queue
import socket
import sqlite3
import threading
from pathlib import Path
from typing import Any

import uvicorn

Waiting = tuple[str, bytes, "asyncio.Future[None]"]


class Plain:
    """The application, and its one writer."""

    def __init__(self, path: Path, secret: bytes) -> None:
        self._path = path
        self._secret = secret
        self._queue: queue.SimpleQueue[Waiting] = queue.SimpleQueue()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope["headers"])
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        signature = "sha256=" + hmac.digest(self._secret, body, "sha256").hex()
        genuine = hmac.compare_digest(signature.encode(), headers.get(b"x-hub-signature-256", b""))
        if genuine:
            kept = asyncio.get_running_loop().create_future()
            self._queue.put((headers[b"x-github-delivery"].decode(), body, kept))
            await kept
        status = 200 if genuine else 404
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    def write(self, loop: asyncio.AbstractEventLoop) -> None:
        """The writer, in a thread of its own, for ever."""
        connection = sqlite3.connect(self._path, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE plain (id TEXT PRIMARY KEY, body BLOB)")
        while True:
            batch = [self._queue.get()]
            while not self._queue.empty():
                batch.append(self._queue.get())
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT OR IGNORE INTO plain VALUES (?, ?)", [waiting[:2] for waiting in batch])
            connection.execute("COMMIT")
            loop.call_soon_threadsafe(self._done, batch)

    @staticmethod
    def _done(batch: list[Waiting]) -> None:
        for _, _, kept in batch:
            kept.set_result(None)


def serve(folder: Path, secret: bytes) -> None:
    """The process; its origin is printed once it listens."""
    os.sched_setaffinity(0, {0})
    plain = Plain(folder / "plain.db", secret)
    config = uvicorn.Config(
        plain,
        http="httptools",
        loop="uvloop",
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
    )

    async def main(listener: socket.socket) -> None:
        threading.Thread(target=plain.write, args=(asyncio.get_running_loop(),), daemon=True).start()
        print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        await uvicorn.Server(config).serve(sockets=[listener])

    with (
        socket.create_server(("127.0.0.1", 0), backlog=2048) as listener,
        asyncio.Runner(loop_factory=config.get_loop_factory()) as runner,
    ):
        runner.run(main(listener))
