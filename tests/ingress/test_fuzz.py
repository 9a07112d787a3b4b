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
