"""What is left of a rate limit is remembered as the vendor tells it, for each of the credentials."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.errors import RetryableError
from reconciler.core.ports import Budget
from reconciler.providers.client import HttpTransport
from reconciler.providers.definition import definition
from reconciler.providers.http import HttpProvider
from reconciler.providers.transport import Reply
from reconciler.testing.sandbox import SandboxConfig, create_sandbox
from reconciler.testing.vendors.base import Access, Surroundings
from reconciler.testing.vendors.github import GitHub
from tests.providers.support import NOW, Script, changed, credentials, provider, reply, shipped, target
from tests.providers.test_definition import refused
from tests.support.sandboxes import Clock, counting_bytes

DATE = "Tue, 24 Nov 2026 12:00:00 GMT"
DATED = 1_795_521_600


def github(remaining: Any, reset: Any, status: int = 200, **headers: str) -> Reply:
    """An empty list of GitHub that tells what is left."""
    return reply([], status, x_ratelimit_remaining=str(remaining), x_ratelimit_reset=str(reset), **headers)


async def told(name: str, kind: str, answer: Reply) -> Budget | None:
    """The budget after one answer to a list."""
    engine, _ = provider(name, answer)
    await engine.list(target(name, kind))
    return engine.budget(credentials(name))


async def test_nothing_is_known_before_the_first_answer() -> None:
    """Without an answer of this process there is no budget."""
    engine, _ = provider("github")

    assert engine.budget(credentials("github")) is None


async def test_a_reset_in_unix_seconds_is_taken_by_the_answers_own_clock() -> None:
    """GitHub's reset is a time on GitHub's clock; where ours differs, the answer's `Date` tells how far off it is."""
    by_date = await told("github", "repo", github(7, DATED + 100, date=DATE, x_ratelimit_limit="5000"))
    by_ours = await told("github", "repo", github(7, int(NOW) + 50))

    assert by_date == Budget(remaining=7, resets_at=NOW + 100, limit=5000)
    assert by_ours == Budget(remaining=7, resets_at=NOW + 50)


@pytest.mark.parametrize(
    ("name", "kind", "headers", "body", "seconds"),
    [
        ("gitlab", "project", ("ratelimit-remaining", "ratelimit-reset", f"{NOW + 9:.0f}"), [], 9),
        ("calendly", "group", ("x-ratelimit-remaining", "x-ratelimit-reset", "60"), None, 60),
        (
            "linear",
            "team",
            ("x-ratelimit-requests-remaining", "x-ratelimit-requests-reset", "1790000012500"),
            None,
            12.5,
        ),
    ],
)
async def test_each_vendor_writes_the_reset_in_its_own_way(
    name: str, kind: str, headers: tuple[str, str, str], body: Any, seconds: float
) -> None:
    """UNIX seconds, seconds from now, UNIX milliseconds: all become the time of the reset."""
    remaining, reset, value = headers
    answer = Reply(status=500 if body is None else 200, headers={remaining: "3", reset: value}, body=b"[]")
    engine, _ = provider(name, answer)
    if body is None:  # a failure tells it as well
        with pytest.raises(RetryableError):
            await engine.list(target(name, kind))
    else:
        await engine.list(target(name, kind))

    assert engine.budget(credentials(name)) == Budget(remaining=3, resets_at=NOW + seconds)


@pytest.mark.parametrize(
    "answer",
    [
        reply([]),
        github("", int(NOW) + 1),
        github("many", int(NOW) + 1),
        github(-1, int(NOW) + 1),
        github(5, "soon"),
        github(5, "9" * 40),
        github("\u0663", int(NOW) + 1),
    ],
)
async def test_what_is_no_number_says_nothing(answer: Reply) -> None:
    """Headers that are missing or make no sense are no budget, and no error."""
    assert await told("github", "repo", answer) is None


