"""Problems for people and programs."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.core.errors import Problem
from reconciler.core.model import Json
from reconciler.core.plan import problem_document
from reconciler.render.painter import clean, counted


def problems_text(problems: Iterable[Problem]) -> str:
    """One line each, `file:line:column: path: message (hint)`, and how many there are."""
    lines = [clean(str(problem)) for problem in problems]
    return "\n".join([*lines, counted(len(lines), "problem")])


def problems_json(problems: Iterable[Problem]) -> dict[str, Json]:
    """The same as JSON values."""
    documents = [problem_document(problem) for problem in problems]
    return {"valid": not documents, "problems": documents}
