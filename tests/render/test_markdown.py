"""The plan as it is read in a pull request."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from reconciler.core.diff import Change, creation
from reconciler.core.errors import Problem
from reconciler.core.plan import Action, Plan, Reason, Refusal
from reconciler.engine.applying import Applied
from reconciler.engine.reconciler import Report
from reconciler.engine.unit import Outcome, Result
from reconciler.render.calls import Calls, needed_calls
from reconciler.render.markdown import plan_markdown, report_markdown
from reconciler.render.paper import LIMIT
from tests.render import samples
from tests.render.test_escaping import HOSTILE

OURS = {"h2", "p", "br", "code", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "strong"}
OURS |= {"details", "summary"}


def html(text: str) -> str:
    """The page that a reader sees."""
    return MarkdownIt("commonmark").enable("table").render(text)


def many(number: int) -> Plan:
    """A plan of creates, and one prune whose address sorts last."""
    steps = []
    for index in range(number):
        wish = samples.desired(samples.key(resource=f"acme/api-{index:05}"), "push")
        steps.append(samples.step(Action.CREATE, Reason.DECLARED, wish.key, desired=wish, changes=creation(wish)))
    return samples.plan(*steps, samples.pruned())


def test_the_page_shows_the_plan_at_a_glance() -> None:
    """Counts, digest, calls, guards and problems stand above the folded webhooks."""
    plan = samples.full_plan()
    text = plan_markdown(plan, {"github": 3})
    shown = text.splitlines()
    assert shown[0] == "## Webhooks of `acme`: 1 create, 1 update, 1 prune, 1 blocked"
    assert {"| `+` create | 1 |", "| `-` prune | 1 |", "| in sync | 312 |", f"Digest `{plan.digest}`"} <= set(shown)
    assert "| github | 3 | 1 | 4 |" in shown
    assert "  - if this is meant, add `--allow-destroy 4`" in shown
    assert "- **Problem** `cannot list the webhooks of github/repo/acme/old@gone: no` (`1 left alone`)" in shown
    assert text.index("Guard") < text.index("<details>")


def test_each_webhook_is_folded_with_what_changes_and_who_asked() -> None:
    """Events that come and go bear a sign, other fields show before and after; places are file and line."""
    text = plan_markdown(samples.full_plan(), {})
    assert text.count("<details>") == text.count("</details>") == 4
    assert "| `events` | `-push_events` `note_events` | `+tag_push_events` `note_events` |" in text
    assert "| `options.enable_ssl_verification` | `false` | `true` |" in text
    assert "- `graph:triage` at `webhooks/triage.yaml:9`" in text
    assert "- `graph:support` (recorded)" in text
    assert "Way out: `use other credentials`" in text
    assert "dangling (held back by a guard)</summary>" in text


def test_an_empty_plan_says_so() -> None:
    """Nothing is folded where nothing is to be done; what a failed list froze is not called in sync."""
    assert plan_markdown(samples.plan(), {}).startswith("## Webhooks of `acme`: in sync")
    assert "<details>" not in plan_markdown(samples.plan(), {})
    assert "nothing to do, some left alone" in plan_markdown(samples.plan(held=frozenset({"a"})), {})


def test_a_long_plan_is_cut_and_says_what_was_left_out() -> None:
    """It fits into a comment, counts the rest exactly, and shows what is destroyed before what is made."""
    plan = many(3000)
    text = plan_markdown(plan, {})
    shown = text.count("<details>")
    assert LIMIT - 2000 < len(text) <= LIMIT
    assert text.splitlines()[-1].startswith(f"**Cut:** {3001 - shown} webhooks left out")
    assert text.index("telegram/bot/self") < text.index("acme/api-00000")
    assert html(text).count("<details>") == shown


@pytest.mark.parametrize("text", ["`" * 300, "|" * 300, "<" * 300, "\u202e" * 300], ids=repr)
def test_hostile_lengths_never_pass_the_limit(text: str) -> None:
    """Guards and problems without end, each escaped to many times its length, are cut like webhooks."""
    refusal = Refusal(guard="protect", message=text, flag=text, addresses=frozenset({f"{text}{n}" for n in range(50)}))
    plan = samples.plan(refusals=(refusal,) * 500, problems=(Problem("list_failed", text, hint=text),) * 500)
    shown = plan_markdown(plan, {})
    assert len(shown) <= LIMIT
    assert re.search(r"\*\*Cut:\*\* \d+ guards, \d+ problems left out", shown)


@pytest.mark.parametrize("text", [text for text in HOSTILE if text.isascii() or ord(text[0]) != 0xD800], ids=repr)
def test_nothing_of_a_manifest_can_break_out(text: str) -> None:
    """Graph ids, resources, options, file names, provider's words: whatever they hold, only our elements are made."""
    key = samples.key(resource=f"acme/{text}")
    wish = samples.desired(key, f"push{text}", options={"note": text})
    wish = replace(wish, triggers=(replace(wish.triggers[0], location=replace(wish.triggers[0].location, file=text)),))
    changes = (*creation(wish), Change(f"options.{text}", {text: text}, text))
    step = samples.step(Action.BLOCKED, Reason.SLOT_TAKEN, key, desired=wish, changes=changes, way_out=text)
    refusal = Refusal(guard="protect", message=text, flag=text, addresses=frozenset({text}))
    problem = Problem("list_failed", text, hint=text)
    plan = samples.plan(step, refusals=(refusal,), problems=(problem,), scope="acme", commit=text)
    page = html(plan_markdown(plan, {}))
    assert set(re.findall(r"<([a-z0-9]+)", page)) <= OURS
    assert page.count("<details>") == page.count("</details>") == 1


def test_a_report_tells_what_happened_first() -> None:
    """Failures are named with their reason, above the plan that was followed."""
    plan = samples.full_plan()
    outcomes = (
        Outcome(step=plan.steps[0], result=Result.DONE),
        Outcome(step=plan.steps[1], result=Result.FAILED, message="the token `may` not"),
    )
    report = Report(plan=plan, applied=Applied(outcomes=outcomes), orphans=(samples.orphan(),))
    shown = report_markdown(report, {"github": 1}).splitlines()
    assert shown[0] == "## Webhooks of `acme`: 1 done, 1 failed"
    assert "- **failed** update `gitlab/project/acme/web@acme-gitlab`: ``the token `may` not``" in shown
    assert "1 orphan at the providers: see `reconcile orphans`." in shown


def test_calls_are_counted_per_provider() -> None:
    """Lists once more, one call for each object that is made, changed or removed; what only we record costs none."""
    key = samples.key(resource="acme/web")
    wish = samples.desired(key, "push")
    record = samples.recorded(key, "push")
    routing = samples.step(
        Action.UPDATE, Reason.ROUTING_CHANGED, key, desired=wish, recorded=record, changes=(Change("triggers", [], []),)
    )
    other = samples.key(resource="acme/old")
    swap = samples.step(
        Action.REPLACE, Reason.NOT_UPDATABLE, other, desired=wish, recorded=record, remote_ids=("1",), surplus=("2",)
    )
    plan = samples.plan(samples.created(), routing, swap, samples.pruned(), samples.blocked())
    assert needed_calls(plan, {"github": 2, "gitlab": 1}) == {
        "github": Calls(2, 4),
        "gitlab": Calls(1, 0),
        "telegram": Calls(0, 1),
    }
