"""Short ways to compose a text and to read what went wrong."""

from __future__ import annotations

from textwrap import dedent

from reconciler.core.errors import Problem
from reconciler.core.model import Json
from reconciler.documents.compose import Composition, Document, compose


def composed(text: str | bytes) -> Composition:
    """The composition of a text; the common indentation of a `str` is taken away."""
    return compose(text if isinstance(text, bytes) else dedent(text).encode(), "f.yaml")


def document(text: str) -> Document:
    """The only document of a text without problems."""
    composition = composed(text)
    assert composition.problems == ()
    (only,) = composition.documents
    return only


def value(text: str) -> Json:
    """The value of the only document of a text."""
    return document(text).value


def problem(text: str | bytes) -> Problem:
    """The only problem of a text."""
    (only,) = composed(text).problems
    return only
