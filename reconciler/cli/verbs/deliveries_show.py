"""`reconcile deliveries show ID`: one delivery, and what came of it."""

from __future__ import annotations

from reconciler.cli.exits import ExitCode
from reconciler.cli.flags_deliveries import ShowDeliveryFlags
from reconciler.cli.inputs import inputs_of
from reconciler.cli.keeping import tell
from reconciler.cli.output import Output
from reconciler.render.deliveries import VERSION, delivery_json, delivery_text
from reconciler.wiring.deliveries import deliveries_of


def run(flags: ShowDeliveryFlags, output: Output) -> ExitCode:
    """Show it; what was in it only where that was asked for."""
    with deliveries_of(inputs_of(flags, output), output) as log:
        told = log.one(flags.id, content=flags.body)
        document = {"version": VERSION, **delivery_json(told)}
        tell(flags, output, delivery_text(told, output.painter), document)
    return ExitCode.DONE
