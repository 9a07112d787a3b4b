"""Whatever is sent: an answer, and never one that nobody declared."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconciler.ingress.counting import Outcome
from tests.ingress.receiving_support import ID, OTHER, SECRET, World, record, signature

PATHS = st.one_of(
    st.sampled_from(
        [f"/webhooks/{name}/{each}" for name in ("forge", "batching", "token", "no") for each in (ID, OTHER)]
    ),
    st.sampled_from(["/healthz", "/readyz", "/"]),
    st.text(max_size=60).map(lambda text: f"/{text}"),
)
NAMES = st.sampled_from(
    ["x-signature", "x-event", "x-delivery", "content-type", "content-encoding", "x-token", "x-hook-secret", "x"]
)
VALUES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([b"application/json", b"gzip", b"push", SECRET.reveal().encode(), signature(b"{}").encode()]),
)
BODIES = st.one_of(
    st.binary(max_size=200),
    st.sampled_from([b"{}", b'{"items": [1, {"kind": "push"}, null]}', b"[" * 5000, b'{"kind": "\\ud800"}', b"1e999"]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["kind", "items", "id"]), inner),
        max_leaves=8,
    ).map(lambda value: str(value).replace("'", '"').encode()),
)


@settings(max_examples=300)
@given(
    st.sampled_from(["POST", "GET", "HEAD", "OPTIONS", "PUT"]),
    PATHS,
    st.lists(st.tuples(NAMES, VALUES), max_size=8),
    BODIES,
    st.binary(max_size=60),
    st.booleans(),
)
@example("POST", f"/webhooks/forge/{ID}", [], b"{}", b"\xff=%", True)
def test_whatever_is_sent_is_answered(
    method: str, path: str, headers: list[tuple[str, bytes]], body: bytes, query: bytes, genuine: bool
) -> None:
    """Only declared statuses, one answer each, and what is acknowledged is stored."""

    async def main() -> None:
        world = World()
        for provider, webhook_id in (("forge", ID), ("batching", OTHER)):
            world.shelf.put(record(provider, webhook_id), SECRET)
        rows: list[Any] = [(name.encode(), value) for name, value in headers]
        if genuine:
            rows = [row for row in rows if row[0] != b"x-signature"]
            rows.append((b"x-signature", signature(body).encode()))
        answer = await world.ask(method, path, rows, body, query=query)
        counters = world.ingress.counters
        assert answer.messages == 2
        assert answer.status in {200, 202, 400, 401, 404, 405, 415}
        assert counters.of(Outcome.FAILED) == 0
        assert (counters.of(Outcome.KEPT) == 1) == (len(world.inbox.kept()) == 1)
        await world.ingress.aclose()

    asyncio.run(main())


MESSAGES = st.one_of(
    st.builds(lambda body, more: {"type": "http.request", "body": body, "more_body": more}, BODIES, st.booleans()),
    st.sampled_from(
        [{"type": "http.disconnect"}, {"type": "http.request"}, {"type": "http.request", "more_body": True}]
    ),
)


@settings(max_examples=200)
@given(
    st.lists(MESSAGES, max_size=6), st.sampled_from(["content-length", "transfer-encoding", "x"]), st.binary(max_size=9)
)
def test_however_a_body_comes_nothing_is_left_of_it(messages: list[dict[str, Any]], name: str, value: bytes) -> None:
    """In any pieces, cut off anywhere, its length told in any way: a genuine one is stored, and no memory is held."""

    async def main() -> None:
        world = World()
        pieces = iter([*messages, {"type": "http.disconnect"}])
        body = whole(messages)
        rows = [(b"x-signature", signature(body or b"").encode()), (b"x-event", b"push"), (name.encode(), value)]
        rows.append((b"content-type", b"application/json"))

        async def receive() -> dict[str, Any]:
            return next(pieces)

        answer = await world.ask("POST", f"/webhooks/forge/{ID}", rows, pieces=receive)
        counters = world.ingress.counters
        assert answer.status in {0, 200, 400, 404, 413}
        assert (answer.status == 200) == (len(world.inbox.kept()) == 1)
        assert answer.status != 200 or world.inbox.kept()[0][0].body == body
        assert counters.of(Outcome.FAILED) == 0
        assert {line.split()[-1] for line in counters.text().splitlines() if line.startswith(GAUGES)} == {"0"}
        await world.ingress.aclose()

    asyncio.run(main())


GAUGES = ("reconciler_ingress_in_flight ", "reconciler_ingress_held_bytes ", "reconciler_ingress_waiting ")


def whole(messages: list[dict[str, Any]]) -> bytes | None:
    """The body that these are, as far as it is all there."""
    body = b""
    for message in messages:
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body
    return None
