"""A picture of who asks for which webhook at which provider, in Mermaid, DOT or SVG; the same wish, the same text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from reconciler.core.model import Desired
from reconciler.render.escaping import dot_text, mermaid_text


class Edge(NamedTuple):
    """From one node to another, by their positions in their layers; `label` says which events."""

    start: int
    end: int
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagram:
    """Three layers of names and the edges between neighbours: subscribers, webhooks (addresses), providers."""

    subscribers: tuple[str, ...]
    webhooks: tuple[str, ...]
    providers: tuple[str, ...]
    asked: tuple[Edge, ...]
    served: tuple[Edge, ...]


def diagram_of(desired: Iterable[Desired], default_user: str) -> Diagram:
    """The picture of these webhooks: by provider and address, subscribers in the order of what they ask for."""
    wishes = sorted(desired, key=lambda wish: (wish.key.provider, wish.key.address(default_user)))
    addresses = [wish.key.address(default_user) for wish in wishes]
    providers = sorted({wish.key.provider for wish in wishes})
    place = {name: position for position, name in enumerate(providers)}
    subscribers: dict[str, int] = {}
    asked = []
    for position, wish in enumerate(wishes):
        for relation in sorted(wish.relations):
            user = "" if wish.key.user == default_user else f"{wish.key.user}:"
            name = f"{user}{relation.subscriber}"
            start = subscribers.setdefault(name, len(subscribers))
            asked.append(Edge(start, position, ", ".join(relation.events)))
    return Diagram(
        subscribers=tuple(subscribers),
        webhooks=tuple(addresses),
        providers=tuple(providers),
        asked=tuple(asked),
        served=tuple(Edge(position, place[wish.key.provider]) for position, wish in enumerate(wishes)),
    )


def mermaid(diagram: Diagram) -> str:
    """The diagram as a Mermaid flowchart, which GitHub and GitLab draw."""
    lines = ["flowchart LR"]
    for prefix, names, (opening, closing) in (
        ("s", diagram.subscribers, ("([", "])")),
        ("w", diagram.webhooks, ("[", "]")),
        ("p", diagram.providers, ("[(", ")]")),
    ):
        lines += [f"  {prefix}{number}{opening}{mermaid_text(name)}{closing}" for number, name in enumerate(names)]
    lines += [f"  s{edge.start} -->|{mermaid_text(edge.label, 60)}| w{edge.end}" for edge in diagram.asked]
    lines += [f"  w{edge.start} --> p{edge.end}" for edge in diagram.served]
    return "\n".join(lines)


def dot(diagram: Diagram) -> str:
    """The diagram in Graphviz's language."""
    lines = ["digraph webhooks {", "  rankdir=LR;", "  node [shape=box];"]
    for prefix, names, shape in _shapes(diagram):
        for number, name in enumerate(names):
            lines.append(f"  {prefix}{number} [label={dot_text(name)}, shape={shape}];")
    lines += [f"  s{edge.start} -> w{edge.end} [label={dot_text(edge.label, 60)}];" for edge in diagram.asked]
    lines += [f"  w{edge.start} -> p{edge.end};" for edge in diagram.served]
    return "\n".join([*lines, "}"])


def legend(diagram: Diagram) -> Mapping[str, int]:
    """How many there are of each layer."""
    return {
        "subscriber": len(diagram.subscribers),
        "webhook": len(diagram.webhooks),
        "provider": len(diagram.providers),
    }


def _shapes(diagram: Diagram) -> Sequence[tuple[str, tuple[str, ...], str]]:
    return (
        ("s", diagram.subscribers, "ellipse"),
        ("w", diagram.webhooks, "box"),
        ("p", diagram.providers, "cylinder"),
    )
