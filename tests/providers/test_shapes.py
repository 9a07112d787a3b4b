"""Shapes of the format that one vendor or another forced: what is sent, and what is made of the answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.errors import ErrorKind, RetryableError, TerminalError
from reconciler.core.model import Secret
from reconciler.providers.answers import Context
from reconciler.providers.blocks.calls import Errors
from reconciler.providers.definition import definition
from reconciler.providers.encoding import decode_events, sent_names
from reconciler.providers.http import HttpProvider
from reconciler.providers.transport import Reply
from tests.providers.support import Script, changed, credentials, provider, registration, reply, shipped, target

CONTEXT = Context(task="test", errors=Errors())


def gitea_row(number: int) -> dict[str, Any]:
    """A row of Gitea's list."""
    return {"id": number, "events": ["push"], "active": True, "config": {"url": f"https://a/{number}"}}


def bitbucket_row(number: int) -> dict[str, Any]:
    """A row of Bitbucket's list."""
    return {"uuid": f"{{{number}}}", "url": f"https://a/{number}", "events": ["repo:push"], "active": True}


def linear_page(number: int, after: str | None) -> Reply:
    """A page of the webhooks of a team at Linear."""
    node = {
        "id": f"w{number}",
        "url": f"https://a/{number}",
        "enabled": True,
        "resourceTypes": ["Issue"],
        "label": None,
    }
    info = {"hasNextPage": after is not None, "endCursor": after}
    return reply({"data": {"team": {"webhooks": {"nodes": [node], "pageInfo": info}}}})


def me(user: str = "U1") -> Reply:
    """Calendly's answer to who the token belongs to."""
    root = "https://api.calendly.com"
    return reply({"resource": {"uri": f"{root}/users/{user}", "current_organization": f"{root}/organizations/O1"}})


def subscriptions(*numbers: int, token: str | None = None) -> Reply:
    """A page of Calendly's list."""
    root = "https://api.calendly.com/webhook_subscriptions"
    rows = [
        {"uri": f"{root}/W{n}", "callback_url": f"https://a/{n}", "events": ["invitee.created"], "state": "active"}
        for n in numbers
    ]
    return reply({"collection": rows, "pagination": {"next_page_token": token}})


# -- pages -----------------------------------------------------------------------------------------------------------


async def test_numbered_pages_end_at_the_told_total() -> None:
    """Where a header tells how many rows there are, a short page is not taken for the last, and no empty one asked."""
    engine, script = provider(
        "gitea",
        reply([gitea_row(1), gitea_row(2)], x_total_count="3"),
        reply([gitea_row(3)], x_total_count="3"),
    )

    found = await engine.list(target("gitea", "repo"))

    assert [item.remote_id for item in found] == ["1", "2", "3"]
    root = "https://gitea.com/api/v1/repos/Acme/api/hooks?limit=50"
    assert [call.url for call in script.calls] == [root, f"{root}&page=2"]


@pytest.mark.parametrize("total", ["", "many", "-1"])
async def test_numbered_pages_without_a_total_end_at_an_empty_page(total: str) -> None:
    """A list whose length nobody tells is read until nothing comes."""
    pages = [reply([gitea_row(1)], x_total_count=total), reply([], x_total_count=total)]
    engine, script = provider("gitea", *pages)

    assert len(await engine.list(target("gitea", "repo"))) == 1
    assert len(script.calls) == 2


async def test_a_provider_that_ignores_page_numbers_is_found_out() -> None:
    """The same rows again are not two pages."""
    engine, _ = provider("gitea", reply([gitea_row(1)]), reply([gitea_row(1)]))

    with pytest.raises(TerminalError, match="pages repeat"):
        await engine.list(target("gitea", "repo"))


