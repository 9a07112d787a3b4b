"""The sound part of a value that a model refused, so that one mistake hides no other.

What was refused is taken out and remembered as a doubt: whatever depends on it is not judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from reconciler.core.model import Json
from reconciler.documents.nearest import nearest
from reconciler.documents.positions import NodePath
from reconciler.documents.shapes import keys_at

_Model = TypeVar("_Model", bound=BaseModel)

_STAND_IN = "?"
_TRIGGER: Mapping[str, Json] = MappingProxyType({"provider": _STAND_IN, "events": [_STAND_IN]})
_STAND_INS: Mapping[tuple[str | None, ...], Json] = MappingProxyType(
    {
        ("version",): 1,
        ("scope",): "unknown",
        ("manifests",): [],
        ("credentials", None, "provider"): _STAND_IN,
        ("moved", None): "graph:?",
        ("targets",): [],
        ("targets", None): {},
        ("targets", None, "http", "url"): "https://unknown.invalid",
        ("targets", None, "http", "secret"): "env/UNKNOWN",
        ("targets", None, "http", "allow", None): "unknown.invalid",
        ("triggers",): [],
        ("triggers", None): dict(_TRIGGER),
        **{("triggers", None, key): value for key, value in _TRIGGER.items()},
    }
)
"""What the models require; entries of other lists are text. Everything else may be left out."""


@dataclass(frozen=True, slots=True)
class Doubts:
    """Paths whose values are not known, because what stands there is wrong or stands under a wrong key."""

    paths: frozenset[NodePath] = frozenset()
    around: frozenset[NodePath] = frozenset()

    @classmethod
    def of(cls, paths: Iterable[NodePath]) -> Doubts:
        """Doubts about these paths."""
        known = frozenset(paths)
        return cls(known, frozenset(path[:length] for path in known for length in range(len(path))))

    def also(self, paths: Iterable[NodePath]) -> Doubts:
        """These doubts and more."""
        return Doubts.of((*self.paths, *paths))

    def about(self, *path: str | int) -> bool:
        """Whether the value at `path`, or a value around it, is in doubt."""
        return bool(self.paths) and any(path[:length] in self.paths for length in range(len(path) + 1))

    def inside(self, *path: str | int) -> bool:
        """Whether the value at `path`, around it or inside it is in doubt."""
        return path in self.around or self.about(*path)


NO_DOUBTS = Doubts()


def salvage(model: type[_Model], value: Json, error: ValidationError) -> tuple[_Model, Doubts] | None:
    """What `model` accepts of a value that it refused with `error`, and what is in doubt; None of what is no mapping.

    Entries of lists keep their indexes: the place of a wrong one is held by a stand-in that is in doubt.
    """
    if not isinstance(value, dict):
        return None
    unknown: set[NodePath] = set()
    wrong: set[NodePath] = set()
    meant: set[NodePath] = set()
    for details in error.errors(include_url=False, include_input=False):
        path = _path(value, details)
        if details["type"] == "extra_forbidden":
            unknown.add(path)
            meant.update(_meant(path, model))
        else:
            wrong.add(path)
    known = _without(value, _tree(unknown), {})
    sound = _without(known, _tree(wrong), _STAND_INS)
    return model.model_validate(sound), Doubts.of(wrong | meant)


def _path(value: Json, details: ErrorDetails) -> NodePath:
    """The way to the value that is wrong, or to the key that is missing."""
    path: list[str | int] = []
    for step in details["loc"]:
        inside = isinstance(value, list) and isinstance(step, int) and step < len(value)
        if inside or (isinstance(value, dict) and step in value):
            path.append(step)
            value = value[step]
            continue
        if details["type"] == "missing":
            path.append(step)
        break
    return tuple(path)


def _meant(path: NodePath, model: type[BaseModel]) -> Iterator[NodePath]:
    """The key that an unknown one most likely is a typo of; with `key:value` the space is missing."""
    *around, key = path
    found = nearest(str(key).partition(":")[0], keys_at(model, tuple(around)))
    if found is not None:
        yield (*around, found)


_Tree = dict[str | int, Any]
"""Steps to the steps that follow; a step that nothing follows is where a path ends."""


def _tree(paths: Iterable[NodePath]) -> _Tree:
    tree: _Tree = {}
    ends: set[NodePath] = set()
    for path in sorted(paths, key=len):
        if any(path[:length] in ends for length in range(len(path))):
            continue
        ends.add(path)
        branch = tree
        for step in path:
            branch = branch.setdefault(step, {})
    return tree


def _without(
    value: Json, tree: _Tree, stand_ins: Mapping[tuple[str | None, ...], Json], pattern: tuple[str | None, ...] = ()
) -> Json:
    """A copy of `value` without the ends of `tree`, or with stand-ins for them; what is not concerned is shared."""
    if not tree:
        return value
    if isinstance(value, list):
        entry = (*pattern, None)
        return [
            _without(item, tree[index], stand_ins, entry)
            if tree.get(index)
            else stand_ins.get(entry, _STAND_IN)
            if index in tree
            else item
            for index, item in enumerate(value)
        ]
    kept: dict[str, Json] = {}
    for key in dict.fromkeys((*value, *tree)):
        # Names that people choose (of credentials) are the second step of a path at most.
        place = (*pattern, None if pattern == ("credentials",) else key)
        if tree.get(key):
            kept[key] = _without(value[key], tree[key], stand_ins, place)
        elif key not in tree:
            kept[key] = value[key]
        elif place in stand_ins:
            kept[key] = stand_ins[place]
    return kept
