"""`reconcile diagram`: a picture of what the manifests ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from reconciler.cli.exits import ExitCode
from reconciler.cli.flags_review import DiagramFlags, DiagramFormat
from reconciler.cli.inputs import inputs_of
from reconciler.cli.output import Output
from reconciler.render.diagram import Diagram, diagram_of, dot, legend, mermaid
from reconciler.render.diagram_svg import svg
from reconciler.render.painter import counted
from reconciler.wiring.loading import load
from reconciler.wiring.targets import selected

_DRAWN_BY_GITHUB = 500
"""Edges; Mermaid draws no more of them unless it is configured to (`maxEdges`)."""

_LANGUAGES: Mapping[DiagramFormat, Callable[[Diagram], str]] = MappingProxyType(
    {DiagramFormat.MERMAID: mermaid, DiagramFormat.DOT: dot, DiagramFormat.SVG: svg}
)


def run(flags: DiagramFlags, output: Output) -> ExitCode:
    """Draw it, offline: neither the store nor a provider is asked."""
    loaded = load(inputs_of(flags, output))
    default_user = loaded.project.default_user
    picture = diagram_of(selected(loaded.desired, flags.target or (), default_user), default_user)
    output.result(_LANGUAGES[flags.format](picture))
    output("drawn", message=", ".join(counted(number, noun) for noun, number in legend(picture).items()))
    if flags.format is DiagramFormat.MERMAID and len(picture.asked) + len(picture.served) > _DRAWN_BY_GITHUB:
        message = f"Mermaid draws {_DRAWN_BY_GITHUB} edges at most: choose with --target, or use --format svg or dot"
        output("too_large", level="warning", message=message)
    return ExitCode.DONE
