"""Why a webhook exists."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.model import EventTraits, Phase
from reconciler.core.plan import Refusal
from reconciler.render.explain import Explanation, explain_json, explain_text
from reconciler.render.painter import PLAIN
from tests.render import samples

GITHUB = EventTraits(names={"issues": "", "push": ""}, separator=".", wildcard="*")
ADDRESS = "github/repo/acme/api@acme-github"


def told(**fields) -> Explanation:
    """An explanation of a wish for `issues.opened` and `push`, not recorded yet."""
    wish = samples.desired(samples.key(), "issues.opened", "push", options={"content_type": "json"})
    values = {
        "address": ADDRESS,
        "desired": replace(wish, events=frozenset({"issues", "push"})),
        "recorded": None,
        "step": samples.created(),
        "events": GITHUB,
        "options": {},
    }
    return Explanation(**(values | fields))


def squeezed(text: str) -> str:
    """A text whose columns stand one space apart."""
    return " ".join(text.split())


def test_each_event_of_the_union_names_who_asked_for_it() -> None:
    """A finer event is told beside the one that is subscribed to; options name their place, or the default."""
    shown = squeezed(explain_text(told(), PLAIN))
    assert "issues from webhooks/triage.yaml:4, which asked for issues.opened" in shown
    assert "content_type = json from webhooks/triage.yaml:4" in shown
    assert "insecure_ssl = 0 from the default" in shown
    assert "it does not exist yet; 1 trigger asks for it" in shown
    document = explain_json(told())
    assert document["union"]["events"] == {"issues": ["webhooks/triage.yaml:4"], "push": ["webhooks/triage.yaml:4"]}
    assert document["now"]["action"] == "create"


def test_a_wildcard_serves_whoever_asked_for_less() -> None:
    """Where one trigger asks for everything, the others are named at the wildcard."""
    wish = samples.desired(samples.key(), "issues.opened", "*")
    shown = explain_json(told(desired=replace(wish, events=frozenset({"*"}))))
    assert shown["union"]["events"] == {"*": ["webhooks/triage.yaml:4"]}


def test_what_nobody_wants_is_said_to_dangle() -> None:
    """A record without a trigger, one that was replaced and a tombstone each have their sentence."""
    record = samples.recorded(samples.key(), "push")
    dangling = told(desired=None, recorded=record, step=samples.pruned())
    assert "no trigger asks for it any more" in explain_text(dangling, PLAIN)
    tomb = told(desired=None, recorded=replace(record, phase=Phase.TOMBSTONE), step=None)
    assert "its trigger can bring it back" in explain_text(tomb, PLAIN)
    assert "nothing to do" in explain_text(tomb, PLAIN)
    old = told(desired=None, recorded=replace(record, phase=Phase.RETIRING, replaced=True), step=samples.pruned())
    assert "another webhook took over" in explain_text(old, PLAIN)


def test_now_tells_the_step_its_guard_and_whether_the_providers_were_asked() -> None:
    """What would change, why, what holds it back, and how sure that is."""
    refusal = Refusal(guard="protect", message="it is protected", flag="--allow-protected x", addresses=frozenset())
    shown = explain_text(told(step=samples.updated(), refusals=(refusal,)), PLAIN)
    assert "update (manifest_changed): events +tag_push_events -push_events" in shown
    assert "held back by the guard protect: it is protected; --allow-protected x lets it pass" in shown
    assert "--refresh asks them" in shown
    sync = told(recorded=samples.recorded(samples.key(), "push"), step=None, asked=True)
    assert "in sync (the providers were asked)" in explain_text(sync, PLAIN)
    assert "last change 2026-09-21T14:13:20Z" in squeezed(explain_text(sync, PLAIN))
    assert explain_json(sync)["last_change"] == "2026-09-21T14:13:20Z"
    assert "left alone" in explain_text(told(step=None, held=True), PLAIN)
    assert "way out: use other credentials" in explain_text(told(step=samples.blocked()), PLAIN)


def test_urls_are_shortened() -> None:
    """The id in a URL may be all that a caller needs to know."""
    shown = explain_text(told(recorded=samples.recorded(samples.key(), "push"), step=None), PLAIN)
    assert samples.ID not in shown
    secret = replace(samples.updated(), secret_url=True)
    assert samples.ID not in str(explain_json(told(recorded=samples.recorded(samples.key(), "push"), step=secret)))
