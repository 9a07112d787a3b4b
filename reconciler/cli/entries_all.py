"""Every verb but the pass and its plan, as help shows it.

Loaded where a verb is named, or help wants them all: what verbs take is told by dozens of classes, and to make them
costs more than to parse a command line.
"""

from __future__ import annotations

from reconciler.cli import flags_history, flags_ingress, flags_review, flags_state, flags_verbs, project_flags
from reconciler.cli.entries import Entry, Family, Group
from reconciler.cli.entries_adoption import ADOPTION_VERBS
from reconciler.cli.entries_deliveries import DELIVERIES, SEND
from reconciler.cli.entries_recovery import RECOVERY_VERBS
from reconciler.cli.entries_state import FAMILIES as _STATE_FAMILIES
from reconciler.cli.entries_state import STATE_VERBS

_VERBS = (
    Entry(
        name="validate",
        flags=flags_verbs.ValidateFlags,
        help="Check every file, offline; all problems at once.",
        example="reconcile validate -C deploy/webhooks",
    ),
    Entry(
        name="status",
        flags=flags_verbs.StatusFlags,
        help="Health of what is recorded, and what is pending.",
        example="reconcile status --detailed-exitcode",
    ),
    Entry(
        name="show",
        flags=flags_verbs.ShowFlags,
        help="Show one webhook in full.",
        example="reconcile show github/repo/acme/api@acme-github",
    ),
    Entry(
        name="urls",
        flags=flags_verbs.UrlsFlags,
        help="List manual webhooks with the URL to paste.",
        example="reconcile urls --show-secrets",
    ),
    Entry(
        name="schema",
        flags=flags_verbs.SchemaFlags,
        help="Print a JSON Schema, for editors and checks.",
        example="reconcile schema manifest > manifest.schema.json",
    ),
    Entry(
        name="ping",
        flags=flags_verbs.PingFlags,
        help="Have the provider send a test delivery.",
        example="reconcile ping github/repo/acme/api@acme-github",
    ),
    Entry(
        name="renew",
        flags=flags_state.RenewFlags,
        help="Renew leases now. Of the webhooks at the addresses, or of all whose lease ends soon.",
        example="reconcile renew --all-due",
    ),
    Entry(
        name="history",
        flags=flags_history.HistoryFlags,
        help="Tell who did what to which webhook, when and why. And what came of it; the newest comes first.",
        example="reconcile history --webhook github/repo/acme/api@acme-github --limit 20",
    ),
    Entry(
        name="daemon",
        flags=flags_verbs.DaemonFlags,
        help="Run the pass again and again, until a signal ends it.",
        example="reconcile daemon --interval 300 --log-format json",
    ),
    Entry(
        name="ingress",
        flags=flags_ingress.IngressFlags,
        help="Receive deliveries, until a signal ends it. Each is verified, stored durably, and acknowledged then.",
        example="reconcile ingress --host 0.0.0.0 --port 8080 --trusted-hops 1",
    ),
)

_REVIEW_VERBS = (
    Entry(
        name="apply",
        flags=flags_review.ApplyFlags,
        help="Apply a plan that was saved with --out. Once, and only if a plan made now is the same. Does not ask.",
        example="reconcile apply plan.json",
    ),
    Entry(
        name="explain",
        flags=flags_review.ExplainFlags,
        help="Tell why a webhook exists. Who asks for what, what is recorded, what would change now.",
        example="reconcile explain github/repo/acme/api@acme-github",
    ),
    Entry(
        name="diagram",
        flags=flags_review.DiagramFlags,
        help="Draw who asks for which webhooks. Graphs and presets, webhooks and providers, from the manifests alone.",
        example="reconcile diagram --format svg > webhooks.svg",
    ),
)

_PROVIDERS_TEST = Entry(
    name="test",
    flags=flags_review.ProvidersTestFlags,
    help="Check a definition of your own. Then run the contract suite on it: against a stand-in made from the "
    "definition, or one that you run (whose webhooks of the resource are deleted).",
    example="reconcile providers test providers.d/forge.yaml",
)

_PROJECT_VERBS = (
    Entry(
        name="init",
        flags=project_flags.InitFlags,
        help="Start a project: its file, a manifest, schemas for editors. Asks on a terminal; writes over nothing.",
        example="reconcile init -C hooks --provider github --resource acme/api --event issues.opened",
    ),
    Entry(
        name="fmt",
        flags=project_flags.FmtFlags,
        help="Rewrite the project's files in canonical form; comments stay.",
        example="reconcile fmt --check",
    ),
    Entry(
        name="completion",
        flags=project_flags.CompletionFlags,
        help="Print what teaches a shell to complete. Verbs, flags, addresses and providers.",
        example="reconcile completion bash > reconcile.bash",
    ),
)

_ORPHANS_RESOLVE = Entry(
    name="resolve",
    flags=flags_history.ResolveFlags,
    help="Settle what was left at providers. Each is looked up again: what is gone is forgotten, what is still there "
    "is deleted. Where nobody can look, --gone takes your word. Asks on a terminal.",
    example="reconcile orphans resolve 1f51d05d",
)

_SANDBOX_VERBS = (
    Entry(
        name="fire",
        flags=flags_verbs.FireFlags,
        help="Have the sandbox send signed deliveries of an event.",
        example="reconcile sandbox fire github push --resource acme/api",
    ),
    Entry(
        name="requests",
        flags=flags_verbs.RequestsFlags,
        help="List the requests that the sandbox was sent.",
        example="reconcile sandbox requests --provider github",
    ),
)

_PROVIDERS = Entry(
    name="providers",
    flags=flags_review.ProvidersFlags,
    help="Show what each provider can do. With a NAME, one in full with its events and options.",
    example="reconcile providers github",
)

_ORPHANS = Entry(
    name="orphans",
    flags=flags_verbs.OrphansFlags,
    help="List what was left at providers and could not be removed. With all that is known of it.",
    example="reconcile orphans --format json",
)

_SANDBOX = Entry(
    name="sandbox",
    flags=flags_verbs.SandboxFlags,
    help="Serve loopback stand-ins of the providers.",
    example="reconcile sandbox --port 8787",
)

VERBS: tuple[Entry, ...] = (
    *_VERBS,
    SEND,
    *_REVIEW_VERBS,
    *ADOPTION_VERBS,
    *RECOVERY_VERBS,
    *_PROJECT_VERBS,
    *STATE_VERBS,
)

GROUPS = (
    Group(entry=_PROVIDERS, verbs=(_PROVIDERS_TEST,), named=True),
    Group(entry=_ORPHANS, verbs=(_ORPHANS_RESOLVE,)),
    Group(entry=_SANDBOX, verbs=_SANDBOX_VERBS),
)

FAMILIES: tuple[Family, ...] = (DELIVERIES, *_STATE_FAMILIES)
