"""`reconcile state backup FILE`: a copy of the store."""

from __future__ import annotations

from reconciler.cli.exits import ExitCode
from reconciler.cli.flags_state import StateBackupFlags
from reconciler.cli.inputs import inputs_of
from reconciler.cli.keeping import tell
from reconciler.cli.output import Output
from reconciler.wiring.backing_up import backed_up


def run(flags: StateBackupFlags, output: Output) -> ExitCode:
    """Copy it, while others may write to it; the copy was opened before it got its name."""
    backup = backed_up(inputs_of(flags, output), flags.file, output)
    text = f"Copied {backup.state} to {backup.file}. It opens with the key {backup.key}: keep that as long as the copy."
    document = {"state": backup.state, "file": str(backup.file), "records": backup.records, "key": backup.key}
    tell(flags, output, text, document)
    return ExitCode.DONE
