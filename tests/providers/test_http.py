"""What each shipped provider sends for each verb, and what it makes of the answer."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import pytest

from reconciler.core.errors import ErrorKind, TerminalError
from reconciler.core.model import NOTHING, Observed, Secret, SecretOrigin
from reconciler.core.ports import Answer, Provider, Target
from reconciler.providers.definition import definition
from reconciler.providers.http import HttpProvider
from reconciler.providers.rows import SLOT
from reconciler.providers.transport import Call
from tests.providers.support import (
    NAMES,
    SECRET,
    URL,
    Script,
    changed,
    credentials,
    provider,
    registration,
    reply,
    shipped,
    target,
)


def line(call: Call) -> str:
    """Method and URL."""
    return f"{call.method} {call.url}"


def form(call: Call) -> dict[str, str]:
    """A form body."""
    return dict(parse_qsl(call.body.decode(), strict_parsing=True))


async def refused(awaitable: Any, kind: ErrorKind) -> str:
    """The text of the error that a verb ends in."""
    with pytest.raises(TerminalError) as caught:
        await awaitable
    assert caught.value.kind is kind
    return str(caught.value)


async def test_github_creates() -> None:
    """A GitHub webhook is asked for as JSON, active, with our secret."""
    engine, script = provider("github", reply({"id": 42}, 201))

    answer = await engine.create(target("github", "repo"), registration("push", "pull_request", insecure_ssl="0"))

    assert answer == Answer(remote_id="42")
    assert line(script.call) == "POST https://api.github.com/repos/Acme/api/hooks"
    assert script.sent() == {
        "name": "web",
        "active": True,
        "events": ["pull_request", "push"],
        "config": {"url": URL, "content_type": "json", "secret": SECRET.reveal(), "insecure_ssl": "0"},
    }
    assert script.call.headers == {
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
        "Content-Type": "application/json",
        "Authorization": "Bearer ghp_token",
    }


async def test_github_lists() -> None:
    """A row becomes what core compares; the masked secret in it is dropped."""
    row = {
        "id": 7,
        "name": "web",
        "active": False,
        "events": ["push", "future_event"],
        "config": {"url": URL, "insecure_ssl": 0, "content_type": "json", "secret": "********"},
    }
    engine, script = provider("github", reply([row]))

    (found,) = await engine.list(target("github", "org"))

    assert line(script.call) == "GET https://api.github.com/orgs/acme/hooks?per_page=100"
    assert found == Observed(
        remote_id="7",
        url=URL,
        events=frozenset({"push", "future_event"}),
        active=False,
        options={"insecure_ssl": "0"},
        has_secret=True,
    )
    assert "*" not in repr(found)


@pytest.mark.parametrize(
    ("name", "kind", "told", "expected"),
    [
        ("github", "repo", {"config": {"url": URL, "secret": "********"}}, True),
        ("github", "repo", {"config": {"url": URL}}, False),
        ("github", "repo", {"config": {"url": URL, "secret": None}}, False),
        ("gitlab", "project", {"url": URL, "token_present": True}, True),
        ("gitlab", "project", {"url": URL, "token_present": False}, False),
        ("gitlab", "project", {"url": URL}, None),
        ("gitea", "repo", {"config": {"url": URL}}, None),
    ],
)
async def test_whether_a_secret_is_set_is_read_where_the_vendor_tells(
    name: str, kind: str, told: dict[str, Any], expected: bool | None
) -> None:
    """A mask that is missing tells that none is set; a flag that is missing, nothing."""
    engine, _ = provider(name, reply([{"id": 7, "active": True, "events": ["push"], **told}]), reply([]))

    (found,) = await engine.list(target(name, kind))

    assert found.has_secret is expected


async def test_a_flag_that_is_no_truth_value_is_a_bad_answer() -> None:
    """What is not understood is not taken for "no secret"."""
    engine, _ = provider("gitlab", reply([{"id": 7, "url": URL, "token_present": "no"}]))

    with pytest.raises(TerminalError, match="`token_present` is neither true nor false"):
        await engine.list(target("gitlab", "project"))


async def test_github_updates_deletes_and_pings() -> None:
    """An update replaces all settings and re-enables; delete and ping name the id."""
    engine, script = provider("github", reply({"id": 7}), reply(status=204), reply(status=204))
    place = target("github", "repo")

    answer = await engine.update(place, "7", registration("push"))
    await engine.delete(place, "7")
    await engine.ping(place, "7")

    assert answer == Answer(remote_id="7")
    root = "https://api.github.com/repos/Acme/api/hooks/7"
    assert [line(call) for call in script.calls] == [f"PATCH {root}", f"DELETE {root}", f"POST {root}/pings"]
    sent = json.loads(script.calls[0].body)
    assert sent["active"] is True
    assert sent["config"]["secret"] == SECRET.reveal()
    assert "insecure_ssl" not in sent["config"]
    assert script.calls[1].body == b""


async def test_gitlab_sends_every_flag() -> None:
    """Every event is said, on or off, beside the settings; the path is one encoded segment."""
    engine, script = provider("gitlab", reply({"id": 5}, 201))

    await engine.create(
        target("gitlab", "project"),
        registration("issues_events", enable_ssl_verification=True, push_events_branch_filter=""),
    )

    assert line(script.call) == "POST https://gitlab.com/api/v4/projects/acme%2Ftools%2Fapi/hooks"
    assert script.call.headers["PRIVATE-TOKEN"] == "glpat-token"
    sent = script.sent()
    flags = {key: value for key, value in sent.items() if key in shipped("gitlab").events_of("project")}
    assert flags.pop("issues_events") is True
    assert set(flags) == set(shipped("gitlab").events_of("project")) - {"issues_events"}
    assert not any(flags.values())
    assert {key: value for key, value in sent.items() if not key.endswith("_events")} == {
        "url": URL,
        "token": SECRET.reveal(),
        "enable_ssl_verification": True,
        "push_events_branch_filter": "",
    }


async def test_gitlab_always_sends_the_token_with_the_url() -> None:
    """GitLab forgets the token when the URL changes, so an update says both."""
    engine, script = provider("gitlab", reply({"id": 5}))

    await engine.update(target("gitlab", "group"), "5", registration("member_events", name="ours"))

    assert line(script.call) == "PUT https://gitlab.com/api/v4/groups/acme/hooks/5"
    sent = script.sent()
    assert sent["url"] == URL
    assert sent["token"] == SECRET.reveal()
    assert sent["name"] == "ours"
    assert sent["member_events"] is True
    assert sent["push_events"] is False


@pytest.mark.parametrize("name", ["github", "gitea"])
@pytest.mark.parametrize(
    ("active", "content_type", "seen"),
    [
        (True, {"content_type": "json"}, (True, "")),
        (True, {}, (True, "")),
        (True, {"content_type": "form"}, (False, "set to deliver forms, not JSON")),
        (False, {"content_type": "form"}, (False, "")),
    ],
)
async def test_what_delivers_forms_is_as_good_as_switched_off(
    name: str, active: bool, content_type: dict[str, str], seen: tuple[bool, str]
) -> None:
    """Somebody changed the content type there: nothing that arrives can be read, so it is drift, and repaired."""
    row = {"id": 1, "active": active, "events": ["push"], "config": {"url": URL} | content_type}
    engine, _ = provider(name, reply([row]), reply([]))

    (found,) = await engine.list(target(name, "repo"))

    assert (found.active, found.health) == seen


@pytest.mark.parametrize(
    ("status", "until", "active", "health"),
    [
        ("executable", None, True, ""),
        (None, None, True, ""),
        ("temporarily_disabled", "2026-11-25", True, "paused by GitLab after failures until 2026-11-25"),
        ("temporarily_disabled", None, True, "paused by GitLab after failures until later"),
        ("disabled", None, False, "disabled by GitLab after repeated failures"),
    ],
)
async def test_gitlab_tells_health(status: str | None, until: str | None, active: bool, health: str) -> None:
    """What GitLab disabled for good is not active; what it paused comes back by itself."""
    row = {"id": 1, "url": URL, "alert_status": status, "disabled_until": until, "push_events_branch_filter": None}
    engine, _ = provider("gitlab", reply([row | {"push_events": True, "repository_update_events": True}]))

    (found,) = await engine.list(target("gitlab", "project"))

    assert found == Observed(
        remote_id="1",
        url=URL,
        events=frozenset({"push_events"}),
        active=active,
        health=health,
        options={"enable_ssl_verification": True, "push_events_branch_filter": ""},
    )


async def test_gitlab_pings_with_a_test() -> None:
    """GitLab's ping is a test delivery of a push."""
    engine, script = provider("gitlab", reply({"message": "201 Created"}, 201), reply(status=204))

    await engine.ping(target("gitlab", "project"), "5")
    await engine.delete(target("gitlab", "project"), "5")

    root = "https://gitlab.com/api/v4/projects/acme%2Ftools%2Fapi/hooks/5"
    assert [line(call) for call in script.calls] == [f"POST {root}/test/push_events", f"DELETE {root}"]


