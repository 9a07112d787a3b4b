"""`targets:` of the project file: what no model can say of them, and what they mean to the rest of the program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.core.errors import Problem
from reconciler.documents.positions import NodePath, path_text
from reconciler.manifests.models import TARGET_KINDS, ProjectFile, TargetSpec
from reconciler.manifests.overlay import Overlay
from reconciler.manifests.salvage import Doubts
from reconciler.settings.secrets import parse_reference
from reconciler.settings.targets import (
    HttpDeclaration,
    LogDeclaration,
    PythonDeclaration,
    TargetDeclaration,
    check_target,
)


def target_problems(
    model: ProjectFile, overlay: Overlay, allowed_hosts: frozenset[str], doubts: Doubts
) -> Iterator[Problem]:
    """What is wrong with targets that a model accepts: no kind or several, a host that nobody may name, no way in."""
    shadow = 0
    for index, spec in enumerate(model.targets):
        place: NodePath = ("targets", index)
        if not doubts.inside(*place):
            yield from _problems_of(spec, place, overlay, allowed_hosts)
            if shadow:
                message = f"nothing gets here: targets[{shadow - 1}] takes all, and the first that matches counts"
                yield Problem("targets", message, overlay.locate(place), path_text(place))
        if spec.match == "*" and not shadow:
            shadow = index + 1


def target_declarations(model: ProjectFile, overlay: Overlay, doubts: Doubts) -> tuple[TargetDeclaration, ...]:
    """The targets that are right, in their order."""
    return tuple(
        _declaration(spec, overlay, ("targets", index))
        for index, spec in enumerate(model.targets)
        if not doubts.inside("targets", index) and len(_kinds(spec)) == 1
    )


def _kinds(spec: TargetSpec) -> Mapping[str, object]:
    said = {kind: getattr(spec, kind) for kind in TARGET_KINDS}
    return {kind: value for kind, value in said.items() if value is not None}


def _problems_of(
    spec: TargetSpec, place: NodePath, overlay: Overlay, allowed_hosts: frozenset[str]
) -> Iterator[Problem]:
    kinds = _kinds(spec)
    if len(kinds) != 1:
        message = f"a target is exactly one of {', '.join(TARGET_KINDS)}"
        message += f", not {' and '.join(kinds)}" if kinds else ""
        yield Problem("targets", message, overlay.locate(place), path_text(place))
    if spec.http is not None:
        path = (*place, "http", "url")
        try:
            check_target(spec.http.url, frozenset(spec.http.allow), allowed_hosts)
        except ValueError as error:
            yield Problem("targets", str(error), overlay.locate(path), path_text(path))
    if spec.retry.longest < spec.retry.first:
        path = (*place, "retry", "longest" if "longest" in spec.retry.model_fields_set else "first")
        message = "the longest pause is shorter than the first"
        yield Problem("targets", message, overlay.locate(path), path_text(path))


def _declaration(spec: TargetSpec, overlay: Overlay, place: NodePath) -> TargetDeclaration:
    return TargetDeclaration(
        to=_destination(spec),
        match=spec.match,
        ordered=spec.ordered,
        concurrency=spec.concurrency,
        timeout=spec.timeout,
        attempts=spec.retry.attempts,
        first=spec.retry.first,
        longest=spec.retry.longest,
        location=overlay.locate(place),
    )


def _destination(spec: TargetSpec) -> HttpDeclaration | PythonDeclaration | LogDeclaration:
    if spec.http is not None:
        return HttpDeclaration(
            url=spec.http.url, secret=parse_reference(spec.http.secret), allow=frozenset(spec.http.allow)
        )
    if spec.python is not None:
        return PythonDeclaration(name=spec.python)
    log = spec.log
    return LogDeclaration(file=log.file or "" if log else "", payload=log.payload if log else False)
