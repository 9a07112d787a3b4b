"""No delivery is lost, doubled or overtaken, whatever the order in which inboxes are used and workers die."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.core.inbox import Arrival, Attempt, DispatchState, Filter, Inbox, Job
from tests.store.conftest import Opened
from tests.store.inbox_samples import delivery, dispatch, graph, inbox_in
from tests.store.samples import lease

_WORKERS = ("a", "b")
_LEASE = 5.0
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("accept"), st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=4)),
        st.tuples(st.just("claim"), st.sampled_from(_WORKERS), st.integers(1, 3)),
        st.tuples(st.just("settle"), st.sampled_from(_WORKERS), st.sampled_from(DispatchState)),
        st.tuples(st.just("wait"), st.sampled_from([1.0, _LEASE])),
        st.tuples(st.just("revive"), st.integers(0, 5)),
    ),
    min_size=8,
    max_size=30,
)


class _World:
    """An inbox, and beside it what must be true of it, told in the plainest way."""

    def __init__(self, inbox: Inbox, scope: str) -> None:
        self.inbox, self.scope, self.now = inbox, scope, 100.0
        self.keys: dict[str, str] = {}
        self.since: dict[str, float] = {}
        self.kept: list[str] = []
        self.ordered: set[str] = set()
        self.due: dict[str, float] = {}
        self.holders: dict[str, str] = {}
        self.ended: dict[str, DispatchState] = {}
        self.tries: dict[str, list[Job]] = {worker: [] for worker in _WORKERS}

    def accept(self, pairs: Sequence[tuple[int, int]]) -> None:
        """Keys meet often; every second delivery stands in one of two lines."""
        arrivals, expected = [], []
        for one, other in pairs:
            number = len(self.kept) + len(arrivals) + 1
            made = delivery(number, id=f"{self.scope}-{number:05d}", scope=self.scope, received_at=self.now)
            part = dispatch(made, subscriber=graph(f"g{one % 2}"), ordered=other % 2 == 0)
            keys, fleeting = (f"id {one}", f"digest {other}"), {f"digest {other}": 2 * _LEASE}
            arrivals.append(Arrival(delivery=made, keys=keys, dispatches=(part,), fleeting=fleeting))
            over = {key for key in fleeting if key in self.keys and self.now - self.since[key] >= 2 * _LEASE}
            known = [self.keys[key] for key in keys if key in self.keys and key not in over]
            expected.append(known[0] if known else made.id)
            for key in keys:
                if key not in self.keys or (key in over and not known):
                    self.keys[key], self.since[key] = expected[-1], self.now
            if not known:
                self.due[part.id] = self.now
                self.ordered.update([part.id] if part.ordered else [])
        assert list(self.inbox.accept(arrivals)) == expected
        self.kept += [each.delivery.id for each in arrivals]

    def claim(self, worker: str, limit: int) -> int:
        """As many as there are to be had, and none that may not be."""
        free = self._free()
        jobs = self.inbox.claim(self.scope, worker, self.now, _LEASE, limit)
        assert len(jobs) == min(limit, len(free))
        for job in jobs:
            assert job.dispatch.id in free
            self.holders[job.dispatch.id], self.due[job.dispatch.id] = worker, self.now + _LEASE
        self.tries[worker] += jobs
        return len(jobs)

    def settle(self, worker: str, state: DispatchState) -> None:
        """A worker tells of all its tries, those that were taken from it included."""
        tries, self.tries[worker] = self.tries[worker], []
        ids = dict.fromkeys(job.dispatch.id for job in tries)
        self.inbox.settle(
            worker, [Attempt(dispatch_id=name, state=state, at=self.now, next_at=self.now + 1) for name in ids]
        )
        for name in ids:
            if self.holders.get(name) == worker:
                del self.holders[name]
                self.due[name] = self.now + 1
                self.ended.update({} if state is DispatchState.PENDING else {name: state})

    def revive(self, number: int) -> None:
        """One of those that have ended, if there are so many."""
        for name in sorted(self.ended)[number : number + 1]:
            assert self.inbox.revive(self.scope, [name], self.now) == 1
            del self.ended[name]
            self.due[name] = self.now

    def wait(self, seconds: float) -> None:
        """Time goes by, and with it leases."""
        self.now += seconds

    def finish(self) -> None:
        """All that was kept is handed on in the end, once each, and told to be so."""
        while self._waiting():
            self.wait(_LEASE)
            assert self.claim("a", 100) > 0
            self.settle("a", DispatchState.DONE)
        assert self.inbox.next_due(self.scope) is None
        told = list(self.inbox.deliveries(self.scope, Filter(), 1000))
        assert sorted(kept.id for kept, _ in told) == sorted(set(self.keys.values()))
        assert {each.dispatch.id: each.state for _, handed in told for each in handed} == self.ended

    def _waiting(self) -> set[str]:
        return self.due.keys() - self.ended.keys()

    def _free(self) -> set[str]:
        waiting = sorted(self._waiting())
        found = set()
        for name in waiting:
            line = [each for each in waiting if each in self.ordered and each.split(":")[-1] == name.split(":")[-1]]
            under_way = any(each in self.holders and self.due[each] > self.now for each in line)
            if self.due[name] <= self.now and (name not in self.ordered or (line[0] == name and not under_way)):
                found.add(name)
        soonest = self.inbox.next_due(self.scope)
        assert (soonest is not None and soonest <= self.now) == bool(found)
        return found


def test_nothing_is_lost_doubled_or_overtaken(store: Opened) -> None:
    """Whatever is accepted, claimed, settled, revived and left to lapse, in whatever order."""
    inbox, numbers = inbox_in(store), count(1)

    @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
    @given(_STEPS)
    def holds(steps: list[tuple[str, *tuple[object, ...]]]) -> None:
        scope = f"scope{next(numbers)}"
        lease(store, scope)
        world = _World(inbox, scope)
        for verb, *arguments in steps:
            getattr(world, verb)(*arguments)
        world.finish()

    holds()
