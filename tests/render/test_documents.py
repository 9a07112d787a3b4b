"""JSON results: the plan against its schema, reports and listings."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from reconciler.core.errors import Location, Problem
from reconciler.core.model import Phase, WebhookKey
from reconciler.core.plan import document
from reconciler.engine.applying import Applied
from reconciler.engine.reconciler import Report
from reconciler.engine.unit import Outcome, Result
from reconciler.render.listings import (
    Health,
    Pasted,
    status_json,
    status_text,
    urls_json,
    urls_text,
    webhook_json,
    webhook_text,
)
from reconciler.render.painter import PLAIN
from reconciler.render.problems import problems_json, problems_text
from reconciler.render.report import report_json, report_text
from reconciler.render.schema import plan_schema
from tests.render import samples

SCHEMA_FILE = Path(__file__).parents[2] / "schemas" / "plan.schema.json"


def test_the_packaged_schema_is_the_generated_one() -> None:
    """schemas/plan.schema.json is what the types say; regenerate it when they change."""
    assert json.loads(SCHEMA_FILE.read_text()) == plan_schema()


@pytest.mark.parametrize("plan", [samples.plan(), samples.full_plan()], ids=["empty", "full"])
def test_plan_documents_meet_the_schema(plan) -> None:
    """What core writes is what the schema promises."""
    schema = plan_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(json.loads(json.dumps(document(plan))))


def test_the_schema_tells_what_is_missing() -> None:
    """A plan without its digest, or with an action that does not exist, is refused."""
    validator = jsonschema.Draft202012Validator(plan_schema())
    broken = document(samples.full_plan())
    broken["actions"][0]["action"] = "destroy"
    del broken["digest"]
    assert {error.validator for error in validator.iter_errors(broken)} == {"required", "enum"}


def test_a_report_tells_what_did_not_go_well() -> None:
    """Failures and orphans are named with their reason; successes are counted."""
    plan = samples.full_plan()
    create, update, prune, _ = plan.steps
    applied = Applied(
        outcomes=(
            Outcome(step=create, result=Result.DONE, webhook_id=samples.ID),
            Outcome(step=update, result=Result.FAILED, message="the token may not"),
            Outcome(step=prune, result=Result.ORPHANED, message="left at the provider: 77"),
        )
    )
    report = Report(plan=plan, applied=applied, orphans=(samples.orphan(),))
    shown = report_text(report, PLAIN)
    assert "the token may not" in shown
    assert "github/repo/acme/api@acme-github" not in shown
    assert "Applied: 1 done, 1 done with something left behind, 1 failed." in shown
    assert "1 orphan at the providers" in shown
    told = report_json(report, {})
    assert told["orphans"][0]["webhook_id"] == samples.ID[:8]
    assert told["applied"] == {"done": 1, "orphaned": 1, "failed": 1, "skipped": 0}
    assert [outcome["result"] for outcome in told["outcomes"]] == ["done", "failed", "orphaned"]
    assert told["plan"]["digest"] == plan.digest


def test_a_new_manual_webhook_asks_to_be_pasted() -> None:
    """After a manual webhook was made, the report says where its URL is to be found."""
    key = WebhookKey("platform", "generic", "any", manual=True, subscriber="graph:triage")
    wish = samples.desired(key)
    step = samples.step(samples.Action.CREATE, samples.Reason.DECLARED, key, desired=wish)
    applied = Applied(outcomes=(Outcome(step=step, result=Result.DONE),))
    shown = report_text(Report(plan=samples.plan(step), applied=applied), PLAIN)
    assert "1 manual webhook to paste at the provider: see `reconcile urls`." in shown


def health(**fields) -> Health:
    """A status with one of everything."""
    values = {
        "scope": "acme",
        "state": "/srv/state.db",
        "plan": samples.plan(samples.pruned()),
        "recorded": [samples.recorded(samples.key(), "push")],
        "orphans": [samples.orphan()],
        "unverified": ["generic"],
    }
    return Health(**(values | fields))


def test_status_is_loud_about_what_is_unverified_and_left_behind() -> None:
    """Phases are counted; unverified providers and orphans stand out."""
    shown = status_text(health(), PLAIN)
    assert "1 registered" in shown
    assert "UNVERIFIED: deliveries of generic carry no proof" in shown
    assert "1 orphan at the providers" in shown
    told = status_json(health())
    assert told["webhooks"]["registered"] == 1
    assert told["pending"]["prune"] == 1
    assert told["last_change"] == "2026-09-21T14:13:20Z"


def test_status_is_pending_while_there_is_something_to_do() -> None:
    """Steps or orphans make it pending; nothing makes it clean."""
    assert health().pending
    assert not health(plan=samples.plan(), orphans=[]).pending


def test_show_prints_a_fingerprint_and_no_more_of_the_secret() -> None:
    """Eight characters of the fingerprint tell secrets apart."""
    record = samples.recorded(samples.key(), "push", options={"content_type": "json"})
    told = webhook_json("address", record)
    assert told["secret_fingerprint"] == "abababab"
    assert "ab" * 5 not in webhook_text("address", record, PLAIN) + json.dumps(told)
    assert "content_type=json" in webhook_text("address", record, PLAIN)
    assert "graph:support (push)" in webhook_text("address", record, PLAIN)


def test_urls_show_a_secret_only_when_it_was_handed_over() -> None:
    """Without --show-secrets there is a hint where the secret would stand."""
    record = samples.recorded(samples.key(), "push", phase=Phase.MANUAL)
    hidden = [Pasted(address="a", recorded=record, minted=True)]
    shown = [Pasted(address="a", recorded=record, minted=True, secret="s3cret")]
    assert "--show-secrets" in urls_text(hidden, PLAIN)
    assert "secret" not in urls_json(hidden)["webhooks"][0]
    assert "s3cret" in urls_text(shown, PLAIN)
    assert urls_json(shown)["webhooks"][0]["secret"] == "s3cret"
    assert "s3cret" not in repr(shown)


def test_problems_are_one_line_each() -> None:
    """Place, path, message and hint, then how many."""
    problem = Problem("unknown_key", "no such key", Location("a.yaml", 3, 7), "triggers[0].evnts", "events")
    assert problems_text([problem]) == "a.yaml:3:7: triggers[0].evnts: no such key (events)\n1 problem"
    assert problems_json([problem])["problems"][0]["line"] == 3
    assert problems_json([])["valid"] is True
