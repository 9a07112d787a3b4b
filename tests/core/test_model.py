"""Values that the whole project passes around."""

import pickle

import pytest

from reconciler.core.errors import ConfigError, Location, MissingConfigError, Problem
from reconciler.core.model import Group, Secret, canonical_json
from tests.support.builders import plan, recorded, trigger, wishes
from tests.support.catalogue import CATALOGUE


def test_a_secret_never_shows_itself() -> None:
    """Neither its text, its repr nor a pickle gives a secret away; only `reveal` does."""
    secret = Secret("hunter2")
    assert "hunter2" not in f"{secret} {secret!r} {[secret]}"
    assert secret.reveal() == "hunter2"
    with pytest.raises(TypeError, match="not serialised"):
        pickle.dumps(secret)


def test_secrets_compare_by_value_and_empty_ones_are_false() -> None:
    """Equal secrets are equal, also in sets; an empty secret is none."""
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1
    assert not Secret("")


def test_a_problem_reads_as_one_line() -> None:
    """Place, path, message and hint, each only where it is known."""
    problem = Problem("unknown_event", "unknown event", Location("a.yaml", 3, 9), "triggers[0]", "did you mean push?")
    assert str(problem) == "a.yaml:3:9: triggers[0]: unknown event (did you mean push?)"
    assert str(Problem("x", "no base URL")) == "no base URL"


def test_a_config_error_lists_its_problems_in_the_order_of_the_files() -> None:
    """All problems of a run, by file and line."""
    late, early = Problem("x", "late", Location("b.yaml", 1)), Problem("x", "early", Location("a.yaml", 9))
    assert str(ConfigError((late, Problem("x", "nowhere"), early))).splitlines() == [
        "nowhere",
        "a.yaml:9:1: early",
        "b.yaml:1:1: late",
    ]


def test_a_missing_setting_is_a_config_error() -> None:
    """It ends in the same exit code."""
    assert [problem.code for problem in MissingConfigError("no base URL").problems] == ["missing_config"]


def test_canonical_json_has_one_spelling() -> None:
    """Keys are sorted, and there is no space."""
    assert canonical_json({"b": [1, True], "a": "ü"}) == '{"a":"ü","b":[1,true]}'


def test_a_webhook_knows_its_group_and_a_type_without_create_is_manual_only() -> None:
    """The group is what one list call covers."""
    (wish,) = wishes(trigger(resource="Acme/API"))
    assert recorded(wish).key.group == Group("acme", "repo", "acme/api", "main")
    assert CATALOGUE["paper"].types["repo"].manual_only
    assert not CATALOGUE["acme"].types["repo"].manual_only


def test_an_empty_plan_is_empty() -> None:
    """Nothing wanted and nothing recorded is in sync."""
    assert plan().is_empty
