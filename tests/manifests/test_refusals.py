"""Everything that compiling refuses: the place, the path, what was expected and the nearest valid name."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.errors import ConfigError, Location, Problem
from reconciler.core.model import ProviderTraits, SecretOrigin, TypeTraits
from tests.manifests.support import CATALOGUE, EVENTS, PROJECT, Folder

OK = "provider: forge, type: repo, resource: a/b, events: [push]"
NO_TYPE = "provider: forge, resource: a/b, events: [push]"
FORGE = "provider: forge, type: repo"
AB = "resource: a/b"
PAPER = "provider: paper, events: [sent]"


@pytest.mark.parametrize(
    ("trigger", "at", "expected"),
    [
        ("provider: forg, events: [push]", "forg,", ".provider: unknown provider 'forg' (did you mean 'forge'?)"),
        (f"{NO_TYPE}, type: rep", "rep", ".type: forge has no type 'rep' (did you mean 'repo'?)"),
        (NO_TYPE, "{", ": the key 'type' is missing: forge has org, repo"),
        (
            f"{FORGE}, {AB}, events: [push, isues]",
            "isues",
            ".events[1]: forge/repo has no event 'isues' (did you mean '",
        ),
        (
            f"{FORGE}, {AB}, events: [isues.opened]",
            "isues",
            "has no event 'isues.opened' (did you mean 'issues.opened'?)",
        ),
        (f"{OK}, credentials: mian", "mian", "no credentials of this name are declared (did you mean 'main'?)"),
        (f"{OK}, credentials: ghp_canary", "ghp", "of this name are declared (known: alices, bot, main)"),
        (f"{OK}, credentials: bot", "bot", ".credentials: the credentials 'bot' are for chat, not for forge"),
        (f"{OK}, credentials: alices", "alices", "the user 'platform' may not use the credentials 'alices' (add"),
        ("provider: open, events: [any]", "{", ": no credentials: name some, or declare a default for open"),
        (f"{FORGE}, events: [push]", "{", ": the key 'resource' (or 'resources') is missing"),
        (f"{OK}, resources: [a/c]", "resources", ".resources: expected 'resource' or 'resources', not both"),
        (f"{FORGE}, resources: [], events: [push]", "[]", ".resources: must not be empty"),
        (
            f"{FORGE}, resource: acme, events: [push]",
            "acme",
            ".resource: does not have the expected form ^[A-Za-z]+/[A-Z",
        ),
        (f"{FORGE}, resource: acme, events: [push]", "acme", "(owner/name)"),
        (f"{FORGE}, resources: [a/b, x], events: [push]", "x]", ".resources[1]: does not have the expected form"),
        (
            "provider: forge, type: org, resource: canary, events: [push]",
            "canary",
            'expected one of "acme", "ajax" (expected an organization, by its name)',
        ),
        (f"{OK}, options: {{levle: high}}", "levle", ".options.levle: unknown option 'levle' (did you mean 'level'?)"),
        (f"{OK}, options: {{level: canary}}", "canary", '.options.level: expected one of "low", "high" (How loud.)'),
        (f"{OK}, options: {{port: '3'}}", "'3'", ".options.port: expected a whole number, found text"),
        (f"{OK}, options: {{port: 11}}", "11", ".options.port: must be at most 9"),
        (f"{OK}, options: {{filters: [{{kind: a}}, {{}}]}}", "{}", ".options.filters[1]: missing: kind"),
        (f"{OK}, manual: yes", "yes", ".manual: expected true or false, found text (yes, no, on and off are text in"),
        (f"{OK}, secret: env/T", "env/T", ".secret: only a manual trigger has a secret of its own"),
        (f"{OK}, evens: [a]", "evens", ".evens: unknown key 'evens' (did you mean 'events'?)"),
        (f"{OK}, notify: x", "notify", ".notify: the key 'notify' is reserved for a later version"),
        ("type: repo, events: [push]", "{", ": the key 'provider' is missing"),
        (f"{FORGE}, {AB}", "{", ": the key 'events' is missing"),
        (f"{FORGE}, {AB}, events: []", "[]", ".events: must not be empty"),
        (
            "provider: handed, events: [push], manual: true",
            "true",
            ".manual: handed tells its secret while we register: its webhooks are never manual",
        ),
        (f"{PAPER}, manual: false", "false", ".manual: paper/plain has no API: its webhooks are always manual"),
        (f"{PAPER}, secret: env/GONE", "env/", ".secret: the environment variable GONE is not set"),
        (f"{PAPER}, secret: ghp_canary", "ghp", ".secret: expected a reference such as env/NAME"),
        (f"{PAPER}, secret:ghp_canary", "secret", "['secret:...']: unknown key 'secret:...' (a space after ':'"),
        (f"{PAPER}, secret: file//etc/shadow", "file", "RECONCILER_SECRET_DIRS"),
        (
            "provider: naked, events: [push], manual: true",
            "naked",
            ".provider: deliveries of naked carry no proof of their",
        ),
        ("provider: naked, events: [push], manual: true", "naked", "add naked to allow_unverified in the project file"),
        (
            f"{PAPER}, name: a/b",
            "a/b",
            ".name: a name must not hold '/': it would read as a further part of the webhook's",
        ),
        (f"{FORGE}, manual: true, name: ' x', events: [push]", "' x'", ".name: does not have the expected form"),
    ],
)
def test_a_wrong_trigger_is_told(folder: Folder, trigger: str, at: str, expected: str) -> None:
    """The problem points at what is wrong and says how to mend it; no value that may be a secret is repeated."""
    line = f"- {{{trigger}}}"
    folder.manifest(f"graph: G\ntriggers:\n{line}\n")
    (told,) = folder.refusal()
    assert told.startswith(f"webhooks/a.yaml:3:{line.index(at) + 1}: triggers[0]")
    assert expected in told
    assert "canary" not in told


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("user: u", "webhooks/a.yaml:1:1: the key 'graph' or 'preset' is missing"),
        ("graph: a\npreset: b", "webhooks/a.yaml:2:1: expected 'graph' or 'preset', not both"),
        ("graph: 5", "webhooks/a.yaml:1:8: graph: expected text, found a number (put it in quotes if it is text)"),
        ("grap: a", "webhooks/a.yaml:1:1: grap: unknown key 'grap' (did you mean 'graph'?)"),
        ("graph: ''", "webhooks/a.yaml:1:8: graph: must not be empty"),
    ],
)
def test_a_wrong_subscriber_is_told(folder: Folder, head: str, expected: str) -> None:
    """A manifest is of exactly one graph or one preset."""
    folder.manifest(f"{head}\ntriggers: []\n")
    assert folder.refusal() == [expected]


def test_a_user_must_be_said_somewhere(folder: Folder) -> None:
    """Without a default the manifest names its user."""
    folder.write("reconciler.yaml", "version: 1\nscope: s\nmanifests: [webhooks]\n")
    folder.manifest("graph: G\ntriggers: []\n")
    assert folder.refusal() == [
        "webhooks/a.yaml:1:1: the key 'user' is missing (say it here or in defaults.user of the project file)"
    ]


def test_a_default_that_a_user_may_not_use_is_told_at_the_trigger(folder: Folder) -> None:
    """The trigger is where another choice can be made."""
    folder.write("reconciler.yaml", PROJECT.replace("forge: main", "forge: alices"))
    folder.manifest(f"graph: G\ntriggers:\n- {{{OK}}}\n")
    (told,) = folder.refusal()
    assert told.startswith("webhooks/a.yaml:3:3: triggers[0]: the user 'platform' may not use the credentials 'alices'")


def test_an_identical_trigger_names_both_places(folder: Folder) -> None:
    """The same wish twice is an error, whatever its spelling and file; a different event set is another wish."""
    folder.manifest("graph: G\ntriggers:\n- {provider: forge, type: repo, resource: a/b, events: [push, issues]}\n")
    folder.manifest(
        "graph: G\ntriggers:\n"
        "- {provider: forge, type: repo, resource: a/b, events: [push]}\n"
        "- {provider: forge, type: repo, resources: [c/d, A/B], events: [issues, push, push], credentials: main}\n"
        "- {provider: forge, type: repo, resource: a/b, events: [issues, push], options: {level: low}}\n",
        "webhooks/b.yaml",
    )
    assert folder.refusal() == [
        "webhooks/b.yaml:4:50: triggers[1].resources[1]: this trigger is declared twice, first at webhooks/a.yaml:3:3"
    ]


def test_all_problems_of_all_files_come_in_one_run(folder: Folder) -> None:
    """Broken YAML, a wrong shape, wrong names and a wrong project file are told together, in order."""
    folder.write("reconciler.yaml", PROJECT.replace("manifests: [webhooks]", "manifests: [webhooks, gone.yaml]"))
    folder.manifest("graph: G\n\ttriggers: []\n", "webhooks/a.yaml")
    folder.manifest("graph: G\ntriggers: [{provider: forge, event: [push]}]\n", "webhooks/b.yaml")
    last = "preset: P\ntriggers: [{provider: forg, events: [a]}]\n"
    folder.manifest(f"graph: G\ntriggers: [{{{OK}, credentials: x}}]\n---\n{last}", "webhooks/c.yaml")
    assert [line.split(": ")[0] for line in folder.refusal()] == [
        "reconciler.yaml:4:23",
        "webhooks/a.yaml:2:1",
        "webhooks/b.yaml:2:12",
        "webhooks/b.yaml:2:12",
        "webhooks/b.yaml:2:30",
        "webhooks/c.yaml:2:86",
        "webhooks/c.yaml:5:23",
    ]


@pytest.mark.parametrize(
    ("line", "at", "expected"),
    [
        (
            "credentials: {x: {provider: froge}}",
            "froge",
            "x.provider: unknown provider 'froge' (did you mean 'forge'?)",
        ),
        (
            "credentials: {x: {provider: forge, api_url: https://evil.dev}}",
            "https",
            "credentials.x.api_url: the provider's",
        ),
        ("credentials: {x: {provider: forge, api_url: https://evil.dev}}", "https", "RECONCILER_ALLOWED_HOSTS"),
        (
            "defaults: {credentials: {forge: x}}",
            "x}",
            "defaults.credentials.forge: no credentials of this name are declared",
        ),
        ("defaults: {credentials: {forg: x}}", "x}", "unknown provider 'forg' (did you mean 'forge'?)"),
        (
            "allow_unverified: [forge, nakd]",
            "nakd",
            "allow_unverified[1]: unknown provider 'nakd' (did you mean 'naked'?)",
        ),
    ],
)
def test_a_project_that_names_what_does_not_exist_is_told(folder: Folder, line: str, at: str, expected: str) -> None:
    """The project file is checked against the known providers."""
    folder.write("reconciler.yaml", f"version: 1\nscope: s\nmanifests: [webhooks]\n{line}\n")
    (told,) = folder.refusal()
    assert told.startswith(f"reconciler.yaml:4:{line.index(at) + 1}: ")
    assert expected in told


def test_a_default_for_another_provider_is_told_once(folder: Folder) -> None:
    """A wrong default is a problem of the project file, not of each trigger that relies on it."""
    folder.write("reconciler.yaml", PROJECT.replace("forge: main", "forge: bot"))
    folder.manifest(f"graph: G\ntriggers:\n- {{{OK}}}\n")
    assert folder.refusal() == [
        "reconciler.yaml:9:49: defaults.credentials.forge: the credentials 'bot' are for chat, not for forge"
    ]


def test_an_unverified_provider_can_be_allowed(folder: Folder) -> None:
    """allow_unverified lifts the refusal; such a provider takes no secret."""
    folder.write("reconciler.yaml", PROJECT + "allow_unverified: [naked]\n")
    folder.manifest("graph: G\ntriggers: [{provider: naked, manual: true, events: [push]}]\n")
    assert len(folder.compile().triggers) == 1
    folder.manifest("graph: G\ntriggers: [{provider: naked, manual: true, events: [push], secret: env/T}]\n")
    (told,) = folder.refusal()
    assert "triggers[0].secret: deliveries of naked are not verified with a secret" in told


def test_options_that_a_type_needs_are_missed(folder: Folder) -> None:
    """Where the schema requires an option, a trigger without options is refused."""
    kind = TypeTraits(name="x", events=EVENTS, options_schema={"required": ["mode"]})
    needy = ProviderTraits(name="needy", title="", types={"x": kind}, secret_origin=SecretOrigin.VENDOR)
    folder.manifest("graph: G\ntriggers:\n- {provider: needy, events: [push]}\n")
    told = folder.refusal(catalogue={**CATALOGUE, "needy": needy})
    assert told == ["webhooks/a.yaml:3:3: triggers[0].options: missing: mode"]


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        ({"type": ["string", "null"]}, "[]", "expected text or nothing, found a list"),
        ({"const": "a"}, "b", 'expected "a"'),
        ({"format": "ipv4", "type": "string"}, "x", "expected a valid ipv4"),
        ({"exclusiveMinimum": 1}, "1", "must be greater than 1"),
        ({"exclusiveMaximum": 1}, "1", "must be less than 1"),
        ({"multipleOf": 5}, "6", "must be a multiple of 5"),
        ({"minLength": 3}, "ab", "must have at least 3 characters"),
        ({"maxLength": 1}, "ab", "must have at most 1 characters"),
        ({"minItems": 1}, "[]", "must have at least 1 entries"),
        ({"maxItems": 0}, "[1]", "must have at most 0 entries"),
        ({"uniqueItems": True}, "[1, 1]", "must not have the same entry twice"),
        ({"anyOf": [{"type": "null"}]}, "x", "does not fit any of the allowed forms"),
        ({"oneOf": [{"type": "null"}]}, "x", "does not fit exactly one of the allowed forms"),
        ({"not": {}}, "x", "is not valid here"),
    ],
)
def test_each_rule_of_an_options_schema_has_its_words(
    folder: Folder, schema: dict[str, object], value: str, expected: str
) -> None:
    """What a provider's schema refuses is told in plain words that come from the schema alone."""
    kind = TypeTraits(name="x", events=EVENTS, options_schema={"properties": {"o": schema}})
    picky = ProviderTraits(name="picky", title="", types={"x": kind}, secret_origin=SecretOrigin.VENDOR)
    folder.manifest(f"graph: G\ntriggers:\n- {{provider: picky, events: [push], options: {{o: {value}}}}}\n")
    told = folder.refusal(catalogue={"picky": picky, **CATALOGUE})
    assert told == [f"webhooks/a.yaml:3:50: triggers[0].options.o: {expected}"]


