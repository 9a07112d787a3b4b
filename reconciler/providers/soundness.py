"""What in `verify` of a definition could not work.

Told by the blocks alone: definitions are read by commands that never verify anything, so no scheme is made of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet

from reconciler.providers.blocks.places import Place as PlaceBlock
from reconciler.providers.blocks.proofs import JwtVerify, Proof, RemoteVerify, SignedVerify, SnsVerify
from reconciler.providers.rendering import placeholders
from reconciler.verify.words import Part

ProblemAt = tuple[tuple[str | int, ...], str]

PARTS = frozenset(Part)


def is_keyless(block: Proof) -> bool:
    """Whether nothing of a webhook's own proves its deliveries."""
    return bool(block.jwks) if isinstance(block, JwtVerify) else isinstance(block, SnsVerify | RemoteVerify)


def proof_problems(block: Proof) -> Iterator[ProblemAt]:
    """What in a block would never prove anything, or not all of it: where, and why."""
    if isinstance(block, SignedVerify):
        yield from _message_problems(block)
    elif isinstance(block, JwtVerify):
        yield from _unknown(block.audience, ("audience",), block.values, PARTS - {"body", "form", "timestamp"})
        for index, digest in enumerate(block.digests):
            yield from _unknown(digest.of, ("digests", index, "of"), block.values, PARTS - {"timestamp"})
    elif isinstance(block, RemoteVerify):
        for name, text in block.fields.items():
            yield from _unknown(text, ("fields", name), block.values, PARTS - {"body", "form", "timestamp"})
        if block.payload in block.fields:
            yield ("payload",), "is one of `fields` already"


def _message_problems(block: SignedVerify) -> Iterator[ProblemAt]:
    names = placeholders(block.message)
    listed = block.list is not None and block.list.timestamp is not None
    if listed and block.timestamp:
        yield ("timestamp",), "the timestamp is in the `list` already"
    stamped = listed or block.timestamp is not None
    yield from _unknown(block.message, ("message",), block.values, PARTS if stamped else PARTS - {"timestamp"})
    if not names & {"body", "form"} and block.digest is None:
        yield ("message",), "must hold ${body}: else the body would not be proved"
    if block.digest is not None and not _holds(block, names, block.digest):
        yield ("digest",), "is at a place that the message does not hold: it would not be proved"
    if stamped and "timestamp" not in names and not (block.timestamp and _holds(block, names, block.timestamp)):
        yield ("message",), "must hold ${timestamp}: else the timestamp would not be proved"
    for name in sorted(block.values.keys() - names):
        yield ("values", name), "the message does not hold it"


def _holds(block: SignedVerify, names: AbstractSet[str], place: PlaceBlock) -> bool:
    """Whether what is at a place is signed: in the body, in the query, or as a named value."""
    if (place.body and "body" in names) or (place.query and "query" in names):
        return True
    wanted = (place.header, place.query, place.body)
    return any(
        name in names and (value.header, value.query, value.body) == wanted for name, value in block.values.items()
    )


def _unknown(
    text: str, where: tuple[str | int, ...], values: Mapping[str, PlaceBlock], parts: AbstractSet[str]
) -> Iterator[ProblemAt]:
    for name in sorted(values.keys() & PARTS):
        yield ("values", name), f"{name!r} is another kind of placeholder: use another name"
    for name in sorted(placeholders(text) - parts - values.keys()):
        known = ", ".join(f"${{{word}}}" for word in sorted(parts | values.keys()))
        yield where, f"nothing fills ${{{name}}} here; known are {known}"
