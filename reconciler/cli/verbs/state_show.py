"""`reconcile state show ADDRESS`: a whole record as JSON."""

from __future__ import annotations

from reconciler.cli.exits import ExitCode
from reconciler.cli.flags_state import StateShowFlags
from reconciler.cli.inputs import inputs_of
from reconciler.cli.output import Output
from reconciler.render.state import record_json
from reconciler.wiring.finding import the_record
from reconciler.wiring.records import recorded_in


def run(flags: StateShowFlags, output: Output) -> ExitCode:
    """Show it; of its secret a fingerprint."""
    with recorded_in(inputs_of(flags, output), output) as records:
        record = the_record(records, flags.address)
        output.document(record_json(records.address(record), record, records.scope))
    return ExitCode.DONE
