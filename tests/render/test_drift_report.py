"""Drift, told in text, JSON and Markdown."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.diff import Change
from reconciler.core.drift import Cause, Drift, DriftReport, Unrecorded
from reconciler.core.errors import Problem
from reconciler.render.drift import drift_json, drift_markdown, drift_text
from reconciler.render.painter import PLAIN
from tests.support.builders import recorded, trigger, webhook_id, wishes

(WISH,) = wishes(trigger("push", "issues"))
RECORD = recorded(WISH)
ADDRESS = "acme/repo/acme/api@main"
LOST = Unrecorded(group=WISH.key.group, webhook_id=webhook_id(9), remote_id="r9", url=f"{RECORD.url[:-1]}9")


def report(*drifted: Drift, **changes: object) -> DriftReport:
    """A report of some drift, with two webhooks in sync."""
    return replace(DriftReport(scope="test", default_user="alice", drifted=drifted, in_sync=2), **changes)  # type: ignore[arg-type] # what a test names


def test_each_field_is_told_before_and_after() -> None:
    """What was recorded, what is there, and of sets what came and went; of a URL that is not ours no token."""
    changes = (
        Change("active", True, False),
        Change("events", ["issues", "push"], ["*"]),
        Change("options.level", None, ""),
        Change("url", RECORD.url, "https://evil.dev/in?token=t0ps3cret"),
    )
    drift = Drift(cause=Cause.EDITED, recorded=RECORD, changes=changes, remote_ids=("r1",))
    assert drift_text(report(drift), PLAIN) == (
        f"~  {ADDRESS}  edited there\n"
        "    active  true -> false\n"
        "    events  issues, push -> *  (+* -issues -push)\n"
        '    level   (none) -> ""\n'
        f"    url     {RECORD.url} -> https://evil.dev/in?...\n"
        "Drift: 1 edited; 2 as recorded.\n"
        "A pass repairs it: `reconcile` (`reconcile plan` shows how)."
    )
    page = drift_markdown(report(drift))
    assert "| `events` | `-issues` `-push` | `+*` |" in page
    assert "t0ps3cret" not in page + str(drift_json(report(drift)))


def test_every_cause_has_its_words() -> None:
    """Deleted, disabled with the provider's own word, duplicated with all ids, lapsed."""
    drifted = (
        Drift(cause=Cause.DELETED, recorded=RECORD),
        Drift(cause=Cause.DISABLED, recorded=RECORD, health="failed too often", remote_ids=("r1",)),
        Drift(cause=Cause.DUPLICATED, recorded=RECORD, remote_ids=("r1", "r2")),
        Drift(cause=Cause.LAPSED, recorded=RECORD),
    )
    text = drift_text(report(*drifted), PLAIN)
    for words in ("deleted there", "disabled there: failed too often", "there more than once (r1, r2)", "lease lapsed"):
        assert f"~  {ADDRESS}  " in text
        assert words in text
    assert "Drift: 1 deleted, 1 disabled, 1 duplicated, 1 lapsed; 2 as recorded." in text
    assert drift_markdown(report(*drifted)).startswith("## Drift of `test`: 1 deleted, 1 disabled")


def test_what_is_not_ours_not_recorded_or_not_readable() -> None:
    """Foreign webhooks are counted, unrecorded ones named with the way out, lists that failed told."""
    failed = Problem("list_failed", "acme/repo/acme/web@main: no answer")
    made = report(foreign=3, unlisted=1, unrecorded=(LOST,), problems=(failed,))
    text = drift_text(made, PLAIN)
    assert f"?  {ADDRESS}  ours, though no record explains it: r9 to {LOST.url}\n" in text
    assert "way out: `reconcile adopt --unrecorded`" in text
    assert "! acme/repo/acme/web@main: no answer" in text
    assert "No drift: 2 webhooks as recorded. 1 list could not be read." in text
    assert text.endswith("3 webhooks at the providers not ours, left alone.")
    assert "1 webhook at providers that cannot list, so nobody can look." in text
    page = drift_markdown(made)
    assert "## Drift of `test`: none" in page
    assert "- **Unrecorded**" in page
    document = drift_json(made)
    assert document["unrecorded"][0]["remote_id"] == "r9"
    assert document["unlisted"] == 1
    assert [problem["code"] for problem in document["problems"]] == ["list_failed"]


def test_an_id_that_is_a_secret_is_shortened() -> None:
    """Where deliveries carry no other proof than the URL, 8 characters of its id are shown, in every format."""
    changes = (Change("url", RECORD.url, "https://evil.dev/in"),)
    drift = Drift(cause=Cause.EDITED, recorded=RECORD, changes=changes, secret_url=True)
    made = report(drift, unrecorded=(replace(LOST, secret_url=True),))
    for text in (drift_text(made, PLAIN), drift_markdown(made), str(drift_json(made))):
        assert RECORD.id[:8] in text
        assert RECORD.id not in text
        assert LOST.webhook_id not in text


def test_a_long_page_is_cut() -> None:
    """What has no room is counted, and the command that shows it named."""
    options = tuple(Change(f"options.o{number}", None, "x" * 100) for number in range(30))
    drift = Drift(cause=Cause.EDITED, recorded=RECORD, changes=options)
    page = drift_markdown(report(*[drift] * 10), limit=12_000)
    assert len(page) <= 12_000
    assert "and 10 fields more" in page
    assert page.endswith("left out, for a comment holds no more. `reconcile drift` shows them.")
