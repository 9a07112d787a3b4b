"""Saved plans, read with distrust."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from reconciler.core.errors import ConfigError, Location, Problem, StalePlanError
from reconciler.core.guard import parse_allowance
from reconciler.core.model import Json
from reconciler.core.plan import PLAN_VERSION, Plan, PlanOptions
from reconciler.render.plan_file import checksum, essence, plan_document

MAX_BYTES = 256 * 1024 * 1024
"""A larger file is not read; a plan of 100,000 creates has about 100 MiB."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_REPLAN = "make a new plan with `reconcile plan --out FILE`, and review it"


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPlan:
    """A plan as somebody reviewed it: the options it was made with, and all that it said."""

    path: Path
    scope: str
    options: PlanOptions
    digest: str
    serial: int
    body: Mapping[str, Json]

    def require_scope(self, scope: str) -> None:
        """Raise `StalePlanError` where the plan is another scope's."""
        if self.scope != scope:
            raise StalePlanError(f"{self.path} is a plan of the scope {self.scope!r}, and this project's is {scope!r}")

    def require_unapplied(self, moment: float | None) -> None:
        """Raise `StalePlanError` where the plan was applied, at UNIX time `moment`."""
        if moment is not None:
            shown = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            raise StalePlanError(f"{self.path} was applied already, at {shown}; a plan is applied once: {_REPLAN}")

    def require_same(self, plan: Plan) -> None:
        """Raise `StalePlanError` unless `plan`, made now, is what was reviewed."""
        if plan.digest != self.digest:
            raise StalePlanError(
                f"{self.path} is stale: its digest is {self.digest[:8]}, and a plan made now has {plan.digest[:8]}; "
                f"manifests, records or providers have changed since: {_REPLAN}"
            )
        if essence(plan_document(plan, self.serial)) != essence(self.body):
            raise StalePlanError(
                f"{self.path} does not say what its digest stands for: it was edited, or a guard judges otherwise by "
                f"now; {_REPLAN}"
            )


def read_plan(path: Path) -> SavedPlan:
    """The plan in a file. Raises `ConfigError` for what is no plan, `StalePlanError` for one that was edited."""
    body = _parsed(path, _read(path))
    if type(body.get("version")) is not int or body["version"] != PLAN_VERSION:
        raise StalePlanError(
            f"{path} is a plan of version {_shown(body.get('version'))}, and this program applies version "
            f"{PLAN_VERSION}: {_REPLAN}"
        )
    for name, kind in (("scope", str), ("digest", str), ("serial", int), ("checksum", str), ("options", dict)):
        if type(body.get(name)) is not kind:
            _refuse(path, f"it is no plan that can be applied: `{name}` is missing or of another type")
    if not _DIGEST.fullmatch(body["digest"]) or not 0 <= body["serial"] < 2**63:
        _refuse(path, "it is no plan that can be applied: `digest` or `serial` is none")
    if checksum(body) != body["checksum"]:
        raise StalePlanError(f"{path} was edited after it was written (its checksum differs): {_REPLAN}")
    try:
        options = _options(body["options"])
        essence(body)
    except (KeyError, TypeError, ValueError, AttributeError):
        _refuse(path, "it is no plan that can be applied: its parts are of another shape")
    return SavedPlan(
        path=path,
        scope=body["scope"],
        options=options,
        digest=body["digest"],
        serial=body["serial"],
        body=body,
    )


def _read(path: Path) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                _refuse(path, "it is no regular file")
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        _refuse(path, f"it cannot be read: {error.strerror}")
    if len(data) > MAX_BYTES:
        _refuse(path, f"it is larger than {MAX_BYTES // 1024 // 1024} MiB")
    return data


def _parsed(path: Path, data: bytes) -> dict[str, Json]:
    try:
        body = json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        position = getattr(error, "lineno", 1), getattr(error, "colno", 1)
        _refuse(path, "it is no JSON document: a plan is written by `reconcile plan --out FILE`", *position)
    if not isinstance(body, dict):
        _refuse(path, "it is no plan: expected an object")
    return body


def _unique(pairs: Sequence[tuple[str, Json]]) -> dict[str, Json]:
    """An object; refuses a key that stands twice, for two readers might take another one each."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _options(body: Mapping[str, Json]) -> PlanOptions:
    """The options of a document. Raises ValueError, TypeError or KeyError for what is none."""
    options = PlanOptions(
        refresh=body["refresh"],
        prune=body["prune"],
        targets=tuple(body["targets"]),
        allow_destroy=body["allow_destroy"] or "",
        allow_change=body["allow_change"] or "",
        allow_protected=tuple(body["allow_protected"]),
    )
    texts = (*options.targets, *options.allow_protected, options.allow_destroy, options.allow_change)
    switches = (options.refresh, options.prune)
    if not all(isinstance(text, str) for text in texts) or not all(isinstance(value, bool) for value in switches):
        raise TypeError("an option is of another type")
    for allowance in filter(None, (options.allow_destroy, options.allow_change)):
        parse_allowance(allowance)
    if options.document() != dict(body):
        raise ValueError("there are other options")
    return options


def _shown(version: Json) -> str:
    return str(version) if isinstance(version, int) else "unknown"


def _refuse(path: Path, message: str, line: int = 1, column: int = 1) -> NoReturn:
    raise ConfigError((Problem("plan_file", message, Location(str(path), line, column)),)) from None
