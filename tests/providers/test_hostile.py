"""Providers that answer what they should not, each in a way of its own."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.errors import ErrorKind, TerminalError
from reconciler.providers.transport import Reply
from tests.providers.support import provider, registration, reply, target

ROW = {"id": 1, "events": ["push"], "active": True, "config": {"url": "https://a/"}}


async def list_refused(name: str, kind: str, answer: Reply) -> str:
    """The text of the bad answer that a list ends in."""
    engine, _ = provider(name, answer)
    with pytest.raises(TerminalError) as caught:
        await engine.list(target(name, kind))
    assert caught.value.kind is ErrorKind.BAD_ANSWER
    return str(caught.value)


async def test_html_instead_of_json_is_refused() -> None:
    """A login page with status 200 is no empty list."""
    page = Reply(status=200, headers={"content-type": "text/html"}, body=b"<html>Sign in</html>")

    assert "not answer with JSON but with text/html" in await list_refused("github", "repo", page)


async def test_an_empty_body_is_refused() -> None:
    """Nothing is not an empty list."""
    assert "not answer with JSON" in await list_refused("github", "repo", Reply(status=200))


async def test_truncated_json_is_refused() -> None:
    """Half a list is not a list."""
    assert "not answer with JSON" in await list_refused("github", "repo", reply(b'[{"id": 1, "config"'))


@pytest.mark.parametrize("body", [b"[NaN]", b"[" * 100_000, b"\xff\xfe", b"[" + b"9" * 10_000 + b"]"])
async def test_json_that_is_none_is_refused(body: bytes) -> None:
    """What Python would accept or choke on, and JSON does not allow, is a bad answer."""
    assert "not answer with JSON" in await list_refused("github", "repo", reply(body))


@pytest.mark.parametrize("body", [{}, {"message": "hello"}, "text", None, 3])
async def test_what_is_no_list_is_refused(body: Any) -> None:
    """An object where a list is due would otherwise look like no webhooks at all."""
    assert "holds no list at `@`" in await list_refused("github", "repo", reply(body))


async def test_rows_that_are_no_objects_are_refused() -> None:
    """A list of something else is a bad answer."""
    assert "something that is no object" in await list_refused("github", "repo", reply([ROW, "row"]))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": None}, "`id`"),
        ({"id": True}, "`id`"),
        ({"id": ""}, "`id`"),
        ({"id": {"a": 1}}, "`id`"),
        ({"id": 1.5}, "`id`"),
        ({"config": {"url": 7}}, "`config.url`"),
        ({"config": {"url": ["https://a/"]}}, "`config.url`"),
        ({"events": {"push": True}}, "`events`"),
        ({"events": [None]}, "`events`"),
        ({"active": "yes"}, "active` is neither true nor false"),
    ],
)
async def test_wrong_types_are_refused_with_the_field(changes: dict[str, Any], field: str) -> None:
    """A row whose field has another type is a bad answer that names the field."""
    assert field in await list_refused("github", "repo", reply([ROW | changes]))


async def test_a_hook_without_url_is_somebody_elses() -> None:
    """GitHub lists old services without a URL: they are objects, and never ours."""
    engine, _ = provider("github", reply([ROW | {"config": {}}]))

    (found,) = await engine.list(target("github", "repo"))
    assert found.url == ""


@pytest.mark.parametrize("result", [None, True, "text", [{}], {}, {"url": None}])
async def test_a_slot_of_another_shape_is_refused(result: Any) -> None:
    """Where one object is due, something else is a bad answer, not an empty slot."""
    await list_refused("telegram", "bot", reply({"ok": True, "result": result}))


@pytest.mark.parametrize("body", [{}, [], {"id": None}, {"id": ""}, {"message": "created"}])
async def test_a_create_without_an_id_has_failed(body: Any) -> None:
    """Success without an id cannot be recorded: it counts as a bad answer."""
    engine, _ = provider("github", reply(body, 201))

    with pytest.raises(TerminalError, match="no usable id at `id`") as caught:
        await engine.create(target("github", "repo"), registration("push"))
    assert caught.value.kind is ErrorKind.BAD_ANSWER


@pytest.mark.parametrize("secret", [None, "", "********", 7])
async def test_a_create_without_its_secret_has_failed(secret: Any) -> None:
    """A vendor that mints the secret and does not tell it, or masks it, leaves deliveries unprovable."""
    engine, _ = provider("stripe", reply({"id": "we_1", "secret": secret}))

    with pytest.raises(TerminalError, match="secret") as caught:
        await engine.create(target("stripe", "account"), registration("charge.succeeded"))
    assert caught.value.kind is ErrorKind.BAD_ANSWER


async def test_success_is_what_the_body_says() -> None:
    """A 200 that is HTML is no success where success is told in the body."""
    engine, _ = provider("telegram", Reply(status=200, headers={"content-type": "text/html"}, body=b"<p>"))

    with pytest.raises(TerminalError, match="not answer with JSON"):
        await engine.delete(target("telegram", "bot"), "slot")


async def test_a_list_that_grows_while_it_is_read_holds_each_object_once() -> None:
    """A new webhook moves the last one of a page to the next: the same object twice is no second webhook to remove."""
    link = '<https://api.github.com/repos/Acme/api/hooks?page=2>; rel="next"'
    moved = ROW | {"id": 2, "events": ["push", "issues"]}
    engine, _ = provider("github", reply([ROW | {"id": 3}, ROW | {"id": 2}], link=link), reply([moved, ROW]))

    found = await engine.list(target("github", "repo"))
    assert [item.remote_id for item in found] == ["3", "2", "1"]
    assert found[1].events == {"push", "issues"}
