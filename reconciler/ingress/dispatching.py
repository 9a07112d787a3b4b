"""Handing stored deliveries on: claim what is due, give it to its target, write down what came of it.

A dispatch is claimed for longer than its target may take. Whoever dies holds it no longer than that; then it is due
again, and handed on once more by whoever is there: at least once, with the same id. Each target has a lane of its own,
with a bound on what is under way in it. What is due for a lane that is full is given back untouched, to be due again
when the lane may have room: so one slow target delays nobody else, and its own dispatches no longer than itself.

A try counts from its claim on, so what ends the process each time it is handed on (it takes all memory, it crashes a
library) has its last try like anything else. What was claimed along with it is not to go down with it again and again:
of what dead processes left behind, one is handed on at a time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, Protocol

from reconciler.core.errors import ReconcilerError, StateError
from reconciler.core.inbox import Attempt, DispatchState, Inbox, Job
from reconciler.core.ports import Clock, Entropy, Progress
from reconciler.ingress.counting import Handing, Handings
from reconciler.ingress.ports import untold
from reconciler.ingress.routes import Retries, Route, Routes
from reconciler.ingress.targets.event import Again, Drop, Event

BATCH: Final = 64
"""How many are claimed at once."""

POLL: Final = 5.0
"""Seconds after which the inbox is asked again, where nobody woke us: another process may have put something in."""

MARGIN: Final = 30.0
"""Seconds that a claim lasts beyond what the slowest target may take."""

SOONEST: Final = 0.05
"""Seconds for which an inbox is left alone that had nothing to claim."""

FULL_PAUSE: Final = 1.0
"""Seconds after which what a full lane has no room for is due again, at the soonest."""

LONGEST_PAUSE: Final = 60.0
"""The same, at the latest."""

STORE_RETRIES: Final = Retries(first=1.0, longest=30.0)
"""How patient we are with a store that cannot be used."""

NO_TARGET: Final = "no target matches"
NO_KIND: Final = "none"

_WORDS: Final = MappingProxyType(
    {
        DispatchState.DONE: (Handing.HANDED, "handed on"),
        DispatchState.DEAD: (Handing.DEAD, "given up"),
        DispatchState.PENDING: (Handing.RETRIED, "to be tried again"),
    }
)


class Stopping(Protocol):
    """The wish to come to an end."""

    @property
    def requested(self) -> bool: ...

    async def wait(self) -> None: ...


class Read(Protocol):
    """Makes the event of a job."""

    async def __call__(self, job: Job, /) -> Event:
        """The event. Raises `Drop`, `Again` or `ReconcilerError`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """The outside of a dispatcher. `holder` is unique to this process."""

    inbox: Inbox
    read: Read
    clock: Clock
    entropy: Entropy
    scope: str
    holder: str
    progress: Progress = untold
    counts: Handings = field(default_factory=Handings)


@dataclass(slots=True)
class _Turns:
    """When those that find no room may come back: `concurrency` at a time are handed on, and take `pace` seconds each.

    No one takes longer than `deadline` seconds. `horizon` is when all turns are over that were given so far.
    """

    concurrency: int
    deadline: float
    pace: float = 0.1
    horizon: float = 0.0

    def next(self, now: float) -> float:
        """When one more may have its turn. Never far ahead, also of a clock that was set back."""
        turn = max(self.horizon, now + FULL_PAUSE) + self.pace / self.concurrency
        self.horizon = min(turn, now + LONGEST_PAUSE)
        return self.horizon

    def took(self, seconds: float) -> None:
        """One of them took so long, by a clock that may have been set meanwhile."""
        self.pace = 0.8 * self.pace + 0.2 * min(seconds, self.deadline)


@dataclass(slots=True)
class _Lane:
    """What is under way to one target."""

    route: Route
    turns: _Turns
    waiting: deque[Job] = field(default_factory=deque)
    running: int = 0

    @property
    def full(self) -> bool:
        return self.running + len(self.waiting) >= 2 * self.route.concurrency


