"""`reconcile plan` and `reconcile --dry-run`: what a pass would change."""

from __future__ import annotations

from reconciler.cli import lazy
from reconciler.cli.exits import ExitCode
from reconciler.cli.flags import PlanFlags
from reconciler.cli.inputs import inputs_of
from reconciler.cli.output import Output
from reconciler.cli.showing import Planned, tell
from reconciler.wiring.announcing import announce_records
from reconciler.wiring.verdicts import recall


def run(flags: PlanFlags, output: Output) -> ExitCode:
    """Show the plan: the one that is remembered where it is sure to hold still, else made anew.

    Nothing is written but the file that was asked for, and a cache beside a state that is there.
    """
    # The steps on the way to a plan are told to those who ask for more logs, so these are taken then.
    verdict = None if output.verbose else recall(inputs_of(flags, output), flags.options(), output.streams.now())
    if verdict is None:
        return lazy.load_anew("plan").run(flags, output)
    announce_records(verdict.location, verdict.records, verdict.plan.scope, output)
    return tell(Planned(plan=verdict.plan, serial=verdict.serial, orphans=verdict.orphans, listed={}), flags, output)
