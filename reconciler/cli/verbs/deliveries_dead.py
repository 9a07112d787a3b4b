"""`reconcile deliveries dead`: what was given up, and why."""

from __future__ import annotations

from reconciler.cli.exits import ExitCode
from reconciler.cli.flags_deliveries import DeadFlags
from reconciler.cli.inputs import inputs_of
from reconciler.cli.keeping import tell
from reconciler.cli.output import Output
from reconciler.cli.showing_deliveries import chosen_dead
from reconciler.render.deliveries import dead_json, dead_rows
from reconciler.wiring.deliveries import deliveries_of


def run(flags: DeadFlags, output: Output) -> ExitCode:
    """List them, newest first."""
    with deliveries_of(inputs_of(flags, output), output) as log:
        told = list(log.told(chosen_dead(flags, log, output)))
    tell(flags, output, "\n".join(dead_rows(told)) or "No dead letters.", dead_json(told))
    return ExitCode.DONE
