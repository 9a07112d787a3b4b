"""The shipped definitions against the sandbox, whose stand-ins are written from the vendors' documents alone."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from reconciler.core.errors import ErrorKind, ProviderError, TerminalError
from reconciler.core.model import Observed, Secret
from reconciler.core.ports import Registration, Target
from reconciler.providers.client import HttpTransport
from reconciler.providers.http import HttpProvider
from reconciler.providers.rows import SLOT
from reconciler.providers.transport import Call, Reply, Transport
from reconciler.testing.sandbox import ROOTS, SandboxConfig, create_sandbox
from tests.providers.support import SECRET, URL, credentials, registration, shipped, target
from tests.support.openapi import Conformance, Exchange, specs_folder
from tests.support.sandboxes import ORIGIN, Clock, Receiver, counting_bytes

OTHER = "https://hooks.acme.dev/webhooks/p/0b0f2a3e-1111-4a27-9d2a-3c52a4f1d0aa"


class Case(NamedTuple):
    """One type of a provider: what to register, what to change it to, and the options that are read back."""

    provider: str
    type: str
    events: tuple[str, ...]
    further: tuple[str, ...]
    options: dict[str, Any]


CASES = (
    Case("github", "repo", ("push", "issues"), ("push",), {"insecure_ssl": "0"}),
    Case("github", "org", ("push",), ("push", "membership"), {"insecure_ssl": "0"}),
    Case(
        "gitlab",
        "project",
        ("issues_events",),
        ("push_events", "wiki_page_events"),
        {"enable_ssl_verification": True, "push_events_branch_filter": ""},
    ),
    Case(
        "gitlab",
        "group",
        ("member_events",),
        ("subgroup_events", "push_events"),
        {"enable_ssl_verification": True, "push_events_branch_filter": ""},
    ),
    Case("stripe", "account", ("charge.succeeded",), ("charge.succeeded", "invoice.paid"), {}),
    Case("telegram", "bot", ("message",), ("message", "chat_member"), {"max_connections": 40}),
    Case("gitea", "repo", ("issues", "push"), ("push", "pull_request", "pull_request_comment"), {}),
    Case("gitea", "org", ("pull_request_review",), ("issues", "issue_comment"), {}),
    Case("bitbucket", "repository", ("repo:push",), ("repo:push", "issue:created"), {"description": "ours"}),
    Case("bitbucket", "workspace", ("repo:created",), ("project:updated",), {"description": "ours"}),
    Case("typeform", "form", ("form_response",), ("form_response", "form_response_partial"), {"verify_ssl": True}),
    Case("linear", "team", ("Issue",), ("Comment", "Issue"), {"label": "ours"}),
    Case("linear", "all_public_teams", ("Project",), ("Comment",), {"label": "ours"}),
    Case("vercel", "team", ("deployment.created",), (), {}),
    Case("vercel", "project", ("deployment.error", "deployment.created"), (), {}),
    Case("calendly", "user", ("invitee.created",), (), {}),
    Case("calendly", "organization", ("routing_form_submission.created",), (), {}),
    Case("calendly", "group", ("invitee.canceled",), (), {}),
    Case("exa", "account", ("webset.created",), ("webset.created", "import.completed"), {"metadata": {"for": "us"}}),
)
MINTING = frozenset({"stripe", "vercel", "exa"})
"""Providers that make the secret and tell it with the create."""
SILENT = frozenset({"telegram", "vercel"})
"""Providers that do not tell whether a webhook is active."""
UNSETTING: Mapping[str, Mapping[str, Any]] = {
    "github": {"config": {"url": URL}},
    "gitlab": {"token": ""},
    "bitbucket": {"secret": None},
}
"""How a person removes the secret, at the providers that tell whether one is set."""
cases = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.provider}-{case.type}")


class Recorder(Transport):
    """A transport that remembers every exchange that went through it, as the descriptions' checker wants them."""

    def __init__(self, inner: Transport) -> None:
        self.exchanges: list[Exchange] = []
        self._inner = inner

    async def send(self, call: Call) -> Reply:
        reply = await self._inner.send(call)
        exchange = Exchange(
            method=call.method,
            url=call.url,
            request_headers={name.lower(): value for name, value in call.headers.items()},
            request_body=call.body,
            status=reply.status,
            response_headers=reply.headers,
            response_body=reply.body,
        )
        self.exchanges.append(exchange)
        return reply


@pytest.fixture(scope="session")
def descriptions() -> Conformance | None:
    """The vendors' OpenAPI descriptions, where the environment names their folder."""
    folder = specs_folder()
    return Conformance(folder) if folder else None


@pytest.fixture
async def transport(descriptions: Conformance | None) -> AsyncIterator[Transport]:
    """A transport into a fresh sandbox; in the end, every exchange must be as the vendors describe it."""
    config = SandboxConfig(
        now=Clock(), random_bytes=counting_bytes(), forward_to="http://receiver.test", receiver=Receiver()
    )
    sandbox = create_sandbox(config)
    async with HttpTransport(sandbox) as opened:
        recorder = Recorder(opened)
        yield recorder
    if descriptions is not None:
        assert descriptions.problems(recorder.exchanges) == []


def at(case: Case, **fields: str) -> Target:
    """The type's resource, at the sandbox."""
    known = credentials(case.provider, **fields)
    return replace(target(case.provider, case.type), credentials=replace(known, api_url=ORIGIN + ROOTS[case.provider]))


