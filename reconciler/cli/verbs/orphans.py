"""`reconcile orphans`: what was left at providers."""

from __future__ import annotations

from reconciler.cli.exits import ExitCode
from reconciler.cli.flags import Format
from reconciler.cli.flags_verbs import OrphansFlags
from reconciler.cli.inputs import inputs_of
from reconciler.cli.output import Output
from reconciler.render.leftovers import orphans_json, orphans_text
from reconciler.wiring.leftovers import leftovers_of


def run(flags: OrphansFlags, output: Output) -> ExitCode:
    """List them, with all that is known."""
    orphans = leftovers_of(inputs_of(flags, output), output)
    if flags.format is Format.JSON:
        output.document(orphans_json(orphans))
    else:
        output.result(orphans_text(orphans, output.painter))
    return ExitCode.PENDING if flags.detailed_exitcode and orphans else ExitCode.DONE