class Dispatcher:
    """Hands on what the inbox of one scope holds. Several may be at work on one inbox, in any number of processes."""

    def __init__(self, means: Means, routes: Routes) -> None:
        self._means = means
        self._routes = routes
        self._lanes = {id(route): _Lane(route, _Turns(route.concurrency, route.deadline)) for route in routes.routes}
        self._lease = 2 * max((route.deadline for route in routes.routes), default=0.0) + MARGIN
        self._held: set[str] = set()
        self._sending: set[asyncio.Task[None]] = set()
        self._ended: list[Attempt] = []
        self._suspect = ""
        self._changed = asyncio.Event()
        self._troubles = 0
        self._closing = False

    def wake(self) -> None:
        """Something may be due now. Called in the event loop."""
        self._changed.set()

    async def run(self, stop: Stopping) -> None:
        """Go on until the end is asked for; then begin nothing more, and finish what is under way."""
        ending = asyncio.create_task(self._told(stop))
        self._closing = False
        for lane in self._lanes.values():
            self._fill(lane)  # what a run that a bug ended left waiting
        try:
            while not stop.requested:
                await self._pause(await self._turn())
            await self._finish()
        finally:
            ending.cancel()
            self._closing = True
            for task in self._sending:
                task.cancel()

    async def _told(self, stop: Stopping) -> None:
        await stop.wait()
        self._changed.set()

    async def _turn(self) -> float:
        """Write down what ended, claim what is due, begin with it; seconds after which to look again."""
        try:
            await self._settle()
            pause = await self._claim()
        except StateError as error:
            self._troubles += 1
            self._tell("dispatch_paused", "warning", f"deliveries are kept, and handed on later: {error}")
            return max(STORE_RETRIES.pause(self._troubles, self._means.entropy.jitter()), SOONEST)
        self._troubles = 0
        return pause

    async def _claim(self) -> float:
        if self._lanes and all(lane.full for lane in self._lanes.values()):
            return POLL
        means = self._means
        now = means.clock.now()
        # Of what was left behind one at a time: if that ends this process, too, the others had no try beside it.
        lapsed = 0 if self._suspect else 1
        jobs = await asyncio.to_thread(means.inbox.claim, means.scope, means.holder, now, self._lease, BATCH, lapsed)
        for job in jobs:
            self._take(job)
        if len(jobs) == BATCH or self._ended:
            return 0.0
        due = await asyncio.to_thread(means.inbox.next_due, means.scope)
        soonest = FULL_PAUSE if self._suspect else SOONEST  # what was left behind may be due, and waits for its turn
        return POLL if due is None else min(max(due - means.clock.now(), soonest), POLL)

    def _take(self, job: Job) -> None:
        """Begin with a job, or let it wait in its lane, or give it back."""
        if job.dispatch.id in self._held:
            return  # it is under way still, and its claim lasts longer now
        now = self._means.clock.now()
        route = self._routes.find(str(job.dispatch.subscriber))
        if route is None:
            error = f"{NO_TARGET} {job.dispatch.subscriber}"
            self._note(NO_KIND, job, self._over(job, DispatchState.DEAD, error))
            return
        if job.lapsed and job.attempt > route.retries.attempts:
            error = f"try {job.attempt - 1}, the last, never ended: the process died meanwhile, or was killed"
            self._note(route.kind, job, replace(self._over(job, DispatchState.DEAD, error), tried=False))
            return
        lane = self._lanes[id(route)]
        if lane.full:
            self._give_back(job, lane.turns.next(now))
            return
        if job.lapsed:
            self._suspect = job.dispatch.id
        self._held.add(job.dispatch.id)
        lane.waiting.append(job)
        self._fill(lane)

    def _fill(self, lane: _Lane) -> None:
        while not self._closing and lane.waiting and lane.running < lane.route.concurrency:
            lane.running += 1
            task = asyncio.create_task(self._send(lane, lane.waiting.popleft()))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _send(self, lane: _Lane, job: Job) -> None:
        began = self._means.clock.now()
        try:
            attempt = await self._tried(lane.route, job)
            seconds = max(self._means.clock.now() - began, 0.0)
            lane.turns.took(seconds)
            self._note(lane.route.kind, job, replace(attempt, seconds=seconds))
        finally:
            lane.running -= 1
            self._let_go(job)
            self._fill(lane)
            self._changed.set()

    def _let_go(self, job: Job) -> None:
        self._held.discard(job.dispatch.id)
        if self._suspect == job.dispatch.id:
            self._suspect = ""

    async def _tried(self, route: Route, job: Job) -> Attempt:
        """What came of one try."""
        try:
            async with asyncio.timeout(route.deadline):
                await route.target.send(await self._means.read(job))
        except Drop as error:
            return self._over(job, DispatchState.DEAD, str(error) or "the target does not want it")
        except Again as error:
            return self._again(route, job, str(error) or "the target asks to be tried again", error.after)
        except TimeoutError:
            return self._again(route, job, f"it took longer than {route.deadline:g} seconds")
        except ReconcilerError as error:
            return self._again(route, job, str(error))
        except Exception as error:  # noqa: BLE001 - a bug in one target stops no other
            return self._again(route, job, f"this is a bug ({type(error).__name__})")
        return self._over(job, DispatchState.DONE, "")

    def _over(self, job: Job, state: DispatchState, error: str) -> Attempt:
        return Attempt(dispatch_id=job.dispatch.id, state=state, at=self._means.clock.now(), error=error)

    def _again(self, route: Route, job: Job, error: str, after: float | None = None) -> Attempt:
        """To be tried again after a while; for the last time that was, given up."""
        if job.attempt >= route.retries.attempts:
            return self._over(job, DispatchState.DEAD, error)
        now = self._means.clock.now()
        pause = route.retries.pause(job.attempt, self._means.entropy.jitter(), after)
        return Attempt(
            dispatch_id=job.dispatch.id, state=DispatchState.PENDING, at=now, next_at=now + pause, error=error
        )

    def _note(self, kind: str, job: Job, attempt: Attempt) -> None:
        """Remember what came of a try until it is written down, and tell."""
        self._ended.append(attempt)
        dead = attempt.state is DispatchState.DEAD
        handing, words = _WORDS[attempt.state]
        self._means.counts.count(kind, handing)
        why = f": {attempt.error}" if attempt.error else ""
        self._means.progress(
            "dispatch",
            level="warning" if dead else "debug",
            message=f"dispatch {job.dispatch.id} of a {job.delivery.provider} delivery: {words}{why}",
            dispatch=job.dispatch.id,
            provider=job.delivery.provider,
            outcome=str(attempt.state),
            attempt=job.attempt,
            seconds=round(attempt.seconds, 3),
        )

    def _give_back(self, job: Job, next_at: float) -> None:
        now = self._means.clock.now()
        self._ended.append(
            Attempt(
                dispatch_id=job.dispatch.id,
                state=DispatchState.PENDING,
                at=now,
                next_at=next_at,
                error="waits for its target, which is busy",
                tried=False,
                lapsed=job.lapsed,
            )
        )

    async def _settle(self) -> None:
        """Write down what ended; what cannot be written now stays for the next turn."""
        ended: Sequence[Attempt] = tuple(self._ended)
        if ended:
            await asyncio.to_thread(self._means.inbox.settle, self._means.holder, ended)
            del self._ended[: len(ended)]

    async def _pause(self, seconds: float) -> None:
        """Until something changes, or the time is over."""
        if seconds <= 0:
            return
        sleeping = asyncio.ensure_future(self._means.clock.sleep(seconds))
        changing = asyncio.ensure_future(self._changed.wait())
        try:
            await asyncio.wait({sleeping, changing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            changing.cancel()
        self._changed.clear()

    async def _finish(self) -> None:
        """Give back what waits, wait for what is under way, write it all down."""
        now = self._means.clock.now()
        for lane in self._lanes.values():
            while lane.waiting:
                job = lane.waiting.popleft()
                self._let_go(job)
                self._give_back(job, now)
        while self._sending:
            await asyncio.wait(set(self._sending))
        try:
            await self._settle()
        except StateError as error:
            message = f"{len(self._ended)} dispatches are handed on once more when their claims end: {error}"
            self._tell("dispatch_unsettled", "warning", message)

    def _tell(self, event: str, level: str, message: str) -> None:
        self._means.progress(event, level=level, message=message)
