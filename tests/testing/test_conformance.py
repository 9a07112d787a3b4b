"""Stand-ins, and the requests that are made of them, are as the vendors' OpenAPI descriptions say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import httpx2 as httpx
import pytest

from tests.support.openapi import Conformance, Exchange, RecordingTransport

URL = "https://hooks.acme.dev/webhooks/1"


@dataclass(frozen=True)
class Life:
    """The life of a webhook at one vendor: headers, and the calls with `{id}` for what the first answer's id is."""

    headers: Mapping[str, str]
    calls: tuple[tuple[str, str, dict[str, Any]], ...]


_HOOK = {"config": {"url": URL, "content_type": "json", "secret": "s"}, "events": ["push"]}
_GITLAB = "/gitlab/api/v4/projects/acme%2Fapi/hooks"
_BOT = "/telegram/bot1:a"
_STRIPE = "/stripe/v1/webhook_endpoints"
_VERCEL = "/vercel/v1/webhooks"


def _github(root: str) -> Life:
    return Life(
        {"Authorization": "Bearer t"},
        (
            ("POST", f"{root}/hooks", {"json": {"name": "web", "active": True, **_HOOK}}),
            ("GET", f"{root}/hooks", {"params": {"per_page": 1, "page": 1}}),
            ("GET", f"{root}/hooks/{{id}}", {}),
            ("PATCH", f"{root}/hooks/{{id}}", {"json": _HOOK}),
            ("GET", f"{root}/hooks/{{id}}/config", {}),
            ("PATCH", f"{root}/hooks/{{id}}/config", {"json": {"insecure_ssl": "1"}}),
            ("POST", f"{root}/hooks/{{id}}/pings", {}),
            ("POST", f"{root}/hooks", {"json": {"name": "web", **_HOOK}}),
            ("DELETE", f"{root}/hooks/{{id}}", {}),
            ("GET", f"{root}/hooks/{{id}}", {}),
        ),
    )


def _gitea(root: str) -> Life:
    config = {"url": URL, "content_type": "json", "secret": "s"}
    return Life(
        {"Authorization": "token t"},
        (
            (
                "POST",
                f"{root}/hooks",
                {"json": {"type": "gitea", "active": True, "events": ["push"], "config": config}},
            ),
            ("GET", f"{root}/hooks", {"params": {"page": 1, "limit": 50}}),
            ("GET", f"{root}/hooks/{{id}}", {}),
            ("PATCH", f"{root}/hooks/{{id}}", {"json": {"active": True, "events": ["issues"], "config": config}}),
            ("POST", f"{root}/hooks", {"json": {"type": "carrier-pigeon", "config": config}}),
            ("DELETE", f"{root}/hooks/{{id}}", {}),
            ("GET", f"{root}/hooks/{{id}}", {}),
        ),
    )


def _bitbucket(root: str) -> Life:
    wish = {"url": URL, "description": "d", "active": True, "events": ["repo:push", "issue:created"], "secret": "s"}
    return Life(
        {"Authorization": "Bearer t"},
        (
            ("POST", f"{root}/hooks", {"json": wish}),
            ("GET", f"{root}/hooks", {"params": {"pagelen": 100}}),
            ("GET", f"{root}/hooks/{{id}}", {}),
            ("PUT", f"{root}/hooks/{{id}}", {"json": wish}),
            ("DELETE", f"{root}/hooks/{{id}}", {}),
            ("GET", f"{root}/hooks/{{id}}", {}),
        ),
    )


LIVES = {
    "github repository": _github("/github/repos/acme/api"),
    "github organisation": _github("/github/orgs/acme"),
    "gitlab project": Life(
        {"PRIVATE-TOKEN": "t"},
        (
            ("POST", _GITLAB, {"json": {"url": URL, "token": "s", "push_events": False, "issues_events": True}}),
            ("GET", _GITLAB, {"params": {"per_page": 100}}),
            ("GET", f"{_GITLAB}/{{id}}", {}),
            ("PUT", f"{_GITLAB}/{{id}}", {"json": {"url": URL, "token": "s", "enable_ssl_verification": True}}),
            ("POST", f"{_GITLAB}/{{id}}/test/issues_events", {}),
            ("DELETE", f"{_GITLAB}/{{id}}", {}),
            ("GET", f"{_GITLAB}/{{id}}", {}),
        ),
    ),
    "gitea repository": _gitea("/gitea/api/v1/repos/acme/api"),
    "gitea organisation": _gitea("/gitea/api/v1/orgs/acme"),
    "bitbucket repository": _bitbucket("/bitbucket/2.0/repositories/acme/api"),
    "bitbucket workspace": _bitbucket("/bitbucket/2.0/workspaces/acme"),
    "vercel team": Life(
        {"Authorization": "Bearer t"},
        (
            ("POST", _VERCEL, {"json": {"url": URL, "events": ["deployment.created"], "projectIds": ["prj_1"]}}),
            ("GET", _VERCEL, {"params": {"teamId": "team_1"}}),
            ("GET", f"{_VERCEL}/{{id}}", {}),
            ("DELETE", f"{_VERCEL}/{{id}}", {}),
            ("GET", f"{_VERCEL}/{{id}}", {}),
        ),
    ),
    "telegram bot": Life(
        {},
        (
            ("POST", f"{_BOT}/setWebhook", {"files": {"url": (None, URL), "max_connections": (None, "9")}}),
            ("POST", f"{_BOT}/getWebhookInfo", {}),
            ("POST", f"{_BOT}/getMe", {}),
            ("POST", f"{_BOT}/deleteWebhook", {"json": {"drop_pending_updates": True}}),
        ),
    ),
    "stripe endpoint": Life(
        {"Authorization": "Bearer sk_test_1"},
        (
            ("POST", _STRIPE, {"data": {"url": URL, "enabled_events[]": ["charge.failed"], "metadata[a]": "1"}}),
            ("GET", _STRIPE, {"params": {"limit": 100}}),
            ("GET", f"{_STRIPE}/{{id}}", {}),
            ("POST", f"{_STRIPE}/{{id}}", {"data": {"enabled_events[]": ["*"], "disabled": "true"}}),
            ("DELETE", f"{_STRIPE}/{{id}}", {}),
            ("GET", f"{_STRIPE}/{{id}}", {}),
        ),
    ),
}


