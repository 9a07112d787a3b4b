"""Objects at a provider, written as a manifest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.model import EventTraits, Observed, SecretOrigin, Subscriber, SubscriberKind
from reconciler.documents.compose import compose
from reconciler.documents.scalars import spelled
from reconciler.manifests.exporting import Export, Found, manifest_of
from tests.support.catalogue import CATALOGUE

URL = "https://ci.acme.dev/in"


def export(provider: str = "acme", **changes: Any) -> Export:
    """An export of `main` at an invented provider, whose options `level` and `note` are strings."""
    kind = CATALOGUE[provider].types["repo"]
    text = {"type": "string", "maxLength": 12}
    schema = {"type": "object", "properties": {"level": text, "note": text, "mode": {}}, "additionalProperties": False}
    traits = replace(CATALOGUE[provider], types={"repo": replace(kind, options_schema=schema, **changes)})
    return Export(
        provider=traits,
        credentials="main",
        subscriber=Subscriber(SubscriberKind.GRAPH, "exported"),
        user="alice",
        default_user="alice",
        schema="../schemas/manifest.schema.json",
    )


def found(remote_id: str = "r1", unrecorded: bool = False, **changes: Any) -> Found:
    """An object on acme/api that is told of `push`."""
    told = {"remote_id": remote_id, "url": URL, "events": frozenset({"push"}), "active": True} | changes
    return Found(type="repo", resource="acme/api", observed=Observed(**told), unrecorded=unrecorded)


def triggers(text: str) -> Any:
    """The triggers of the manifest, which must be one document without a problem."""
    composition = compose(text.encode(), "exported.yaml")
    assert composition.problems == ()
    (document,) = composition.documents
    return document.value["triggers"]


def test_options_are_written_with_their_values() -> None:
    """What is known and not the default; what the definition does not allow is told in a comment instead."""
    options = {"level": "high", "mode": None, "note": "a text that is too long", "other": 1}
    text = manifest_of(export(), [found(options=options)])
    assert triggers(text)[0]["options"] == {"level": "high"}
    assert '# Left out, for no such values are allowed: {"note": "a text that is too long"}\n' in text
    assert "other" not in text


def test_identity_options_make_webhooks_of_their_own() -> None:
    """Objects of one resource that differ in an identity option are triggers side by side, each with its address."""
    text = manifest_of(export(), [found("r1", options={"mode": "a"}), found("r2", options={"mode": "b"})])
    assert [trigger["options"] for trigger in triggers(text)] == [{"mode": "a"}, {"mode": "b"}]
    assert """reconcile adopt 'acme/repo/acme/api@main#{"mode":"a"}' --id r1\n""" in text


def test_an_object_that_is_switched_off_says_so() -> None:
    """It comes after an active one of its resource, with the provider's own word on its health."""
    text = manifest_of(export(), [found("r1", active=False, health="failed too often"), found("r2", active=None)])
    assert text.index("--id r2") < text.index("--id r1")
    assert (
        "Webhook r1 to https://ci.acme.dev/in, switched off (it is switched on when it is adopted) (failed too" in text
    )
    assert "Webhook r2 to https://ci.acme.dev/in:\n" in text


def test_events_that_are_not_told() -> None:
    """Where the provider tells no events and there is one only it is meant; else no trigger can be written."""
    text = manifest_of(export(), [found(events=None)])
    assert triggers(text) == []
    assert "`reconcile providers acme` has their names" in text
    single = export(events=EventTraits(names={"push": ""}))
    assert triggers(manifest_of(single, [found(events=None)]))[0]["events"] == ["push"]


def test_open_events_are_kept() -> None:
    """Where a type takes any event, one that the definition does not list is written as it is."""
    text = manifest_of(export(events=EventTraits(names={}, open=True)), [found(events=frozenset({"new: one", "a"}))])
    assert triggers(text)[0]["events"] == ["a", "new: one"]


@pytest.mark.parametrize(
    ("provider", "changes", "wanted"),
    [
        ("acme", {}, False),
        ("acme", {"updatable": frozenset({"url"})}, True),
        ("once", {}, True),
        ("keyed", {}, False),
    ],
)
def test_a_secret_is_asked_for_where_it_can_neither_be_read_nor_reset(
    provider: str, changes: dict[str, Any], wanted: bool
) -> None:
    """The command names a variable for it."""
    assert (
        f"--secret env/{provider.upper()}_SIGNING_SECRET" in manifest_of(export(provider, **changes), [found()])
    ) is wanted


def test_what_told_its_secret_to_the_receiver_alone_is_exported_without_a_command() -> None:
    """It cannot be adopted, and the comment says what to do; one of ours is made anew by a command."""
    text = manifest_of(export("handed"), [found()])
    assert "reconcile adopt" not in text
    assert "It cannot be adopted: the receiver alone was told its secret." in text
    assert "reconcile adopt --unrecorded" in manifest_of(export("handed"), [replace(found(), unrecorded=True)])


def test_deliveries_without_proof_need_no_secret() -> None:
    """There is none."""
    bare = replace(export(), provider=replace(export().provider, secret_origin=SecretOrigin.NONE))
    assert "--secret" not in manifest_of(bare, [found()])


def test_nothing_that_a_provider_says_leaves_its_comment() -> None:
    """Ids, URLs, events and health with line breaks stay on their line: the manifest holds what was exported alone."""
    hostile = "x\ngraph: evil\ntriggers: []\n---\n\u2028# \x85"
    item = found(hostile, url=f"https://{hostile}", health=hostile, events=frozenset({"push", hostile}))
    text = manifest_of(replace(export(), notes=(hostile,)), [item, replace(item, unrecorded=True)])
    assert [trigger["events"] for trigger in triggers(text)] == [["push"]]
    assert compose(text.encode(), "x").documents[0].value["graph"] == "exported"


@pytest.mark.parametrize(
    "value",
    [
        "plain",
        "a: b",
        "- x",
        "true",
        "1",
        "",
        "*",
        "\u2028",
        "\x7f\x00",
        "\U000e0001",
        "日本 🎉",
        {"a": ["b\n", 1, None]},
        1.5,
    ],
)
def test_a_value_is_spelled_so_that_it_is_read_again(value: Any) -> None:
    """Text stays text, whatever it looks like."""
    assert compose(f"value: {spelled(value)}\n".encode(), "x").documents[0].value == {"value": value}
