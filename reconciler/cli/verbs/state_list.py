"""`reconcile state list`: what the state holds, one thing a line."""

from __future__ import annotations

from reconciler.cli.exits import ExitCode
from reconciler.cli.flags_state import StateListFlags
from reconciler.cli.inputs import inputs_of
from reconciler.cli.keeping import tell
from reconciler.cli.output import Output
from reconciler.render.state import Listed, state_json, state_text
from reconciler.wiring.finding import Found, matches, phase_of, require_targets
from reconciler.wiring.records import Records, recorded_in


def run(flags: StateListFlags, output: Output) -> ExitCode:
    """List records, tombstones too, and orphans."""
    with recorded_in(inputs_of(flags, output), output) as records:
        require_targets(records, tuple(flags.target or ()))
        listed = [
            Listed(records.address(record), record) for record in records.all() if _wanted(flags, records, record)
        ]
        orphans = [orphan for orphan in records.orphans() if _wanted(flags, records, orphan)]
    tell(flags, output, state_text(listed, orphans, output.painter), state_json(listed, orphans))
    return ExitCode.DONE


def _wanted(flags: StateListFlags, records: Records, item: Found) -> bool:
    phases = {str(phase) for phase in flags.phase or ()}
    return (not phases or phase_of(item) in phases) and matches(records, item, tuple(flags.target or ()))
