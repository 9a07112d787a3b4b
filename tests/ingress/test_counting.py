"""What is counted, and how it is told."""

from __future__ import annotations

import re
from typing import Any

import pytest

from reconciler.core.errors import StateError
from reconciler.ingress.counting import Counters, Handing, Handings, Outcome
from reconciler.ingress.measuring import BacklogGauges, metrics
from reconciler.testing.stand_ins import VirtualClock
from tests.ingress.dispatch_support import NOW, arrival
from tests.ingress.receiving_support import NOBODYS, SCOPE, Answer, MoodyInbox, World


async def test_counts_are_told_as_prometheus_reads_them() -> None:
    """Requests by provider and outcome, a histogram that adds up, and gauges."""
    world = World()
    await world.post()
    await world.post()
    await world.post(path=f"/webhooks/anything/{NOBODYS}")
    text = world.ingress.counters.text()

    assert 'reconciler_ingress_requests_total{provider="forge",outcome="kept"} 1' in text
    assert 'reconciler_ingress_requests_total{provider="forge",outcome="duplicate"} 1' in text
    assert 'reconciler_ingress_requests_total{provider="unknown",outcome="unknown"} 1' in text
    assert 'reconciler_ingress_seconds_bucket{le="+Inf"} 2' in text
    assert "reconciler_ingress_seconds_count 2" in text
    assert "reconciler_ingress_in_flight 0" in text
    assert "anything" not in text
    line = re.compile(r"(#\ (HELP|TYPE)\ \S+\ .+)|([a-z_]+(\{[a-z]+=\"[^\"]*\"(,[a-z]+=\"[^\"]*\")*\})?\ [0-9.e+-]+)")
    assert [each for each in text.splitlines() if not line.fullmatch(each)] == []


def test_what_only_grows_is_a_counter() -> None:
    """To the last digit; a gauge says how things stand."""
    counters = Counters()
    counters.counter("hung_up_total", "Hung up on.", lambda: 12_345_678)
    counters.gauge("age", "Seconds.", lambda: 0.25)

    assert "# TYPE reconciler_hung_up_total counter\nreconciler_hung_up_total 12345678\n" in counters.text()
    assert "# TYPE reconciler_age gauge\nreconciler_age 0.25\n" in counters.text()


def test_a_histogram_counts_what_is_at_its_bounds() -> None:
    """Each bucket holds all that are faster."""
    counters = Counters()
    for seconds in (0.001, 0.002, 99.0):
        counters.took(seconds)
    text = counters.text()

    assert 'bucket{le="0.001"} 1' in text
    assert 'bucket{le="0.0025"} 2' in text
    assert 'bucket{le="30.0"} 2' in text
    assert 'bucket{le="+Inf"} 3' in text


def test_outcomes_are_counted_apart_and_together() -> None:
    """Of one provider, or of all."""
    counters = Counters()
    counters.count("a", Outcome.KEPT)
    counters.count("b", Outcome.KEPT)
    counters.count("b", Outcome.FORGED)

    assert [counters.of(Outcome.KEPT), counters.of(Outcome.KEPT, "b"), counters.of(Outcome.GONE)] == [2, 1, 0]


def test_tries_to_hand_on_are_counted_by_target_and_outcome() -> None:
    """Beside what is counted of requests, once that is asked for."""
    counters, handings = Counters(), Handings()
    counters.include(handings.lines)
    for kind, outcome in (("http", Handing.RETRIED), ("http", Handing.HANDED), ("log", Handing.HANDED)):
        handings.count(kind, outcome)
    handings.count("http", Handing.HANDED)
    text = counters.text()

    assert 'reconciler_dispatches_total{target="http",outcome="handed"} 2' in text
    assert 'reconciler_dispatches_total{target="http",outcome="retried"} 1' in text
    assert 'reconciler_dispatches_total{target="log",outcome="handed"} 1' in text


async def test_what_waits_is_looked_at_when_it_is_asked_for() -> None:
    """In all scopes together, with the age of the oldest; unknown while the store cannot be used."""
    inbox, clock, counters = MoodyInbox(), VirtualClock(NOW), Counters()
    backlog = BacklogGauges(inbox, (SCOPE, "other"), clock, counters)
    await backlog.look()
    assert "reconciler_dispatch_backlog 0\n" in counters.text()
    assert "reconciler_dispatch_oldest_seconds 0\n" in counters.text()

    inbox.accept([arrival(1, "a"), arrival(2, "a", "b"), arrival(3, "a", scope="other")])
    await clock.advance(30.0)
    await backlog.look()
    assert "reconciler_dispatch_backlog 4\n" in counters.text()
    assert "reconciler_dispatch_oldest_seconds 30\n" in counters.text()

    inbox.error = StateError("the state is locked")
    await backlog.look()
    assert "reconciler_dispatch_backlog NaN\n" in counters.text()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/metrics", 200), ("HEAD", "/metrics", 200), ("POST", "/metrics", 404), ("GET", "/", 404)],
)
async def test_the_port_for_metrics_tells_them_and_does_nothing_else(method: str, path: str, status: int) -> None:
    """There is nothing that could be done there."""
    answer = Answer()

    async def receive() -> dict[str, Any]:
        return {}

    async def send(message: Any) -> None:
        answer.status = message.get("status", answer.status)
        answer.body += message.get("body", b"")

    application = metrics(Counters())
    await application({"type": "http", "method": method, "path": path}, receive, send)
    await application({"type": "lifespan"}, receive, send)

    assert answer.status == status
    assert bool(answer.body) == (status == 200 and method == "GET")