async def test_the_next_url_is_followed_at_the_same_origin() -> None:
    """Bitbucket tells the whole URL of the next page in the body."""
    following = "https://api.bitbucket.org/2.0/repositories/acme/api/hooks?pagelen=100&page=2"
    engine, script = provider(
        "bitbucket",
        reply({"values": [bitbucket_row(1)], "next": following}),
        reply({"values": [bitbucket_row(2)]}),
    )

    found = await engine.list(target("bitbucket", "repository"))

    assert [item.remote_id for item in found] == ["{1}", "{2}"]
    assert script.calls[1].url == following
    assert script.calls[1].headers["Authorization"] == "Bearer token"


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        ("https://evil.example/2.0/hooks", "at another origin"),
        ("https://[bad/hooks", "malformed"),
        (7, "is not the URL of a page"),
        ("?pagelen=100", "pages repeat"),
    ],
)
async def test_a_next_url_that_leads_elsewhere_is_refused(link: Any, reason: str) -> None:
    """Credentials go nowhere else, and a circle is not walked."""
    engine, _ = provider("bitbucket", reply({"values": [bitbucket_row(1)], "next": link}))

    with pytest.raises(TerminalError, match=reason) as caught:
        await engine.list(target("bitbucket", "repository"))
    assert caught.value.kind is ErrorKind.BAD_ANSWER


async def test_a_cursor_alone_says_that_there_is_more() -> None:
    """Without `more`, pages go on as long as there is a cursor."""
    engine, script = provider("calendly", me(), subscriptions(1, token="t/2"), subscriptions(2))

    found = await engine.list(target("calendly", "user"))

    assert [item.remote_id for item in found] == ["W1", "W2"]
    assert script.calls[2].url.endswith("&page_token=t%2F2")


# -- graphql ---------------------------------------------------------------------------------------------------------


async def test_a_cursor_of_graphql_is_a_variable() -> None:
    """The query stays as it is; the next page is asked for in its variables."""
    engine, script = provider("linear", linear_page(1, "c1"), linear_page(2, None))

    found = await engine.list(target("linear", "team"))

    team = target("linear", "team").resource
    assert [item.remote_id for item in found] == ["w1", "w2"]
    assert [json.loads(call.body)["variables"] for call in script.calls] == [
        {"team": team},
        {"team": team, "after": "c1"},
    ]
    assert len({json.loads(call.body)["query"] for call in script.calls}) == 1


async def test_a_graphql_page_that_repeats_is_refused() -> None:
    """All pages have one URL, so the body counts as well."""
    engine, _ = provider("linear", linear_page(1, "c1"), linear_page(2, "c1"))

    with pytest.raises(TerminalError, match="pages repeat"):
        await engine.list(target("linear", "team"))


async def test_a_graphql_create_sends_query_and_variables() -> None:
    """Values stand in the variables with their types, never in the query; the key stands bare."""
    engine, script = provider("linear", reply({"data": {"webhookCreate": {"success": True, "webhook": {"id": "w1"}}}}))

    answer = await engine.create(target("linear", "team"), registration("Issue", "Comment"))

    sent = script.sent()
    assert answer.remote_id == "w1"
    assert sent["variables"]["input"] == {
        "teamId": target("linear", "team").resource,
        "url": registration().url,
        "resourceTypes": ["Comment", "Issue"],
        "secret": "5ec4e7" * 10,
        "enabled": True,
    }
    assert "$input" in sent["query"]
    assert registration().url not in sent["query"]
    assert script.call.headers["Authorization"] == "token"
    assert script.call.headers["Content-Type"] == "application/json"


def failure(**extensions: Any) -> Reply:
    """An error of Linear, told with status 200."""
    return reply({"data": None, "errors": [{"message": "no", "extensions": extensions}]})


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (failure(type="authentication error"), ErrorKind.AUTH),
        (failure(code="AUTHENTICATION_ERROR"), ErrorKind.AUTH),
        (failure(type="forbidden"), ErrorKind.FORBIDDEN),
        (failure(type="usage limit exceeded"), ErrorKind.LIMIT),
        (failure(type="invalid input"), ErrorKind.INVALID),
        (
            reply({"data": {"webhookDelete": None}, "errors": [{"message": "Entity not found: Webhook"}]}),
            ErrorKind.NOT_FOUND,
        ),
        (reply({"data": {"webhookDelete": {"success": False}}}), ErrorKind.INVALID),
        (reply({"data": None}), ErrorKind.INVALID),
    ],
)
async def test_an_error_told_in_a_success_is_an_error(answer: Reply, kind: ErrorKind) -> None:
    """A status of 200 is not believed where the answer says otherwise."""
    engine, _ = provider("linear", answer)

    with pytest.raises(TerminalError) as caught:
        await engine.delete(target("linear", "team"), "w1")
    assert caught.value.kind is kind


