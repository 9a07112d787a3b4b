"""Which module does which verb. Modules are loaded by name, so that help and mistakes cost no start-up time."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Protocol, cast

from reconciler.cli.exits import ExitCode
from reconciler.cli.flags import CommonFlags
from reconciler.cli.output import Output
from reconciler.core.errors import ReconcilerError
from reconciler.core.plan import Plan


class Verb(Protocol):
    """The module of a verb."""

    def run(self, flags: CommonFlags, output: Output) -> ExitCode:
        """Do it; raises `ReconcilerError` for whatever its user can cause."""
        ...


MODULES: Mapping[str, str] = MappingProxyType(
    {
        "pass": "reconciler.cli.verbs.passing",
        "plan": "reconciler.cli.verbs.planning",
        "apply": "reconciler.cli.verbs.apply",
        "explain": "reconciler.cli.verbs.explain",
        "diagram": "reconciler.cli.verbs.diagram",
        "providers": "reconciler.cli.verbs.providers",
        "providers test": "reconciler.cli.verbs.providers_test",
        "validate": "reconciler.cli.verbs.validate",
        "status": "reconciler.cli.verbs.status",
        "show": "reconciler.cli.verbs.show",
        "urls": "reconciler.cli.verbs.urls",
        "schema": "reconciler.cli.verbs.schema",
        "ping": "reconciler.cli.verbs.ping",
        "renew": "reconciler.cli.verbs.renew",
        "recover": "reconciler.cli.verbs.recover",
        "drift": "reconciler.cli.verbs.drift",
        "adopt": "reconciler.cli.verbs.adopt",
        "export": "reconciler.cli.verbs.export",
        "orphans": "reconciler.cli.verbs.orphans",
        "orphans resolve": "reconciler.cli.verbs.orphans_resolve",
        "history": "reconciler.cli.verbs.history",
        "deliveries list": "reconciler.cli.verbs.deliveries_list",
        "deliveries show": "reconciler.cli.verbs.deliveries_show",
        "deliveries replay": "reconciler.cli.verbs.deliveries_replay",
        "deliveries dead": "reconciler.cli.verbs.deliveries_dead",
        "deliveries retry": "reconciler.cli.verbs.deliveries_retry",
        "send": "reconciler.cli.verbs.send",
        "daemon": "reconciler.cli.verbs.daemon",
        "ingress": "reconciler.cli.verbs.ingress",
        "init": "reconciler.cli.verbs.init",
        "fmt": "reconciler.cli.verbs.fmt",
        "completion": "reconciler.cli.verbs.completion",
        "forget": "reconciler.cli.verbs.forget",
        "unlock": "reconciler.cli.verbs.unlock",
        "state list": "reconciler.cli.verbs.state_list",
        "state show": "reconciler.cli.verbs.state_show",
        "state mv": "reconciler.cli.verbs.state_mv",
        "state rm": "reconciler.cli.verbs.state_rm",
        "state backup": "reconciler.cli.verbs.state_backup",
        "key rotate": "reconciler.cli.verbs.key_rotate",
        "scope rename": "reconciler.cli.verbs.scope_rename",
        "db upgrade": "reconciler.cli.verbs.db_upgrade",
        "sandbox": "reconciler.cli.verbs.sandbox",
        "sandbox fire": "reconciler.cli.verbs.sandbox_fire",
        "sandbox requests": "reconciler.cli.verbs.sandbox_requests",
    }
)

NAMED = frozenset(verb.partition(" ")[0] for verb in MODULES) - {"pass", "plan"}
"""The first words of all verbs but the two that are asked for most: only these need `entries`."""

_ANEW: Mapping[str, str] = MappingProxyType(
    {"pass": "reconciler.cli.verbs.passing_anew", "plan": "reconciler.cli.verbs.planning_anew"}
)
"""Modules behind those of verbs that may have an answer in memory: what they load is the most of a start."""

_EXTRAS: Mapping[str, str] = MappingProxyType(
    {"starlette": "sandbox", "uvicorn": "sandbox", "httpx2": "sandbox", "httptools": "ingress"}
)
"""Packages that come with an extra of the distribution."""


def load(verb: str) -> Verb:
    """The module of a verb. Raises `ReconcilerError` where it needs an extra that is not installed."""
    try:
        return cast("Verb", importlib.import_module(MODULES[verb]))
    except ModuleNotFoundError as error:
        if extra := _EXTRAS.get((error.name or "").partition(".")[0]):
            message = f"`reconcile {verb}` needs more packages: pip install 'webhook-reconciler[{extra}]'"
            raise ReconcilerError(message) from error
        raise


def load_anew(verb: str) -> Verb:
    """The module that does a verb where nothing is remembered."""
    return cast("Verb", importlib.import_module(_ANEW[verb]))


def entries() -> Any:
    """`cli.entries_all`: every verb but the pass and its plan."""
    return importlib.import_module("reconciler.cli.entries_all")


def plan_markdown(plan: Plan, listed: Mapping[str, int]) -> str:
    """The plan as `render.markdown` writes it; that knows reports as well, and so brings the engine along."""
    return str(importlib.import_module("reconciler.render.markdown").plan_markdown(plan, listed))


def now() -> float:
    """The time in UNIX seconds; few commands ask, and the system's clock brings its event loop along."""
    return float(importlib.import_module("reconciler.system").SystemClock().now())


def realistic() -> Any:
    """`wiring.realistic.realistic`, which needs the sandbox. Raises `ReconcilerError` where that is not installed."""
    try:
        return importlib.import_module("reconciler.wiring.realistic").realistic
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRAS:
            raise
        message = "a realistic delivery needs the sandbox: pip install 'webhook-reconciler[sandbox]', or give --payload"
        raise ReconcilerError(message) from error