async def test_stripe_speaks_forms_and_mints_the_secret() -> None:
    """Stripe takes form fields, and its answer holds the secret, once."""
    engine, script = provider("stripe", reply({"id": "we_1", "secret": "whsec_new"}))
    place = target("stripe", "account")

    answer = await engine.create(
        place,
        replace(
            registration("charge.succeeded", "*", metadata={"team": "a b"}, connect=False, api_version="2026-01-28"),
            secret=None,
        ),
    )

    assert answer == Answer(remote_id="we_1", secret=Secret("whsec_new"))
    assert line(script.call) == "POST https://api.stripe.com/v1/webhook_endpoints"
    assert script.call.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert form(script.call) == {
        "url": URL,
        "enabled_events[0]": "*",
        "enabled_events[1]": "charge.succeeded",
        "metadata[team]": "a b",
        "api_version": "2026-01-28",
        "connect": "false",
    }


async def test_stripe_updates_what_can_change() -> None:
    """What Stripe fixes at creation is not sent again; a disabled webhook is enabled."""
    engine, script = provider("stripe", reply({"id": "we_1"}), reply({"id": "we_1", "deleted": True}))
    place = target("stripe", "account")

    answer = await engine.update(place, "we_1", registration("*", connect=False, api_version="2026-01-28"))
    await engine.delete(place, "we_1")

    assert answer == Answer(remote_id="we_1")
    root = "https://api.stripe.com/v1/webhook_endpoints/we_1"
    assert [line(call) for call in script.calls] == [f"POST {root}", f"DELETE {root}"]
    assert form(script.calls[0]) == {"url": URL, "enabled_events[0]": "*", "disabled": "false"}


