"""What was missed, and what became of it, as it is shown."""

from __future__ import annotations

from typing import Any

from reconciler.core.ports import Missed
from reconciler.engine.recovering import Backlog, Failure, Recovered
from reconciler.render.painter import PLAIN
from reconciler.render.recovered import missed_json, missed_text, recovered_json, recovered_text
from tests.support.builders import NOW, recorded, trigger, wishes

ADDRESS = "acme/repo/acme/api@main"
TRY = Missed(id="7", provider_delivery_id="guid-7", at=NOW, event="push")
NAMELESS = Missed(id="8")


def backlog(**fields: Any) -> Backlog:
    """A backlog of one webhook, since an hour before."""
    (wish,) = wishes(trigger("push"))
    return Backlog(record=recorded(wish), address=ADDRESS, **{"since": NOW - 3600, **fields})


def test_each_missing_delivery_has_a_line() -> None:
    """With its time, event and id, as far as the provider tells them."""
    text = missed_text([backlog(found=3, here=1, missing=(TRY, NAMELESS))], PLAIN)

    assert text.splitlines() == [
        f"{ADDRESS}: 2 deliveries missing since 2023-11-14T21:13:20Z",
        "  2023-11-14T22:13:20Z push guid-7",
        "  8",
        "1 webhook looked at: 2 deliveries missing, 1 already here.",
    ]


def test_what_became_of_them_is_told_in_numbers_and_failures_one_by_one() -> None:
    """A webhook of which nothing was missing has no line of its own."""
    whole = backlog(found=3, missing=(TRY, NAMELESS, TRY))
    told = recovered_text(
        [
            Recovered(backlog=whole, asked=1, injected=1, failed=(Failure(missed=TRY, reason="gone\x1b"),)),
            Recovered(backlog=backlog(found=1, missing=(TRY,)), here=1),
            Recovered(backlog=backlog(found=5, here=5), here=5),
        ],
        PLAIN,
    )

    assert told.splitlines() == [
        f"{ADDRESS}: 3 deliveries missing: 1 asked for, 1 injected, 1 failed",
        "  2023-11-14T22:13:20Z push guid-7: gone\\x1b",
        f"{ADDRESS}: 1 delivery missing: all arrived meanwhile",
        "3 webhooks looked at: 9 found, 6 already here, 1 asked for, 1 injected, 1 failed.",
    ]


def test_what_could_not_be_looked_at_is_told() -> None:
    """A problem with its webhook, a provider without a log once for all its webhooks."""
    text = missed_text(
        [backlog(problem="no answer"), backlog(unsupported="no log"), backlog(unsupported="no log")], PLAIN
    )

    assert text.splitlines() == [
        f"{ADDRESS}: no answer",
        "2 webhooks not looked at: no log",
        "1 webhook looked at: 0 deliveries missing, 0 already here.",
    ]


def test_programs_get_everything() -> None:
    """Times in ISO 8601, null where they are not known."""
    seen = backlog(found=2, here=1, missing=(TRY,))
    row = {"id": "7", "provider_delivery_id": "guid-7", "event": "push", "at": "2023-11-14T22:13:20Z"}
    common = {
        "address": ADDRESS,
        "since": "2023-11-14T21:13:20Z",
        "found": 2,
        "missing": [row],
        "problem": "",
        "unsupported": "",
    }

    assert missed_json([seen]) == {"version": 1, "dry_run": True, "webhooks": [{**common, "here": 1}]}
    failed = Recovered(backlog=seen, here=1, failed=(Failure(missed=NAMELESS, reason="gone"),))
    nameless = {"id": "8", "provider_delivery_id": "", "event": "", "at": None, "reason": "gone"}
    told = {**common, "here": 1, "asked": 0, "injected": 0, "failed": [nameless]}
    assert recovered_json([failed]) == {"version": 1, "dry_run": False, "webhooks": [told]}
    assert missed_json([backlog(since=0.0, unsupported="no log")])["webhooks"][0]["since"] is None
