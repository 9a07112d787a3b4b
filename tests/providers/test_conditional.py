"""A list that did not change is not read again, and one that did is never missed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.errors import RetryableError, TerminalError
from reconciler.core.ports import Target
from reconciler.providers.client import HttpTransport
from reconciler.providers.definition import definition
from reconciler.providers.http import HttpProvider
from reconciler.providers.transport import Call, Reply, Transport
from reconciler.testing.memory_responses import MemoryResponses
from reconciler.testing.sandbox import ROOTS, SandboxConfig, create_sandbox
from tests.providers.support import NOW, URL, Script, changed, credentials, registration, reply, shipped, target
from tests.providers.test_definition import refused
from tests.support.sandboxes import ORIGIN, Clock, counting_bytes

NEXT = '<https://api.github.com/repos/Acme/api/hooks?per_page=100&page=2>; rel="next"'
NOT_MODIFIED = Reply(status=304, headers={"etag": '"1"'})


def hook(number: int) -> dict[str, object]:
    """A row of GitHub."""
    return {"id": number, "active": True, "events": ["push"], "config": {"url": f"{URL}{number}", "insecure_ssl": "0"}}


def page(*numbers: int, etag: str = '"1"', link: str = "") -> Reply:
    """A page of GitHub."""
    answer = reply([hook(number) for number in numbers], etag=etag)
    return replace(answer, headers={**answer.headers, "link": link}) if link else answer


async def listed(kept: MemoryResponses, *replies: Reply) -> tuple[list[str], list[Call]]:
    """The ids that one refresh of a new process sees, and what it asked."""
    script = Script(*replies)
    engine = HttpProvider(shipped("github"), script, lambda: NOW, kept)
    place = target("github", "repo")
    return [found.remote_id for found in await engine.list(place)], script.calls


def validators(calls: list[Call]) -> list[str | None]:
    """What the calls said they have."""
    return [call.headers.get("If-None-Match") for call in calls]


async def test_the_second_refresh_reads_what_the_first_one_kept() -> None:
    """A 304 stands for the page that was kept, with its link: every page is asked for, and seen."""
    kept = MemoryResponses()
    first, asked = await listed(kept, page(1, link=NEXT), page(2, etag='"2"'))
    second, asked_again = await listed(kept, NOT_MODIFIED, NOT_MODIFIED)

    assert first == second == ["1", "2"]
    assert validators(asked) == [None, None]
    assert validators(asked_again) == ['"1"', '"2"']
    assert [call.url for call in asked] == [call.url for call in asked_again]


async def test_a_page_that_changed_replaces_the_one_that_was_kept() -> None:
    """What is new is seen at once, and is what the next 304 stands for."""
    kept = MemoryResponses()
    await listed(kept, page(1, link=NEXT), page(2, etag='"2"'))
    changed_page, _ = await listed(kept, NOT_MODIFIED, page(3, etag='"3"'))
    again, asked = await listed(kept, NOT_MODIFIED, NOT_MODIFIED)

    assert changed_page == again == ["1", "3"]
    assert validators(asked) == ['"1"', '"3"']


async def test_a_link_in_the_304_is_the_newer_one() -> None:
    """Where the vendor sends the link with its 304, that is followed."""
    kept = MemoryResponses()
    await listed(kept, page(1))
    found, asked = await listed(kept, Reply(status=304, headers={"etag": '"1"', "link": NEXT}), page(2))

    assert found == ["1", "2"]
    assert len(asked) == 2


async def test_a_full_last_page_is_read_again() -> None:
    """It may have got a successor without changing itself, which its validator would not tell."""
    kept = MemoryResponses()
    await listed(kept, page(*range(1, 101)))
    found, asked = await listed(kept, page(*range(1, 101), link=NEXT), page(101))

    assert found[-1] == "101"
    assert validators(asked) == [None, None]


async def test_a_full_page_is_known_however_its_size_is_written() -> None:
    """A definition may give it as text."""
    kept, texts = MemoryResponses(), {("operations", "list", "query", "per_page"): "100"}
    for script in (Script(page(*range(1, 101))), Script(page(*range(1, 101)))):
        found = definition(changed("github", texts))
        await HttpProvider(found, script, None, kept).list(target("github", "repo"))
        assert validators(script.calls) == [None]


@pytest.mark.parametrize(
    ("token", "changes"),
    [("ghp_other", {}), ("ghp_token", {("api", "headers", "Accept"): "application/json"})],
)
async def test_what_one_credential_was_told_is_not_anothers(token: str, changes: dict[Any, str]) -> None:
    """An answer depends on who asks, and on what is asked for."""
    kept = MemoryResponses()
    await listed(kept, page(1))
    script = Script(page(2))
    place = replace(target("github", "repo"), credentials=credentials("github", token=token))
    await HttpProvider(definition(changed("github", changes)), script, None, kept).list(place)

    assert validators(script.calls) == [None]


async def test_no_key_holds_a_secret() -> None:
    """What is kept is found by a digest."""
    keys: list[str] = []

    class Listening(MemoryResponses):
        def get(self, key: str) -> None:
            keys.append(key)

    await listed(Listening(), page(1))

    assert [len(key) for key in keys] == [64]
    assert not any(word in keys[0] for word in ("ghp", "Acme"))


@pytest.mark.parametrize("etag", ["", "\u2028", "a\tb"])
async def test_without_a_usable_validator_nothing_is_kept(etag: str) -> None:
    """A page without an ETag, or with one that no header could carry, is read anew each time."""
    kept = MemoryResponses()
    await listed(kept, page(1, etag=etag))

    assert len(kept) == 0


async def test_what_was_not_understood_is_not_kept() -> None:
    """A page that is no list of webhooks, such as a proxy's, does not come back as one."""
    kept = MemoryResponses()
    for answer in (reply(b"<html>", etag='"1"'), reply({"no": "list"}, etag='"1"'), reply([{"id": ""}], etag='"1"')):
        with pytest.raises(TerminalError):
            await listed(kept, answer)

    assert len(kept) == 0


