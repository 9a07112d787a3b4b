"""The deliveries of a project's scope, fit to be shown, and handed on once more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from reconciler.core.deliveries import Delivery
from reconciler.core.errors import ConfigError, Problem
from reconciler.core.inbox import DispatchState, Filter, Handed
from reconciler.core.model import Recorded
from reconciler.core.ports import Progress
from reconciler.documents.nearest import quoted, suggestion
from reconciler.ingress.arriving import Arrivals, Ids, request_of
from reconciler.ingress.handing import kind_of, shown_id, shown_source
from reconciler.ingress.ports import Found, Vendor
from reconciler.ingress.replaying import Replay, replay_of
from reconciler.manifests.project import Project
from reconciler.providers.catalogue import known_definitions
from reconciler.render.deliveries import Content, Told
from reconciler.render.replays import ReplayPlan
from reconciler.store.empty import EmptyStore
from reconciler.store.inboxes import inbox_of
from reconciler.store.opening import open_for_reading
from reconciler.store.sql import SqlStore
from reconciler.system import SystemClock, SystemEntropy
from reconciler.verify.body import DeliveryError, plain
from reconciler.verify.delivery import HeaderEvent, HeaderId, read_parts
from reconciler.wiring.dispatching import ordered_by
from reconciler.wiring.ingress import vendor_of
from reconciler.wiring.inputs import Inputs
from reconciler.wiring.keeping import Opened
from reconciler.wiring.loading import load_project_of
from reconciler.wiring.records import Records
from reconciler.wiring.session import announce, key_source

ALL: Final = 1_000_000_000
"""More than anybody keeps."""

BATCH: Final = 100
"""Deliveries that are put into the inbox in one transaction."""

MASK: Final = "********"

_NAMED: Final = 5
"""How many of the ids that a name may mean are told."""

_HARMLESS = frozenset(
    {"accept", "accept-encoding", "content-encoding", "content-length", "content-type", "date", "host", "user-agent"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A stored delivery that cannot be replayed, and why."""

    delivery: Delivery
    reason: str


class DeliveryLog:
    """Looks into the inbox of a scope. `store` may be open to read only, or not be there."""

    def __init__(self, store: SqlStore | EmptyStore, project: Project) -> None:
        self._store = store
        self._inbox = inbox_of(store)
        self._project = project
        self._records = Records(store, project.scope, project.default_user)
        self._definitions = known_definitions(project.providers)
        self._vendors: dict[str, Vendor | None] = {}
        self._found: dict[str, Found | None] = {}

    def webhook_id(self, name: str) -> str:
        """The id of a webhook by its address, its id or the beginning of that. Raises `ConfigError` for nobody's.

        Deliveries of one that is gone may be there still: they are found by its whole id.
        """
        if "/" in name:
            return self._records.at(name).id
        found = [record.id for record in self._records.all() if record.id.startswith(name)]
        if len(found) > 1:
            hint = f"{len(found)} ids begin so: say more of it"
            raise ConfigError((Problem("webhook_ambiguous", f"{name} means several webhooks", hint=hint),))
        if found:
            return found[0]
        if next(self.told(Filter(webhook_id=name), 1), None) is None:
            hint = "an id, the beginning of one, or an address is expected: see `reconcile state list`"
            raise ConfigError((Problem("webhook_unmatched", f"there is no webhook {name}", hint=hint),))
        return name

    def provider(self, name: str) -> str:
        """The name of a provider that is known, or that deliveries came from. Raises `ConfigError`."""
        if name not in self._definitions and next(self.told(Filter(provider=name), 1), None) is None:
            hint = suggestion(name, self._definitions)
            raise ConfigError((Problem("provider_unmatched", f"there is no provider {quoted(name)}", hint=hint),))
        return name

    def told(self, chosen: Filter, limit: int = ALL) -> Iterator[Told]:
        """Deliveries, newest first; with `after` set, oldest first."""
        for delivery, handed in self._inbox.deliveries(self._project.scope, chosen, limit):
            yield self._told(delivery, handed)

    def one(self, name: str, *, content: bool = False) -> Told:
        """One delivery by its id, or the beginning of that; with `content`, what was in it.

        Raises `ConfigError` where there is none, and where several ids begin so.
        """
        found = self._inbox.delivery(self._project.scope, name) or self._only(name)
        told = self._told(*found)
        return replace(told, content=self._content(found[0])) if content else told

    def _only(self, beginning: str) -> tuple[Delivery, Sequence[Handed]]:
        chosen = Filter(beginning=beginning)
        found = list(self._inbox.deliveries(self._project.scope, chosen, _NAMED + 1)) if beginning else []
        if not found:
            hint = "see `reconcile deliveries list`"
            raise ConfigError((Problem("delivery_unmatched", f"there is no delivery {beginning}", hint=hint),))
        if len(found) > 1:
            raise ConfigError((ambiguous("delivery", beginning, [delivery.id for delivery, _ in found]),))
        return found[0]

    def replays(self, deliveries: Sequence[Told]) -> tuple[list[Replay], list[Unreadable]]:
        """What replaying these comes to, oldest first, and those that cannot be.

        A delivery and its own replay are the same dispatches: the older one stands for both.
        """
        arrivals = Arrivals(SystemClock(), SystemEntropy(), ordered_by(self._project.targets))
        replays: list[Replay] = []
        unreadable: list[Unreadable] = []
        known: set[str] = set()
        for told in sorted(deliveries, key=lambda told: told.delivery.id):
            delivery = told.delivery
            vendor = self._vendor(delivery.provider)
            try:
                replay = replay_of(delivery, told.handed, self._webhook(delivery.webhook_id), vendor, arrivals)
            except DeliveryError as error:
                unreadable.append(Unreadable(delivery=delivery, reason=str(error)))
                continue
            ids = {dispatch.id for dispatch in replay.dispatches}
            if ids - known:
                replays.append(replay)
            known |= ids
        return replays, unreadable

    def _told(self, delivery: Delivery, handed: Sequence[Handed]) -> Told:
        vendor, found = self._vendor(delivery.provider), self._webhook(delivery.webhook_id)
        return Told(
            delivery=delivery,
            handed=handed,
            webhook=shown_id(vendor, delivery),
            url=shown_source(vendor, delivery),
            address=self._records.address(found.record) if found else "",
        )

    def _content(self, delivery: Delivery) -> Content:
        """What a delivery held. Of headers only what cannot be a proof; the payload without the webhook's secret."""
        vendor, found = self._vendor(delivery.provider), self._webhook(delivery.webhook_id)
        if vendor is None:
            return Content(problem="no definition tells where it holds a secret")
        rules = kind_of(vendor, found.record.key.type if found else "").rules
        shown = {rule.header.lower() for rule in rules.ids if isinstance(rule, HeaderId)} | _HARMLESS
        if isinstance(rules.event, HeaderEvent):
            shown |= {rules.event.header.lower()}
        headers = tuple((name, value if name.lower() in shown else MASK) for name, value in delivery.headers)
        try:
            return Content(headers=headers, payload=plain(read_parts(rules, request_of(delivery)).payload))
        except DeliveryError as error:
            return Content(headers=headers, problem=str(error))

    def _vendor(self, name: str) -> Vendor | None:
        """The provider, None where no sound definition tells of it."""
        if name not in self._vendors:
            try:
                self._vendors[name] = vendor_of(self._definitions[name]) if name in self._definitions else None
            except ConfigError:
                self._vendors[name] = None
        return self._vendors[name]

    def _webhook(self, webhook_id: str) -> Found | None:
        if webhook_id not in self._found:
            record: Recorded | None = self._store.record(self._project.scope, webhook_id)
            secrets = self._store.secrets(webhook_id) if record is not None else ()
            found = Found(scope=self._project.scope, record=record, secrets=secrets) if record is not None else None
            self._found[webhook_id] = found
        return self._found[webhook_id]


