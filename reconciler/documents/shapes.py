"""What a model allows at a place: its keys and descriptions, found by walking the model along an error's `loc`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

Loc = tuple[int | str, ...]


def keys_at(model: type[BaseModel], loc: Loc) -> frozenset[str]:
    """The keys that the mapping at `loc` may have; of a union, those of every member that fits."""
    return frozenset(name for member in _models(_walk([model], loc)) for name, _ in _fields(member))


def field_description(model: type[BaseModel], loc: Loc) -> str:
    """The description of the innermost field on the way along `loc`."""
    for length in range(len(loc), 0, -1):
        for member in _models(_walk([model], loc[: length - 1])):
            field = dict(_fields(member)).get(str(loc[length - 1]))
            if field is not None and field.description:
                return field.description
    return ""


def _walk(annotations: list[Any], loc: Loc) -> list[Any]:
    for step in loc:
        members = [member for annotation in annotations for member in _members(annotation)]
        annotations = [inner for member in members for inner in _step(member, step)] or _tagged(members, step)
    return annotations


def _step(annotation: Any, step: int | str) -> Iterator[Any]:
    """What stands one step further in."""
    if _is_model(annotation):
        field = dict(_fields(annotation)).get(str(step))
        if field is not None:
            yield field.annotation
        return
    origin, arguments = get_origin(annotation), get_args(annotation)
    if isinstance(origin, type) and issubclass(origin, Mapping) and len(arguments) == 2:
        yield arguments[1]
    elif isinstance(step, int) and isinstance(origin, type) and issubclass(origin, Iterable):
        yield arguments[0]


def _tagged(members: list[Any], step: int | str) -> list[Any]:
    """The members of a union that `step`, which is no step into the document, names."""
    named = [member for member in members if _is_model(member) and str(step) in _names(member)]
    return named or members


def _names(model: type[BaseModel]) -> frozenset[str]:
    tags = (get_args(field.annotation) for _, field in _fields(model) if get_origin(field.annotation) is Literal)
    return frozenset({model.__name__, *(str(tag) for group in tags for tag in group)})


def _models(annotations: Iterable[Any]) -> Iterator[type[BaseModel]]:
    for annotation in annotations:
        yield from (member for member in _members(annotation) if _is_model(member))


def _members(annotation: Any) -> Iterator[Any]:
    """The members of a union or of an annotated type; any other type is its own only member."""
    if hasattr(annotation, "__metadata__"):
        yield from _members(annotation.__origin__)
    elif get_origin(annotation) in {Union, UnionType}:
        for argument in get_args(annotation):
            yield from _members(argument)
    else:
        yield annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _fields(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        yield field.alias or name, field
