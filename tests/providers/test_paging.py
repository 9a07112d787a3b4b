"""Lists are read to their end, and no further."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.errors import ErrorKind, TerminalError
from reconciler.providers.paging import MAX_PAGES, next_link, with_query
from reconciler.providers.transport import Reply
from tests.providers.support import provider, reply, target

GITHUB = "https://api.github.com/repos/Acme/api/hooks?per_page=100"


def hook(number: int) -> dict[str, Any]:
    """A row of GitHub's list."""
    return {"id": number, "events": ["push"], "active": True, "config": {"url": f"https://a/{number}"}}


def endpoint(number: int) -> dict[str, Any]:
    """A row of Stripe's list."""
    return {"id": f"we_{number}", "url": "https://a/", "enabled_events": ["*"], "status": "enabled"}


def linked(number: int, link: str) -> Reply:
    """A page of GitHub's list with a Link header."""
    return reply([hook(number)], link=link)


async def refused(name: str, kind: str, *replies: Reply) -> TerminalError:
    """The error that these pages end in."""
    engine, _ = provider(name, *replies)
    with pytest.raises(TerminalError) as caught:
        await engine.list(target(name, kind))
    assert caught.value.kind is ErrorKind.BAD_ANSWER
    return caught.value


async def test_links_are_followed_to_the_last_page() -> None:
    """Every page of a `Link` list is asked for, with the same credentials."""
    engine, script = provider(
        "github",
        linked(1, f'<{GITHUB}&page=2>; rel="next", <{GITHUB}&page=3>; rel="last"'),
        linked(2, '</repos/Acme/api/hooks?page=3>; rel="next"'),
        linked(3, f'<{GITHUB}&page=1>; rel="first"'),
    )

    found = await engine.list(target("github", "repo"))

    assert [item.remote_id for item in found] == ["1", "2", "3"]
    assert [call.url for call in script.calls] == [
        GITHUB,
        f"{GITHUB}&page=2",
        "https://api.github.com/repos/Acme/api/hooks?page=3",
    ]
    assert all(call.headers["Authorization"] == "Bearer ghp_token" for call in script.calls)


async def test_a_cursor_is_moved_to_the_last_page() -> None:
    """A cursor list asks for what comes after the last id, until there is no more."""
    engine, script = provider(
        "stripe",
        reply({"data": [endpoint(1), endpoint(2)], "has_more": True}),
        reply({"data": [endpoint(3)], "has_more": True}),
        reply({"data": [], "has_more": False}),
    )

    found = await engine.list(target("stripe", "account"))

    assert [item.remote_id for item in found] == ["we_1", "we_2", "we_3"]
    root = "https://api.stripe.com/v1/webhook_endpoints?limit=100"
    assert [call.url for call in script.calls] == [
        root,
        f"{root}&starting_after=we_2",
        f"{root}&starting_after=we_3",
    ]


async def test_a_cursor_list_that_lost_its_cursor_is_refused() -> None:
    """`has_more` without a row to go on from would end the list too early."""
    error = await refused("stripe", "account", reply({"data": [], "has_more": True}))

    assert "holds no cursor" in str(error)


async def test_a_repeated_cursor_is_refused() -> None:
    """A provider that gives the same page again and again is not followed."""
    page = reply({"data": [endpoint(1)], "has_more": True})

    assert "pages repeat" in str(await refused("stripe", "account", page, page))


async def test_a_circle_of_links_is_refused() -> None:
    """A page that leads back to one that was read ends the list with an error, not with what was read so far."""
    error = await refused(
        "github", "repo", linked(1, f'<{GITHUB}&page=2>; rel="next"'), linked(2, f'<{GITHUB}>; rel="next"')
    )

    assert "pages repeat" in str(error)


async def test_endless_pages_are_refused() -> None:
    """A list that never ends is given up at a fixed number of pages."""
    pages = [linked(number, f'<{GITHUB}&page={number + 1}>; rel="next"') for number in range(1, MAX_PAGES + 2)]

    assert f"more than {MAX_PAGES} pages" in str(await refused("github", "repo", *pages))


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/hooks?page=2",
        "http://api.github.com/hooks?page=2",
        "https://api.github.com:8443/hooks",
        "https://user@api.github.com/hooks",
        "//evil.example/hooks",
        "https://api.github.com.evil.example/",
    ],
)
async def test_a_next_page_elsewhere_is_not_asked(link: str) -> None:
    """A link to another scheme, host, port or user would carry our credentials away."""
    error = await refused("github", "repo", linked(1, f'<{link}>; rel="next"'))

    assert "at another origin" in str(error)


@pytest.mark.parametrize("link", ["https://[bad/hooks", "https://api.github.com:port/hooks"])
async def test_a_malformed_link_is_refused(link: str) -> None:
    """A link that is no URL is a bad answer, and raises nothing else."""
    assert "malformed" in str(await refused("github", "repo", linked(1, f'<{link}>; rel="next"')))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", None),
        ('<https://a/2>; rel="next"', "https://a/2"),
        ("<https://a/2>; rel=next", "https://a/2"),
        ('<https://a/1>; rel="prev", <https://a/3>; rel="next"', "https://a/3"),
        ('<https://a/3>; title="x"; rel="next last"', "https://a/3"),
        ('<https://a/3>; REL="NEXT"', "https://a/3"),
        ("<https://a/3>", None),
        ('<https://a/3>; rel="nextish"', None),
        ("garbage, <<>>;;", None),
    ],
)
def test_links_are_read_by_their_relation(header: str, expected: str | None) -> None:
    """The target with the relation `next`, and no other, is the next page."""
    assert next_link(header) == expected


def test_query_parameters_are_replaced() -> None:
    """A parameter stands once, with its last value, encoded."""
    assert with_query("https://a/b?x=1&y=2", {"x": "a b"}) == "https://a/b?y=2&x=a+b"