async def test_a_failure_is_a_failure_though_the_page_is_known() -> None:
    """What was kept stands for a 304 alone: an outage or a refusal freezes the resource as ever."""
    kept = MemoryResponses()
    await listed(kept, page(1))

    with pytest.raises(RetryableError):
        await listed(kept, reply({}, 502))
    with pytest.raises(TerminalError):
        await listed(kept, reply({"message": "Not Found"}, 404))


async def test_a_304_that_nobody_asked_for_is_a_failure() -> None:
    """Without a page that was kept there is nothing that it could stand for."""
    with pytest.raises(TerminalError):
        await listed(MemoryResponses(), NOT_MODIFIED)


async def test_other_calls_are_never_conditional() -> None:
    """Neither a write nor a list of a vendor that documents nothing of the kind says what it has."""
    kept = MemoryResponses()
    await listed(kept, page(1))
    writes = Script(reply({"id": 7}, 201), reply({"id": 7}), reply(None, 204))
    engine, place = HttpProvider(shipped("github"), writes, lambda: NOW, kept), target("github", "repo")
    await engine.create(place, registration("push"))
    await engine.update(place, "7", registration("push"))
    await engine.delete(place, "7")
    gitlab = Script(reply([], etag='"1"'), reply([], etag='"1"'))
    for _ in range(2):
        await HttpProvider(shipped("gitlab"), gitlab, lambda: NOW, kept).list(target("gitlab", "project"))

    assert validators(writes.calls) == [None] * 3
    assert validators(gitlab.calls) == [None] * 2


def test_only_a_get_can_be_conditional() -> None:
    """A definition that says otherwise is refused."""
    found = refused("github", {("operations", "delete", "conditional"): True})

    assert found[("operations", "delete")] == "only a GET can be `conditional`"


class Counting(Transport):
    """A transport that remembers the statuses that came back."""

    def __init__(self, inner: Transport) -> None:
        self.statuses: list[int] = []
        self._inner = inner

    async def send(self, call: Call) -> Reply:
        answer = await self._inner.send(call)
        self.statuses.append(answer.status)
        return answer


@pytest.fixture
async def github() -> AsyncIterator[Counting]:
    """A transport into a sandbox."""
    sandbox = create_sandbox(SandboxConfig(now=Clock(), random_bytes=counting_bytes()))
    async with HttpTransport(sandbox) as transport:
        yield Counting(transport)


async def test_against_the_stand_in_an_unchanged_refresh_costs_nothing(github: Counting) -> None:
    """The second refresh gets only 304s, which do not count against the limit; a change is seen at once."""
    known = replace(credentials("github"), api_url=ORIGIN + ROOTS["github"])
    place = Target(type="repo", resource="acme/api", credentials=known)
    small = definition(changed("github", {("operations", "list", "query"): {"per_page": 2}}))
    engine = HttpProvider(small, github, Clock(), MemoryResponses())
    for number in range(3):
        await engine.create(place, replace(registration("push"), url=f"{URL}{number}"))
    first = await engine.list(place)
    spent = engine.budget(known)
    github.statuses.clear()
    second = await engine.list(place)
    unchanged, left = github.statuses[:], engine.budget(known)
    await engine.update(place, first[2].remote_id, replace(registration("issues"), url=f"{URL}2"))
    github.statuses.clear()
    third = await engine.list(place)

    assert second == first
    assert unchanged == [304, 304]
    assert left == spent
    assert github.statuses == [304, 200]
    assert third[:2] == first[:2]
    assert third[2].events == frozenset({"issues"})
