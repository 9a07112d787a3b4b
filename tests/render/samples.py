"""Plans and records to render, made by core itself where that matters."""

from __future__ import annotations

from reconciler.core.diff import Change, creation
from reconciler.core.errors import Location, Problem
from reconciler.core.model import (
    Desired,
    Group,
    Orphan,
    Phase,
    Recorded,
    Relation,
    Subscriber,
    SubscriberKind,
    Trigger,
    WebhookKey,
)
from reconciler.core.plan import Action, Plan, PlanOptions, Reason, Refusal, Step

ID = "1e9e3f7c-4a0b-4d7e-9c1a-2f3b4c5d6e7f"
URL = f"https://hooks.example.com/webhooks/github/{ID}"
TRIAGE = Subscriber(SubscriberKind.GRAPH, "triage")
SUPPORT = Subscriber(SubscriberKind.GRAPH, "support")


def key(provider: str = "github", kind: str = "repo", resource: str = "acme/api", credentials: str = "acme-github"):
    """An auto webhook's key."""
    return WebhookKey("platform", provider, kind, manual=False, resource=resource, credentials=credentials)


def desired(key_: WebhookKey, *events: str, line: int = 4, options=None) -> Desired:
    """A wish of one trigger."""
    trigger = Trigger(
        user="platform",
        subscriber=TRIAGE,
        provider=key_.provider,
        type=key_.type,
        resource=key_.resource,
        canonical=key_.resource,
        events=frozenset(events),
        credentials=key_.credentials,
        options=options or {},
        location=Location("webhooks/triage.yaml", line, 5),
    )
    return Desired(
        key=key_,
        resource=key_.resource,
        events=frozenset(events),
        relations=(Relation(TRIAGE, "", tuple(sorted(events))),),
        triggers=(trigger,),
        options={"insecure_ssl": "0"} | (options or {}),
    )


def recorded(key_: WebhookKey, *events: str, **fields) -> Recorded:
    """A registered webhook."""
    values = {
        "id": ID,
        "key": key_,
        "phase": Phase.REGISTERED,
        "resource": key_.resource,
        "url": URL,
        "events": frozenset(events),
        "relations": (Relation(SUPPORT, "", tuple(sorted(events))),),
        "remote_id": "77",
        "secret": "ab" * 32,
        "created_at": 1_790_000_000.0,
        "updated_at": 1_790_000_000.0,
    }
    return Recorded(**(values | fields))


def step(action: Action, reason: Reason, key_: WebhookKey, **fields) -> Step:
    """One step."""
    return Step(action=action, reason=reason, key=key_, **fields)


def created() -> Step:
    """A new webhook with an option that its trigger asked for."""
    wish = desired(key(), "issues", "pull_request", options={"content_type": "json"})
    return step(Action.CREATE, Reason.DECLARED, wish.key, desired=wish, changes=creation(wish))


def updated() -> Step:
    """Events come and go, an option changes."""
    kind = key("gitlab", "project", "acme/web", "acme-gitlab")
    changes = (
        Change("events", ["push_events", "note_events"], ["note_events", "tag_push_events"]),
        Change("options.enable_ssl_verification", False, True),
    )
    wish = desired(kind, "note_events", "tag_push_events", line=9)
    return step(Action.UPDATE, Reason.MANIFEST_CHANGED, kind, desired=wish, recorded=recorded(kind), changes=changes)


def pruned() -> Step:
    """A dangling webhook."""
    kind = key("telegram", "bot", "self", "support-bot")
    return step(Action.PRUNE, Reason.DANGLING, kind, recorded=recorded(kind, "message"), remote_ids=("slot",))


def blocked() -> Step:
    """A wish that is refused."""
    kind = key("stripe", "account", "self", "acme-stripe")
    wish = desired(kind, "charge.succeeded", line=3)
    return step(Action.BLOCKED, Reason.SLOT_TAKEN, kind, desired=wish, way_out="use other credentials")


def plan(*steps: Step, **fields) -> Plan:
    """A plan of these steps."""
    values = {
        "scope": "acme",
        "base_url": "https://hooks.example.com",
        "default_user": "platform",
        "options": PlanOptions(),
        "steps": steps,
        "in_sync": 312,
        "tool_version": "0.1.0",
    }
    return Plan(**(values | fields))


def full_plan() -> Plan:
    """A plan with one of everything."""
    refusal = Refusal(
        guard="max_prune_percent",
        message="4 of 12 webhooks (33%) would be destroyed, more than 30%",
        flag="--allow-destroy 4",
        addresses=frozenset({"telegram/bot/self@support-bot"}),
    )
    problem = Problem("list_failed", "cannot list the webhooks of github/repo/acme/old@gone: no", hint="1 left alone")
    return plan(created(), updated(), pruned(), blocked(), refusals=(refusal,), problems=(problem,))


def orphan() -> Orphan:
    """Something left behind."""
    return Orphan(
        id="o-1",
        webhook_id=ID,
        address="github/repo/acme/api@acme-github",
        group=Group("github", "repo", "acme/api", "acme-github"),
        remote_id="77",
        url=URL,
        reason="forbidden",
        created_at=1_790_000_000.0,
    )