@pytest.mark.parametrize("kind", ["ratelimited", "internal error", "lock timeout"])
async def test_a_retryable_error_told_in_a_success_leaves_a_doubt(kind: str) -> None:
    """Whether the webhook was made before the error is not known, so it is looked for before it is made again."""
    engine, _ = provider("linear", failure(type=kind))

    with pytest.raises(RetryableError) as caught:
        await engine.create(target("linear", "team"), registration("Issue"))
    assert caught.value.uncertain


# -- lookups ---------------------------------------------------------------------------------------------------------


async def test_a_lookup_is_made_once_per_credentials() -> None:
    """What a token belongs to is asked before the first call that needs it, and not again."""
    made = reply({"resource": {"uri": "https://api.calendly.com/webhook_subscriptions/W9"}}, 201)
    engine, script = provider("calendly", me(), subscriptions(), made, me("U2"), subscriptions())
    place = target("calendly", "user")
    other = replace(place, credentials=replace(credentials("calendly", token="other"), name="other"))

    await engine.list(place)
    answer = await engine.create(place, registration("invitee.created"))
    await engine.list(other)

    assert [call.url.removeprefix("https://api.calendly.com").partition("?")[0] for call in script.calls] == [
        "/users/me",
        "/webhook_subscriptions",
        "/webhook_subscriptions",
        "/users/me",
        "/webhook_subscriptions",
    ]
    assert answer.remote_id == "W9"
    assert "user=https%3A%2F%2Fapi.calendly.com%2Fusers%2FU1" in script.calls[1].url
    assert json.loads(script.calls[2].body)["organization"] == "https://api.calendly.com/organizations/O1"
    assert script.calls[3].headers["Authorization"] == "Bearer other"


async def test_a_call_that_needs_no_lookup_makes_none() -> None:
    """A delete goes by the id alone."""
    engine, script = provider("calendly", reply(None, 204))

    await engine.delete(target("calendly", "user"), "W1")

    assert script.call.url == "https://api.calendly.com/webhook_subscriptions/W1"


async def test_a_failed_lookup_is_told_and_tried_again() -> None:
    """The call fails as the lookup did, and nothing is remembered of it."""
    engine, _ = provider("calendly", reply({"message": "token nope"}, 401), me(), subscriptions(3))
    place = target("calendly", "user")

    with pytest.raises(TerminalError, match="cannot list the webhooks of calendly/user/self") as caught:
        await engine.list(place)

    assert caught.value.kind is ErrorKind.AUTH
    assert "token" not in str(caught.value)
    assert len(await engine.list(place)) == 1


@pytest.mark.parametrize("resource", [{}, {"uri": ""}, {"uri": 7}, {"uri": None, "current_organization": "o"}])
async def test_a_lookup_without_its_value_is_a_bad_answer(resource: Mapping[str, Any]) -> None:
    """Nothing is asked for with half an address."""
    engine, script = provider("calendly", reply({"resource": resource}))

    with pytest.raises(TerminalError) as caught:
        await engine.list(target("calendly", "user"))
    assert caught.value.kind is ErrorKind.BAD_ANSWER
    assert len(script.calls) == 1


# -- addresses, ids, credentials -------------------------------------------------------------------------------------


