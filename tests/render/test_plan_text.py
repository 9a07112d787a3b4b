"""The text plan."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.diff import Change
from reconciler.core.plan import Action, Reason
from reconciler.render.changes import described, place
from reconciler.render.painter import PLAIN, Painter
from reconciler.render.plan_text import plan_text
from tests.render import samples


def cells(line: str) -> list[str]:
    """The cells of a line, whatever the widths of its columns."""
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def test_each_webhook_is_one_aligned_line() -> None:
    """Symbol, address, what changes, reason and place stand in columns; a blocked one shows its way out."""
    shown = plan_text(samples.full_plan(), PLAIN).splitlines()
    changes = "events +tag_push_events -push_events; enable_ssl_verification false -> true"
    expected = [
        ("+", "github/repo/acme/api@acme-github", "issues, pull_request; content_type json", "declared"),
        ("~", "gitlab/project/acme/web@acme-gitlab", changes, "manifest_changed"),
        ("-", "telegram/bot/self@support-bot", "-", "dangling"),
        ("!", "stripe/account/self@acme-stripe", "blocked", "slot_taken"),
    ]
    assert [tuple(cells(line)[:4]) for line in shown[:4]] == expected
    assert [cells(line)[4] for line in shown[:4]] == [
        "webhooks/triage.yaml:4",
        "webhooks/triage.yaml:9",
        "was graph:support",
        "webhooks/triage.yaml:3",
    ]
    assert shown[4] == "    way out: use other credentials"
    assert {shown[0].index("github"), shown[1].index("gitlab"), shown[2].index("telegram")} == {3}
    assert shown[2].index("dangling") == shown[3].index("slot_taken")


def test_a_prune_that_leaves_the_webhook_there_says_so() -> None:
    """Where the provider cannot delete, a note stands under the line: it is no way out of anything."""
    step = replace(samples.pruned(), way_out="the provider has no call to delete it")
    assert plan_text(samples.plan(step), PLAIN).splitlines()[1] == "    note: the provider has no call to delete it"


def test_the_summary_counts_actions_and_names_the_digest() -> None:
    """The last line tells how many of each action, what is in sync, and the plan's digest."""
    plan = samples.full_plan()
    last = plan_text(plan, PLAIN).splitlines()[-1]
    assert last == f"Plan: 1 create, 1 update, 1 prune, 1 blocked; 312 in sync. digest {plan.digest[:8]}"


def test_guards_and_problems_stand_under_the_steps() -> None:
    """A guard tells what it holds back and the flag that passes it; a list failure tells what it froze."""
    shown = plan_text(samples.full_plan(), PLAIN)
    assert "! guard max_prune_percent: 4 of 12 webhooks (33%) would be destroyed, more than 30%" in shown
    assert "held back: telegram/bot/self@support-bot" in shown
    assert "way out: if this is meant, add --allow-destroy 4" in shown
    assert "! cannot list the webhooks of github/repo/acme/old@gone: no\n    1 left alone" in shown


def test_an_empty_plan_is_one_line() -> None:
    """Where all is in sync nothing else is said."""
    assert plan_text(samples.plan(), PLAIN) == "In sync: 312 webhooks, nothing to do."


def test_what_a_failed_list_froze_is_not_called_in_sync() -> None:
    """An empty plan that could not look everywhere says so."""
    shown = plan_text(samples.plan(held=frozenset({"a"})), PLAIN)
    assert shown.startswith("Nothing planned: 1 webhook could not be looked at, 312 in sync.")


def test_routing_shows_who_comes_and_goes() -> None:
    """A change of dispatch alone names subscribers, not their JSON."""
    before = [{"graph": "support", "events": ["push"]}, {"preset": "weekly", "events": ["push"]}]
    after = [{"graph": "triage", "events": ["push"]}, {"preset": "weekly", "events": ["push", "issues"]}]
    wish = samples.desired(samples.key(), "push")
    step = samples.step(
        Action.UPDATE,
        Reason.ROUTING_CHANGED,
        wish.key,
        desired=wish,
        recorded=samples.recorded(wish.key),
        changes=(Change("triggers", before, after),),
    )
    assert described(step) == "dispatch +graph:triage -graph:support ~preset:weekly"


def test_a_moved_url_shows_the_part_that_moved() -> None:
    """The id in a URL is left out where it stays, and cut to 8 characters where it does not."""
    wish = samples.desired(samples.key(), "push")
    moved = samples.URL.replace("hooks.example.com", "new.example.com")
    other = samples.URL.replace("1e9e3f7c", "ffffffff")
    step = samples.step(
        Action.UPDATE,
        Reason.BASE_URL_MOVED,
        wish.key,
        desired=wish,
        recorded=samples.recorded(wish.key),
        changes=(Change("url", samples.URL, moved), Change("url", samples.URL, other)),
    )
    assert described(step) == (
        "url https://hooks.example.com -> https://new.example.com; "
        "url https://hooks.example.com/webhooks/github/1e9e3f7c... -> "
        "https://hooks.example.com/webhooks/github/ffffffff..."
    )


def test_many_events_of_a_new_webhook_are_counted() -> None:
    """A new webhook shows the first events and how many more there are."""
    wish = samples.desired(samples.key(), *(f"event{number:02}" for number in range(12)))
    step = samples.step(Action.CREATE, Reason.DECLARED, wish.key, desired=wish)
    assert described(step).endswith("event07 and 4 more")
    assert place(step) == "webhooks/triage.yaml:4"


def test_colour_only_where_it_is_wanted() -> None:
    """A plain painter writes no escape sequence, a colouring one does."""
    assert "\x1b[" not in plan_text(samples.full_plan(), PLAIN)
    assert "\x1b[32m" in plan_text(samples.full_plan(), Painter(colour=True))


def test_what_providers_say_cannot_steer_the_terminal() -> None:
    """Control characters in texts from outside are spelled out."""
    kind = samples.key(resource="acme/\x1b[2Japi")
    shown = plan_text(samples.plan(samples.step(Action.PRUNE, Reason.DANGLING, kind)), PLAIN)
    assert "\x1b" not in shown
    assert "\\x1b" in shown


def test_what_cannot_be_looked_up_is_announced_as_an_orphan() -> None:
    """A doubtful prune says what will be left behind; surplus twins are counted; foreign webhooks are left alone."""
    doubtful = samples.step(Action.PRUNE, Reason.DANGLING, samples.key(), doubtful=True)
    twin = samples.step(
        Action.UPDATE,
        Reason.DUPLICATED,
        samples.key(resource="acme/web"),
        desired=samples.desired(samples.key(resource="acme/web"), "push"),
        recorded=samples.recorded(samples.key(resource="acme/web"), "push"),
        surplus=("78", "79"),
    )
    shown = plan_text(samples.plan(doubtful, twin, foreign=2), PLAIN)
    assert "cannot be looked up: it is recorded as an orphan" in shown
    assert "2 surplus at the provider removed" in shown
    assert shown.endswith("2 webhooks at the providers not ours, left alone.")


def test_renewals_adoptions_and_replacements_have_their_signs() -> None:
    """> renew, @ adopt, -/+ replace, each aligned with the others."""
    steps = [
        samples.step(action, Reason.INTERRUPTED, samples.key(resource=f"acme/{action}"))
        for action in (Action.RENEW, Action.ADOPT, Action.REPLACE)
    ]
    shown = plan_text(samples.plan(*steps), PLAIN).splitlines()[:3]
    assert [line.split()[0] for line in shown] == [">", "@", "-/+"]
    assert {line.index("github") for line in shown} == {5}
