"""The verb that gets missed deliveries back, as help shows it."""

from __future__ import annotations

from reconciler.cli import flags_recovery
from reconciler.cli.entries import Entry

RECOVERY_VERBS = (
    Entry(
        name="recover",
        flags=flags_recovery.RecoverFlags,
        help="Get back the deliveries that were missed. Asks the providers what failed, or never came to the inbox, "
        "and has it sent again or takes it in; nothing is dispatched twice.",
        example="reconcile recover --since 2h --dry-run",
    ),
)