@pytest.mark.parametrize(("status", "active"), [("enabled", True), ("disabled", False)])
async def test_stripe_tells_whether_it_is_enabled(status: str, active: bool) -> None:
    """Status is health."""
    row = {"id": "we_1", "url": URL, "enabled_events": ["*"], "status": status}
    engine, _ = provider("stripe", reply({"data": [row], "has_more": False}))

    (found,) = await engine.list(target("stripe", "account"))

    assert found == Observed(remote_id="we_1", url=URL, events=frozenset({"*"}), active=active)


async def test_telegram_fills_its_slot() -> None:
    """The token is in the path, the events are always said, and the place has no id."""
    engine, script = provider("telegram", reply({"ok": True, "result": True}), reply({"ok": True, "result": True}))
    place = target("telegram", "bot")

    answer = await engine.create(place, registration("message", max_connections=40, drop_pending_updates=True))
    await engine.update(place, SLOT, registration("message", "poll", drop_pending_updates=True))

    assert answer == Answer(remote_id=SLOT)
    assert [line(call) for call in script.calls] == [
        "POST https://api.telegram.org/bot4242:AAE-bot_token/setWebhook"
    ] * 2
    first, second = (json.loads(call.body) for call in script.calls)
    assert first == {
        "url": URL,
        "allowed_updates": ["message"],
        "secret_token": SECRET.reveal(),
        "max_connections": 40,
        "drop_pending_updates": True,
    }
    assert second == {"url": URL, "allowed_updates": ["message", "poll"], "secret_token": SECRET.reveal()}
    assert "Authorization" not in script.calls[0].headers


async def test_telegram_lists_one_or_none() -> None:
    """An empty URL is an empty slot; a webhook tells its last error while deliveries wait."""
    info = {"url": URL, "has_custom_certificate": False, "pending_update_count": 2, "allowed_updates": ["poll"]}
    engine, script = provider(
        "telegram",
        reply({"ok": True, "result": {"url": "", "pending_update_count": 0}}),
        reply({"ok": True, "result": info | {"last_error_message": "Wrong response", "max_connections": 10}}),
        reply({"ok": True, "result": info | {"last_error_message": "Wrong response", "pending_update_count": 0}}),
    )
    place = target("telegram", "bot")

    assert await engine.list(place) == ()
    (waiting,) = await engine.list(place)
    (recovered,) = await engine.list(place)

    assert script.calls[0].url.endswith("/getWebhookInfo")
    assert waiting == Observed(
        remote_id=SLOT,
        url=URL,
        events=frozenset({"poll"}),
        options={"max_connections": 10},
        health="Wrong response",
    )
    assert recovered.health == ""
    assert recovered.options == {"max_connections": 40}


async def test_telegram_empties_its_slot() -> None:
    """Deleting takes no id, for there is one webhook."""
    engine, script = provider("telegram", reply({"ok": True, "result": True}))

    await engine.delete(target("telegram", "bot"), SLOT)

    assert line(script.call) == "POST https://api.telegram.org/bot4242:AAE-bot_token/deleteWebhook"


