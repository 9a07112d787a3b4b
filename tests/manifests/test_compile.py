"""Manifests become triggers: defaults, several resources, canonical names, manual webhooks."""

from __future__ import annotations

import pytest

from reconciler.core.errors import Location
from reconciler.core.model import Secret, Subscriber, SubscriberKind, Trigger
from tests.manifests.support import PROJECT, Folder

G = Subscriber(SubscriberKind.GRAPH, "G")


def test_a_full_trigger_is_compiled(folder: Folder) -> None:
    """Every key of a trigger finds its place, and its position is where it begins."""
    folder.manifest(
        """\
        graph: G
        user: alice
        triggers:
          - provider: forge
            type: repo
            resource: Acme/API
            events: [issues.opened, pull_request, issues.opened]
            credentials: alices
            manual: false
            options: {level: high, port: 3}
            protect: true
        """
    )
    loaded = folder.compile()
    assert loaded.files == ("webhooks/a.yaml",)
    assert loaded.triggers == (
        Trigger(
            user="alice",
            subscriber=G,
            provider="forge",
            type="repo",
            resource="Acme/API",
            canonical="acme/api",
            events=frozenset({"issues.opened", "pull_request"}),
            credentials="alices",
            options={"level": "high", "port": 3},
            protect=True,
            location=Location("webhooks/a.yaml", 4, 5),
        ),
    )


@pytest.mark.parametrize(("said", "protect"), [("", None), (", protect: true", True), (", protect: false", False)])
def test_protect_is_said_or_left_out(folder: Folder, said: str, protect: bool | None) -> None:
    """Silence is kept apart from `false`, which lifts a protection."""
    folder.manifest(f"graph: G\ntriggers: [{{provider: chat, events: [push]{said}}}]\n")
    (trigger,) = folder.compile().triggers
    assert trigger.protect is protect


def test_user_and_credentials_come_from_the_defaults(folder: Folder) -> None:
    """What the manifest leaves out, the project file says."""
    folder.manifest("preset: P\ntriggers: [{provider: forge, type: org, resource: acme, events: [push]}]\n")
    (trigger,) = folder.compile().triggers
    assert (trigger.user, trigger.credentials) == ("platform", "main")
    assert trigger.subscriber == Subscriber(SubscriberKind.PRESET, "P")


def test_type_and_resource_may_be_left_out_where_there_is_one(folder: Folder) -> None:
    """A provider of one type needs none, and credentials that mean one resource need no resource."""
    folder.manifest("graph: G\ntriggers: [{provider: chat, events: [push]}]\n")
    (trigger,) = folder.compile().triggers
    assert (trigger.type, trigger.resource, trigger.canonical, trigger.credentials) == ("bot", "self", "self", "bot")


def test_each_of_several_resources_makes_a_trigger(folder: Folder) -> None:
    """`resources` is short for several triggers at one place."""
    folder.manifest("graph: G\ntriggers:\n- {provider: forge, type: repo, resources: [a/b, A/C], events: ['*']}\n")
    triggers = folder.compile().triggers
    assert [trigger.canonical for trigger in triggers] == ["a/b", "a/c"]
    assert {trigger.location for trigger in triggers} == {Location("webhooks/a.yaml", 3, 3)}


def test_a_manual_trigger_needs_neither_resource_nor_credentials(folder: Folder) -> None:
    """A person pastes the URL, so defaults for credentials and resource do not apply."""
    folder.manifest(
        "graph: G\ntriggers:\n"
        "- {provider: forge, type: repo, manual: true, name: one, events: [push]}\n"
        "- {provider: forge, type: repo, manual: true, resource: A/b, credentials: main, events: [push]}\n"
        "- {provider: paper, events: [sent]}\n"
        "- {provider: paper, name: two, manual: true, events: [sent]}\n"
    )
    told = [(item.manual, item.name, item.canonical, item.credentials) for item in folder.compile().triggers]
    assert told == [
        (True, "one", "", ""),
        (True, "", "a/b", "main"),
        (True, "", "", ""),
        (True, "two", "", ""),
    ]


def test_a_secret_that_would_refuse_every_delivery_is_refused(folder: Folder) -> None:
    """With what is wrong about it, and where it is referred to; the secret is never told."""
    folder.environment["SIGNING"] = "canary"
    folder.manifest("graph: G\ntriggers: [{provider: paper, name: n, events: [sent], secret: env/SIGNING}]\n")

    judged = folder.judged(lambda provider, secret: f"is no key of {provider}'s" if secret.reveal() == "canary" else "")

    (told,) = map(str, judged.problems)
    assert told == "webhooks/a.yaml:2:63: triggers[0].secret: env/SIGNING is no key of paper's"
    assert judged.triggers == ()


def test_a_vendors_secret_is_resolved_and_kept_apart(folder: Folder) -> None:
    """The trigger carries a fingerprint; the secret itself is found under its reference."""
    folder.environment = {"SIGNING": "canary"}
    folder.manifest("graph: G\ntriggers: [{provider: paper, name: n, events: [sent], secret: env/SIGNING}]\n")
    loaded = folder.compile()
    assert loaded.triggers[0].secret == "digest of 6"
    assert loaded.secrets == {"env/SIGNING": Secret("canary")}
    assert "canary" not in repr(loaded)


def test_documents_of_one_subscriber_merge(folder: Folder) -> None:
    """Several documents and files may declare triggers of one graph; empty ones are fine."""
    trigger = "{provider: forge, type: org, resource: acme, events: [%s]}"
    folder.manifest(f"graph: G\ntriggers: [{trigger % 'push'}]\n---\ngraph: G\ntriggers: [{trigger % 'issues'}]\n")
    folder.manifest("graph: G\ntriggers: []\n", "webhooks/b.yaml")
    loaded = folder.compile()
    assert [(item.subscriber, sorted(item.events)) for item in loaded.triggers] == [(G, ["push"]), (G, ["issues"])]
    assert loaded.files == ("webhooks/a.yaml", "webhooks/b.yaml")


def test_no_manifests_are_no_problem(folder: Folder) -> None:
    """An empty folder is an empty wish; a guard looks after it."""
    assert folder.compile().triggers == ()


def test_a_project_in_its_manifest_folder_is_not_read_as_a_manifest(folder: Folder) -> None:
    """`manifests: [.]` leaves the project files out."""
    folder.write("reconciler.yaml", PROJECT.replace("[webhooks]", "[.]"))
    folder.manifest("graph: G\ntriggers: []\n")
    assert folder.compile().files == ("webhooks/a.yaml",)


def test_an_api_host_of_the_definition_or_of_the_operator_is_allowed(folder: Folder) -> None:
    """Credentials may go where the definition or RECONCILER_ALLOWED_HOSTS says."""
    for name, url in (("eu", "https://eu.forge.dev/v1"), ("own", "https://own.dev"), ("loop", "http://127.0.0.1:1/x")):
        entry = f"version: 1\nscope: s\nmanifests: []\ncredentials: {{{name}: {{provider: forge, api_url: '{url}'}}}}\n"
        folder.write("reconciler.yaml", entry)
        folder.environment = {"RECONCILER_ALLOWED_HOSTS": "own.dev"}
        assert folder.compile({"forge": {"eu.forge.dev"}}).triggers == ()
