"""`reconcile`: one pass."""

from __future__ import annotations

from reconciler.cli import lazy
from reconciler.cli.exits import ExitCode
from reconciler.cli.flags import PassFlags
from reconciler.cli.output import Output
from reconciler.cli.verbs import planning


def run(flags: PassFlags, output: Output) -> ExitCode:
    """Load, observe, plan, guard, apply, report; after a dry run only the plan is shown."""
    return planning.run(flags, output) if flags.dry_run else lazy.load_anew("pass").run(flags, output)