def test_a_slot_is_named_without_its_secret() -> None:
    """The bot's number is public; the part after the colon is the secret and stays out."""
    engine, _ = provider("telegram")

    assert engine.slot(credentials("telegram")) == "telegram/4242"
    assert provider("github")[0].slot(credentials("github")) == ""


def test_a_token_without_a_public_part_names_no_slot() -> None:
    """Where the separator is missing the whole token is secret: it is refused, not shown."""
    document = changed("github", {("identity",): {"url": "config.url", "slot": {"before": ":"}}})
    engine = HttpProvider(definition(document), Script())

    with pytest.raises(TerminalError) as caught:
        engine.slot(credentials("github"))

    assert caught.value.kind is ErrorKind.AUTH
    assert "ghp_token" not in str(caught.value)


@pytest.mark.parametrize("token", ["", "AAE-bot_token", "0:AA", ":AA", "42:", "42:A/../B", "42:A B", "42:\u00e4"])
async def test_a_token_of_another_form_is_refused_before_any_call(token: str) -> None:
    """A token that is none would leave its place in the path, or be shown whole as the slot's name."""
    engine, script = provider("telegram")
    place = replace(target("telegram", "bot"), credentials=credentials("telegram", token=token))

    message = await refused(engine.list(place), ErrorKind.AUTH)

    assert script.calls == []
    assert "credentials 'main'" in message
    assert not token or token not in message
    with pytest.raises(TerminalError):
        engine.slot(place.credentials)


@pytest.mark.parametrize("token", ["", "ghp\r\nX-Evil: 1", "ghp token", "ghp_\u00e4"])
async def test_a_token_that_no_header_can_carry_is_refused(token: str) -> None:
    """Line breaks and other letters in a token would be an error that quotes it."""
    engine, script = provider("github")
    place = replace(target("github", "repo"), credentials=credentials("github", token=token))

    message = await refused(engine.create(place, registration("push")), ErrorKind.AUTH)

    assert script.calls == []
    assert "ghp" not in message


@pytest.mark.parametrize("name", ["github", "gitlab", "stripe"])
async def test_nothing_is_called_with_an_empty_id(name: str) -> None:
    """An empty id would name the whole collection: update, delete and ping refuse it before any call."""
    engine, script = provider(name)
    place = target(name, next(iter(shipped(name).types)))
    verbs = [engine.update(place, "", registration("push")), engine.delete(place, "")]
    if "ping" in shipped(name).operations.named():
        verbs.append(engine.ping(place, ""))

    for verb in verbs:
        assert "id at the provider is empty" in await refused(verb, ErrorKind.INVALID)
    assert script.calls == []


@pytest.mark.parametrize("remote_id", [".", ".."])
async def test_an_id_does_not_climb(remote_id: str) -> None:
    """An id that is a step in a path would name another object."""
    engine, script = provider("github")

    await refused(engine.delete(target("github", "repo"), remote_id), ErrorKind.INVALID)

    assert script.calls == []


async def test_an_id_stays_in_its_segment() -> None:
    """Whatever an id holds, it is one segment of the path."""
    engine, script = provider("github", reply(status=204))

    await engine.delete(target("github", "repo"), "7/../../x?y#z")

    assert script.call.url.endswith("/hooks/7%2F..%2F..%2Fx%3Fy%23z")


@pytest.mark.parametrize("secret", [None, Secret(""), Secret("********"), Secret("*")])
@pytest.mark.parametrize("verb", ["create", "update"])
async def test_a_missing_or_masked_secret_is_never_sent(secret: Secret | None, verb: str) -> None:
    """Where we make the secret, nothing is registered without a real one."""
    engine, script = provider("github")
    wanted = replace(registration("push"), secret=secret)
    place = target("github", "repo")
    awaitable = engine.create(place, wanted) if verb == "create" else engine.update(place, "7", wanted)

    assert "no usable secret" in await refused(awaitable, ErrorKind.INVALID)
    assert script.calls == []


@pytest.mark.parametrize(("name", "kind"), [("stripe", "account"), ("telegram", "bot")])
async def test_a_provider_without_ping_says_so(name: str, kind: str) -> None:
    """An operation that is not in the definition is unsupported."""
    engine, script = provider(name)

    message = await refused(engine.ping(target(name, kind), "x"), ErrorKind.UNSUPPORTED)

    assert "has no such operation" in message
    assert "ping" not in engine.traits.types[kind].operations
    assert script.calls == []


