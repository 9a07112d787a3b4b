"""Which module does which verb. Modules are loaded by name, so that help and mistakes cost no start-up time."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol, cast

from reconciler.cli.exits import ExitCode
from reconciler.cli.flags import CommonFlags
from reconciler.cli.output import Output
from reconciler.core.errors import ReconcilerError


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
        "orphans": "reconciler.cli.verbs.orphans",
        "daemon": "reconciler.cli.verbs.daemon",
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

_EXTRAS: Mapping[str, str] = MappingProxyType({"starlette": "sandbox", "uvicorn": "sandbox"})
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


def now() -> float:
    """The time in UNIX seconds; few commands ask, and the system's clock brings its event loop along."""
    return float(importlib.import_module("reconciler.system").SystemClock().now())
