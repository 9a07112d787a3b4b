"""Drift: what the providers have against what is recorded, whatever the manifests say."""

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.diff import Change
from reconciler.core.drift import Cause, DriftReport, Sighting, chosen, compare
from reconciler.core.errors import ConfigError
from reconciler.core.model import Group, ListFailed, Listing, Observation, Phase, Recorded
from tests.support.builders import BASE_URL, NOW, listings, observed, recorded, trigger, webhook_id, wishes
from tests.support.catalogue import CATALOGUE

WISH = wishes(trigger())[0]
RECORD = recorded(WISH)


def look(seen: dict[Group, Observation], *records: Recorded, known: frozenset[str] | None = None) -> DriftReport:
    """The report for these records, all ids of which the store knows."""
    return compare(
        Sighting(
            scope="test",
            default_user="alice",
            recorded=records or (RECORD,),
            observed=seen,
            catalogue=CATALOGUE,
            base_urls=frozenset({BASE_URL}),
            known_ids=frozenset({RECORD.id}) if known is None else known,
            now=NOW,
        )
    )


def test_what_is_as_recorded_has_not_drifted() -> None:
    """The same URL, events and options, however the provider orders them: in sync, whatever it tells of a secret."""
    for has_secret in (None, True):
        report = look(listings((RECORD, observed(RECORD, has_secret=has_secret))))
        assert (report.drifted, report.in_sync, report.foreign, report.problems) == ((), 1, 0, ())


@pytest.mark.parametrize(
    ("edit", "cause", "change"),
    [
        ({"events": frozenset({"release"})}, Cause.EDITED, Change("events", ["push"], ["release"])),
        ({"url": "https://else.example.com"}, Cause.EDITED, Change("url", RECORD.url, "https://else.example.com")),
        ({"options": {"level": "high"}}, Cause.EDITED, Change("options.level", "low", "high")),
        ({"has_secret": False}, Cause.EDITED, Change("secret", "set", None)),
        ({"active": False}, Cause.DISABLED, Change("active", True, False)),
        ({"active": False, "health": "failing"}, Cause.DISABLED, Change("active", True, "failing")),
    ],
)
def test_every_field_is_compared_and_the_cause_is_named(edit: dict[str, Any], cause: Cause, change: Change) -> None:
    """Before is what we recorded, after what the provider has."""
    (drift,) = look(listings((RECORD, observed(RECORD, **edit)))).drifted
    assert (drift.cause, drift.changes, drift.health) == (cause, (change,), edit.get("health", ""))
    assert drift.remote_ids == ("r1",)


def test_what_is_gone_was_deleted_or_has_lapsed() -> None:
    """An empty list: deleted there, or lapsed where its lease has ended."""
    assert look({RECORD.key.group: Listing(())}).drifted[0].cause is Cause.DELETED
    leased = replace(RECORD, lease_expires_at=NOW - 1)
    assert look({RECORD.key.group: Listing(())}, leased).drifted[0].cause is Cause.LAPSED
    fresh = replace(RECORD, lease_expires_at=NOW + 1)
    assert look({RECORD.key.group: Listing(())}, fresh).drifted[0].cause is Cause.DELETED


def test_twins_of_ours_are_told_with_the_healthiest_first() -> None:
    """The same URL twice, otherwise as recorded: duplicated."""
    seen = listings((RECORD, observed(RECORD, remote_id="r0")), (RECORD, observed(RECORD)))
    (drift,) = look(seen).drifted
    assert (drift.cause, drift.remote_ids) == (Cause.DUPLICATED, ("r1", "r0"))


def test_a_list_that_fails_is_a_problem_and_no_drift() -> None:
    """What could not be looked at is neither in sync nor drifted."""
    report = look({RECORD.key.group: ListFailed("HTTP 500")})
    assert (report.drifted, report.in_sync) == ((), 0)
    assert [problem.code for problem in report.problems] == ["list_failed"]


def test_what_was_not_looked_at_is_no_silence() -> None:
    """Credentials or a definition that left the project are told, once a list; what cannot be listed is counted."""
    blind = recorded(wishes(trigger(provider="blind"))[0], 2)
    gone = replace(RECORD, key=RECORD.key._replace(provider="gone"))
    typeless = replace(RECORD, key=RECORD.key._replace(type="gone"))
    report = look({}, RECORD, replace(RECORD, id=webhook_id(3)), blind, gone, typeless)
    assert (report.drifted, report.in_sync, report.unlisted) == ((), 0, 1)
    assert [str(problem) for problem in report.problems] == [
        "acme/gone/acme/api@main: no definition tells how to look at acme (type gone)",
        "acme/repo/acme/api@main: the credentials main are not declared in the project file",
        "gone/repo/acme/api@main: no definition tells how to look at gone (type repo)",
    ]


def test_what_is_not_registered_cannot_drift() -> None:
    """Interrupted and leaving records are the next pass's business."""
    report = look({RECORD.key.group: Listing(())}, replace(RECORD, phase=Phase.PENDING))
    assert (report.drifted, report.in_sync) == ((), 0)


def test_foreign_objects_are_counted_once_and_lost_ones_of_ours_are_named() -> None:
    """Seen with two credentials, somebody else's object is still one; one of ours without a record is told."""
    other = observed(RECORD, remote_id="r8", url="https://ci.example.com/hook")
    lost = observed(RECORD, remote_id="r9", url=f"{BASE_URL}/webhooks/acme/{webhook_id(9)}")
    group = RECORD.key.group
    seen: dict[Group, Observation] = {
        group: Listing((observed(RECORD), other, lost)),
        group._replace(credentials="other"): Listing((other,)),
    }
    report = look(seen)
    assert report.foreign == 1
    assert [(item.group, item.webhook_id, item.remote_id) for item in report.unrecorded] == [
        (group, webhook_id(9), "r9")
    ]


def test_targets_choose_records() -> None:
    """By address or subscriber; one that matches none is refused, with all others of its kind."""
    other = recorded(wishes(trigger(resource="acme/web"))[0], 2)
    assert chosen((RECORD, other), (), "alice") == (RECORD, other)
    assert chosen((RECORD, other), ("acme/repo/acme/web@*",), "alice") == (other,)
    assert chosen((RECORD, other), ("graph:triage",), "alice") == (RECORD, other)
    with pytest.raises(ConfigError) as caught:
        chosen((RECORD,), ("nobody", "graph:none"), "alice")
    assert len(caught.value.problems) == 2


def test_the_token_in_somebody_else_s_url_is_not_told() -> None:
    """Edited to a URL that is not ours: it is shown without what may be a secret in it."""
    edited = observed(RECORD, url="https://chat.example.com/in/T0K3NT0K3N?key=s3cret")
    (drift,) = look(listings((RECORD, edited))).drifted
    assert drift.changes == (Change("url", RECORD.url, "https://chat.example.com/in/T0K3...?..."),)
