"""The plan as data: its document and its digest."""

import json
from dataclasses import replace

from reconciler.core.errors import Location
from reconciler.core.guard import Limits, check
from reconciler.core.model import ListFailed, Listing, SecretOrigin
from reconciler.core.plan import Action, PlanOptions, Reason, Step, document
from tests.support.builders import graph, listings, observed, plan, recorded, trigger, wishes
from tests.support.catalogue import CATALOGUE

WISH = wishes(trigger())[0]
RECORD = recorded(WISH)


def test_the_document_tells_everything_a_reviewer_needs() -> None:
    """Action, reason, address, webhook, triggers with file and line, changes; and a count of what is in sync."""
    more = wishes(trigger("push", "issues"))[0]
    made = document(plan([more], [RECORD], listings((RECORD, observed(RECORD)))))
    (action,) = made["actions"]
    assert (action["action"], action["reason"], action["address"]) == (
        "update",
        "manifest_changed",
        "acme/repo/acme/api@main",
    )
    assert action["webhook"] == {
        "id": RECORD.id,
        "user": "alice",
        "provider": "acme",
        "type": "repo",
        "resource": "acme/api",
        "credentials": "main",
        "events": ["issues", "push"],
        "manual": False,
    }
    assert action["triggers"] == [{"graph": "triage", "file": "webhooks/triage.yaml", "line": 4}]
    assert {"field": "events", "before": ["push"], "after": ["issues", "push"]} in action["changes"]
    assert made["summary"]["update"] == 1
    assert made["summary"]["none"] == 0
    json.dumps(made)


def test_a_pruned_webhook_names_who_it_was_for() -> None:
    """Its triggers have no line any more, but the record knows the subscribers."""
    (action,) = document(plan([], [RECORD]))["actions"]
    assert action["triggers"] == [{"graph": "triage", "file": None, "line": None}]
    assert action["webhook"]["events"] == ["push"]


def test_a_new_webhook_has_no_id_yet() -> None:
    """Ids are minted when the plan is applied."""
    (action,) = document(plan([WISH]))["actions"]
    assert action["webhook"]["id"] is None


def test_problems_and_guards_are_in_the_document() -> None:
    """With their codes, and the flag that passes a guard."""
    made = plan([WISH], [RECORD], {WISH.key.group: ListFailed("503")})
    (problem,) = document(made)["problems"]
    assert (problem["code"], problem["file"]) == ("list_failed", None)
    (guard,) = document(check(plan([], [RECORD]), Limits()))["guards"]
    assert (guard["guard"], guard["addresses"]) == ("empty_wish", ["acme/repo/acme/api@main"])


def test_the_digest_is_of_what_would_be_done() -> None:
    """Places, reasons and new ids do not count; actions, changes, options, scope and base URL do."""
    moved = replace(trigger(), location=Location("renamed.yaml", 99, 1))
    base = plan([WISH], seen={WISH.key.group: Listing(())})
    assert plan(wishes(moved), seen={WISH.key.group: Listing(())}).digest == base.digest
    different = [
        plan(wishes(trigger("issues"))),
        plan([WISH], options=PlanOptions(prune=False)),
        plan([WISH], scope="other"),
        plan([WISH], base_url="https://other.example.com"),
        plan([]),
    ]
    assert len({made.digest for made in different} | {base.digest}) == 6


def test_the_digest_of_a_create_tells_who_is_dispatched_to() -> None:
    """Another graph, a finer event or protection is another plan."""
    made = [
        plan(wishes(trigger("issues"))),
        plan(wishes(trigger("issues.opened"))),
        plan(wishes(trigger("issues", subscriber=graph("evil")))),
        plan(wishes(trigger("issues", protect=True))),
    ]
    assert len({each.digest for each in made}) == 4


def test_a_renewal_is_not_part_of_the_digest() -> None:
    """Leases come due at any time: that does not make a reviewed plan stale."""
    base = plan([WISH])
    renewal = Step(action=Action.RENEW, reason=Reason.DECLARED, key=WISH.key)
    assert replace(base, steps=(*base.steps, renewal)).digest == base.digest


def test_a_step_about_nothing_recorded_or_desired_still_has_a_document() -> None:
    """A renewal without details names the key's resource."""
    base = plan([])
    renewal = Step(action=Action.RENEW, reason=Reason.DECLARED, key=WISH.key)
    (action,) = document(replace(base, steps=(renewal,)))["actions"]
    assert action["webhook"]["resource"] == "acme/api"
    assert action["triggers"] == []


def test_where_the_url_is_the_secret_eight_characters_are_shown() -> None:
    """Deliveries without proof are as good as their URL: the document holds no whole id."""
    provider = replace(CATALOGUE["paper"], secret_origin=SecretOrigin.NONE, verified=False)
    wish = wishes(trigger(manual=True, provider="paper"))[0]
    record = recorded(wish)
    made = plan([wish], [record], base_url="https://new.example.com", catalogue={"paper": provider})
    (action,) = document(made)["actions"]
    assert action["webhook"]["id"] == record.id[:8]
    assert action["changes"] == [
        {
            "field": "url",
            "before": f"https://hooks.example.com/webhooks/paper/{record.id[:8]}",
            "after": f"https://new.example.com/webhooks/paper/{record.id[:8]}",
        }
    ]
    assert record.id not in json.dumps(document(made))
