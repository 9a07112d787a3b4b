"""The plan as plain data: actions with their reasons, its JSON document and its digest."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from reconciler.core.diff import LOCAL_FIELDS, Change
from reconciler.core.errors import Problem
from reconciler.core.model import Desired, Json, Recorded, WebhookKey, canonical_json

PLAN_VERSION = 1

SHOWN_DIGITS = 8
"""How much is shown of an id that is a secret."""


class Action(StrEnum):
    """What is to be done with one webhook."""

    NONE = "none"
    CREATE = "create"
    REGISTER = "register"
    UPDATE = "update"
    REPLACE = "replace"
    RENEW = "renew"
    ROTATE = "rotate"
    ADOPT = "adopt"
    PRUNE = "prune"
    FORGET = "forget"
    BLOCKED = "blocked"


class Reason(StrEnum):
    """Why; it explains and never decides."""

    DECLARED = "declared"
    REVIVED = "revived"
    INTERRUPTED = "interrupted"
    DELETED_AT_PROVIDER = "deleted_at_provider"
    CREDENTIALS_GAINED = "credentials_gained"
    SECRET_LOST = "secret_lost"
    MANIFEST_CHANGED = "manifest_changed"
    BASE_URL_MOVED = "base_url_moved"
    CREDENTIALS_CHANGED = "credentials_changed"
    SECRET_CHANGED = "secret_changed"
    ROUTING_CHANGED = "routing_changed"
    MOVED = "moved"
    DRIFTED = "drifted"
    DISABLED_AT_PROVIDER = "disabled_at_provider"
    DUPLICATED = "duplicated"
    LEASE_EXPIRING = "lease_expiring"
    LEASE_LAPSED = "lease_lapsed"
    NOT_UPDATABLE = "not_updatable"
    UNCERTAIN = "uncertain"
    DANGLING = "dangling"
    REPLACED = "replaced"
    ADOPTED = "adopted"
    UNADOPTABLE = "unadoptable"
    UNRECORDED = "unrecorded"
    SLOT_TAKEN = "slot_taken"
    FOREIGN_URL = "foreign_url"
    CREDENTIALS_CANNOT_SEE = "credentials_cannot_see"
    URL_REFUSED = "url_refused"
    NO_DEFINITION = "no_definition"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One webhook's action, complete: applying it decides nothing.

    `remote_ids` are the objects at the provider that the action is about (the one to update or adopt, those to delete);
    `surplus` those to delete besides; `lease_expires_at` is until when the provider keeps the one that was found.
    `doubtful` tells that an object may exist that nobody can find: an orphan is left. `secret_url` marks a provider
    whose deliveries carry no other proof than our URL: plans show it shortened. `way_out` tells the reader of a
    `blocked` what to do, and of another action what it cannot do.
    """

    action: Action
    reason: Reason
    key: WebhookKey
    desired: Desired | None = None
    recorded: Recorded | None = None
    changes: tuple[Change, ...] = ()
    remote_ids: tuple[str, ...] = ()
    surplus: tuple[str, ...] = ()
    slot: str = ""
    lease_expires_at: float | None = None
    doubtful: bool = False
    secret_url: bool = False
    way_out: str = ""

    @property
    def calls_provider(self) -> bool:
        """Whether applying it needs a provider call; the rest changes our store alone."""
        if self.key.manual or self.action is Action.BLOCKED or self.reason is Reason.REVIVED:
            return False
        if self.action is Action.UPDATE:
            return bool(self.surplus) or any(change.field not in LOCAL_FIELDS for change in self.changes)
        return True