async def _live(client: httpx.AsyncClient, life: Life) -> None:
    identifier: Any = None
    for method, path, content in life.calls:
        answer = await client.request(method, path.replace("{id}", str(identifier)), headers=life.headers, **content)
        identifier = identifier or answer.json().get("id") or answer.json().get("uuid")


@pytest.mark.parametrize("name", LIVES)
async def test_the_whole_life_of_a_webhook_is_as_described(
    client: httpx.AsyncClient, recorder: RecordingTransport, conformance: Conformance, name: str
) -> None:
    """Every request that was accepted and every answer, errors too, conform."""
    await _live(client, LIVES[name])

    assert len(recorder.exchanges) == len(LIVES[name].calls)
    assert conformance.problems(recorder.exchanges) == []


def _mentions(exchange: Exchange, *keys: str) -> bool:
    document = json.loads(exchange.response_body)
    inner = document.get("result", document)
    return isinstance(inner, dict) and not set(keys).isdisjoint(inner)


def _broken_answer(exchange: Exchange) -> Exchange:
    document = json.loads(exchange.response_body)
    inner = document.get("result", document)
    for key in ("url", "is_bot", "id"):
        if key in inner:
            inner[key] = {"not": "this"}
    return replace(exchange, response_body=json.dumps(document).encode())


@pytest.mark.parametrize("name", LIVES)
async def test_an_answer_of_the_wrong_form_is_found(
    client: httpx.AsyncClient, recorder: RecordingTransport, conformance: Conformance, name: str
) -> None:
    """The check is not empty: a field of another type is a problem at every vendor."""
    await _live(client, LIVES[name])
    answers = [one for one in recorder.exchanges if one.status == 200 and one.response_body.startswith(b"{")]
    broken = _broken_answer(next(one for one in answers if _mentions(one, "url", "is_bot", "id")))

    assert conformance.problems([broken]) != []


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("github repository", b'{"name": "web", "colour": "red"}'),
        ("github organisation", b'{"config": {"url": 7}}'),
        ("gitlab project", b'{"url": "https://a.dev", "issues_events": "yes"}'),
        ("telegram bot", b'--b\r\nContent-Disposition: form-data; name="max_connections"\r\n\r\nmany\r\n--b--\r\n'),
        ("stripe endpoint", b"url=https://a.dev&enabled_events[]=charge.eaten"),
        ("gitea repository", b'{"type": "gitea", "config": {"url": 7}}'),
        ("gitea organisation", b'{"config": {"url": "https://a.dev"}}'),
        ("vercel team", b'{"url": "https://a.dev", "events": ["deployment.created"], "colour": "red"}'),
    ],
)
async def test_a_request_of_the_wrong_form_is_found(
    client: httpx.AsyncClient, recorder: RecordingTransport, conformance: Conformance, name: str, body: bytes
) -> None:
    """What a vendor would not take is a problem even where a stand-in took it."""
    await _live(client, LIVES[name])
    first = recorder.exchanges[0]
    headers = dict(first.request_headers)
    if name == "telegram bot":
        headers["content-type"] = "multipart/form-data; boundary=b"

    assert conformance.problems([replace(first, request_body=body, request_headers=headers)]) != []


async def test_an_undescribed_status_and_path_are_found(
    client: httpx.AsyncClient, recorder: RecordingTransport, conformance: Conformance
) -> None:
    """A status that no operation has, and a call that no description has, are problems."""
    await _live(client, LIVES["github repository"])
    first = recorder.exchanges[0]
    moved = replace(first, url=first.url.replace("/hooks", "/webhooks"))

    assert conformance.problems([replace(first, status=418)]) != []
    assert conformance.problems([moved]) != []
