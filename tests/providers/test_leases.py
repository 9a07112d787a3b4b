"""Webhooks that end by themselves: the end that is asked for, the one that is told, and definitions that fit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from reconciler.core.errors import ErrorKind, RetryableError, TerminalError
from reconciler.providers.answers import Context
from reconciler.providers.blocks.calls import Errors
from reconciler.providers.blocks.resources import Lease
from reconciler.providers.definition import definition
from reconciler.providers.http import HttpProvider
from reconciler.providers.leases import lease_end, told_end
from reconciler.providers.transport import TransportError
from tests.providers.support import NOW, SECRET, URL, Script, changed, provider, registration, reply, shipped, target

CONTEXT = Context(task="renew it", errors=Errors())
WEEK = Lease(expires="end", renew_before=3600, length=604_800)
END = 1_790_604_800.0
ENDS = "2026-09-28T14:13:20Z"


def test_the_end_that_is_asked_for() -> None:
    """The length of the lease after now, in UTC; nothing where the vendor decides."""
    assert lease_end(WEEK, NOW) == ENDS
    assert datetime.fromtimestamp(END, UTC).isoformat() == "2026-09-28T14:13:20+00:00"
    assert lease_end(Lease(expires="end", renew_before=3600), NOW) is None


@pytest.mark.parametrize(
    "text",
    [
        ENDS,
        "2026-09-28T14:13:20.0000000Z",
        "2026-09-28T14:13:20.000Z",
        "2026-09-28T16:13:20+02:00",
        "2026-09-28T14:13:20",
    ],
)
def test_the_end_that_is_told(text: str) -> None:
    """ISO 8601 with any fraction and offset; without an offset it is UTC."""
    assert told_end(WEEK, {"end": text}, CONTEXT) == END


@pytest.mark.parametrize("document", [{}, {"end": None}, {"end": ""}, [], None])
def test_what_never_ends_has_no_end(document: Any) -> None:
    """Null or absent is for ever; and without a lease nothing is read."""
    assert told_end(WEEK, document, CONTEXT) is None
    assert told_end(None, {"end": 7}, CONTEXT) is None


@pytest.mark.parametrize("end", ["soon", "2026-13-01", 1_790_604_800, True, ["2026"], "9999-12-31T23:59:59-23:59"])
def test_an_end_that_is_no_time_is_a_bad_answer(end: Any) -> None:
    """A webhook whose end is not understood is not taken for one that lives for ever."""
    with pytest.raises(TerminalError) as caught:
        told_end(WEEK, {"end": end}, CONTEXT)
    assert caught.value.kind is ErrorKind.BAD_ANSWER


def test_traits_say_when_to_renew() -> None:
    """Each type by itself; 0 where webhooks do not end."""
    graph = provider("microsoft-graph")[0].traits.types
    assert (graph["teams"].renew_before, graph["outlook"].renew_before) == (1500, 172_800)
    assert provider("airtable")[0].traits.types["base"].renew_before == 172_800
    assert provider("github")[0].traits.types["repo"].renew_before == 0


@pytest.mark.parametrize("name", ["airtable", "microsoft-graph"])
def test_leases_are_renewed_well_before_they_end(name: str) -> None:
    """A fifth of the life or more is left when it is time: a pass that runs seldom, or fails, has room."""
    loaded = shipped(name)
    for kind in loaded.types:
        lease = loaded.lease_of(kind)
        assert lease
        assert lease.renew_before >= (lease.length or 604_800) / 5


def test_a_clock_is_needed_where_a_length_is() -> None:
    """A programmer's mistake, told at once and not at the first create."""
    with pytest.raises(ValueError, match="a clock is needed"):
        HttpProvider(shipped("microsoft-graph"), Script())
    HttpProvider(shipped("airtable"), Script())


# -- the calls ---------------------------------------------------------------------------------------------------------


async def test_airtable_tells_its_secret_and_its_end() -> None:
    """With the create, once; filters that nobody asked for are not sent."""
    answer = {"id": "ach1", "macSecretBase64": "a2V5", "expirationTime": "2026-09-28T14:13:20.000Z"}
    engine, script = provider("airtable", reply(answer))
    made = await engine.create(
        target("airtable", "base"), registration("tableFields", "tableData", change_types=["add"])
    )
    assert script.call.url == "https://api.airtable.com/v0/bases/app00000000000000/webhooks"
    filters = {"dataTypes": ["tableData", "tableFields"], "changeTypes": ["add"]}
    assert script.sent() == {"notificationUrl": URL, "specification": {"options": {"filters": filters}}}
    assert (made.remote_id, made.secret and made.secret.reveal(), made.lease_expires_at) == ("ach1", "a2V5", END)


async def test_airtable_is_refreshed() -> None:
    """A call without a body; the answer tells the new end, or null for a webhook that lives for ever."""
    engine, script = provider("airtable", reply({"expirationTime": ENDS}), reply({"expirationTime": None}))
    place = target("airtable", "base")
    assert (await engine.renew(place, "ach1", registration("tableData"))).lease_expires_at == END
    assert (await engine.renew(place, "ach1", registration("tableData"))).lease_expires_at is None
    assert script.calls[0].url.endswith("/bases/app00000000000000/webhooks/ach1/refresh")
    assert (script.calls[0].method, script.calls[0].body) == ("POST", b"")


