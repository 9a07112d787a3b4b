"""Only a positive answer that a scope is missing counts; every other answer refuses nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.errors import RetryableError, TerminalError
from reconciler.core.ports import Target
from reconciler.providers.client import HttpTransport
from reconciler.providers.definition import definition
from reconciler.providers.http import HttpProvider
from reconciler.providers.transport import OversizedReplyError, Reply, TransportError
from reconciler.testing.sandbox import ROOTS, SandboxConfig, create_sandbox
from tests.providers.support import Script, changed, credentials, provider, registration, reply, target
from tests.providers.test_definition import refused
from tests.support.sandboxes import ORIGIN, Clock, counting_bytes

USER = {"login": "octocat"}


async def missing(name: str, kind: str, answer: Reply | Exception) -> tuple[str, Script]:
    """What is said to be missing after one answer, and what was asked."""
    engine, script = provider(name, answer)  # type: ignore[arg-type]  # one helper for replies and both errors
    return await engine.missing_permission(target(name, kind)), script


@pytest.mark.parametrize(
    ("kind", "scopes", "expected"),
    [
        ("repo", "admin:repo_hook", ""),
        ("repo", "gist, repo, user", ""),
        ("repo", "write:repo_hook", ""),
        ("repo", "public_repo", ""),
        ("repo", "read:repo_hook, user", "admin:repo_hook"),
        ("repo", "repo:status,gist", "admin:repo_hook"),
        ("org", "admin:org_hook", ""),
        ("org", "repo", ""),
        ("org", "admin:repo_hook, read:org", "admin:org_hook"),
    ],
)
async def test_a_classic_token_of_github_tells_its_scopes(kind: str, scopes: str, expected: str) -> None:
    """The header lists the scopes; one of those that are enough must be among them, else the usual one is named."""
    found, script = await missing("github", kind, reply(USER, x_oauth_scopes=scopes))

    assert found == expected
    assert (script.call.method, script.call.url) == ("GET", "https://api.github.com/user")
    assert script.call.headers["Authorization"] == "Bearer ghp_token"


@pytest.mark.parametrize(
    ("scopes", "expected"), [(["api"], ""), (["granular"], ""), (["read_api", "read_user"], "api"), (["sudo"], "api")]
)
async def test_a_token_of_gitlab_tells_its_scopes(scopes: list[str], expected: str) -> None:
    """Webhooks need `api`; what a fine-grained token may do cannot be told."""
    found, script = await missing("gitlab", "project", reply({"scopes": scopes}))

    assert found == expected
    assert script.call.url == "https://gitlab.com/api/v4/personal_access_tokens/self"


@pytest.mark.parametrize(
    ("name", "kind", "answer"),
    [
        ("github", "repo", reply(USER)),
        ("github", "repo", reply(USER, x_oauth_scopes="")),
        ("github", "repo", reply(USER, 206, x_oauth_scopes="gist")),
        ("github", "repo", reply({"message": "Not Found"}, 404, x_oauth_scopes="gist")),
        ("github", "repo", reply({"message": "Bad credentials"}, 401)),
        ("github", "repo", reply({"message": "Forbidden"}, 403, x_oauth_scopes="gist")),
        ("github", "repo", reply({}, 500)),
        ("github", "repo", reply({}, 302, location="https://elsewhere.example/")),
        ("github", "repo", TransportError("it did not answer in time", sent=True)),
        ("github", "repo", OversizedReplyError()),
        ("gitlab", "project", reply({"scopes": []})),
        ("gitlab", "project", reply({"scopes": None})),
        ("gitlab", "project", reply({"scopes": "read_api"})),
        ("gitlab", "project", reply({"scopes": [1]})),
        ("gitlab", "project", reply(["read_api"])),
        ("gitlab", "project", reply(b"<html>", 200)),
        ("gitlab", "project", reply({"message": "400 Bad request - This endpoint requires token type"}, 400)),
        ("airtable", "base", reply({"id": "usr1"})),
    ],
)
async def test_any_other_answer_says_nothing(name: str, kind: str, answer: Reply | Exception) -> None:
    """No scopes, another shape, a refusal, an outage, no answer at all: nothing is said to be missing; one call."""
    found, script = await missing(name, kind, answer)

    assert found == ""
    assert len(script.calls) == 1


async def test_the_scopes_of_a_token_are_asked_for_once() -> None:
    """Two types that want different scopes share one question, even at the same time; another token has its own."""
    engine, script = provider("github", reply(USER, x_oauth_scopes="admin:repo_hook"), reply(USER))
    places = [target("github", kind) for kind in ("repo", "org", "repo")]
    found = await asyncio.gather(*map(engine.missing_permission, places))
    other = await engine.missing_permission(replace(places[1], credentials=credentials("github", token="ghp_other")))

    assert found == ["", "admin:org_hook", ""]
    assert other == ""
    assert len(script.calls) == 2


async def test_a_failed_question_is_asked_again() -> None:
    """An outage is not remembered as an answer."""
    engine, script = provider("github", reply({}, 503), reply(USER, x_oauth_scopes="gist"))
    place = target("github", "repo")

    assert [await engine.missing_permission(place) for _ in range(3)] == ["", "admin:repo_hook", "admin:repo_hook"]
    assert len(script.calls) == 2


async def test_a_refused_question_is_not_asked_again() -> None:
    """Tokens of some kinds are told nothing: a hundred lists that fail with one cost no call each to hear it."""
    engine, script = provider("gitlab", reply({"message": "400 Bad request"}, 400))

    assert [await engine.missing_permission(target("gitlab", "project")) for _ in range(3)] == ["", "", ""]
    assert len(script.calls) == 1


@pytest.mark.parametrize(("name", "kind"), [("stripe", "account"), ("github", "nonsense")])
async def test_without_a_way_to_ask_nothing_is_asked(name: str, kind: str) -> None:
    """A vendor that cannot be asked, and a type that there is not, are not asked about."""
    engine, script = provider(name)
    place = Target(type=kind, resource="self", credentials=credentials(name))

    assert await engine.missing_permission(place) == ""
    assert script.calls == []


async def test_credentials_that_cannot_be_sent_say_nothing_here() -> None:
    """That a token is missing is told by the call that needs it."""
    engine, script = provider("github")
    place = replace(target("github", "repo"), credentials=credentials("github", token=""))

    assert await engine.missing_permission(place) == ""
    assert script.calls == []


SCOPED = (
    ("github", "repo", "token/scopes=read:user", "admin:repo_hook"),
    ("github", "org", "token/scopes=admin:repo_hook", "admin:org_hook"),
    ("github", "repo", "token/scopes=admin:repo_hook", ""),
    ("github", "repo", "token", ""),
    ("github", "repo", "github_pat_1", ""),
    ("gitlab", "project", "token/scopes=read_user", "api"),
    ("gitlab", "group", "token", ""),
    ("airtable", "base", "token/scopes=data.records:read", "webhook:manage"),
    ("airtable", "base", "token", ""),
)


@pytest.mark.parametrize(("name", "kind", "token", "expected"), SCOPED)
async def test_the_stand_ins_refuse_what_they_say_is_missing(name: str, kind: str, token: str, expected: str) -> None:
    """What a vendor says of a token and what it lets that token do agree."""
    sandbox = create_sandbox(SandboxConfig(now=Clock(), random_bytes=counting_bytes()))
    known = replace(credentials(name, token=token), api_url=ORIGIN + ROOTS[name])
    place = replace(target(name, kind), credentials=known)
    async with HttpTransport(sandbox) as transport:
        engine = HttpProvider(definition(changed(name, {})), transport)
        found = await engine.missing_permission(place)
        refusal = ""
        try:
            await engine.create(place, registration(next(iter(engine.traits.types[kind].events.names))))
        except TerminalError as error:
            refusal = str(error)

    assert found == expected
    assert bool(refusal) == bool(expected), refusal


@pytest.mark.parametrize(
    ("changes", "place", "reason"),
    [
        ({"header": ...}, (), "give one of `header` and `scopes`"),
        ({"scopes": "scopes"}, (), "give one of `header` and `scopes`"),
        ({"one_of": []}, ("one_of",), "at least 1 item"),
        ({"path": "/user/${resource}"}, ("path",), "nothing fills ${resource} here"),
    ],
)
def test_a_permission_that_cannot_be_asked_for_is_refused(
    changes: dict[str, Any], place: tuple[str, ...], reason: str
) -> None:
    """One place for the scopes, one scope at least, and a path that is about the credentials alone."""
    where = ("types", "repo", "permission")
    found = refused("github", {(*where, key): value for key, value in changes.items()})

    assert reason in found[(*where, *place)]


async def test_a_rate_limit_is_told_to_whoever_paces_the_calls() -> None:
    """It says nothing about permissions, and the other calls of these credentials had better wait."""
    engine, _ = provider("github", reply({}, 429))
    with pytest.raises(RetryableError) as caught:
        await engine.missing_permission(target("github", "repo"))
    assert caught.value.throttled
