"""The sandbox itself: its log, its faults, its way out, and its controls."""

from __future__ import annotations

import json
from typing import Any

import httpx2 as httpx
import pytest

from reconciler.core.errors import ConfigError
from reconciler.testing.outbound import Courier, is_loopback
from reconciler.testing.sandbox import FireOrder, Sandbox, SandboxConfig, create_sandbox
from reconciler.testing.vendors.base import Delivery
from tests.support.sandboxes import Clock, Receiver, SandboxTransport, counting_bytes

HOOKS = "/github/repos/acme/api/hooks"
AUTH = {"Authorization": "Bearer t0ken"}
WISH: dict[str, Any] = {
    "config": {"url": "https://hooks.acme.dev/1", "content_type": "json", "secret": "s3cret"},
    "events": ["push"],
}


def delivery(url: str) -> Delivery:
    """Any delivery to `url`."""
    return Delivery(provider="generic", webhook_id="1", event="plain", url=url, headers={}, body=b"{}")


@pytest.fixture
def api(sandbox: Sandbox) -> httpx.AsyncClient:
    """A client whose exchanges are not held against descriptions: faults are not described."""
    return httpx.AsyncClient(transport=SandboxTransport(sandbox), base_url="http://sandbox.test", headers=AUTH)


async def test_the_log_holds_requests_without_their_secrets(client: httpx.AsyncClient, sandbox: Sandbox) -> None:
    """Tokens in headers, queries and paths, and secrets in bodies, are masked; the rest is as it was."""
    await client.post(HOOKS, json=WISH, headers=AUTH)
    await client.get("/gitlab/api/v4/projects/acme%2Fapi/hooks", params={"private_token": "t0ken", "page": "1"})
    await client.post("/telegram/bot1:t0ken/setWebhook", data={"url": "https://a.dev", "secret_token": "s3cret"})

    shown = (await client.get("/_sandbox/requests")).json()

    assert shown["total"] == 3
    assert "t0ken" not in json.dumps(shown)
    assert "s3cret" not in json.dumps(shown)
    github, gitlab, telegram = shown["requests"]
    assert (github["method"], github["path"], github["status"]) == ("POST", HOOKS, 201)
    assert json.loads(github["body"])["config"]["url"] == "https://hooks.acme.dev/1"
    assert (gitlab["path"], gitlab["query"]) == (
        "/gitlab/api/v4/projects/acme%2Fapi/hooks",
        "private_token=********&page=1",
    )
    assert telegram["path"] == "/telegram/bot1:********/setWebhook"
    assert len((await client.get("/_sandbox/requests", params={"provider": "github"})).json()["requests"]) == 1
    await client.delete("/_sandbox/requests")
    assert len(sandbox.log) == 0


@pytest.mark.parametrize(("provider", "event"), [("github", "push"), ("gitea", "push"), ("generic", "plain")])
async def test_no_two_deliveries_are_alike(api: httpx.AsyncClient, sandbox: Sandbox, provider: str, event: str) -> None:
    """These vendors sign no time: an ingress would take the second for a repetition. What they say is the same."""
    wish = {"config": {"url": "https://a.dev", "content_type": "json", "secret": "s"}, "events": ["push"]}
    for root in ("/github", "/gitea/api/v1"):
        await api.post(f"{root}/repos/acme/api/hooks", json={**wish, "type": "gitea", "active": True}, headers=AUTH)
    order = FireOrder(provider=provider, event=event, url="https://a.dev" if provider == "generic" else "")

    first, second = (sandbox.made(order)[0].body for _ in range(2))

    assert first != second
    assert first.rstrip() == second.rstrip()


async def test_the_log_is_a_ring(clock: Clock) -> None:
    """Only the last requests are kept, and their numbers go on."""
    sandbox = create_sandbox(SandboxConfig(now=clock, random_bytes=counting_bytes(), log_limit=2))
    async with httpx.AsyncClient(transport=SandboxTransport(sandbox), base_url="http://sandbox.test") as api:
        for _ in range(3):
            await api.get(HOOKS, headers=AUTH)

    assert [entry.number for entry in sandbox.log] == [2, 3]


@pytest.mark.parametrize(
    ("body", "shown"),
    [(b"{", "(not JSON)"), (b"", ""), (b'{"a": [{"token": "x"}]}', '{"a": [{"token": "********"}]}')],
)
async def test_a_body_that_cannot_be_masked_is_not_kept(
    client: httpx.AsyncClient, sandbox: Sandbox, body: bytes, shown: str
) -> None:
    """Broken JSON might hold anything."""
    await client.post(HOOKS, content=body, headers={**AUTH, "Content-Type": "application/json"})

    assert next(iter(sandbox.log)).body == shown


