"""Event names: subscribing, comparing, dispatching."""

import pytest

from reconciler.core.events import normalised, subscribed, union, wanted
from reconciler.core.model import EventTraits
from tests.support.catalogue import EVENTS

OPEN = EventTraits(names={}, open=True)


@pytest.mark.parametrize(
    ("event", "name"),
    [
        ("issues", "issues"),
        ("issues.opened", "issues"),
        ("issues.opened.twice", "issues"),
        ("*", "*"),
        ("isues", None),
        ("issues.", None),
        ("*.x", None),
    ],
)
def test_a_finer_event_subscribes_what_the_provider_knows(event: str, name: str | None) -> None:
    """`issues.opened` subscribes `issues`; a name that the provider does not know subscribes nothing."""
    assert subscribed(event, EVENTS) == name


def test_an_open_catalogue_takes_any_name() -> None:
    """Where a provider does not list its events, each name stands for itself."""
    assert subscribed("anything.at.all", OPEN) == "anything.at.all"
    assert union(["b", "a"], OPEN) == {"a", "b"}


def test_the_wildcard_swallows_the_rest() -> None:
    """A set with the wildcard equals the wildcard alone."""
    assert normalised(["push", "*"], EVENTS) == {"*"}
    assert union(["push", "issues.opened", "issues"], EVENTS) == {"push", "issues"}
    assert union(["push", "*"], EVENTS) == {"*"}


@pytest.mark.parametrize(
    ("event", "asked", "expected"),
    [
        ("issues.opened", ["issues"], True),
        ("issues.opened", ["issues.opened"], True),
        ("issues.closed", ["issues.opened"], False),
        ("issues", ["issues.opened"], False),
        ("issues_other", ["issues"], False),
        ("push", ["*"], True),
        ("push", [], False),
    ],
)
def test_a_delivery_is_for_those_who_asked(event: str, asked: list[str], expected: bool) -> None:
    """`issues` gets every action, `issues.opened` only itself, the wildcard everything."""
    assert wanted(event, asked, EVENTS) is expected


def test_without_a_separator_only_the_exact_name_is_wanted() -> None:
    """A provider without finer events compares whole names."""
    assert not wanted("a.b", ["a"], OPEN)
