"""Pictures of what the manifests ask for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.model import Desired, Relation
from reconciler.render.diagram import Diagram, diagram_of, dot, legend, mermaid
from reconciler.render.diagram_svg import svg
from tests.render import samples
from tests.render.test_escaping import HOSTILE
from tests.render.xml import parsed

NAMESPACE = "{http://www.w3.org/2000/svg}"


def wishes(note: str = "") -> list[Desired]:
    """Two webhooks of one graph, one of them shared with another."""
    first = samples.desired(samples.key(resource=f"acme/api{note}"), "push")
    second = samples.desired(samples.key("gitlab", "project", "acme/web", "acme-gitlab"), "push_events")
    both = (*second.relations, Relation(samples.SUPPORT, "", ("push_events",)))
    return [replace(second, relations=both), first]


def picture(note: str = "") -> Diagram:
    """Their diagram."""
    return diagram_of(wishes(note), "platform")


def test_subscribers_lead_to_webhooks_and_webhooks_to_providers() -> None:
    """Each trigger's events label its edge."""
    assert mermaid(picture()).splitlines() == [
        "flowchart LR",
        '  s0(["graph:triage"])',
        '  s1(["graph:support"])',
        '  w0["github/repo/acme/api#64;acme-github"]',
        '  w1["gitlab/project/acme/web#64;acme-gitlab"]',
        '  p0[("github")]',
        '  p1[("gitlab")]',
        '  s0 -->|"push"| w0',
        '  s1 -->|"push_events"| w1',
        '  s0 -->|"push_events"| w1',
        "  w0 --> p0",
        "  w1 --> p1",
    ]
    assert legend(picture()) == {"subscriber": 2, "webhook": 2, "provider": 2}


def test_dot_draws_the_same() -> None:
    """Graphviz gets the same nodes and edges."""
    shown = dot(picture())
    assert '  w0 [label="github/repo/acme/api@acme-github", shape=box];' in shown
    assert '  s0 -> w1 [label="push_events"];' in shown
    assert shown.endswith("\n}")


def test_svg_has_a_box_for_each_name_and_a_curve_for_each_edge() -> None:
    """Boxes of one column do not overlap, and everything lies inside the picture."""
    root = parsed(svg(picture()))
    boxes = root.findall(f".//{NAMESPACE}rect")
    assert len(boxes) == 6
    assert len(root.findall(f"{NAMESPACE}path")) == 5
    width, height = int(root.get("width", "0")), int(root.get("height", "0"))
    for box in boxes:
        assert int(box.get("x", "0")) + int(box.get("width", "0")) < width
        assert int(box.get("y", "0")) + int(box.get("height", "0")) < height
    assert len({(box.get("x"), box.get("y")) for box in boxes}) == 6


@pytest.mark.parametrize("draw", [mermaid, dot, svg])
def test_the_same_wish_gives_the_same_text(draw) -> None:
    """Whatever order the wishes come in."""
    assert draw(diagram_of(wishes(), "platform")) == draw(diagram_of(wishes()[::-1], "platform"))


@pytest.mark.parametrize("text", HOSTILE, ids=repr)
def test_names_stay_names(text: str) -> None:
    """A name with quotes, brackets or elements in it adds no line, node or element."""
    plain, hostile = picture(), picture(text)
    assert len(mermaid(hostile).splitlines()) == len(mermaid(plain).splitlines())
    assert len(dot(hostile).splitlines()) == len(dot(plain).splitlines())
    tags = [element.tag for element in parsed(svg(hostile)).iter()]
    assert tags == [element.tag for element in parsed(svg(plain)).iter()]


@pytest.mark.parametrize("draw", [mermaid, dot, svg])
def test_nothing_is_drawn_for_nothing(draw) -> None:
    """An empty wish is an empty, valid picture."""
    assert draw(diagram_of([], "platform"))
    parsed(svg(diagram_of([], "platform")))
