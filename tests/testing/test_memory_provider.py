"""The provider in memory says of permissions and limits what a test tells it."""

from __future__ import annotations

import pytest

from reconciler.core.errors import RetryableError
from reconciler.core.ports import Budget, Target
from reconciler.testing.memory_provider import MemoryProvider
from reconciler.testing.stand_ins import credentials
from tests.support.catalogue import CATALOGUE


async def test_a_permission_is_missing_where_a_test_says_so() -> None:
    """Every question is remembered, and a fault may take the place of its answer."""
    provider = MemoryProvider(CATALOGUE["acme"], lacking={"main": "write:hooks"})
    places = [Target(type="repo", resource="a/b", credentials=credentials(name, "acme")) for name in ("main", "other")]
    found = [await provider.missing_permission(place) for place in places]

    def fails(verb: str, _target: Target) -> None:
        raise RetryableError(f"{verb}: 503")

    provider.before = fails
    with pytest.raises(RetryableError, match="missing_permission"):
        await provider.missing_permission(places[0])

    assert found == ["write:hooks", ""]
    assert provider.checked == ["main", "other", "main"]
    assert provider.calls == []


def test_a_budget_is_the_one_a_test_gives() -> None:
    """By the name of the credentials."""
    left = Budget(remaining=1, resets_at=2.0)
    provider = MemoryProvider(CATALOGUE["acme"], budgets={"main": left})

    assert provider.budget(credentials("main", "acme")) is left
    assert provider.budget(credentials("other", "acme")) is None
