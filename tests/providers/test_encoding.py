"""Bodies and event sets in the forms that vendors want."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.errors import TerminalError
from reconciler.providers.answers import Context
from reconciler.providers.blocks.calls import Errors
from reconciler.providers.blocks.resources import Events
from reconciler.providers.encoding import decode_events, encode_body, encode_events, form_pairs
from tests.providers.support import shipped

CONTEXT = Context(task="test", errors=Errors())


def test_a_form_spells_lists_and_objects_with_brackets() -> None:
    """Nested values are written as Stripe's own library writes them."""
    fields = {"url": "https://a/?b=c&d", "on": True, "off": False, "events": ["a", "b"], "meta": {"k y": "v"}, "n": 3}

    assert parse_qsl(encode_body("form", fields).decode()) == [
        ("url", "https://a/?b=c&d"),
        ("on", "true"),
        ("off", "false"),
        ("events[0]", "a"),
        ("events[1]", "b"),
        ("meta[k y]", "v"),
        ("n", "3"),
    ]


@given(fields=st.dictionaries(st.text(min_size=1), st.text(st.characters(codec="utf-8"), min_size=1)))
def test_a_form_carries_any_text(fields: dict[str, str]) -> None:
    """Keys and values arrive as they were, whatever they hold."""
    readable = {key: value for key, value in fields.items() if key.isascii()}

    assert dict(parse_qsl(encode_body("form", readable).decode(), strict_parsing=bool(readable))) == readable
    assert list(form_pairs({})) == []


def test_json_is_json() -> None:
    """Types survive."""
    assert encode_body("json", {"a": [1, True, None, "é"]}) == b'{"a": [1, true, null, "\\u00e9"]}'


def test_a_list_of_events_is_sorted() -> None:
    """The same set always gives the same request."""
    assert encode_events(shipped("github").events, {"b", "a"}, ["a", "b", "c"]) == ["a", "b"]


def test_every_flag_is_said() -> None:
    """A flag that is left out could be on by default, so each one is sent."""
    flags = shipped("gitlab").events
    assert encode_events(flags, {"b"}, ["a", "b"]) == {"a": False, "b": True}
    assert encode_events(flags, {"new"}, ["a"]) == {"a": False, "new": True}


FILTERS = Events.model_validate(
    {
        "encoder": "objects",
        "path": "filters",
        "keys": ["resource_type", "action"],
        "catalogue": {"task.added": "A task is added.", "task.changed": "A task changes."},
    }
)


def test_an_event_may_be_an_object() -> None:
    """What stands between the dots of its name are the values of the keys, there and back."""
    sent = encode_events(FILTERS, {"task.changed", "task.added"}, FILTERS.catalogue)
    assert sent == [
        {"resource_type": "task", "action": "added"},
        {"resource_type": "task", "action": "changed"},
    ]
    assert decode_events(FILTERS, FILTERS.catalogue, {"filters": sent}, CONTEXT) == {"task.added", "task.changed"}
    assert decode_events(FILTERS, FILTERS.catalogue, {}, CONTEXT) is None


@pytest.mark.parametrize(
    ("item", "name"),
    [
        ({"resource_type": "task", "action": "changed", "fields": ["due_on"]}, "task.changed (fields)"),
        ({"resource_type": "task", "action": "added", "fields": [], "resource_subtype": None}, "task.added"),
        ({"resource_type": "task"}, "task.*"),
    ],
)
def test_an_object_that_says_more_or_less_is_another_event(item: dict[str, Any], name: str) -> None:
    """Somebody narrowed or widened it: that is a difference, not the same."""
    assert decode_events(FILTERS, FILTERS.catalogue, {"filters": [item]}, CONTEXT) == {name}


@pytest.mark.parametrize("told", [{"task": "added"}, ["task.added"]])
def test_what_is_no_list_of_objects_is_a_bad_answer(told: Any) -> None:
    """Nothing is guessed from it."""
    with pytest.raises(TerminalError, match="is not a list of objects"):
        decode_events(FILTERS, FILTERS.catalogue, {"filters": told}, CONTEXT)


@given(st.sets(st.sampled_from(sorted(shipped("gitlab").events_of("group")))))
def test_flags_are_read_back_as_they_were_sent(events: set[str]) -> None:
    """Encoding and decoding are each other's inverse; flags that are not events are ignored."""
    block, catalogue = shipped("gitlab").events, shipped("gitlab").events_of("group")
    row = encode_events(block, events, catalogue) | {"repository_update_events": True}

    assert decode_events(block, catalogue, row, CONTEXT) == events


def test_an_absent_set_is_what_the_vendor_means_by_it() -> None:
    """Telegram leaves the set out where it is the default one; another vendor that says nothing tells nothing."""
    telegram, github = shipped("telegram"), shipped("github")

    default = decode_events(telegram.events, telegram.events_of("bot"), {"url": "u"}, CONTEXT)
    assert default is not None
    assert "message" in default
    assert not default & {"chat_member", "message_reaction", "message_reaction_count"}
    assert decode_events(github.events, github.events_of("repo"), {}, CONTEXT) is None


@pytest.mark.parametrize(
    ("name", "kind", "row"),
    [
        ("github", "repo", {"events": "push"}),
        ("github", "repo", {"events": ["push", 3]}),
        ("gitlab", "project", {"push_events": "true"}),
        ("gitlab", "project", {"push_events": 1}),
    ],
)
def test_events_of_another_type_are_a_bad_answer(name: str, kind: str, row: dict[str, object]) -> None:
    """What is not a set of events is refused with the name of the field."""
    loaded = shipped(name)

    with pytest.raises(TerminalError, match=r"`(events|push_events)` is n"):
        decode_events(loaded.events, loaded.events_of(kind), row, CONTEXT)
