"""The verbs about deliveries, as help shows them."""

from __future__ import annotations

from reconciler.cli import flags_deliveries
from reconciler.cli.entries import Entry, Family

DELIVERIES = Family(
    name="deliveries",
    help="What the ingress received: the log, replay, dead letters.",
    verbs=(
        Entry(
            name="list",
            flags=flags_deliveries.ListFlags,
            help="List deliveries with outcome and latency. The newest first; with --follow as they come.",
            example="reconcile deliveries list --provider github --since 2h",
        ),
        Entry(
            name="show",
            flags=flags_deliveries.ShowDeliveryFlags,
            help="Show one delivery and its dispatches. What was in it only with --body, without secrets.",
            example="reconcile deliveries show 019ab1f2c3d4000000011f51d05dfc68",
        ),
        Entry(
            name="replay",
            flags=flags_deliveries.ReplayFlags,
            help="Hand deliveries on once more. Byte for byte, with the ids that targets know; looked at first, by "
            "the secrets of now. Shows what it comes to, and asks.",
            example="reconcile deliveries replay --since 2h --provider stripe --dry-run",
        ),
        Entry(
            name="dead",
            flags=flags_deliveries.DeadFlags,
            help="List dead letters: what was given up, and why.",
            example="reconcile deliveries dead --since 7d",
        ),
        Entry(
            name="retry",
            flags=flags_deliveries.RetryFlags,
            help="Hand dead letters on once more. They have all their tries before them again.",
            example="reconcile deliveries retry --all --yes",
        ),
    ),
)

SEND = Entry(
    name="send",
    flags=flags_deliveries.SendFlags,
    help="Sign a realistic delivery and send it to the ingress. To try a flow, as the provider would start it.",
    example="reconcile send github push --url http://127.0.0.1:8080",
)