@pytest.mark.parametrize("told", ["", 7, "https://api.calendly.com/", "https://api.calendly.com", "https://[x"])
async def test_a_uri_without_an_id_is_a_bad_answer(told: Any) -> None:
    """Where the id is the last part of a URI, it must have one."""
    engine, _ = provider("calendly", me(), reply({"resource": {"uri": told}}, 201))

    if told == 7:
        assert (await engine.create(target("calendly", "user"), registration("invitee.created"))).remote_id == "7"
        return
    with pytest.raises(TerminalError) as caught:
        await engine.create(target("calendly", "user"), registration("invitee.created"))
    assert caught.value.kind is ErrorKind.BAD_ANSWER


async def test_a_tag_of_ours_addresses_a_webhook_from_its_creation_on() -> None:
    """The same request makes the webhook or changes it: a lost answer leaves no twin."""
    row = {"tag": "6f1c1a52", "url": registration().url, "enabled": True, "verify_ssl": True}
    engine, script = provider("typeform", reply(row), reply(row))
    place = target("typeform", "form")

    answer = await engine.create(place, registration("form_response", verify_ssl=True))
    await engine.update(place, answer.remote_id, registration("form_response", verify_ssl=True))

    first, second = script.calls
    assert (first.method, first.url) == ("PUT", "https://api.typeform.com/forms/u6nXL7/webhooks/6f1c1a52")
    assert (first.url, first.body) == (second.url, second.body)
    assert json.loads(first.body)["event_types"] == {"form_response": True, "form_response_partial": False}


async def test_the_parts_of_a_resource_go_where_they_belong() -> None:
    """`team/project` is a query parameter and a field of the body."""
    engine, script = provider("vercel", reply({"id": "h1", "secret": "s3cret"}), reply([]), reply(None, 204))
    place = target("vercel", "project")

    answer = await engine.create(place, registration("deployment.created"))
    await engine.list(place)
    await engine.delete(place, answer.remote_id)

    made, listed, gone = script.calls
    project = "prj_12HKQaOmR5t5Uy6vdcQsNIiZgHGB"
    assert made.url == "https://api.vercel.com/v1/webhooks?teamId=team_acme"
    assert json.loads(made.body)["projectIds"] == [project]
    assert listed.url == f"https://api.vercel.com/v1/webhooks?teamId=team_acme&projectId={project}"
    assert gone.url == "https://api.vercel.com/v1/webhooks/h1?teamId=team_acme"
    assert answer.secret == Secret("s3cret")


async def test_a_resource_without_all_its_parts_is_refused() -> None:
    """Nothing is called with a part missing."""
    engine, script = provider("vercel")

    with pytest.raises(TerminalError, match=r"resource\.project"):
        await engine.list(replace(target("vercel", "project"), resource="team_acme"))
    assert script.calls == []


async def test_a_prefix_stands_before_the_credentials() -> None:
    """Gitea wants its tokens after a word of its own."""
    engine, script = provider("gitea", reply([]))

    await engine.list(target("gitea", "org"))

    assert script.call.headers["Authorization"] == "token token"


# -- events ----------------------------------------------------------------------------------------------------------


def test_a_group_is_sent_as_its_parts() -> None:
    """`issues` is what is delivered as issues, and not the comments that Gitea would add to it."""
    assert sent_names(shipped("gitea").events, {"issues", "push"}) == {
        "issues_only",
        "issue_assign",
        "issue_label",
        "issue_milestone",
        "push",
    }


@pytest.mark.parametrize(
    ("told", "events"),
    [
        (["push", "issues", "issue_assign", "issue_label", "issue_milestone"], {"push", "issues"}),
        (["issues", "issue_assign"], {"issues_only", "issue_assign"}),
        (["pull_request_review_approved", "pull_request_review_rejected"], {"pull_request_review"}),
        (["pull_request_comment", "pull_request_review_comment"], {"pull_request_comment"}),
        (["pull_request_review"], {"pull_request_review"}),
        ([], set()),
    ],
)
def test_a_group_is_read_back_where_it_is_whole(told: list[str], events: set[str]) -> None:
    """Parts of a group that is not whole stay what they are, so that the difference is seen."""
    gitea = shipped("gitea")

    assert decode_events(gitea.events, gitea.events_of("repo"), {"events": told}, CONTEXT) == events


