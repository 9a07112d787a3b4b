"""`reconcile`: one pass."""

from __future__ import annotations

from reconciler.cli import lazy
from reconciler.cli.exits import ExitCode
from reconciler.cli.flags import PassFlags
from reconciler.cli.output import Output


def run(flags: PassFlags, output: Output) -> ExitCode:
    """Load, observe, plan, guard, apply, report; after a dry run only the plan is shown."""
    verb = lazy.load("plan") if flags.dry_run else lazy.load_anew("pass")
    return verb.run(flags, output)