async def test_the_newest_answer_counts_and_a_refusal_tells_too() -> None:
    """A refusal for the rate says that nothing is left, and when to come again."""
    engine, _ = provider("github", github(9, int(NOW) + 90), github(0, int(NOW) + 90, 403))
    await engine.list(target("github", "repo"))
    with pytest.raises(RetryableError) as caught:
        await engine.list(target("github", "repo"))

    assert engine.budget(credentials("github")) == Budget(remaining=0, resets_at=NOW + 90)
    assert (caught.value.throttled, caught.value.after) == (True, 90.0)


async def test_a_budget_ends_with_its_time() -> None:
    """After the reset nothing is known until the next answer."""
    clock, script = Clock(NOW), Script(github(0, int(NOW) + 5))
    engine = HttpProvider(shipped("github"), script, clock)
    await engine.list(target("github", "repo"))
    before = engine.budget(credentials("github"))
    clock.advance(5)

    assert before is not None
    assert engine.budget(credentials("github")) is None


async def test_a_budget_belongs_to_the_secret_and_the_place() -> None:
    """The same token by another name shares the limit; another token or another instance has its own."""
    engine, _ = provider("github", github(3, int(NOW) + 9))
    await engine.list(target("github", "repo"))
    known = credentials("github")

    assert engine.budget(replace(known, name="other")) is not None
    assert engine.budget(credentials("github", token="ghp_other")) is None
    assert engine.budget(replace(known, api_url="https://ghe.acme.dev/api/v3")) is None


async def test_a_definition_without_rates_tells_nothing_whatever_the_headers() -> None:
    """Headers that the definition does not name are not guessed at."""
    engine = HttpProvider(definition(changed("github", {("limits", "rate"): ...})), Script(github(0, 1)))
    await engine.list(target("github", "repo"))

    assert engine.budget(credentials("github")) is None


async def test_without_a_clock_the_answers_date_has_to_do() -> None:
    """A provider that was given no clock tells the reset on the vendor's; without a `Date` it tells nothing."""
    engine = HttpProvider(shipped("github"), Script(github(3, DATED + 9, date=DATE), github(2, DATED + 9)))
    await engine.list(target("github", "repo"))
    dated = engine.budget(credentials("github"))
    await engine.list(target("github", "repo"))

    assert dated == engine.budget(credentials("github")) == Budget(remaining=3, resets_at=DATED + 9)


async def test_the_stand_in_of_github_is_exhausted_for_the_rest_of_the_hour() -> None:
    """A run that meets the hourly limit learns how long the hour still is."""
    clock = Clock()
    sandbox = create_sandbox(SandboxConfig(now=clock, random_bytes=counting_bytes()))
    around = Surroundings(now=clock, random_bytes=counting_bytes(), deliver=sandbox._asked)
    left = 3600 - clock() % 3600
    async with HttpTransport(GitHub(around, Access(), hourly=1).app) as transport:
        engine = HttpProvider(shipped("github"), transport, clock)
        await engine.list(target("github", "repo"))
        with pytest.raises(RetryableError) as caught:
            await engine.list(target("github", "repo"))

    assert (caught.value.after, caught.value.throttled) == (left, True)
    assert engine.budget(credentials("github")) == Budget(remaining=0, resets_at=clock() + left, limit=1)


def test_traits_tell_concurrency_and_quota() -> None:
    """What a definition says of limits is what core sees."""
    traits = {
        name: HttpProvider(shipped(name), Script(), lambda: NOW).traits for name in ("github", "stripe", "gitlab")
    }

    assert [found.concurrency for found in traits.values()] == [100, None, None]
    assert traits["github"].types["org"].quota.per_event == 20
    assert traits["stripe"].types["account"].quota.per_resource == 16


def test_limits_that_make_no_sense_are_refused() -> None:
    """No concurrency of nothing, no unknown way to write a time, no wait for what will never work."""
    assert ("limits", "concurrency") in refused("github", {("limits", "concurrency"): 0})
    assert ("limits", "rate", "reset_is") in refused("github", {("limits", "rate", "reset_is"): "minutes"})
    found = refused("github", {("errors", "rules", 3, "after"): 5})
    assert found[("errors", "rules", 3)] == "`after` belongs to the kinds `retryable` and `throttled`"
