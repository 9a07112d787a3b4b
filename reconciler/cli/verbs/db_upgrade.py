"""`reconcile db upgrade`: the store brought to the schema of this version."""

from __future__ import annotations

from reconciler.cli.exits import ExitCode
from reconciler.cli.flags_state import DbUpgradeFlags
from reconciler.cli.inputs import inputs_of
from reconciler.cli.keeping import tell
from reconciler.cli.output import Output
from reconciler.wiring.keeping import upgraded


def run(flags: DbUpgradeFlags, output: Output) -> ExitCode:
    """Migrate it, after a backup; nothing happens where it is up to date."""
    done = upgraded(inputs_of(flags, output))
    document = {
        "state": done.state,
        "before": done.before,
        "after": done.after,
        "backup": str(done.backup) if done.backup else None,
    }
    text = f"{done.state} has the schema {done.after} already: nothing to do."
    if done.done:
        text = f"Migrated {done.state} from the schema {done.before} to {done.after}"
        text += f"; {done.backup} is as it was before." if done.backup else "."
    tell(flags, output, text, document)
    return ExitCode.DONE
