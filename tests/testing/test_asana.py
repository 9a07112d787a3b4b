"""The stand-in of Asana behaves as Asana's documentation says."""

from __future__ import annotations

import json
from typing import Any

import httpx2 as httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from reconciler.testing.sandbox import FireOrder, Sandbox, SandboxConfig, create_sandbox
from reconciler.testing.vendors.asana import signature
from reconciler.testing.vendors.base import Access, UnknownEventError
from tests.support.sandboxes import Clock, SandboxTransport, counting_bytes

HOOKS = "/asana/api/1.0/webhooks"
TARGET = "https://hooks.acme.dev/webhooks/asana/1"
FILTERS = [{"resource_type": "task", "action": "added"}, {"resource_type": "task", "action": "changed"}]


@pytest.fixture
def asana(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """The client with a token."""
    client.headers["Authorization"] = "Bearer t0ken"
    return client


class Echo:
    """A receiver that repeats the secret that it is told, or something else where it is `deaf`."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.deaf = False
        self.status = 200

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        secret = Request(scope).headers.get("x-hook-secret", "")
        self.told.append(secret)
        headers = {} if self.deaf else {"X-Hook-Secret": secret}
        await Response(status_code=self.status, headers=headers)(scope, receive, send)


async def created(asana: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    """A new webhook as the API shows it."""
    data = {"resource": "51648", "target": TARGET, "filters": FILTERS, **changes}
    answer = await asana.post(HOOKS, json={"data": {key: value for key, value in data.items() if value is not None}})
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()["data"]
    return document


async def test_a_secret_is_told_to_the_target_before_there_is_a_webhook() -> None:
    """The create waits for the target to repeat it; where it does not, nothing is made."""
    receiver = Echo()
    sandbox = create_sandbox(
        SandboxConfig(now=Clock(), random_bytes=counting_bytes(), receiver=receiver, forward_to="http://r.test")
    )
    async with httpx.AsyncClient(transport=SandboxTransport(sandbox), base_url="http://sandbox.test") as client:
        client.headers["Authorization"] = "Bearer t"
        hook = await created(client)
        (secret,) = receiver.told
        assert len(secret) == 64
        assert secret not in json.dumps(hook)
        assert hook["active"] is False
        for status, deaf in ((200, True), (201, False), (500, False)):
            receiver.status, receiver.deaf = status, deaf
            answer = await client.post(HOOKS, json={"data": {"resource": "1", "target": TARGET}})
            assert answer.status_code == 400
            assert "handshake" in answer.json()["errors"][0]["message"]
        assert len(sandbox.vendors["asana"].webhooks()) == 1
        assert len(set(receiver.told)) == 4


async def test_a_handshake_that_could_go_nowhere_is_answered_by_the_sandbox() -> None:
    """So that manifests can be tried without a receiver; the log says so, and holds no secret."""
    sandbox = create_sandbox(SandboxConfig(now=Clock(), random_bytes=counting_bytes()))
    async with httpx.AsyncClient(transport=SandboxTransport(sandbox), base_url="http://sandbox.test") as client:
        client.headers["Authorization"] = "Bearer t"
        await created(client)
    (outcome,) = sandbox.outcomes
    assert (outcome.accepted, outcome.sent, outcome.delivery.event) == (True, False, "handshake")
    assert outcome.delivery.echo not in repr(outcome)


async def test_a_list_tells_few_fields_unless_others_are_asked_for(asana: httpx.AsyncClient) -> None:
    """`opt_fields` names them; pages are asked for with `limit`, and followed by their offset."""
    hooks = [await created(asana) for _ in range(3)]
    query = {"workspace": "1331", "resource": "51648"}
    compact = (await asana.get(HOOKS, params=query)).json()
    assert [set(item) for item in compact["data"]] == [{"gid", "resource_type", "active", "resource", "target"}] * 3
    fields = {**query, "limit": 2, "opt_fields": "target,filters.action"}
    first = (await asana.get(HOOKS, params=fields)).json()
    second = (await asana.get(HOOKS, params={**fields, "offset": first["next_page"]["offset"]})).json()
    assert [item["gid"] for item in first["data"] + second["data"]] == [hook["gid"] for hook in hooks]
    assert first["data"][0]["filters"] == FILTERS
    assert set(first["data"][0]) == {"gid", "resource_type", "target", "filters"}
    assert second["next_page"] is None
    assert (await asana.get(HOOKS, params={**query, "resource": "other"})).json() == {"data": []}


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({}, "workspace"),
        ({"workspace": "1", "limit": "101"}, "limit"),
        ({"workspace": "1", "limit": "1", "offset": "x"}, "offset"),
    ],
)
async def test_a_list_that_makes_no_sense_is_refused(
    asana: httpx.AsyncClient, query: dict[str, str], words: str
) -> None:
    """400 names what is missing or wrong."""
    answer = await asana.get(HOOKS, params=query)
    assert (answer.status_code, answer.json()["errors"][0]["message"].partition(":")[0]) == (400, words)


@pytest.mark.parametrize(
    "data",
    [
        None,
        {"target": TARGET},
        {"resource": "1"},
        {"resource": "1", "target": "hooks.acme.dev"},
        {"resource": "1", "target": TARGET, "filters": "task"},
        {"resource": "1", "target": TARGET, "filters": [{"kind": "task"}]},
        {"resource": "1", "target": TARGET, "filters": [{"action": "eaten"}]},
    ],
)
async def test_a_create_that_makes_no_sense_is_refused(asana: httpx.AsyncClient, sandbox: Sandbox, data: Any) -> None:
    """400, and nothing is made."""
    answer = await asana.post(HOOKS, json={"data": data})
    assert (answer.status_code, sandbox.vendors["asana"].webhooks()) == (400, [])


async def test_filters_are_all_that_changes(asana: httpx.AsyncClient) -> None:
    """An update overwrites them; what is not there is 404, and so is what was deleted."""
    hook = await created(asana)
    one = f"{HOOKS}/{hook['gid']}"
    changed = await asana.put(one, json={"data": {"filters": FILTERS[:1], "target": "https://elsewhere.example"}})
    assert (changed.json()["data"]["filters"], changed.json()["data"]["target"]) == (FILTERS[:1], TARGET)
    assert (await asana.get(one)).json()["data"]["filters"] == FILTERS[:1]
    assert (await asana.put(one, content=b"{")).status_code == 400
    assert (await asana.delete(one)).json() == {"data": {}}
    for method in ("GET", "PUT", "DELETE"):
        assert (await asana.request(method, one)).status_code == 404
    assert (await asana.get("/asana/api/1.0/tasks")).json() == {
        "errors": [{"message": "No matching route for request"}]
    }


async def test_a_delivery_is_a_signed_list_of_events(asana: httpx.AsyncClient, sandbox: Sandbox) -> None:
    """To every webhook with a filter that it passes; without filters, whatever happens."""
    await created(asana)
    await created(asana, resource="2", filters=None, target="https://hooks.acme.dev/all")
    added = await sandbox.fire(FireOrder(provider="asana", event="task.added"))
    changed = await sandbox.fire(FireOrder(provider="asana", event="task.changed", resource="1331/51648"))
    removed = await sandbox.fire(FireOrder(provider="asana", event="project.removed"))
    assert [len(outcomes) for outcomes in (added, changed, removed)] == [2, 1, 1]
    delivery = changed[0].delivery
    (event,) = json.loads(delivery.body)["events"]
    assert (event["action"], event["resource"]["resource_type"], event["change"]["field"]) == (
        "changed",
        "task",
        "due_on",
    )
    (handshake, _, *_) = sandbox.outcomes
    secret = handshake.delivery.echo
    assert delivery.headers["X-Hook-Signature"] == signature(secret, delivery.body)
    assert signature("Jefe", b"what do ya want for nothing?").startswith("5bdcc146bf60754e")
    with pytest.raises(UnknownEventError):
        await sandbox.fire(FireOrder(provider="asana", event="task"))


async def test_who_may_not_is_told_so() -> None:
    """401 without a known token, 403 for a resource that is not there for it."""
    access = {"asana": Access(tokens=frozenset({"good"}), resources=frozenset({"1"}))}
    sandbox = create_sandbox(SandboxConfig(now=Clock(), random_bytes=counting_bytes(), access=access))
    async with httpx.AsyncClient(transport=SandboxTransport(sandbox), base_url="http://sandbox.test") as client:
        assert (await client.get(HOOKS, params={"workspace": "1"})).status_code == 401
        client.headers["Authorization"] = "Bearer good"
        answer = await client.post(HOOKS, json={"data": {"resource": "2", "target": TARGET}})
        assert answer.status_code == 403


async def test_a_reset_forgets_everything(asana: httpx.AsyncClient, sandbox: Sandbox) -> None:
    """As the sandbox does."""
    await created(asana)
    (shown,) = sandbox.vendors["asana"].webhooks()
    assert shown.events == ("task.added", "task.changed")
    sandbox.reset()
    assert sandbox.vendors["asana"].webhooks() == []
