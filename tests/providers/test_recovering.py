"""A vendor's log of deliveries is read, and asked, as its definition says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from reconciler.core.errors import ErrorKind, TerminalError
from reconciler.core.model import RecoveryWay
from reconciler.core.ports import Missed, Recovering
from reconciler.providers.definition import definition
from reconciler.providers.http import HttpProvider
from tests.providers.support import NOW, Script, changed, provider, reply, target, values

DAY = 24 * 3600.0
SINCE = NOW - DAY
TRY = {
    "id": 42,
    "guid": "58474f00-b361-11eb-836d-0e4f3503ccbe",
    "delivered_at": "2026-09-21T13:00:00Z",
    "redelivery": False,
    "status": "failed to connect",
    "status_code": 502,
    "event": "issues",
    "action": "opened",
}
EVENT = {"id": "evt_1", "object": "event", "created": 1_789_990_000, "type": "charge.succeeded", "data": {"n": "ü"}}
ENTRY = {
    "id": 7,
    "url": "https://hooks.acme.dev/webhooks/gitlab/1",
    "request_headers": {"Idempotency-Key": "k1", "X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": "[REDACTED]"},
    "request_data": {"object_kind": "push"},
    "response_status": "internal error",
}


async def test_github_tells_each_try_with_its_time_and_its_finer_event() -> None:
    """The list is asked a hundred at a time; a try that is not OK is told as not delivered."""
    github, script = provider("github", reply([TRY, {**TRY, "id": 43, "status": "OK", "action": None}]))

    missed = await github.missed(target("github", "repo"), "5", SINCE)

    assert script.call.url == "https://api.github.com/repos/Acme/api/hooks/5/deliveries?per_page=100"
    failed = Missed(
        id="42",
        provider_delivery_id="58474f00-b361-11eb-836d-0e4f3503ccbe",
        at=1_789_995_600.0,
        event="issues.opened",
        delivered=False,
    )
    assert missed[0] == failed
    assert (missed[1].event, missed[1].delivered) == ("issues", True)


async def test_a_log_that_is_told_newest_first_is_read_no_further_than_needed() -> None:
    """The first page that reaches back before the time is the last; what is older is left out."""
    old = {**TRY, "id": 41, "delivered_at": "2026-09-19T13:00:00Z"}
    link = '<https://api.github.com/repos/Acme/api/hooks/5/deliveries?cursor=v1_1>; rel="next"'
    github, script = provider("github", reply([TRY], link=link), reply([{**TRY, "id": 40}, old], link=link + "x"))

    missed = await github.missed(target("github", "repo"), "5", SINCE)

    assert [item.id for item in missed] == ["42", "40"]
    assert len(script.calls) == 2


async def test_a_row_that_moved_to_the_next_page_counts_once() -> None:
    """A log grows at its beginning while it is read."""
    link = '<https://api.github.com/repos/Acme/api/hooks/5/deliveries?cursor=v1_1>; rel="next"'
    github, _ = provider("github", reply([TRY], link=link), reply([TRY]))

    assert len(await github.missed(target("github", "repo"), "5", SINCE)) == 1


async def test_github_is_asked_to_send_again() -> None:
    """A redelivery is a POST to the attempts of one try; anything but 202 is no success."""
    github, script = provider("github", reply({}, 202), reply({}, 200))

    await github.redeliver(target("github", "org"), "5", "42")

    assert script.call.method == "POST"
    assert script.call.url == "https://api.github.com/orgs/acme/hooks/5/deliveries/42/attempts"
    with pytest.raises(TerminalError, match="unexpected status 200"):
        await github.redeliver(target("github", "org"), "5", "42")


async def test_stripe_is_asked_for_events_that_some_endpoint_did_not_get() -> None:
    """Since a time in whole seconds; whether it was our endpoint, the list does not tell."""
    stripe, script = provider("stripe", reply({"data": [EVENT], "has_more": False}))

    missed = await stripe.missed(target("stripe", "account"), "we_1", SINCE)

    url = "https://api.stripe.com/v1/events?delivery_success=false&created%5Bgte%5D=1789913600&limit=100"
    assert script.call.url == url
    assert missed == (
        Missed(id="evt_1", provider_delivery_id="evt_1", at=1_789_990_000.0, event="charge.succeeded", delivered=None),
    )


async def test_a_stripe_event_is_rebuilt_as_it_would_have_been_delivered() -> None:
    """The event that the API tells is the body of the delivery."""
    stripe, script = provider("stripe", reply(EVENT))

    rebuilt = await stripe.fetch(target("stripe", "account"), "we_1", "evt_1")

    assert script.call.url == "https://api.stripe.com/v1/events/evt_1"
    assert json.loads(rebuilt.body) == EVENT
    assert "ü".encode() in rebuilt.body
    assert rebuilt.headers == (("Content-Type", "application/json; charset=utf-8"),)


async def test_gitlab_rows_hold_the_delivery() -> None:
    """Event names are translated, and the delivery is rebuilt from the row: nothing further is asked."""
    gitlab, script = provider("gitlab", reply([ENTRY]))

    (missed,) = await gitlab.missed(target("gitlab", "project"), "5", SINCE)

    assert script.call.url == "https://gitlab.com/api/v4/projects/acme%2Ftools%2Fapi/hooks/5/events?per_page=20"
    assert (missed.provider_delivery_id, missed.event, missed.at) == ("k1", "push_events", None)
    assert (missed.delivered, missed.url) == (False, ENTRY["url"])
    assert missed.held is not None
    assert missed.held.body == b'{"object_kind":"push"}'
    assert dict(missed.held.headers) == ENTRY["request_headers"]
    assert "push" not in repr(missed.held)


async def test_a_delivery_that_gitlab_did_not_keep_is_gone() -> None:
    """The log leaves out what was too large: such a row holds nothing, and nobody can tell it."""
    gitlab, _ = provider("gitlab", reply([{**ENTRY, "request_data": {"oversize": True}}]))

    (missed,) = await gitlab.missed(target("gitlab", "project"), "5", SINCE)

    assert missed.held is None
    with pytest.raises(TerminalError, match="does not tell any more what the delivery 7 held") as caught:
        await gitlab.fetch(target("gitlab", "project"), "5", missed.id)
    assert caught.value.kind is ErrorKind.NOT_FOUND


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({**TRY, "id": None}, "no usable id at `id`"),
        ({**TRY, "delivered_at": "yesterday"}, "`delivered_at` is not a time"),
        ({**TRY, "delivered_at": 10**400}, "`delivered_at` is not a time"),
        ({**TRY, "delivered_at": True}, "`delivered_at` is not text"),
        ({**TRY, "event": 5, "action": None}, "is not text"),
        ({**TRY, "guid": []}, "no usable id at `guid`"),
    ],
)
async def test_rows_of_another_shape_are_bad_answers(row: Any, words: str) -> None:
    """What cannot be understood is told with its place, never guessed."""
    github, _ = provider("github", reply([row]))

    with pytest.raises(TerminalError, match=words) as caught:
        await github.missed(target("github", "repo"), "5", SINCE)
    assert caught.value.kind is ErrorKind.BAD_ANSWER


async def test_what_a_row_does_not_tell_is_left_open() -> None:
    """No time and no id: the try is told without them. A time without an offset is UTC."""
    github, _ = provider(
        "github",
        reply([{**TRY, "delivered_at": None, "guid": None}, {**TRY, "id": 1, "delivered_at": "2026-09-21T13:00:00"}]),
    )

    first, second = await github.missed(target("github", "repo"), "5", SINCE)

    assert (first.at, first.provider_delivery_id) == (None, "")
    assert second.at == 1_789_995_600.0


@pytest.mark.parametrize("detail", [{"body": ""}, {"other": 1}, None])
async def test_a_detail_that_holds_no_delivery_is_a_bad_answer(detail: Any) -> None:
    """An answer without the body that the definition leads to is told."""
    changes: dict[Sequence[str | int], Any] = {("recover", "inject", "body"): "body"}
    told = HttpProvider(definition(changed("stripe", changes)), Script(reply(detail)), lambda: NOW)

    with pytest.raises(TerminalError, match="holds no delivery at `body`"):
        await told.fetch(target("stripe", "account"), "we_1", "evt_1")


async def test_a_body_that_is_text_is_taken_as_it_stands_with_the_headers_that_are_told() -> None:
    """A log may tell the very bytes that were sent."""
    changes: dict[Sequence[str | int], Any] = {
        ("recover", "inject", "body"): "body",
        ("recover", "inject", "headers_at"): "headers",
    }
    answers = [reply({"body": '{ "a":1 }', "headers": {"X-Event": "e"}}), reply({"body": "x", "headers": {"X": 1}})]
    told = HttpProvider(definition(changed("stripe", changes)), Script(*answers), lambda: NOW)

    rebuilt = await told.fetch(target("stripe", "account"), "we_1", "evt_1")

    assert rebuilt.body == b'{ "a":1 }'
    assert dict(rebuilt.headers)["X-Event"] == "e"
    with pytest.raises(TerminalError, match="holds no headers at `headers`"):
        await told.fetch(target("stripe", "account"), "we_1", "evt_1")


async def test_what_a_vendor_cannot_do_is_refused_without_a_call() -> None:
    """GitHub tells nothing to be injected, Stripe sends nothing again, and most keep no log at all."""
    github, asked = provider("github")
    with pytest.raises(TerminalError, match="cannot fetch a delivery") as caught:
        await github.fetch(target("github", "repo"), "5", "42")
    assert caught.value.kind is ErrorKind.UNSUPPORTED

    stripe, _ = provider("stripe")
    with pytest.raises(TerminalError, match="has no such call"):
        await stripe.redeliver(target("stripe", "account"), "we_1", "evt_1")

    telegram, _ = provider("telegram")
    with pytest.raises(TerminalError, match="cannot list the deliveries"):
        await telegram.missed(target("telegram", "bot"), "slot", SINCE)
    with pytest.raises(TerminalError, match="cannot list the deliveries"):
        await github.missed(target("github", "gone", "acme/api"), "5", SINCE)
    assert asked.calls == []


async def test_nothing_is_asked_without_an_id() -> None:
    """An empty id would lead to the log of another webhook, or none."""
    github, _ = provider("github")
    with pytest.raises(TerminalError, match="its id at the provider is empty"):
        await github.missed(target("github", "repo"), "", SINCE)
    with pytest.raises(TerminalError, match="cannot be a part of a path"):
        await github.redeliver(target("github", "repo"), "5", "")


def test_the_traits_tell_how_deliveries_are_recovered() -> None:
    """Core and engine learn the way, the horizon, and which webhooks the log does not cover."""
    github, _ = provider("github")
    stripe, _ = provider("stripe")
    telegram, _ = provider("telegram")

    assert isinstance(github, Recovering)
    found = github.traits.types["org"].recovery
    assert (found.way, found.horizon) == (RecoveryWay.REDELIVER, 3 * DAY)
    found = stripe.traits.types["account"].recovery
    assert (found.way, found.horizon, dict(found.options)) == (
        RecoveryWay.INJECT,
        30 * DAY,
        {"connect": False, "api_version": None},
    )
    assert telegram.traits.types["bot"].recovery.way is RecoveryWay.NONE


def test_a_type_may_have_a_log_of_its_own() -> None:
    """What a type says replaces what the provider says."""
    document = values("github")
    document["types"]["org"]["recover"] = {**document["recover"], "horizon": 7200}
    kinds = HttpProvider(definition(document), Script()).traits.types

    assert (kinds["repo"].recovery.horizon, kinds["org"].recovery.horizon) == (3 * DAY, 7200.0)


def refusals(name: str, changes: dict[Sequence[str | int], Any]) -> list[tuple[tuple[Any, ...], str]]:
    """Why a changed definition is refused."""
    with pytest.raises(ValidationError) as caught:
        definition(changed(name, changes))
    return [(tuple(error["loc"]), error["msg"]) for error in caught.value.errors()]


@pytest.mark.parametrize(
    ("name", "changes", "where", "words"),
    [
        ("github", {("recover", "redeliver"): ...}, ("recover",), "give one of `redeliver` and `inject`"),
        ("github", {("recover", "inject"): {"body": "@"}}, ("recover",), "give one of `redeliver` and `inject`"),
        ("github", {("recover", "detail"): {"method": "GET", "path": "/x"}}, ("recover",), "`detail` is for `inject`"),
        ("github", {("recover", "row", "at"): ...}, ("recover",), "`newest_first` needs the time `at`"),
        ("github", {("recover", "horizon"): 60}, ("recover", "horizon"), "greater than or equal to 3600"),
        ("github", {("recover", "row", "id"): "]"}, ("recover", "row", "id"), "not a JMESPath expression"),
        (
            "github",
            {("recover", "list", "path"): "/x/${delivery}"},
            ("recover", "list", "path"),
            "nothing fills ${delivery}",
        ),
        (
            "stripe",
            {("recover", "detail", "query"): {"after": "${since}"}},
            ("recover", "detail", "query"),
            "nothing fills ${since}",
        ),
        ("stripe", {("recover", "options"): {"conect": False}}, ("recover", "options", "conect"), "is no option"),
        ("stripe", {("pagination",): ...}, ("recover",), "the log needs `pagination`"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    name: str, changes: dict[Sequence[str | int], Any], where: tuple[str, ...], words: str
) -> None:
    """Each with its place in the document."""
    found = refusals(name, changes)

    assert any(place == where and words in message for place, message in found), found


def test_a_provider_that_nothing_is_registered_at_keeps_no_log_of_ours() -> None:
    """`recover` belongs to webhooks that we register."""
    found = refusals("slack", {("recover",): values("github")["recover"]})

    assert any("registered at" in message for _, message in found)


def test_a_log_in_a_body_may_have_pages_of_its_own() -> None:
    """`pagination` of `recover` goes before the provider's, and a call may have a body."""
    changes: dict[Sequence[str | int], Any] = {
        ("recover", "pagination"): {"kind": "none", "rows": "items"},
        ("recover", "list"): {
            "method": "POST",
            "path": "/search",
            "body": {"fields": {"since": "${since}", "bad": "${delivery}"}},
        },
    }

    assert refusals("github", changes)[0][0] == ("recover", "list", "body", "fields")
