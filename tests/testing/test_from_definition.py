"""A stand-in made from a definition tells the scopes that the definition asks for."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.model import NOTHING
from reconciler.core.ports import Registration, Target
from reconciler.providers.definition import definition
from reconciler.providers.http import HttpProvider
from reconciler.testing.contract import CASES, Subject, check
from reconciler.testing.from_definition import DefinitionStandIn
from reconciler.testing.stand_ins import VirtualClock
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


TELLING: dict[str, dict[Any, Any]] = {
    "asked": {
        ("secret",): {"origin": "fetch", "path": "key", "step": {"method": "GET", "path": "${path}/hooks/${id}/key"}}
    },
    "handed over": {
        ("secret",): {"origin": "handshake"},
        ("handshakes",): [
            {"when": {"header": "X-Told"}, "proved": False, "capture": {"header": "X-Told"}, "reply": {}}
        ],
    },
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("way", TELLING)
async def test_a_secret_is_told_as_the_definition_says(way: str, case: str) -> None:
    """When it is asked for, or to the receiver while something is created: the whole contract holds."""
    loaded, clock = definition(changed("github", TELLING[way])), VirtualClock()
    stand_in = DefinitionStandIn(loaded, "repo", clock.now)
    subject = Subject(
        provider=HttpProvider(loaded, stand_in, clock.now),
        credentials=credentials("github"),
        type="repo",
        resource="acme/api",
        events=("push", "issues"),
        clock=clock,
        keep_in=stand_in.keep_in,
    )

    await check(subject, case)

    assert stand_in.unknown == []


async def test_without_a_receiver_nobody_is_told() -> None:
    """The create answers all the same; what becomes of that is the engine's business."""
    loaded = definition(changed("github", TELLING["handed over"]))
    engine = HttpProvider(loaded, DefinitionStandIn(loaded, "repo", VirtualClock().now))
    place = Target(type="repo", resource="acme/api", credentials=credentials("github"))
    wanted = Registration(
        webhook_id="x", url="https://a.dev/x", events=frozenset({"push"}), secret=None, options=NOTHING
    )

    assert (await engine.create(place, wanted)).secret is None