def test_flags_may_stand_below_a_key() -> None:
    """Typeform holds its flags in an object of their own; a row without it tells nothing."""
    typeform = shipped("typeform")
    catalogue = typeform.events_of("form")

    assert decode_events(typeform.events, catalogue, {"event_types": {"form_response": True}}, CONTEXT) == {
        "form_response"
    }
    assert decode_events(typeform.events, catalogue, {"url": "u"}, CONTEXT) is None
    with pytest.raises(TerminalError, match="holds no flags"):
        decode_events(typeform.events, catalogue, {"event_types": ["form_response"]}, CONTEXT)


async def test_a_provider_that_cannot_update_says_so() -> None:
    """Core replaces what it cannot change: the operation does not exist."""
    for name, kind in (("vercel", "team"), ("calendly", "user")):
        engine = HttpProvider(shipped(name), Script())
        assert engine.traits.types[kind].operations == {"list", "create", "delete"}
        assert engine.traits.types[kind].updatable == frozenset()


async def test_gitea_keeps_the_secret_that_it_was_created_with() -> None:
    """An edit cannot change it, so it counts as not updatable and is not sent."""
    engine, script = provider("gitea", reply(gitea_row(1)))

    await engine.update(target("gitea", "repo"), "1", registration("push"))

    assert "secret" not in script.sent()["config"]
    assert "secret" not in engine.traits.types["repo"].updatable


# -- what is refused when a definition is loaded ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "changes", "reason"),
    [
        ("linear", {("operations", "delete", "body", "query"): ...}, "a graphql body is a `query`"),
        ("linear", {("operations", "delete", "body", "fields"): {"id": "${id}"}}, "without `fields` and `spread`"),
        ("linear", {("operations", "delete", "body", "variables"): {"id": "${ids}"}}, "nothing fills ${ids} here"),
        ("gitea", {("operations", "create", "body", "query"): "{ me }"}, "a json body needs `fields`"),
        ("gitea", {("operations", "create", "body", "fields"): ...}, "a json body needs `fields`"),
        ("calendly", {("lookups", "me", "values"): {}}, "at least 1 item"),
        ("calendly", {("lookups", "me", "path"): "/users/${id}"}, "nothing fills ${id} here"),
        ("calendly", {("lookups", "me", "query"): {"u": "${url}"}}, "nothing fills ${url} here"),
        ("calendly", {("lookups", "options"): {"path": "/x", "values": {"a": "a"}}}, "is another kind of placeholder"),
        ("calendly", {("operations", "delete", "path"): "/x/${me.name}/${id}"}, "nothing fills ${me.name} here"),
        ("vercel", {("types", "project", "resource", "parts"): ["team"]}, "nothing fills ${resource.project} here"),
        ("gitea", {("events", "groups"): {"stars": ["star"]}}, "'stars' is not in the catalogue"),
        ("gitea", {("events", "groups"): {"issues": ["push"]}}, "'push' is an event of its own"),
        ("gitea", {("events", "groups"): {"issues": ["a"], "push": ["a"]}}, "'a' is a part of 'issues' already"),
        ("typeform", {("events", "groups"): {"form_response": ["a"]}}, "belong to the encoder `list`"),
        ("gitea", {("auth", "prefix"): "tok\nen"}, "should match pattern"),
        ("bitbucket", {("pagination", "url"): ...}, "Field required"),
        ("gitea", {("pagination", "parameter"): ...}, "Field required"),
    ],
)
def test_what_does_not_fit_is_refused(name: str, changes: Mapping[tuple[str | int, ...], Any], reason: str) -> None:
    """Each shape is checked as a whole when the definition is loaded."""
    with pytest.raises(ValueError, match=r".") as caught:
        definition(changed(name, changes))
    assert reason in str(caught.value)
