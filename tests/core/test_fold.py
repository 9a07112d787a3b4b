"""Folding triggers into webhooks."""

import pytest

from reconciler.core.errors import Location
from reconciler.core.fold import fold
from reconciler.core.model import Relation, Trigger
from tests.support.builders import graph, relation, trigger, wishes
from tests.support.catalogue import CATALOGUE


def test_triggers_of_one_resource_share_a_webhook_with_the_union_of_events() -> None:
    """Two graphs on one repository are one webhook; each keeps the events that it asked for."""
    (wish,) = wishes(trigger("push"), trigger("issues.opened", subscriber=graph("notify")))
    assert wish.events == {"push", "issues"}
    assert wish.relations == (relation("notify", "issues.opened"), relation("triage", "push"))


def test_resources_are_shared_by_their_canonical_form() -> None:
    """`Acme/API` and `acme/api` are one webhook, named as the first of them is written."""
    (wish,) = wishes(trigger("push", resource="Acme/API"), trigger("issues"))
    assert wish.key.resource == "acme/api"
    assert wish.resource == "Acme/API"


def test_users_credentials_and_identity_options_keep_webhooks_apart() -> None:
    """What a webhook cannot serve at once is another webhook; its address tells them apart."""
    made = wishes(
        trigger(),
        trigger(user="bob"),
        trigger(credentials="other"),
        trigger(options={"mode": "strict"}),
    )
    assert [wish.key.address("alice") for wish in made] == [
        "acme/repo/acme/api@main",
        'acme/repo/acme/api@main#{"mode":"strict"}',
        "acme/repo/acme/api@other",
        "bob:acme/repo/acme/api@main",
    ]


def test_a_manual_webhook_belongs_to_one_subscriber_and_name() -> None:
    """Manual webhooks are not shared between graphs, and a name makes several of one graph."""
    made = wishes(
        trigger(manual=True),
        trigger("issues", manual=True),
        trigger(manual=True, name="second"),
        trigger(manual=True, subscriber=graph("notify")),
    )
    assert [wish.key.address("alice") for wish in made] == [
        "acme/repo/graph:notify",
        "acme/repo/graph:triage",
        "acme/repo/graph:triage/second",
    ]
    assert made[1].events == {"push", "issues"}


def test_options_stand_over_their_defaults_and_silence_is_no_opinion() -> None:
    """An option is at its default until one trigger says otherwise."""
    assert wishes(trigger())[0].options == {"level": "low"}
    (wish,) = wishes(trigger(options={"level": "high"}), trigger("issues"))
    assert wish.options == {"level": "high"}


def test_options_that_disagree_name_both_lines() -> None:
    """A shared webhook cannot have two values of one option: the later line is at fault and names the earlier."""
    folded = fold(
        [
            trigger(options={"level": "high"}, location=Location("b.yaml", 7, 3)),
            trigger(options={"level": "mid"}, location=Location("a.yaml", 2, 3)),
        ],
        CATALOGUE,
    )
    (problem,) = folded.problems
    assert str(problem.location) == "b.yaml:7:3"
    assert "a.yaml:2:3" in problem.message
    assert problem.path == "options.level"


def test_secrets_that_disagree_are_a_problem() -> None:
    """One manual webhook has one secret."""
    folded = fold([trigger(manual=True, secret="one"), trigger("issues", manual=True, secret="two")], CATALOGUE)
    assert [problem.path for problem in folded.problems] == ["secret"]


def test_a_subscriber_with_two_triggers_is_one_relation() -> None:
    """Events of one graph's triggers on one webhook come together."""
    (wish,) = wishes(trigger("push"), trigger("issues"))
    assert wish.relations == (Relation(graph(), "", ("issues", "push")),)


def test_one_protecting_trigger_protects() -> None:
    """A webhook is protected as soon as one of its triggers says so."""
    assert wishes(trigger(protect=False), trigger("issues", protect=True))[0].protect is True
    assert wishes(trigger(), trigger("issues", protect=False))[0].protect is False
    assert wishes(trigger())[0].protect is None


def test_an_id_with_a_slash_has_an_address_of_its_own() -> None:
    """Graph `a/b` is not graph `a` with the name `b`."""
    made = wishes(trigger(manual=True, subscriber=graph("a/b")), trigger(manual=True, subscriber=graph("a"), name="b"))
    assert [wish.key.address("alice") for wish in made] == ["acme/repo/graph:a/b", "acme/repo/graph:a%2Fb"]


def manual(name: str, *moved: str, line: int) -> Trigger:
    """A manual trigger of a graph, with its former names."""
    return trigger(manual=True, subscriber=graph(name), moved=moved, location=Location("w.yaml", line, 3))


def test_a_former_name_that_leads_to_one_webhook_is_fine() -> None:
    """It is kept with the webhook, once and sorted."""
    folded = fold([manual("new", "graph:b", "graph:a", line=1)], CATALOGUE)
    assert folded.problems == ()
    assert folded.desired[0].moved == ("graph:a", "graph:b")


@pytest.mark.parametrize(
    ("triggers", "words"),
    [
        (
            [manual("n1", "graph:old", line=1), manual("n2", "graph:old", line=5)],
            "claimed by another manifest too, at w",
        ),
        ([manual("old", line=1), manual("new", "graph:old", line=5)], "graph:old is still declared at w.yaml:1:3"),
        ([manual("same", "graph:same", line=5)], "graph:same is still declared at w.yaml:5:3"),
    ],
)
def test_a_former_name_that_leads_to_two_is_a_problem(triggers: list[Trigger], words: str) -> None:
    """Whose the URL is must be said; silence would let one of them win."""
    (problem,) = fold(triggers, CATALOGUE).problems
    assert (problem.code, problem.location) == ("moved", Location("w.yaml", 5, 3))
    assert words in problem.message