async def test_a_graph_subscription_is_made_until_a_time() -> None:
    """As long as Graph grants, less five minutes; several changes in one text."""
    answer = {"id": "7f105c7d", "expirationDateTime": "2026-09-28T14:13:20.0000000Z", "clientState": None}
    engine, script = provider("microsoft-graph", reply(answer, 201))
    made = await engine.create(target("microsoft-graph", "outlook"), registration("updated", "created"))
    assert script.sent() == {
        "changeType": "created,updated",
        "notificationUrl": URL,
        "resource": "me/mailFolders('Inbox')/messages",
        "expirationDateTime": "2026-09-28T14:08:20Z",
        "clientState": SECRET.reveal(),
    }
    assert (made.remote_id, made.lease_expires_at) == ("7f105c7d", END)


async def test_a_graph_subscription_is_renewed_and_moved() -> None:
    """Renewing says the end alone, an update the URL as well: nothing else can be changed."""
    engine, script = provider("microsoft-graph", *[reply({"expirationDateTime": ENDS})] * 2)
    place = target("microsoft-graph", "outlook")
    assert (await engine.renew(place, "7f", registration("created"))).lease_expires_at == END
    assert (await engine.update(place, "7f", registration("created"))).lease_expires_at == END
    assert [(call.method, call.url.rpartition("/")[2]) for call in script.calls] == [("PATCH", "7f")] * 2
    assert b"notificationUrl" not in script.calls[0].body
    assert URL.encode() in script.calls[1].body


async def test_a_list_tells_ends_and_events() -> None:
    """The next page is where the answer says; the text of events is a set again."""
    row = {"id": "1", "notificationUrl": URL, "changeType": "updated, created", "expirationDateTime": ENDS}
    first = {"value": [row], "@odata.nextLink": "https://graph.microsoft.com/v1.0/subscriptions?$skiptoken=x"}
    engine, script = provider("microsoft-graph", reply(first), reply({"value": []}))
    (item,) = await engine.list(target("microsoft-graph", "outlook"))
    assert (item.events, item.lease_expires_at) == ({"created", "updated"}, END)
    assert script.calls[1].url.endswith("?$skiptoken=x")


async def test_a_lost_answer_to_a_renewal_leaves_a_doubt() -> None:
    """It may have been renewed: the error says so, and a renewal may be repeated."""
    engine, _ = provider("airtable", TransportError("reset", sent=True))
    with pytest.raises(RetryableError, match="cannot renew the webhook of airtable/base") as caught:
        await engine.renew(target("airtable", "base"), "ach1", registration("tableData"))
    assert caught.value.uncertain


async def test_what_cannot_be_renewed_says_so() -> None:
    """No call is made."""
    engine, script = provider("github")
    with pytest.raises(TerminalError, match="has no such operation") as caught:
        await engine.renew(target("github", "repo"), "7", registration("push"))
    assert (caught.value.kind, script.calls) == (ErrorKind.UNSUPPORTED, [])


async def test_a_constant_stands_for_an_id() -> None:
    """The answer to the create is not read: not even as JSON."""
    engine, script = provider("slant3d", reply(b"Webhook subscribed!"))
    made = await engine.create(target("slant3d", "orders"), registration("order.shipped"))
    assert (made.remote_id, made.secret, made.lease_expires_at) == ("unnamed", None, None)
    assert (script.call.url, script.sent()) == (
        "https://www.slant3dapi.com/api/customer/webhookSubscribe",
        {"endPoint": URL},
    )
    assert script.call.headers["api-key"] == "token"


# -- what does not fit together ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("airtable", {("lifecycle", "lease"): ...}, "a renewal needs `lifecycle.lease`"),
        ("microsoft-graph", {("types", "drive", "lease", "length"): ...}, "${lease_end} needs the `length`"),
        ("airtable", {("lifecycle", "lease", "length"): 3600}, "`renew_before` must be shorter than `length`"),
        ("airtable", {("lifecycle", "lease", "renew_before"): 0}, "greater than or equal to 60"),
        ("airtable", {("identity", "url"): ...}, "a `list` needs the `url` of each row"),
        ("airtable", {("identity",): {"constant": "one", "url": "u"}}, "a `list` needs the `url` of each row"),
        ("microsoft-graph", {("events", "path"): ...}, "the encoder `csv` needs the `path`"),
        ("slack", {("verify", "message"): "${body}"}, "must hold ${timestamp}"),
        ("stripe", {("verify", "timestamp"): {"header": "X-Time"}}, "the timestamp is in the `list` already"),
        ("airtable", {("verify", "key"): "rot13"}, "Input should be 'text', 'base64' or 'hex'"),
        ("gitlab", {("verify", "body"): {"key": "token"}}, "a token is in a `header`, in the `query` or in the `body`"),
        ("gitlab", {("verify", "header"): ...}, "a token is in a `header`, in the `query` or in the `body`"),
        ("slack", {("handshakes", 0, "echo"): {}}, "give one of `header`, `query` and `body`"),
        ("slack", {("handshakes", 0, "when", "query"): "q"}, "give a `method`, or one of `header`, `query` and `body`"),
        ("slack", {("handshakes", 0, "media_type"): "text/html"}, "Input should be 'text/plain'"),
        ("github", {("operations", "delete", "path"): "/x/${lease_end}"}, "nothing fills ${lease_end} here"),
    ],
)
def test_a_definition_that_could_not_work_is_refused(name: str, changes: Mapping[Any, Any], message: str) -> None:
    """When it is loaded, with the reason."""
    with pytest.raises(ValidationError) as caught:
        definition(changed(name, changes))
    assert any(message in error["msg"] for error in caught.value.errors())
