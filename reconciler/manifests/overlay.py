"""Several project files as one value: later files overlay earlier ones, and each part still knows its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from reconciler.core.errors import Location
from reconciler.core.model import Json
from reconciler.documents.compose import Document
from reconciler.documents.positions import NodePath


@dataclass(frozen=True)
class Overlay:
    """Documents, later over earlier: mappings merge deep, everything else is replaced."""

    documents: tuple[Document, ...]

    @cached_property
    def value(self) -> Json:
        """The merged value."""
        return _merged([document.value for document in self.documents])

    def locate(self, path: NodePath = ()) -> Location:
        """Where the value at `path` stands: in the last file that says it."""
        return self._owner(path).locate(path)

    def locate_key(self, path: NodePath) -> Location:
        """Where the key that `path` ends in stands: in the last file that says it."""
        return self._owner(path).locate_key(path)

    def _owner(self, path: NodePath) -> Document:
        while path:
            for document in reversed(self.documents):
                if _has(document.value, path):
                    return document
            path = path[:-1]
        return self.documents[0]


def _merged(values: Sequence[Json]) -> Json:
    merged: Json = values[0]
    for value in values[1:]:
        merged = _over(merged, value)
    return merged


def _over(below: Json, above: Json) -> Json:
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    added = {key: _over(below[key], value) if key in below else value for key, value in above.items()}
    return {**below, **added}


def _has(value: Json, path: NodePath) -> bool:
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return False
    return True