class BrokenCatalogue(dict[str, ProviderTraits]):
    """A catalogue with a definition that cannot be read: `broken`."""

    def get(self, name: str, default: Any = None) -> Any:
        """The provider, or the problem of its definition."""
        if name == "broken":
            raise ConfigError((Problem("definition", "no verify block", Location("providers.d/broken.yaml")),))
        return super().get(name, default)


def test_a_definition_that_cannot_be_read_is_told_once(folder: Folder) -> None:
    """Triggers of a broken provider add nothing to the problem of its definition, and hide no other problem."""
    triggers = "".join(f"- {{provider: {name}, events: [x]}}\n" for name in ("broken", "broken", "zzz"))
    folder.manifest(f"graph: G\ntriggers:\n{triggers}")
    problems = folder.problems(catalogue=BrokenCatalogue(CATALOGUE))
    assert [problem.code for problem in problems] == ["definition", "unknown_provider"]


def test_a_wrong_place_in_a_list_of_options_is_found(folder: Folder) -> None:
    """Positions go through lists and mappings of the options."""
    folder.manifest(f"graph: G\ntriggers:\n- {{{OK}, options: {{filters: [{{kind: a}}, 7]}}}}\n")
    (told,) = folder.refusal()
    assert "triggers[0].options.filters[1]: expected a mapping, found a number" in told