def wish(case: Case, *events: str) -> Registration:
    """What the webhook is to be; a minted secret is not sent."""
    wanted = registration(*(events or case.events), **case.options)
    return replace(wanted, secret=None) if case.provider in MINTING else wanted


@cases
async def test_a_webhook_lives_and_dies(case: Case, transport: Transport) -> None:
    """Registered, it is listed as wished; updated (where it can be), as wished then; deleted, it is gone."""
    engine, place = HttpProvider(shipped(case.provider), transport), at(case)
    assert await engine.list(place) == ()

    answer = await engine.create(place, wish(case))
    (created,) = await engine.list(place)
    updated = created
    if case.further:
        await engine.update(place, answer.remote_id, replace(wish(case, *case.further), url=OTHER))
        (updated,) = await engine.list(place)
    await engine.delete(place, answer.remote_id)

    assert (answer.secret is not None) == (case.provider in MINTING)
    assert ("update" in engine.traits.types[case.type].operations) == bool(case.further)
    assert created == Observed(
        remote_id=answer.remote_id,
        url=wish(case).url,
        events=frozenset(case.events),
        active=None if case.provider in SILENT else True,
        options=case.options,
        has_secret=True if case.provider in UNSETTING else None,
    )
    if case.further:
        assert updated == replace(created, url=OTHER, events=frozenset(case.further))
    assert await engine.list(place) == ()


@pytest.mark.parametrize("case", [case for case in CASES if case.provider in UNSETTING], ids=lambda case: case.type)
async def test_a_secret_that_somebody_removed_is_seen(case: Case, transport: Transport) -> None:
    """By the vendor's own call, with nothing else changed; an update sets it again."""
    engine, place = HttpProvider(shipped(case.provider), transport), at(case)
    answer = await engine.create(place, wish(case))
    recorder = Recorder(transport)
    await HttpProvider(shipped(case.provider), recorder).update(place, answer.remote_id, wish(case))
    update = recorder.exchanges[-1]
    body = json.loads(update.request_body) | UNSETTING[case.provider]
    headers = dict(update.request_headers)
    await transport.send(Call(method=update.method, url=update.url, headers=headers, body=json.dumps(body).encode()))

    (stripped,) = await engine.list(place)
    await engine.update(place, answer.remote_id, wish(case))
    (mended,) = await engine.list(place)

    assert (stripped.has_secret, mended.has_secret) == (False, True)


@cases
async def test_what_is_gone_cannot_be_deleted_again(case: Case, transport: Transport) -> None:
    """A second delete is not found; emptying an empty slot is fine."""
    engine, place = HttpProvider(shipped(case.provider), transport), at(case)
    answer = await engine.create(place, wish(case))
    await engine.delete(place, answer.remote_id)

    if answer.remote_id == SLOT:
        await engine.delete(place, answer.remote_id)
        return
    with pytest.raises(TerminalError) as caught:
        await engine.delete(place, answer.remote_id)
    assert caught.value.kind is ErrorKind.NOT_FOUND


LONG = {"stripe": 12, "gitlab": 103, "gitea": 53, "bitbucket": 103, "linear": 103, "calendly": 103, "exa": 203}
"""How many objects make a list of more than one page, where the vendor has pages and room for so many."""


@pytest.mark.parametrize("case", [case for case in CASES if case.provider in LONG], ids=str)
async def test_long_lists_are_read_to_their_end(case: Case, transport: Transport) -> None:
    """Objects on every page are found."""
    engine, place = HttpProvider(shipped(case.provider), transport), at(case)
    number = LONG[case.provider]

    made = [(await engine.create(place, replace(wish(case), url=f"{OTHER}{n}"))).remote_id for n in range(number)]

    assert {item.remote_id for item in await engine.list(place)} == set(made)


async def test_a_twin_is_refused_as_existing(transport: Transport) -> None:
    """GitHub refuses a second webhook of the same configuration."""
    case = CASES[0]
    engine, place = HttpProvider(shipped("github"), transport), at(case)
    await engine.create(place, wish(case))

    with pytest.raises(TerminalError) as caught:
        await engine.create(place, wish(case))

    assert caught.value.kind is ErrorKind.EXISTS


@cases
async def test_a_ping_is_accepted_where_there_is_one(case: Case, transport: Transport) -> None:
    """Where the definition has a ping, the vendor takes it."""
    engine, place = HttpProvider(shipped(case.provider), transport), at(case)
    answer = await engine.create(place, wish(case))

    if "ping" in engine.traits.types[case.type].operations:
        await engine.ping(place, answer.remote_id)
    else:
        with pytest.raises(TerminalError):
            await engine.ping(place, answer.remote_id)


@cases
async def test_no_secret_is_ever_told_back(case: Case, transport: Transport) -> None:
    """Neither our secret nor the token appears in what is observed."""
    engine, place = HttpProvider(shipped(case.provider), transport), at(case)
    answer = await engine.create(place, wish(case))
    minted = answer.secret or Secret("-")

    shown = repr(await engine.list(place))

    assert SECRET.reveal() not in shown
    assert minted.reveal() == "-" or minted.reveal() not in shown


async def test_a_vendor_that_says_no_is_understood(transport: Transport) -> None:
    """An event that the vendor does not know is a refusal with its words."""
    case = CASES[4]
    engine, place = HttpProvider(shipped("stripe"), transport), at(case)

    with pytest.raises(ProviderError, match="cannot create a webhook for stripe/account/self"):
        await engine.create(place, wish(case, "no.such_event"))