async def test_an_injected_fault_answers_instead_of_the_vendor(api: httpx.AsyncClient) -> None:
    """Status, body and headers are as ordered, for matching requests only and as often as ordered."""
    fault = {"method": "POST", "path": "/github/repos/*/hooks", "status": 503, "count": 1}
    await api.post("/_sandbox/faults", json={**fault, "body": {"message": "tired"}, "headers": {"Retry-After": "7"}})

    read = await api.get(HOOKS)
    hit = await api.post(HOOKS, json=WISH)
    later = await api.post(HOOKS, json=WISH)
    told = (await api.get("/_sandbox/faults")).json()["faults"][0]
    recorded = [read.status_code, hit.status_code, later.status_code]

    assert recorded == [200, 503, 201]
    assert (hit.json(), hit.headers["retry-after"]) == ({"message": "tired"}, "7")
    assert (told["seen"], told["hits"]) == (2, 1)


async def test_every_second_request_after_the_first_may_fail(api: httpx.AsyncClient) -> None:
    """`skip` spares the first matches, `every` hits each n-th after them."""
    await api.post("/_sandbox/faults", json={"path": "/github/*", "every": 2, "skip": 1})

    assert [(await api.get(HOOKS)).status_code for _ in range(5)] == [200, 200, 500, 200, 500]


async def test_a_lost_answer_means_that_the_change_was_made(api: httpx.AsyncClient, sandbox: Sandbox) -> None:
    """`drop_after` creates the webhook and loses the answer; `drop_before` loses the request."""
    await api.post("/_sandbox/faults", json={"path": HOOKS, "method": "POST", "drop_after": True, "count": 1})
    await api.post("/_sandbox/faults", json={"path": HOOKS, "method": "POST", "drop_before": True, "count": 1})

    kept = []
    for number in (1, 2):
        with pytest.raises(httpx.ReadError, match="dropped"):
            await api.post(HOOKS, json={**WISH, "config": {"url": f"https://hooks.acme.dev/{number}"}})
        kept.append(len(sandbox.github.webhooks()))

    assert kept == [1, 1]
    assert [entry.status for entry in sandbox.log] == [None, None]
    await api.delete("/_sandbox/faults")
    assert (await api.get(HOOKS)).status_code == 200


@pytest.mark.parametrize("fault", [{}, {"path": "/x", "colour": "red"}, {"path": "/x", "every": 0}, []])
async def test_a_fault_that_makes_no_sense_is_refused(api: httpx.AsyncClient, fault: Any) -> None:
    """A control that is not understood changes nothing."""
    assert (await api.post("/_sandbox/faults", json=fault)).status_code == 400
    assert (await api.get("/_sandbox/faults")).json() == {"faults": []}


async def test_fire_tells_what_each_receiver_said(api: httpx.AsyncClient, receiver: Receiver) -> None:
    """One result for each subscribed webhook; the list of deliveries keeps them, without their proof."""
    await api.post(HOOKS, json=WISH)
    receiver.status = 202

    fired = (await api.post("/_sandbox/fire", json={"provider": "github", "event": "push"})).json()["deliveries"]
    kept = (await api.get("/_sandbox/deliveries")).json()["deliveries"]

    assert [(one["event"], one["status"], one["accepted"], one["body"]) for one in fired] == [
        ("push", 202, True, "noted")
    ]
    assert [one["event"] for one in kept] == ["ping", "push"]
    assert "signature" not in json.dumps(kept).lower()


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ({"provider": "carrier-pigeon", "event": "push"}, "carrier-pigeon"),
        ({"provider": "github", "event": "psh"}, "psh"),
        ({"provider": "generic"}, "url"),
        ({"event": "push"}, "provider"),
        ({"provider": "github", "evnt": "push"}, "event"),
    ],
)
async def test_an_order_to_fire_that_makes_no_sense_is_refused(
    api: httpx.AsyncClient, order: dict[str, Any], said: str
) -> None:
    """The answer names what is wrong."""
    refused = await api.post("/_sandbox/fire", json=order)

    assert refused.status_code == 400
    assert said in refused.json()["error"]


async def test_providers_without_an_api_are_fired_at_a_given_url(sandbox: Sandbox, receiver: Receiver) -> None:
    """`generic` repeats the secret in X-Webhook-Secret, `compass` proves nothing."""
    for provider in ("generic", "compass"):
        order = FireOrder(provider=provider, url="https://hooks.acme.dev/m", secret="s3cret", payload={"extra": 1})
        (outcome,) = await sandbox.fire(order)
        assert outcome.accepted

    (url, generic, _), (_, compass, body) = receiver.requests
    assert url == "http://receiver.test/m"
    assert generic["x-webhook-secret"] == "s3cret"
    assert "x-webhook-secret" not in compass
    assert set(json.loads(body)) == {"date", "transcription", "duration", "extra"}


