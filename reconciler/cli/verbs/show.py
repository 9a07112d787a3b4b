"""`reconcile show ADDRESS`: one webhook in full."""

from __future__ import annotations

from reconciler.cli.exits import ExitCode
from reconciler.cli.flags import Format
from reconciler.cli.flags_verbs import ShowFlags
from reconciler.cli.inputs import inputs_of
from reconciler.cli.output import Output
from reconciler.render.listings import webhook_json, webhook_text
from reconciler.wiring.records import recorded_in


def run(flags: ShowFlags, output: Output) -> ExitCode:
    """Show it; of its secret the fingerprint."""
    with recorded_in(inputs_of(flags, output), output) as records:
        record = records.at(flags.address)
    if flags.format is Format.JSON:
        output.document(webhook_json(flags.address, record))
    else:
        output.result(webhook_text(flags.address, record, output.painter))
    return ExitCode.DONE
