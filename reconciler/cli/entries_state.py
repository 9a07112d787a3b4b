"""The verbs that work on the store by hand, as help shows them."""

from __future__ import annotations

from reconciler.cli import flags_state
from reconciler.cli.entries import Entry, Family

STATE_VERBS = (
    Entry(
        name="forget",
        flags=flags_state.ForgetFlags,
        help="Drop the record of a webhook and nothing else. What the provider has stays there; a pass that wants the "
        "webhook again finds that as unrecorded and is blocked until it is removed.",
        example="reconcile forget github/repo/acme/api@acme-github",
    ),
    Entry(
        name="unlock",
        flags=flags_state.UnlockFlags,
        help="Show who holds the scope, and free it. Only a lease that does not end by itself needs that.",
        example="reconcile unlock --yes",
    ),
)

FAMILIES = (
    Family(
        name="state",
        help="The state by hand: records, orphans, backups. No provider is called.",
        verbs=(
            Entry(
                name="list",
                flags=flags_state.StateListFlags,
                help="List every record with phase, id and address. Tombstones too, and orphans.",
                example="reconcile state list --phase tombstone --phase orphan",
            ),
            Entry(
                name="show",
                flags=flags_state.StateShowFlags,
                help="Print a whole record as JSON; of its secret a fingerprint.",
                example="reconcile state show github/repo/acme/api@acme-github",
            ),
            Entry(
                name="mv",
                flags=flags_state.StateMvFlags,
                help="Give a record another address. Its id, URL, secret and object at the provider stay. It may get "
                "another user, other credentials, or for a manual webhook another graph, preset or name. Refused where "
                "NEW is recorded already. Change the manifests alike.",
                example="reconcile state mv generic/plain/graph:intake generic/plain/graph:contact",
            ),
            Entry(
                name="rm",
                flags=flags_state.StateRmFlags,
                help="Remove one record of any phase, or an orphan, by address or id. What the provider has stays "
                "there; a pass that wants the webhook again finds that as unrecorded and is blocked.",
                example="reconcile state rm 1f51d05d-fc68-47e4-a4f9-460f18081e83",
            ),
            Entry(
                name="backup",
                flags=flags_state.StateBackupFlags,
                help="Copy the state to a new file. Also while a pass writes to it; the copy is verified.",
                example="reconcile state backup state-before-upgrade.db",
            ),
        ),
    ),
    Family(
        name="key",
        help="The encryption key of the state.",
        verbs=(
            Entry(
                name="rotate",
                flags=flags_state.KeyRotateFlags,
                help="Seal every secret with a new key. One made here and put into the key file, or the first of "
                "several in RECONCILER_KEY. What was interrupted goes on with the next run.",
                example="reconcile key rotate",
            ),
        ),
    ),
    Family(
        name="scope",
        help="Whose records these are.",
        verbs=(
            Entry(
                name="rename",
                flags=flags_state.ScopeRenameFlags,
                help="Rename a scope and bind it to this project. With the same name twice, only bind it: for a "
                "project that moved. Write the new name in the project file first.",
                example="reconcile scope rename acme acme-platform",
            ),
        ),
    ),
    Family(
        name="db",
        help="The database of the state.",
        verbs=(
            Entry(
                name="upgrade",
                flags=flags_state.DbUpgradeFlags,
                help="Migrate the state to this version's schema. Of a state file a backup is made beside it first.",
                example="reconcile db upgrade",
            ),
        ),
    ),
)
