"""A platform that dies at any boundary, and asks again: one webhook at the provider, or none after a prune."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from reconciler.core.model import Phase
from reconciler.core.ports import Target
from reconciler.manager.errors import WebhookNotFoundError
from reconciler.manager.webhook import Webhook
from reconciler.testing.memory_store import MemoryStore
from tests.manager.support import SCOPE, Platform

WRITES = frozenset({"write", "delete", "bind"})


class CrashError(Exception):
    """The end of the process."""


class Fuse:
    """Ends the process at the n-th boundary."""

    def __init__(self) -> None:
        self.left = -1

    def arm(self, boundary: int) -> None:
        """Let so many boundaries pass."""
        self.left = boundary

    def __call__(self, *_: object) -> None:
        self.left -= 1
        if self.left == -1:
            raise CrashError


class BrittleStore:
    """A store with a boundary before and after every write."""

    def __init__(self, fuse: Fuse) -> None:
        self._store = MemoryStore()
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if name not in WRITES:
            return method

        def write(*arguments: Any) -> Any:
            self._fuse()
            result = method(*arguments)
            self._fuse()
            return result

        return write


class Brittle(Platform):
    """A platform with a boundary around every write and every call."""

    def __init__(self, provider: str) -> None:
        self.fuse = Fuse()
        super().__init__(provider, store=BrittleStore(self.fuse))
        self.provider.before = self.provider.after = self._boundary

    def _boundary(self, verb: str, target: Target) -> None:
        self.fuse()


Work = Callable[[Brittle], Awaitable[object]]


async def crashed(prepare: Work, work: Work, provider: str) -> list[Brittle]:
    """A platform for each boundary of `work`, each having died there."""
    platforms: list[Brittle] = []
    while True:
        platform = Brittle(provider)
        await prepare(platform)
        platform.fuse.arm(len(platforms))
        try:
            await work(platform)
        except CrashError:
            platform.fuse.arm(-2)
            platforms.append(platform)
        else:
            return platforms


async def nothing(_: Brittle) -> None:
    """A platform that was never used."""


async def push(platform: Brittle) -> Webhook:
    """A webhook for pushes."""
    return await platform.suitable("push")


async def issues(platform: Brittle) -> Webhook:
    """A webhook for issues: one for pushes is widened."""
    return await platform.suitable("issues")


async def prune(platform: Brittle) -> bool:
    """Prune the only webhook."""
    record = platform.record()
    return await platform.manager().prune_webhook_if_dangling("alice", record.id, platform.credentials)


@pytest.mark.parametrize("provider", ["acme", "once", "slotted"])
async def test_a_create_that_died_anywhere_ends_in_one_webhook(provider: str) -> None:
    """The next call finds what the first one left, by its URL, and completes it."""
    platforms = await crashed(nothing, push, provider)
    assert len(platforms) >= 8
    for platform in platforms:
        webhook = await push(platform)
        record = platform.record()
        assert (record.id, record.phase) == (webhook.id, Phase.REGISTERED)
        assert platform.object().observed.url == webhook.url
        assert platform.object().secret == platform.secret(webhook)
        assert platform.store.orphans(SCOPE) == []


@pytest.mark.parametrize("provider", ["acme", "slotted"])
async def test_a_widening_that_died_anywhere_keeps_the_webhook(provider: str) -> None:
    """The next call brings the object to the union, under the same id."""
    platforms = await crashed(push, issues, provider)
    assert len(platforms) >= 4
    for platform in platforms:
        before = platform.record().id
        webhook = await issues(platform)
        assert webhook.id == platform.record().id == before
        assert platform.object().observed.events == webhook.events == {"push", "issues"}


async def test_a_replacement_that_died_anywhere_ends_in_one_webhook() -> None:
    """Where an update is not possible, the old webhook is gone after the next call."""
    for platform in await crashed(push, issues, "fixed"):
        webhook = await issues(platform)
        assert platform.object().observed.url == webhook.url
        assert webhook.events == {"push", "issues"}
        assert platform.record().id == webhook.id


async def test_a_prune_after_a_replacement_that_died_ends_in_none() -> None:
    """The predecessor that the replacement left goes too."""
    for platform in await crashed(push, issues, "fixed"):
        live = next(record for record in platform.records() if not record.replaced)
        assert await platform.manager().prune_webhook_if_dangling("alice", live.id, platform.credentials)
        assert platform.objects() == platform.records() == platform.store.orphans(SCOPE) == []


@pytest.mark.parametrize("provider", ["acme", "slotted"])
async def test_a_prune_that_died_anywhere_ends_in_none(provider: str) -> None:
    """The next prune finishes it, or finds that nothing is left to do."""
    platforms = await crashed(push, prune, provider)
    assert len(platforms) >= 6
    for platform in platforms:
        if platform.records():
            assert await prune(platform)
        assert platform.objects() == platform.records() == platform.store.orphans(SCOPE) == []


@pytest.mark.parametrize("provider", ["acme", "slotted"])
async def test_a_prune_after_a_create_that_died_ends_in_none(provider: str) -> None:
    """An interrupted registration is looked up at the provider, so that nothing is left there unseen."""
    for platform in await crashed(nothing, push, provider):
        if platform.records():
            assert await prune(platform)
        assert platform.objects() == platform.records() == platform.store.orphans(SCOPE) == []


async def test_a_prune_after_a_create_that_died_is_honest_where_nobody_can_look() -> None:
    """At a provider that cannot list, what may exist becomes an orphan."""
    for platform in await crashed(nothing, push, "blind"):
        if platform.records() and platform.record().phase is Phase.PENDING:
            assert await prune(platform)
            (orphan,) = platform.store.orphans(SCOPE)
            assert "may exist" in orphan.reason


async def test_a_prune_without_credentials_of_what_may_exist_leaves_an_orphan() -> None:
    """Nobody can look, so nobody may say that nothing is there."""
    for platform in await crashed(nothing, push, "acme"):
        if platform.records() and platform.record().phase is Phase.PENDING:
            assert await platform.manager().prune_webhook_if_dangling("alice", platform.record().id)
            (orphan,) = platform.store.orphans(SCOPE)
            assert (orphan.remote_id, platform.records()) == ("", [])


async def test_a_webhook_can_be_asked_for_while_its_prune_is_unfinished() -> None:
    """Whatever the prune had done, the user has one live webhook in the end."""
    for platform in await crashed(push, prune, "acme"):
        webhook = await push(platform)
        assert platform.object().observed.url == webhook.url
        assert platform.record().phase is Phase.REGISTERED


async def test_a_pruned_id_is_not_found_again() -> None:
    """Once the record is gone, the id means nothing."""
    platform = Brittle("acme")
    webhook = await push(platform)
    await prune(platform)
    with pytest.raises(WebhookNotFoundError):
        await platform.manager().get(webhook.id)