@contextmanager
def deliveries_of(inputs: Inputs, progress: Progress) -> Iterator[DeliveryLog]:
    """The deliveries of a project's scope, opened to read only. Raises `ConfigError` and `StateError`."""
    project = load_project_of(inputs)
    with open_for_reading(project.state, key_source(project)) as store:
        announce(store, project.scope, progress)
        yield DeliveryLog(store, project)


def log_of(opened: Opened) -> DeliveryLog:
    """The deliveries of a store that is open to write."""
    return DeliveryLog(opened.store, opened.project)


def planned(log: DeliveryLog, deliveries: Sequence[Told]) -> tuple[ReplayPlan, list[Replay]]:
    """What replaying comes to, to be shown and to be done."""
    replays, unreadable = log.replays(deliveries)
    subscribers = Counter(str(dispatch.subscriber) for replay in replays for dispatch in replay.dispatches)
    plan = ReplayPlan(
        deliveries=len(replays),
        triggers=dict(sorted(subscribers.items())),
        doubts=Counter(replay.doubt for replay in replays if replay.doubt),
        unreadable=[(each.delivery.id, each.reason) for each in unreadable],
    )
    return plan, replays


def replay_all(opened: Opened, replays: Sequence[Replay]) -> int:
    """Put deliveries into the inbox once more; how many dispatches that makes. Raises `StateError`."""
    ids, inbox, rest = Ids(SystemEntropy()), inbox_of(opened.store), iter(replays)
    clock = SystemClock()
    while some := list(islice(rest, BATCH)):
        inbox.accept([replay.arrival(ids.next(clock.now())) for replay in some])
    return sum(len(replay.dispatches) for replay in replays)


def dead_of(log: DeliveryLog, named: Sequence[str]) -> list[str]:
    """The ids of dead dispatches: all, or those that are named by their own id or their delivery's, or its beginning.

    Raises `ConfigError` for a name that means none, and for a beginning that several have.
    """
    found = [each for told in log.told(Filter(dead=True)) for each in told.handed if each.state is DispatchState.DEAD]
    if not named:
        return [each.dispatch.id for each in found]
    known = dict.fromkeys(name for each in found for name in (each.dispatch.delivery_id, each.dispatch.id))
    meant: set[str] = set()
    problems = []
    for name in named:
        fitting = [name] if name in known else [each for each in known if name and each.startswith(name)]
        meant.update(fitting)
        if not fitting:
            hint = "see `reconcile deliveries dead`"
            problems.append(Problem("dead_unmatched", f"there is no dead letter {name}", hint=hint))
        elif len(fitting) > 1:
            problems.append(ambiguous("dead", name, fitting))
    if problems:
        raise ConfigError(tuple(problems))
    return [each.dispatch.id for each in found if {each.dispatch.id, each.dispatch.delivery_id} & meant]


def ambiguous(kind: str, beginning: str, found: Sequence[str]) -> Problem:
    """What is wrong with a name that several ids begin with; the first of them are told."""
    hint = f"say more of it: {', '.join(found[:_NAMED])}{', ...' if len(found) > _NAMED else ''}"
    return Problem(f"{kind}_ambiguous", f"several ids begin with {beginning}", hint=hint)


def revive(opened: Opened, dispatch_ids: Sequence[str]) -> int:
    """Make dead letters due again; how many there were. Raises `StateError`."""
    return inbox_of(opened.store).revive(opened.scope, dispatch_ids, opened.clock.now())