async def test_a_provider_without_an_api_refuses_every_verb() -> None:
    """Manual providers have no operations: nothing can be asked of them."""
    engine, script = provider("generic")
    place = Target(type="plain", resource="self", credentials=credentials("generic"))

    for verb in (engine.list(place), engine.create(place, registration("plain")), engine.delete(place, "x")):
        await refused(verb, ErrorKind.UNSUPPORTED)
    assert engine.traits.types["plain"].manual_only
    assert script.calls == []


async def test_an_unknown_type_is_unsupported() -> None:
    """A type that the provider does not have is refused, not a traceback."""
    engine, _ = provider("github")

    await refused(engine.list(replace(target("github", "repo"), type="planet")), ErrorKind.UNSUPPORTED)


@pytest.mark.parametrize("api_url", ["https://ghe.acme.dev/api/v3", "https://ghe.acme.dev/api/v3/"])
async def test_credentials_may_name_another_api(api_url: str) -> None:
    """Self-hosted servers and stand-ins: the definition's paths come after `api_url`."""
    engine, script = provider("github", reply([]))
    place = target("github", "repo")

    await engine.list(replace(place, credentials=replace(place.credentials, api_url=api_url)))

    assert script.call.url == "https://ghe.acme.dev/api/v3/repos/Acme/api/hooks?per_page=100"


@pytest.mark.parametrize("api_url", ["ftp://a", "ghe.acme.dev", "https://me:pw@ghe", "https://a/?x=1", "https://a b/"])
async def test_an_api_url_that_is_none_is_refused(api_url: str) -> None:
    """What is no plain http(s) root is refused before any call, and without showing it."""
    engine, script = provider("github")
    place = target("github", "repo")

    message = await refused(
        engine.list(replace(place, credentials=replace(place.credentials, api_url=api_url))), ErrorKind.INVALID
    )

    assert "'main'" in message
    assert api_url not in message
    assert script.calls == []


async def test_a_resource_that_climbs_is_refused() -> None:
    """A resource cannot leave its place in the path."""
    engine, script = provider("github")

    await refused(engine.list(target("github", "repo", "acme/..")), ErrorKind.INVALID)

    assert script.calls == []


async def test_a_type_may_have_operations_of_its_own() -> None:
    """A type's operation replaces the provider's, one by one; headers and queries are templates too."""
    document = changed(
        "github",
        {
            ("types", "org", "operations"): {
                "update": {
                    "method": "PUT",
                    "path": "${path}/x/${id}",
                    "headers": {"X-Ours": "${webhook_id}"},
                    "query": {"for": "${resource}"},
                }
            }
        },
    )
    script = Script(reply({}))
    engine = HttpProvider(definition(document), script)

    await engine.update(target("github", "org"), "7", registration("push"))

    assert line(script.call) == "PUT https://api.github.com/orgs/acme/x/7?for=acme"
    assert script.call.headers["X-Ours"] == "6f1c1a52"
    assert script.call.body == b""


@pytest.mark.parametrize("name", NAMES)
def test_every_definition_is_a_provider(name: str) -> None:
    """The engine meets the port, whatever the definition."""
    engine: Provider = provider(name)[0]

    assert engine.traits.name == name


def test_traits_say_what_core_decides_by() -> None:
    """Capabilities, events, options and limits arrive in core as data."""
    github = provider("github")[0].traits
    repo, org = github.types["repo"], github.types["org"]
    assert repo.operations == {"list", "create", "update", "delete", "ping"}
    assert repo.updatable == {"url", "events", "secret", "active", "insecure_ssl"}
    assert repo.events.separator == "."
    assert repo.events.wildcard == "*"
    assert "membership" in org.events.names
    assert "membership" not in repo.events.names
    assert repo.canonical == ("lowercase",)
    assert repo.options["insecure_ssl"].default == "0"
    assert github.secret_origin is SecretOrigin.CALLER
    bot = provider("telegram")[0].traits.types["bot"]
    assert bot.slot
    assert bot.default_resource == "self"
    assert bot.url_schemes == {"https"}
    assert bot.url_ports == {443, 80, 88, 8443}
    account = provider("stripe")[0].traits.types["account"]
    assert {name for name, option in account.options.items() if option.identity} == {"api_version", "connect"}
    assert account.options_schema["additionalProperties"] is False
    assert provider("stripe")[0].traits.secret_origin is SecretOrigin.RESPONSE
    assert not provider("compass")[0].traits.verified
    assert provider("generic")[0].traits.verified
    assert provider("compass")[0].traits.types["transcription"].options == NOTHING
