"""A stand-in made from a definition tells the scopes that the definition asks for."""

from __future__ import annotations

import pytest

from reconciler.core.ports import Target
from reconciler.providers.definition import definition
from reconciler.providers.http import HttpProvider
from reconciler.testing.from_definition import DefinitionStandIn
from tests.providers.support import changed, credentials


@pytest.mark.parametrize(
    ("name", "kind"), [("github", "repo"), ("gitlab", "project"), ("airtable", "base"), ("stripe", "account")]
)
async def test_its_credentials_have_what_they_need(name: str, kind: str) -> None:
    """The permission is asked for as the definition says, and is there; no call is one that nobody knows."""
    loaded = definition(changed(name, {}))
    stand_in = DefinitionStandIn(loaded, kind, lambda: 1_795_000_000.0)
    place = Target(type=kind, resource="a", credentials=credentials(name))

    assert await HttpProvider(loaded, stand_in, lambda: 1_795_000_000.0).missing_permission(place) == ""
    assert stand_in.unknown == []


async def test_scopes_are_told_as_the_definition_reads_them() -> None:
    """Where another scope is asked for than the one that is told, it is missing: the answer was understood."""
    stand_in = DefinitionStandIn(definition(changed("github", {})), "org", lambda: 1_795_000_000.0)
    place = Target(type="repo", resource="a/b", credentials=credentials("github"))

    found = await HttpProvider(definition(changed("github", {})), stand_in).missing_permission(place)

    assert found == "admin:repo_hook"
