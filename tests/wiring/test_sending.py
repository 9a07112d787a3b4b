"""Deliveries that we make and sign: what the vendor would send, and what the ingress would take."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.errors import ConfigError
from reconciler.core.events import wanted
from reconciler.core.model import Phase, Recorded, Secret, WebhookKey
from reconciler.ingress.serving import served
from reconciler.providers.catalogue import known_definitions
from reconciler.providers.traits import provider_traits
from reconciler.system import SystemClock
from reconciler.testing.sandbox import ROOTS
from reconciler.testing.vendors.manual import SENDERS
from reconciler.verify.delivery import read_parts
from reconciler.verify.kinds import keyless
from reconciler.verify.request import Facts, Request
from reconciler.verify.schemes import verify
from reconciler.verify.standard_webhooks import SYMMETRIC
from reconciler.verify.words import FORM
from reconciler.wiring.ingress import vendors_of
from reconciler.wiring.realistic import realistic
from reconciler.wiring.sending import Addressee, bare, send, signed
from tests.ingress.receiving_support import World

DEFINITIONS = known_definitions()
WEBHOOK = "1f51d05d-fc68-47e4-a4f9-460f18081e83"
RESOURCES = {
    "github": "acme/api",
    "gitlab": "acme/api",
    "gitea": "acme/api",
    "bitbucket": "acme/api",
    "typeform": "abc123",
    "linear": "9cfb482a-81e3-4154-b5b9-2c805e70a02d",
    "vercel": "team_acme",
    "airtable": "app1234567890abcd",
    "microsoft-graph": "users",
    "slant3d": "self",
    "asana": "1331/51648",
}
UNSIGNABLE = frozenset({"sendgrid"})
"""Vendors that sign with a key of their own."""
EVENTS = {"github": "issues.opened", "gitea": "push", "stripe": "charge.succeeded", "telegram": "message"}


def addressee(provider: str, secret: str = "0123456789abcdef" * 4, **changes: Any) -> Addressee:
    """A webhook of the provider, with a secret of ours."""
    definition = DEFINITIONS[provider]
    kind = next(iter(definition.types))
    url = f"https://hooks.acme.dev/webhooks/{provider}/{WEBHOOK}"
    resource = RESOURCES.get(provider) or provider_traits(definition).types[kind].default_resource
    key = WebhookKey(user="alice", provider=provider, type=kind, manual=False, resource=resource)
    record = Recorded(id=WEBHOOK, key=key, phase=Phase.REGISTERED, resource=resource, url=url, events=frozenset())
    values = {"record": record, "definition": definition, "url": url, "secret": Secret(secret) if secret else None}
    return Addressee(**{**values, **changes})


def event_of(to: Addressee) -> str:
    """An event that the vendor has."""
    names = to.definition.events_of(to.record.key.type)
    return EVENTS.get(to.definition.name) or next(iter(names))


@pytest.mark.parametrize("provider", sorted({*ROOTS, *SENDERS} - UNSIGNABLE))
async def test_a_realistic_delivery_is_what_the_ingress_takes(provider: str) -> None:
    """Made by the stand-in, signed by us with the secret of the webhook; verified, and read as the event."""
    to = addressee(provider)
    event = event_of(to)
    draft = await realistic(to, event)
    call = signed(to, draft, SystemClock().now())
    request = Request(
        method=call.method,
        url=to.record.url,
        query=call.url.partition("?")[2],
        headers=tuple(call.headers.items()),
        body=call.body,
    )
    assert to.secret is not None
    verdict = verify(to.scheme, [to.secret], request, SystemClock().now(), Facts(resource=to.record.resource))
    assert verdict, verdict.reason
    events = {name for part in read_parts(to.rules, request).parts for name in part.events}
    kind = provider_traits(to.definition).types[to.record.key.type]
    assert any(wanted(name, [event], kind.events) for name in events)
    assert (await realistic(to, event)).body != draft.body


async def test_a_vendor_without_a_stand_in_needs_a_payload() -> None:
    """Nobody can make one up."""
    without = sorted(set(DEFINITIONS) - {*ROOTS, *SENDERS, "slack"})
    if without:
        with pytest.raises(ConfigError, match="give the body with --payload"):
            await realistic(addressee(without[0]), "anything")
    with pytest.raises(ConfigError, match="--payload"):
        await realistic(addressee("github"), "no_such_event")


def test_a_body_of_ones_own_is_sent_byte_for_byte() -> None:
    """With the headers in which the vendor names event and id, and a proof."""
    to = addressee("github")
    draft = bare(to, "issues.opened", b' {"a": 1}', "id-1")
    call = signed(to, draft, 0.0)
    assert call.body == b' {"a": 1}'
    assert {"X-GitHub-Event": "issues", "X-GitHub-Delivery": "id-1"}.items() <= dict(call.headers).items()
    request = Request(url=call.url, headers=tuple(call.headers.items()), body=call.body)
    assert verify(to.scheme, [to.secret or Secret("")], request, 0.0)
    gitlab = dict(bare(addressee("gitlab"), "push_events", b"{}", "id-1").headers)
    assert gitlab["X-Gitlab-Event"] == "Push Hook"


async def test_a_delivery_of_github_may_be_long() -> None:
    """Over the ingress's own server, by the packaged definition: stored whole up to 25 MiB, refused beyond."""
    to = addressee("github")
    assert to.secret is not None
    world = World(vendors=vendors_of(DEFINITIONS, frozenset()))
    world.shelf.put(to.record, to.secret)
    async with served(world.ingress, "127.0.0.1", 0) as here:
        there = replace(to, url=f"{here.origin}/webhooks/github/{WEBHOOK}")
        sizes = (1_500_000, 25 * 1024 * 1024, 25 * 1024 * 1024 + 1)
        bodies = [b'{"action":"opened","x":"%s"}' % (b"x" * (size - 26)) for size in sizes]
        drafts = [bare(there, "issues.opened", body, str(len(body))) for body in bodies]
        sent = [await send(there, draft, SystemClock()) for draft in drafts]

    assert [each.status for each in sent] == [200, 200, 413]
    kept = [(len(each.body), each.events) for each, _ in world.inbox.kept()]
    assert sorted(kept) == [(size, ("issues.opened",)) for size in sizes[:2]]