async def test_the_webhooks_of_all_vendors_are_told_in_the_same_words(api: httpx.AsyncClient) -> None:
    """Each with provider, id, resource, URL and events, secrets masked."""
    await api.post(HOOKS, json=WISH)
    await api.post("/gitlab/api/v4/projects/acme%2Fapi/hooks", json={"url": "https://a.dev", "token": "s3cret"})
    await api.post("/telegram/bot7:x/setWebhook", json={"url": "https://a.dev", "secret_token": "s3cret"})
    await api.post("/stripe/v1/webhook_endpoints", data={"url": "https://a.dev", "enabled_events[]": "*"})

    everything = await api.get("/_sandbox/webhooks")
    stripe = await api.get("/_sandbox/webhooks", params={"provider": "stripe"})

    shown = everything.json()["webhooks"]
    assert [(one["provider"], one["resource"]) for one in shown] == [
        ("github", "acme/api"),
        ("gitlab", "acme/api"),
        ("telegram", "7"),
        ("stripe", ""),
    ]
    assert "s3cret" not in everything.text
    assert "whsec" not in everything.text
    assert len(stripe.json()["webhooks"]) == 1


async def test_reset_empties_everything(api: httpx.AsyncClient, sandbox: Sandbox) -> None:
    """Webhooks, log, deliveries and faults are gone."""
    await api.post(HOOKS, json=WISH)
    await api.post("/_sandbox/faults", json={"path": "/github/*"})
    await api.post("/_sandbox/reset")

    assert (await api.get(HOOKS)).json() == []
    assert (sandbox.log.total, list(sandbox.outcomes)) == (1, [])
    assert (await api.get("/_sandbox/health")).json()["ready"] is True


async def test_nothing_leaves_for_the_outside(clock: Clock) -> None:
    """Without a place to forward to, a delivery for a public URL is refused, and does not count as a failure."""
    sandbox = create_sandbox(SandboxConfig(now=clock, random_bytes=counting_bytes()))
    async with httpx.AsyncClient(transport=SandboxTransport(sandbox), base_url="http://s.test", headers=AUTH) as api:
        hook = (await api.post(HOOKS, json=WISH)).json()
        shown = (await api.get(f"{HOOKS}/{hook['id']}")).json()

    (ping,) = sandbox.outcomes
    assert (ping.sent, ping.accepted, ping.status) == (False, False, None)
    assert "not on loopback" in ping.error
    assert shown["last_response"]["status"] == "unused"


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("localhost.example.com", False),
        ("127.0.0.1.nip.io", False),
        ("127.1", False),
        ("2130706433", False),
        ("0.0.0.0", False),  # noqa: S104 - nothing is bound
        ("10.0.0.1", False),
        ("169.254.169.254", False),
        ("", False),
    ],
)
def test_loopback_is_told_by_spelling_alone(host: str, loopback: bool) -> None:
    """No name is looked up, so none can lead elsewhere."""
    assert is_loopback(host) is loopback


@pytest.mark.parametrize(
    ("forward_to", "url", "destination"),
    [
        ("", "http://127.0.0.1:9/a?b=c", "http://127.0.0.1:9/a?b=c"),
        ("", "https://hooks.acme.dev/a", None),
        ("", "http://user@hooks.acme.dev#@127.0.0.1/", None),
        ("", "file://localhost/etc/passwd", None),
        ("http://127.0.0.1:8080", "https://hooks.acme.dev:8443/a/b?c=d", "http://127.0.0.1:8080/a/b?c=d"),
        ("http://[::1]:8080/", "https://u:p@hooks.acme.dev/a#f", "http://[::1]:8080/a"),
    ],
)
def test_forwarding_replaces_the_origin_of_a_url(forward_to: str, url: str, destination: str | None) -> None:
    """Path and query stay; credentials and fragment do not."""
    assert Courier(forward_to=forward_to).destination(url) == destination


@pytest.mark.parametrize("forward_to", ["127.0.0.1:8080", "http://a.dev/path", "ftp://a.dev", "http://u:p@a.dev"])
def test_forwarding_needs_an_origin(forward_to: str) -> None:
    """Anything else is refused at the start."""
    with pytest.raises(ConfigError, match="origin"):
        Courier(forward_to=forward_to)


async def test_a_receiver_that_breaks_or_redirects_is_only_told(receiver: Receiver) -> None:
    """A crash is a 500, a redirect is not followed."""
    receiver.status = 307
    redirected = await Courier(receiver=receiver).send(delivery("http://127.0.0.1/a"))

    async def broken(_scope: object, _receive: object, _send: object) -> None:
        raise RuntimeError("broken")

    crashed = await Courier(receiver=broken).send(delivery("http://127.0.0.1/a"))

    assert (redirected.status, redirected.accepted) == (307, False)
    assert len(receiver.requests) == 1
    assert (crashed.status, crashed.accepted) == (500, False)


def test_a_delivery_does_not_show_its_proof() -> None:
    """Headers and body stay out of the text form."""
    proof = Delivery(
        provider="gitlab", webhook_id="1", event="e", url="u", headers={"X-Gitlab-Token": "s3cret"}, body=b"s3cret"
    )
    order = FireOrder(provider="generic", secret="s3cret")

    assert "s3cret" not in repr(proof) + repr(order)
