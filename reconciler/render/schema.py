"""The JSON plan's shape, as types and as a JSON Schema (draft 2020-12)."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Any, Literal, NotRequired, TypedDict, Union, get_args, get_origin, get_type_hints, is_typeddict

from reconciler.core.model import Json

ActionName = Literal[
    "create", "register", "update", "replace", "renew", "rotate", "adopt", "prune", "forget", "blocked"
]


class OptionsDocument(TypedDict):
    """The choices that shaped the plan."""

    refresh: bool
    prune: bool
    targets: list[str]
    allow_destroy: str | None
    allow_change: str | None
    allow_protected: list[str]


class GuardDocument(TypedDict):
    """A guard that refuses a part of the plan."""

    guard: str
    message: str
    flag: str
    addresses: list[str]


class SummaryDocument(TypedDict):
    """How many webhooks of each action; how many dangling ones are kept, and how many at the providers are not ours."""

    none: int
    create: int
    register: int
    update: int
    replace: int
    renew: int
    rotate: int
    adopt: int
    prune: int
    forget: int
    blocked: int
    kept: int
    foreign: int


class WebhookDocument(TypedDict):
    """The webhook that an action is about; its id is null until it is minted."""

    id: str | None
    user: str
    provider: str
    type: str
    resource: str | None
    credentials: str | None
    events: list[str]
    manual: bool


class TriggerDocument(TypedDict):
    """A trigger that asks for the webhook, or asked for it: exactly one of graph and preset."""

    graph: NotRequired[str]
    preset: NotRequired[str]
    file: str | None
    line: int | None


class ChangeDocument(TypedDict):
    """One field that differs; any JSON value before and after."""

    field: str
    before: Json
    after: Json


class ActionDocument(TypedDict):
    """One webhook's action."""

    action: ActionName
    reason: str
    address: str
    webhook: WebhookDocument
    triggers: list[TriggerDocument]
    changes: list[ChangeDocument]
    way_out: str | None


class ProblemDocument(TypedDict):
    """Something that is wrong, with its place where it has one."""

    code: str
    message: str
    hint: str | None
    path: str | None
    file: str | None
    line: int | None
    column: int | None


class PlanDocument(TypedDict):
    """A plan of `reconcile --dry-run --format json`; serial and checksum are there when it can be applied later."""

    version: Literal[1]
    tool_version: str
    scope: str
    commit: str | None
    options: OptionsDocument
    digest: str
    guards: list[GuardDocument]
    summary: SummaryDocument
    actions: list[ActionDocument]
    problems: list[ProblemDocument]
    serial: NotRequired[int]
    checksum: NotRequired[str]


def plan_schema() -> dict[str, Json]:
    """The JSON Schema of a plan document."""
    definitions: dict[str, Json] = {}
    root = _schema(PlanDocument, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "webhook-reconciler plan",
        **root,
        "$defs": dict(sorted(definitions.items())),
    }


def _schema(kind: Any, definitions: dict[str, Json]) -> dict[str, Json]:
    """The schema of one annotation; typed dictionaries but the outermost become definitions."""
    origin = get_origin(kind)
    if is_typeddict(kind):
        return _object(kind, definitions)
    if kind is Any:
        return {}
    if origin is Literal:
        values = list(get_args(kind))
        return {"const": values[0]} if len(values) == 1 else {"enum": values}
    if origin is list:
        return {"type": "array", "items": _referred(get_args(kind)[0], definitions)}
    if origin in {Union, UnionType}:
        return {"type": [_schema(option, definitions)["type"] for option in get_args(kind)]}
    return {"type": {str: "string", int: "integer", bool: "boolean", NoneType: "null"}[kind]}


def _referred(kind: Any, definitions: dict[str, Json]) -> dict[str, Json]:
    if not is_typeddict(kind):
        return _schema(kind, definitions)
    name = kind.__name__.removesuffix("Document").lower()
    if name not in definitions:
        definitions[name] = _object(kind, definitions)
    return {"$ref": f"#/$defs/{name}"}


def _object(kind: Any, definitions: dict[str, Json]) -> dict[str, Json]:
    """A typed dictionary as an object; further keys may come with later versions."""
    marked = get_type_hints(kind, include_extras=True)
    return {
        "type": "object",
        "description": " ".join((kind.__doc__ or "").split()),
        "properties": {name: _referred(hint, definitions) for name, hint in get_type_hints(kind).items()},
        "required": sorted(name for name, hint in marked.items() if get_origin(hint) is not NotRequired),
    }