async def test_an_answer_that_does_not_wait_for_the_body_is_told() -> None:
    """One that is too long gets its 413, not a lost connection."""

    async def application(_scope: Any, _receive: Any, answer: Any) -> None:
        await answer({"type": "http.response.start", "status": 413})
        await answer({"type": "http.response.body"})

    async with served(application, "127.0.0.1", 0) as here:
        to = addressee("github", url=f"{here.origin}/webhooks/github/{WEBHOOK}")
        sent = await send(to, bare(to, "push", b" " * 8_000_000 + b"{}", "id-1"), SystemClock())

    assert (sent.status, sent.accepted, sent.error) == (413, False, "")


@pytest.mark.parametrize(
    ("body", "media_type"),
    [(b'{"a": "b=c"}', "application/json"), (b"payload=%7B%22action%22%3A%22opened%22%7D", FORM)],
)
def test_a_body_of_ones_own_is_sent_as_what_it_is(body: bytes, media_type: str) -> None:
    """Where the vendor sends JSON as well as forms; the ingress reads it accordingly."""
    to = addressee("github")
    call = signed(to, bare(to, "issues.opened", body, "id-1"), 0.0)
    assert (call.headers["Content-Type"], call.body) == (media_type, body)
    assert read_parts(to.rules, Request(url=call.url, headers=tuple(call.headers.items()), body=body)).parts


@pytest.mark.parametrize("body", [b"neither", b'{"broken": "a=b"', b""])
def test_a_body_that_is_neither_json_nor_a_form_is_refused(body: bytes) -> None:
    """Of a vendor that sends either; to others any bytes may be sent, to see what comes of them."""
    with pytest.raises(ConfigError, match=f"provider sends: application/json, {FORM}"):
        bare(addressee("github"), "push", body, "id-1")
    assert dict(bare(addressee("generic"), "plain", body, "id-1").headers)["Content-Type"] == "application/json"


def test_what_cannot_be_signed_here_is_refused() -> None:
    """No secret yet, or a secret that only the provider has."""
    with pytest.raises(ConfigError, match="no secret yet"):
        signed(addressee("github", ""), bare(addressee("github"), "push", b"{}", "x"), 0.0)
    for name in DEFINITIONS:
        to = addressee(name)
        if keyless(to.scheme) and DEFINITIONS[name].verify != "none":
            with pytest.raises(ConfigError, match="only the provider"):
                signed(to, bare(to, "x", b"{}", "x"), 0.0)
    assert SYMMETRIC == "whsec_"