class Adoption(NamedTuple):
    """What a person asks to be adopted: for one address, or for any declared webhook without a record.

    The object is chosen by the provider's id, by a glob of its URL, or because it is one of ours that no record
    explains (`unrecorded`). `secret` is the fingerprint of a secret that was supplied along with it.
    """

    address: str = ""
    remote_id: str = ""
    url: str = ""
    unrecorded: bool = False
    secret: str = ""

    def document(self) -> Json:
        """The wish as JSON."""
        return {**self._asdict(), "secret": self.secret[:8]}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOptions:
    """The choices of one pass that shape its plan; part of the digest. Allowances are `N` or `P%`, as written.

    With `adopt`, the pass is about what it names and nothing else.
    """

    refresh: bool = True
    prune: bool = True
    targets: tuple[str, ...] = ()
    allow_destroy: str = ""
    allow_change: str = ""
    allow_protected: tuple[str, ...] = ()
    adopt: tuple[Adoption, ...] = ()

    def document(self) -> Json:
        """The options as JSON."""
        return {
            "refresh": self.refresh,
            "prune": self.prune,
            "targets": sorted(self.targets),
            "allow_destroy": self.allow_destroy or None,
            "allow_change": self.allow_change or None,
            "allow_protected": sorted(self.allow_protected),
        } | ({"adopt": [adoption.document() for adoption in self.adopt]} if self.adopt else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A guard that stops a part of the plan: why, the flag that passes it, and the addresses it holds back.

    Of the steps of these addresses it holds those of `actions`. `flag` is empty where no flag passes it.
    """

    guard: str
    message: str
    flag: str
    addresses: frozenset[str]
    actions: frozenset[Action] = frozenset({Action.PRUNE, Action.REPLACE, Action.UPDATE})

    def document(self) -> Json:
        """The refusal as JSON."""
        return {
            "guard": self.guard,
            "message": self.message,
            "flag": self.flag,
            "addresses": sorted(self.addresses),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a pass would do: steps in their order, what went wrong while observing, and the guards that refuse.

    `in_sync` counts the webhooks that need nothing, `existing` the live records, in all and by provider, `foreign` the
    objects at providers that are not ours, `kept` what is dangling and stays because nothing is pruned. `held` are the
    addresses that a failed list froze.
    """

    scope: str
    base_url: str
    default_user: str
    options: PlanOptions
    steps: tuple[Step, ...] = ()
    in_sync: int = 0
    existing: int = 0
    existing_at: Mapping[str, int] = field(default_factory=dict)
    wanted: int = 0
    foreign: int = 0
    kept: int = 0
    held: frozenset[str] = frozenset()
    problems: tuple[Problem, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    tool_version: str = ""
    commit: str = field(default="", compare=False)

    def address(self, step: Step) -> str:
        """The address of a step's webhook as this project's people say it."""
        return step.key.address(self.default_user)

    @property
    def is_empty(self) -> bool:
        """True when everything that was looked at is in sync."""
        return not self.steps

    @property
    def applicable(self) -> tuple[Step, ...]:
        """The steps that may be applied: neither blocked nor held back by a guard."""
        refused: dict[Action, set[str]] = {}
        for refusal in self.refusals:
            for action in refusal.actions:
                refused.setdefault(action, set()).update(refusal.addresses)
        return tuple(
            step
            for step in self.steps
            if step.action is not Action.BLOCKED and self.address(step) not in refused.get(step.action, ())
        )

    @property
    def digest(self) -> str:
        """SHA-256 over what would be done: actions, addresses and changes, not reasons, places, times or new ids."""
        # Each action is spelled by itself, and once: the encoder keeps every word of what it is given until it is done.
        actions = sorted(
            canonical_json([str(step.action), self.address(step), _changes_document(step.changes)])
            for step in self.steps
            if step.action is not Action.RENEW
        )
        rest = canonical_json(
            {
                "version": PLAN_VERSION,
                "scope": self.scope,
                "base_url": self.base_url,
                "options": self.options.document(),
            }
        )
        text = f'{{"actions":[{",".join(actions)}],{rest[1:]}'  # "actions" comes before all other keys
        return hashlib.sha256(text.encode()).hexdigest()


DESTRUCTIVE = frozenset({Action.PRUNE, Action.REPLACE})
"""Actions after which a webhook of today is gone."""


def document(plan: Plan) -> dict[str, Json]:
    """The plan as JSON values, without any secret in it."""
    counts = Counter(step.action for step in plan.steps)
    summary = {str(action): counts[action] for action in Action}
    summary |= {"none": plan.in_sync, "kept": plan.kept, "foreign": plan.foreign}
    return {
        "version": PLAN_VERSION,
        "tool_version": plan.tool_version,
        "scope": plan.scope,
        "commit": plan.commit or None,
        "options": plan.options.document(),
        "digest": plan.digest,
        "guards": [refusal.document() for refusal in plan.refusals],
        "summary": summary,
        "actions": [_step_document(plan, step) for step in plan.steps],
        "problems": [problem_document(problem) for problem in plan.problems],
    }


def problem_document(problem: Problem) -> dict[str, Json]:
    """A problem as JSON values."""
    where = problem.location
    return {
        "code": problem.code,
        "message": problem.message,
        "hint": problem.hint or None,
        "path": problem.path or None,
        "file": where.file if where else None,
        "line": where.line if where else None,
        "column": where.column if where else None,
    }


def shown_changes(step: Step) -> tuple[Change, ...]:
    """A step's changes as they may be shown."""
    return tuple(_shown(change, step) for change in step.changes)


def _step_document(plan: Plan, step: Step) -> dict[str, Json]:
    key = step.key
    events = step.desired.events if step.desired else step.recorded.events if step.recorded else frozenset()
    return {
        "action": str(step.action),
        "reason": str(step.reason),
        "address": plan.address(step),
        "webhook": {
            "id": (shown_id(step, step.recorded.id) if step.recorded else "") or None,
            "user": key.user,
            "provider": key.provider,
            "type": key.type,
            "resource": _resource(step),
            "credentials": key.credentials or None,
            "events": sorted(events),
            "manual": key.manual,
        },
        "triggers": _triggers_document(step),
        "changes": _changes_document(shown_changes(step)),
        "way_out": step.way_out or None,
    }


def shown_id(step: Step, webhook_id: str) -> str:
    """A webhook's id as it may be shown: shortened where the URL, and so the id, is the secret."""
    return webhook_id[:SHOWN_DIGITS] if step.secret_url else webhook_id


def _shown(change: Change, step: Step) -> Change:
    if change.field != "url" or not step.secret_url:
        return change
    return Change(change.field, _shortened(change.before), _shortened(change.after))


def _shortened(url: Json) -> str:
    head, slash, webhook_id = str(url).rpartition("/")
    return f"{head}{slash}{webhook_id[:SHOWN_DIGITS]}"


def _resource(step: Step) -> str | None:
    source = step.desired or step.recorded
    return (source.resource if source else step.key.resource) or None


def _triggers_document(step: Step) -> list[Json]:
    if step.desired:
        return [
            {str(trigger.subscriber.kind): trigger.subscriber.id, "file": trigger.location.file}
            | {"line": trigger.location.line}
            for trigger in step.desired.triggers
        ]
    relations = step.recorded.relations if step.recorded else ()
    return [
        {str(relation.subscriber.kind): relation.subscriber.id, "file": None, "line": None} for relation in relations
    ]


def _changes_document(changes: Sequence[Change]) -> list[Json]:
    return [{"field": change.field, "before": change.before, "after": change.after} for change in changes]
