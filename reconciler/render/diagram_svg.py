"""The diagram as SVG 1.1: three columns of boxes and curves between them; no script and no reference to afar."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.render.diagram import Diagram, Edge
from reconciler.render.escaping import visible, xml_text

_BOX_HEIGHT = 26
_ROW = 36
_MARGIN = 16
_GAP = 140
_CHARACTER = 7.2
"""The width of a character of 12 pixels in a monospaced face."""
_LONGEST = 64
_SHORTEST_BOX = 90

_COLOURS = ("#e8f0fe", "#eef7ee", "#fff4e0")
_HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
    'font-family="ui-monospace, Menlo, Consolas, monospace" font-size="12" role="img">'
)


def svg(diagram: Diagram) -> str:
    """The diagram as one SVG document."""
    layers = (diagram.subscribers, diagram.webhooks, diagram.providers)
    widths = [_width(names) for names in layers]
    lefts = [_MARGIN + sum(widths[:index]) + index * _GAP for index in range(len(layers))]
    rows = max(1, *(len(names) for names in layers))
    height = 2 * _MARGIN + rows * _ROW
    tops = [_MARGIN + (rows - len(names)) * _ROW // 2 for names in layers]
    width = lefts[-1] + widths[-1] + _MARGIN
    lines = [_HEAD.format(width=width, height=height), "<title>Webhooks: who asks for them, and where they are</title>"]
    for index, edges in enumerate((diagram.asked, diagram.served)):
        start, end = lefts[index] + widths[index], lefts[index + 1]
        lines += [_curve(edge, (start, tops[index]), (end, tops[index + 1])) for edge in edges]
    for index, names in enumerate(layers):
        for row, name in enumerate(names):
            lines.append(_box(name, (lefts[index], tops[index] + row * _ROW), widths[index], _COLOURS[index]))
    return "\n".join([*lines, "</svg>"])


def _width(names: Sequence[str]) -> int:
    longest = max((len(visible(name, _LONGEST)) for name in names), default=0)
    return max(_SHORTEST_BOX, round(longest * _CHARACTER) + 20)


def _box(name: str, corner: tuple[int, int], width: int, colour: str) -> str:
    left, top = corner
    return (
        f'<g><title>{xml_text(name, 600)}</title><rect x="{left}" y="{top}" width="{width}" height="{_BOX_HEIGHT}" '
        f'rx="5" fill="{colour}" stroke="#55606e"/><text x="{left + 10}" y="{top + 17}" fill="#1b1f24">'
        f"{xml_text(name, _LONGEST)}</text></g>"
    )


def _curve(edge: Edge, start: tuple[int, int], end: tuple[int, int]) -> str:
    """A curve from the right side of a box to the left side of another; its events show as a hint."""
    x1, y1 = start[0], start[1] + edge.start * _ROW + _BOX_HEIGHT // 2
    x2, y2 = end[0], end[1] + edge.end * _ROW + _BOX_HEIGHT // 2
    middle = (x1 + x2) // 2
    hint = f"<title>{xml_text(edge.label)}</title>" if edge.label else ""
    return (
        f'<path d="M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}" fill="none" stroke="#8a94a3" '
        f'stroke-width="1.5">{hint}</path>'
    )
