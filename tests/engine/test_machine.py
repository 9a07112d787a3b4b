"""Whatever happens, in whatever order: nothing foreign is touched, nothing goes unseen, all is right in the end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from reconciler.core.errors import LeaseLostError
from reconciler.core.model import Observed, Phase, Trigger
from reconciler.core.plan import Adoption
from reconciler.engine.context import Stop
from reconciler.engine.points import Point, Side
from reconciler.testing.memory_provider import Held
from reconciler.testing.memory_store import MemoryStore
from tests.support.builders import graph, trigger
from tests.support.catalogue import CATALOGUE
from tests.support.crashing import Moment, living
from tests.support.moody import Mood, MoodyProvider, doubled, with_moods
from tests.support.one_thread import OneThreadLoop
from tests.support.world import World

SHAPES = ["acme", "once", "handed", "keyed", "slotted", "fixed", "tagged", "leased"]
DAY = 24 * 3600.0
LAG = 10.0
PASSES = 4
"""So many passes bring everything right, once the weather is fine."""

moods = st.lists(st.sampled_from(Mood), max_size=12)
events = st.sets(st.sampled_from(["push", "issues", "release"]), min_size=1).map(frozenset)
users, resources = st.sampled_from(["alice", "bob"]), st.sampled_from(["acme/api", "acme/web"])


class Machine(RuleBasedStateMachine):
    """A project whose manifests, provider, store and network all change between passes, and during them."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.world = World()
        self.shape = ""
        self.wanted: dict[tuple[str, str], list[Trigger]] = {}
        self.foreign: dict[str, Held] = {}
        self.lost: set[str] = set()
        self.copies: set[str] = set()
        self.moves = 0

    @initialize(shape=st.sampled_from(SHAPES), seed=st.integers(0, 99), rounds=st.lists(st.integers(0, 3), max_size=9))
    def begin(self, shape: str, seed: int, rounds: Sequence[int]) -> None:
        """One shape of provider for the whole run, and one way in which its tasks interleave."""
        self.runner = asyncio.Runner(loop_factory=partial(OneThreadLoop, rounds))
        provider = MoodyProvider(
            CATALOGUE[shape], time=self.world.clock.now, turns=seed, handshake=self.world.hand_over
        )
        if shape == "leased":
            provider.lease_end = lambda: self.world.clock.time + DAY
        if shape == "tagged":
            provider.naming = lambda registration: registration.webhook_id
        self.shape = shape
        self.world.providers = {shape: provider}

    # -- the manifests -----------------------------------------------------------------------------------------------

    @rule(user=users, resource=resources, events=events, note=st.booleans(), both=st.booleans())
    def declare(self, user: str, resource: str, events: frozenset[str], note: bool, both: bool) -> None:
        """Declare a webhook, or change what is declared; a slot has room for one."""
        options = {"note": "x"} if note else {}
        common: dict[str, Any] = {"provider": self.shape, "user": user, "resource": resource, "options": options}
        if self.shape == "slotted":
            self.wanted.clear()
            common["resource"] = "acme/api"
        triggers = [trigger(*events, **common)]
        if both:
            triggers.append(trigger("push", subscriber=graph("notify"), **common))
        self.wanted[user, common["resource"]] = triggers

    @rule(user=users, resource=resources)
    def withdraw(self, user: str, resource: str) -> None:
        """Remove what was declared."""
        self.wanted.pop((user, resource), None)

    @rule()
    def move(self) -> None:
        """The platform moves to another base URL."""
        self.moves += 1
        self.world.base_url = f"https://hooks{self.moves}.example.com"

    # -- passes ------------------------------------------------------------------------------------------------------

    @rule(moods=moods, lag=st.sampled_from([0.0, LAG]), refresh=st.booleans(), prune=st.booleans())
    def run_pass(self, moods: Sequence[Mood], lag: float, refresh: bool, prune: bool) -> None:
        """A pass in bad weather."""
        self._weather(moods, lag)
        self._run(lambda _number, _point, _side: False, refresh=refresh, prune=prune)

    @rule(moods=moods, lag=st.sampled_from([0.0, LAG]), number=st.integers(1, 30))
    def run_killed(self, moods: Sequence[Mood], lag: float, number: int) -> None:
        """A pass whose process is killed."""
        self._weather(moods, lag)
        self._run(lambda reached, _point, _side: reached == number)

    @rule(moods=moods, number=st.integers(1, 30))
    def run_stopped(self, moods: Sequence[Mood], number: int) -> None:
        """A pass that is asked to stop on its way."""
        self._weather(moods, 0.0)
        stop = Stop()

        def halt(reached: int, _point: Point, _side: Side) -> bool:
            if reached == number:
                stop.request()
            return False

        self._run(halt, stop=stop)

    @rule(seconds=st.sampled_from([60.0, DAY - 1800, 2 * DAY]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.world.clock.time += seconds

    @rule()
    def adopt(self) -> None:
        """A person brings back what no record explains."""
        self._weather((), 0.0)
        self._run(lambda _number, _point, _side: False, adopt=(Adoption(unrecorded=True),))

    # -- other people ------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.shape != "slotted")
    @rule(resource=resources)
    def make_foreign(self, resource: str) -> None:
        """Somebody else registers a webhook of their own beside ours."""
        remote_id = f"f{len(self.foreign)}"
        observed = Observed(
            remote_id=remote_id, url=f"https://ci.example.net/{remote_id}", events=frozenset({"push"}), active=True
        )
        self.foreign[remote_id] = Held(observed, None)
        place = self.provider.objects.setdefault(("main", "repo", resource), {})
        place[remote_id] = Held(observed, None)

    @precondition(lambda self: bool(self.ours()))
    @rule(data=st.data(), deed=st.sampled_from(["delete", "disable", "edit", "double"]))
    def meddle(self, data: st.DataObject, deed: str) -> None:
        """Somebody deletes, disables, edits or doubles one of ours at the provider."""
        held = data.draw(st.sampled_from(sorted(self.ours(), key=lambda item: item.observed.remote_id)))
        remote_id = held.observed.remote_id
        if deed == "delete":
            self.provider.meddle(remote_id, None)
        elif deed == "disable":
            self.provider.edit(remote_id, active=False)
        elif deed == "edit":
            self.provider.edit(remote_id, events=frozenset({"pull_request"}))
        elif self.shape not in {"slotted", "tagged"}:
            copy = doubled(held, f"d{len(self.copies) + 1}")
            self.copies.add(copy.observed.remote_id)
            self.provider.meddle(remote_id, copy)

    @precondition(
        lambda self: bool(self.world.records()) and not (self.moves and (self.shape == "slotted" or self.copied()))
    )
    @rule()
    def lose_store(self) -> None:
        """The store is gone; what it knew of is at the provider still. But not what the former base URLs were."""
        self.lost |= {webhook_id(held) for held in self.ours()}
        self.world.store = MemoryStore()

    # -- what always holds -------------------------------------------------------------------------------------------

    @invariant()
    def foreign_webhooks_are_untouched(self) -> None:
        """What we did not make is as it was."""
        if self.shape:
            found = {held.observed.remote_id: held for held in self.provider.everything()}
            assert {remote_id: found[remote_id] for remote_id in self.foreign} == self.foreign

    @invariant()
    def every_object_of_ours_is_explained(self) -> None:
        """By a record, by an orphan, or because the store was lost."""
        if self.shape:
            store = self.world.store
            known = {record.id for record in store.records("test")}
            known |= {orphan.webhook_id for orphan in store.orphans("test")}
            self.lost -= known
            assert {webhook_id(held) for held in self.ours()} <= known | self.lost

    def teardown(self) -> None:
        """In fine weather a few passes bring exactly what is wanted, and then there is nothing left to do."""
        try:
            if self.shape:
                self._settle()
        finally:
            self.runner.close()

    def _settle(self) -> None:
        self.adopt()
        self._weather((), 0.0)
        self.every_object_of_ours_is_explained()
        for held in [item for item in self.ours() if webhook_id(item) in self.lost]:
            # The way out that the plan tells: remove what nobody wants, and no record explains.
            self.provider.meddle(held.observed.remote_id, None)
        for _ in range(PASSES):
            self._run(lambda _number, _point, _side: False)
            self.world.clock.time += 60
        plan = self.runner.run(self.world.plan(*self._triggers()))
        assert plan.is_empty, plan.steps
        self._assert_right()

    def _assert_right(self) -> None:
        records = {record.url: record for record in self.world.records()}
        found = {held.observed.url: held for held in self.ours()}
        assert {(record.key.user, record.resource) for record in records.values()} == self.wanted.keys()
        assert found.keys() == records.keys()
        assert len(found) == len(self.ours())
        assert self.world.store.orphans("test") == []
        for url, record in records.items():
            assert record.phase is Phase.REGISTERED
            assert url.startswith(self.world.base_url)
            assert found[url].observed.events == record.events
            assert found[url].observed.active
            assert found[url].secret == self.world.store.secrets(record.id)[0]
        self.foreign_webhooks_are_untouched()

    # -- how -----------------------------------------------------------------------------------------------------------

    @property
    def provider(self) -> MoodyProvider:
        """The one provider."""
        found = self.world.providers[self.shape]
        assert isinstance(found, MoodyProvider)
        return found

    def ours(self) -> list[Held]:
        """What we made at the provider, or somebody with our URL."""
        return [held for held in self.provider.everything() if held.observed.remote_id not in self.foreign]

    def copied(self) -> bool:
        """Whether a copy that somebody made is there."""
        return any(held.observed.remote_id in self.copies for held in self.ours())

    def _weather(self, moods: Sequence[Mood], lag: float) -> None:
        """How the provider takes the next pass; passes are further apart than its lists lag."""
        self.world.clock.time += LAG + 5
        self.provider.lag = lag if self.shape != "slotted" else 0.0
        with_moods(self.provider, moods)

    def _triggers(self) -> Iterator[Trigger]:
        for triggers in self.wanted.values():
            yield from triggers

    def _run(self, moment: Moment, **options: Any) -> None:
        async def passing(world: World) -> None:
            with suppress(LeaseLostError):
                await world.run(*self._triggers(), allow_destroy="100%", **options)

        self.runner.run(living(self.world, moment, passing))


def webhook_id(held: Held) -> str:
    """Our id, in the URL of an object."""
    return held.observed.url.rpartition("/")[2]


class MachineAtLength(Machine):
    """Minutes of it, other ones each time."""


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=40, stateful_step_count=30)
TestMachineAtLength = pytest.mark.crash(pytest.mark.timeout(1800)(MachineAtLength.TestCase))
TestMachineAtLength.settings = settings(max_examples=4000, stateful_step_count=50, derandomize=False, print_blob=True)
