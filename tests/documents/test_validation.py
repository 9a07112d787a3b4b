"""A model's errors in plain words, with place, path and the way out."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reconciler.core.errors import Problem
from reconciler.documents.validation import LINE_PATTERN, problems
from tests.documents.support import document


class Strict(BaseModel):
    """Base of the models below."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Bearer(Strict):
    """One member of a union."""

    scheme: Literal["bearer"]
    header: str = ""


class Basic(Strict):
    """The other member."""

    scheme: Literal["basic"]
    username: str = ""


class Leaf(Strict):
    """Something in a list."""

    events: list[str] = Field(min_length=1)
    size: int = Field(default=1, ge=1, le=9)
    on: bool = False
    word: str = Field(default="w", pattern="^[a-z]$", description="One small letter.")
    line: str = Field(default="x", pattern=LINE_PATTERN)


class Root(Strict):
    """The model of the documents below."""

    name: str
    triggers: list[Leaf] = []
    auth: Annotated[Bearer | Basic, Field(discriminator="scheme")] | None = None
    table: dict[Annotated[str, Field(pattern="^[a-z]+$")], int] = {}


def told(text: str) -> tuple[Problem, ...]:
    """What validation tells about a document."""
    item = document(text)
    with pytest.raises(ValidationError) as caught:
        Root.model_validate(item.value)
    return problems(caught.value, item, Root, {"moved"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nam: x", "f.yaml:1:1: nam: unknown key 'nam' (did you mean 'name'?)"),
        (
            "name: x\ntriggers:\n- events: [a]\n  sizes: 2",
            "f.yaml:4:3: triggers[0].sizes: unknown key 'sizes' (did you",
        ),
        ("name: x\nmoved: []", "f.yaml:2:1: moved: the key 'moved' is reserved for a later version"),
        ("name: x\ntriggers:\n- {}", "f.yaml:3:3: triggers[0]: the key 'events' is missing"),
        ("name: 12", "f.yaml:1:7: name: expected text, found a number (put it in quotes if it is text)"),
        ("name: true", "f.yaml:1:7: name: expected text, found true or false (put it in quotes if it is text)"),
        ("name:", "f.yaml:1:6: name: expected text, found nothing"),
        ("name: x\ntriggers: {a: 1}", "f.yaml:2:11: triggers: expected a list, found a mapping"),
        ("name: x\ntriggers: [x]", "f.yaml:2:12: triggers[0]: expected a mapping, found text"),
        ("name: x\ntriggers: [{events: []}]", "f.yaml:2:21: triggers[0].events: must not be empty"),
        ("name: x\ntriggers: [{events: push}]", "expected a list, found text (write [ ] around a single entry)"),
        ("name: x\ntriggers: [{events: [a, 1]}]", "f.yaml:2:25: triggers[0].events[1]: expected text, found a number"),
        ("name: x\ntriggers: [{events: [a], size: 0}]", "triggers[0].size: must be at least 1"),
        ("name: x\ntriggers: [{events: [a], size: 10}]", "triggers[0].size: must be at most 9"),
        ("name: x\ntriggers: [{events: [a], size: 1.5}]", "expected a whole number, found a number"),
        ("name: x\ntriggers: [{events: [a], on: yes}]", "expected true or false, found text (yes, no, on and off are"),
        ("name: x\ntriggers: [{events: [a], word: XY}]", "does not have the expected form (One small letter.)"),
        ("name: x\ntriggers: [{events: [a], line: ' x'}]", "must be one line of text"),
        ("name: x\nauth: {scheme: bearer, heade: y}", "auth.heade: unknown key 'heade' (did you mean 'header'?)"),
        ("name: x\nauth: {scheme: basik}", "the key 'scheme' must be one of 'bearer', 'basic'"),
        ("name: x\nauth: {header: a}", "f.yaml:2:7: auth: the key 'scheme' is missing"),
        ("name: x\ntable: {a b: 1}", "f.yaml:2:9: table['a b']: this is not allowed as a key"),
        ("[1]", "f.yaml:1:1: expected a mapping, found a list"),
    ],
)
def test_an_error_is_told_with_place_path_and_way_out(text: str, expected: str) -> None:
    """Each kind of error has its own words, and points at the value, key or mapping that is wrong."""
    assert any(expected in str(item) for item in told(text)), [str(item) for item in told(text)]


def test_all_errors_come_at_once() -> None:
    """Every error of a document becomes a problem."""
    assert len(told("nam: x\ntriggers: [{events: [1, 2]}, x]")) == 5


def test_no_value_is_ever_shown() -> None:
    """A value may be a secret in the wrong place: only kinds of values are told."""
    text = "name: [ghp_canary]\ntriggers: ghp_canary\nauth: {scheme: ghp_canary}\ntoken:ghp_canary: 1\n"
    assert "ghp_canary" not in "".join(f"{item}{item!r}" for item in told(text))
