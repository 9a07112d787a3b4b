"""The verbs about what exists at providers, as help shows them."""

from __future__ import annotations

from reconciler.cli import flags_adoption
from reconciler.cli.entries import Entry

ADOPTION_VERBS = (
    Entry(
        name="drift",
        flags=flags_adoption.DriftFlags,
        help="Show what providers have otherwise than recorded. And why; a pass repairs it.",
        example="reconcile drift --detailed-exitcode",
    ),
    Entry(
        name="adopt",
        flags=flags_adoption.AdoptFlags,
        help="Bind webhooks that exist to what manifests declare. By the provider's id, by URL, or, after a state was "
        "lost, with --unrecorded. Their URL becomes ours, and their secret is reset where it can be.",
        example="reconcile adopt github/repo/acme/api@acme-github --id 12345678",
    ),
    Entry(
        name="export",
        flags=flags_adoption.ExportFlags,
        help="Write manifests of what exists at a provider. With comments, ready to commit; then `adopt` binds it.",
        example="reconcile export github --resource acme/api --out webhooks/github.yaml",
    ),
)
