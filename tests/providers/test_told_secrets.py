"""Secrets that a vendor has and tells when it is asked, and filters as objects: SendGrid's calls and Asana's."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from reconciler.core.errors import ErrorKind, RetryableError, TerminalError
from reconciler.core.model import Secret
from reconciler.core.ports import Answer
from tests.providers.support import URL, provider, registration, reply, target

SETTINGS = "https://api.sendgrid.com/v3/user/webhooks/event/settings"
PLACE = target("sendgrid", "account")
WANTED = replace(registration("bounce"), secret=None)
KEY = {"id": "w1", "public_key": "MFkw"}


async def test_the_key_is_asked_for_after_a_create_and_an_update() -> None:
    """By the call that switches signatures on, for the webhook that was just made or changed."""
    engine, script = provider("sendgrid", reply({"id": "w1"}, 201), reply(KEY), reply({"id": "w1"}), reply(KEY))

    assert await engine.create(PLACE, WANTED) == Answer(remote_id="w1", secret=Secret("MFkw"))
    assert await engine.update(PLACE, "w1", WANTED) == Answer(remote_id="w1", secret=Secret("MFkw"))

    assert [(call.method, call.url) for call in script.calls] == [
        ("POST", SETTINGS),
        ("PATCH", f"{SETTINGS}/signed/w1"),
        ("PATCH", f"{SETTINGS}/w1"),
        ("PATCH", f"{SETTINGS}/signed/w1"),
    ]
    created, signed = (json.loads(call.body) for call in script.calls[:2])
    assert (created["url"], created["bounce"], created["open"], created["enabled"]) == (URL, True, False, True)
    assert signed == {"enabled": True}


@pytest.mark.parametrize(("status", "throttled"), [(500, False), (429, True)])
async def test_a_key_that_cannot_be_had_now_leaves_a_doubt(status: int, throttled: bool) -> None:
    """The webhook is there: before another create it must be looked for, whatever the reason was."""
    engine, _ = provider("sendgrid", reply({"id": "w1"}, 201), reply({"errors": []}, status))

    with pytest.raises(RetryableError) as caught:
        await engine.create(PLACE, WANTED)

    assert (caught.value.uncertain, caught.value.throttled) == (True, throttled)
    assert "ask for the signing secret" in str(caught.value)


async def test_an_answer_without_a_key_is_a_bad_one() -> None:
    """An empty text is what the vendor tells where signatures are off."""
    engine, _ = provider("sendgrid", reply({"id": "w1"}, 201), reply({"id": "w1", "public_key": ""}))

    with pytest.raises(TerminalError, match="deliveries could not be verified") as caught:
        await engine.create(PLACE, WANTED)

    assert caught.value.kind is ErrorKind.BAD_ANSWER


async def test_a_webhook_without_signatures_counts_as_inactive() -> None:
    """Somebody switched them off: an update switches them on, and tells the key. An empty row is no webhook."""
    rows = [
        {"id": "w1", "url": URL, "enabled": True, "bounce": True, "public_key": "MFkw"},
        {"id": "w2", "url": URL, "enabled": True, "bounce": True},
        {"id": "w3", "url": URL, "enabled": False, "bounce": True, "public_key": "MFkw"},
        {},
    ]
    engine, _ = provider("sendgrid", reply({"max_allowed": 5, "webhooks": rows}))

    found = await engine.list(PLACE)

    assert [(item.remote_id, item.active, item.health) for item in found] == [
        ("w1", True, ""),
        ("w2", False, "its deliveries are not signed"),
        ("w3", False, ""),
    ]
    assert "secret" in engine.traits.types["account"].updatable


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (
            {"errors": [{"id": "w", "message": f"Webhook at '{URL}' already exists.", "url": URL}]},
            ErrorKind.EXISTS,
        ),
        ({"errors": [{"message": "You have reached the maximum number of webhooks per your plan."}]}, ErrorKind.LIMIT),
        ({"errors": [{"message": "'x' is not a valid url"}]}, ErrorKind.INVALID),
    ],
)
async def test_sendgrid_s_refusals_are_told_apart(body: object, kind: ErrorKind) -> None:
    """All have the status 400; the vendor's own words say which it is."""
    engine, _ = provider("sendgrid", reply(body, 400))

    with pytest.raises(TerminalError) as caught:
        await engine.create(PLACE, WANTED)

    assert caught.value.kind is kind


async def test_asana_is_asked_with_filters_in_one_workspace() -> None:
    """The workspace is for the list alone; a create names the resource, and an update nothing but the filters."""
    place, wanted = target("asana", "resource"), replace(registration("task.changed", "task.added"), secret=None)
    row = {"gid": "9", "target": URL, "filters": [{"resource_type": "task", "action": "added", "fields": ["name"]}]}
    engine, script = provider(
        "asana",
        reply({"data": {"gid": "9", "active": False}}, 201),
        reply({"data": {"gid": "9"}}),
        reply({"data": [row], "next_page": {"offset": "o1"}}),
        reply({"data": [], "next_page": None}),
    )

    assert await engine.create(place, wanted) == Answer(remote_id="9")
    assert await engine.update(place, "9", wanted) == Answer(remote_id="9")
    (found,) = await engine.list(place)

    filters = [{"resource_type": "task", "action": "added"}, {"resource_type": "task", "action": "changed"}]
    bodies = [json.loads(call.body) for call in script.calls[:2]]
    assert bodies == [
        {"data": {"resource": "51648", "target": URL, "filters": filters}},
        {"data": {"filters": filters}},
    ]
    assert "workspace=1331&resource=51648&limit=100" in script.calls[2].url
    assert script.calls[3].url.endswith("&offset=o1")
    assert (found.remote_id, found.events, found.active) == ("9", {"task.added (fields)"}, None)
