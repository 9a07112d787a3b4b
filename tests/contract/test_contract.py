"""Every shipped provider keeps the contract, against stand-ins that were written from the vendors' descriptions.

Each request that we send, and each answer, is held against the vendor's OpenAPI description where there is one.
"""

from functools import partial

import pytest

from reconciler.core.model import Secret
from reconciler.core.ports import Answer, Credentials, Registration, Target
from reconciler.documents.packaged import providers_folder
from reconciler.providers.catalogue import Definitions, definitions_in
from reconciler.providers.client import HttpTransport
from reconciler.providers.definition import Definition
from reconciler.providers.http import HttpProvider
from reconciler.providers.transport import Call, Reply
from reconciler.testing.contract import CASES, ContractError, Subject, check
from reconciler.testing.memory_provider import MemoryProvider
from reconciler.testing.sandbox import ROOTS, FireOrder, SandboxConfig, create_sandbox
from reconciler.testing.stand_ins import VirtualClock
from tests.support.catalogue import CATALOGUE
from tests.support.openapi import VARIABLE, Conformance, Exchange, specs_folder
from tests.support.sandboxes import ORIGIN, Answering, counting_bytes

WHERE = [
    ("github", "repo", "acme/api", ("push", "issues")),
    ("github", "org", "acme", ("push", "organization")),
    ("gitlab", "project", "acme/tools/api", ("merge_requests_events", "tag_push_events")),
    ("gitlab", "group", "acme", ("push_events", "subgroup_events")),
    ("telegram", "bot", "self", ("message", "callback_query")),
    ("stripe", "account", "self", ("charge.succeeded", "invoice.paid")),
    ("gitea", "repo", "acme/api", ("push", "issues")),
    ("gitea", "org", "acme", ("pull_request", "pull_request_review")),
    ("bitbucket", "repository", "acme/api", ("repo:push", "pullrequest:created")),
    ("bitbucket", "workspace", "acme", ("repo:push", "pullrequest:created")),
    ("typeform", "form", "u6nXL7", ("form_response", "form_response_partial")),
    ("linear", "team", "9cfb482a-81e3-4154-b5b9-2c805e70a02d", ("Issue", "Comment")),
    ("linear", "all_public_teams", "self", ("Issue", "Project")),
    ("vercel", "team", "team_acme", ("deployment.created", "project.created")),
    ("vercel", "project", "team_acme/prj_12HKQaOmR5t5Uy6vdcQsNIiZgHGB", ("deployment.created", "deployment.error")),
    ("calendly", "user", "self", ("invitee.created", "invitee.canceled")),
    ("calendly", "organization", "self", ("invitee.created", "routing_form_submission.created")),
    ("calendly", "group", "4a1b6f0e-7f2c-4a9f-8f5f-2f6d6b9f0c11", ("invitee.created", "invitee.canceled")),
    ("exa", "account", "self", ("webset.created", "webset.item.enriched")),
    ("airtable", "base", "app00000000000000", ("tableData", "tableFields")),
    ("microsoft-graph", "outlook", "me/mailFolders('Inbox')/messages", ("created", "updated")),
    ("microsoft-graph", "teams", "chats/getAllMessages", ("created", "updated")),
    ("slant3d", "orders", "self", ("order.shipped", "order.shipped")),
    ("asana", "resource", "1331/51648", ("task.added", "task.changed")),
    ("sendgrid", "account", "self", ("bounce", "delivered")),
]
TOKENS = {"telegram": "4242:AAE-bot_token", "gitlab": "glpat-token", "github": "ghp_token", "stripe": "sk_test_token"}


class Recorded:
    """A transport into a fresh sandbox that remembers every exchange.

    Handshakes that a vendor makes during a call are answered as its definition says.
    """

    def __init__(self, definition: Definition, clock: VirtualClock) -> None:
        receiver = Answering(definition, clock.now)
        config = SandboxConfig(
            now=clock.now,
            random_bytes=counting_bytes(),
            forward_to="http://127.0.0.1:1",
            receiver=receiver,
            answer_handshakes=False,
        )
        self.sandbox = create_sandbox(config)
        self._receiver = receiver
        self.keep_in = receiver.keep_in
        self._inner = HttpTransport(self.sandbox)
        self.exchanges: list[Exchange] = []

    async def miss(self, provider: str, event: str) -> None:
        """Have the stand-in send a delivery that the receiver refuses."""
        self._receiver.refusing = True
        outcomes = await self.sandbox.fire(FireOrder(provider=provider, event=event))
        assert [outcome.status for outcome in outcomes] == [503]
        self._receiver.refusing = False

    async def send(self, call: Call) -> Reply:
        reply = await self._inner.send(call)
        self.exchanges.append(
            Exchange(
                method=call.method,
                url=call.url,
                request_headers={header.lower(): value for header, value in call.headers.items()},
                request_body=call.body,
                status=reply.status,
                response_headers=reply.headers,
                response_body=reply.body,
            )
        )
        return reply

    async def aclose(self) -> None:
        """Close the client."""
        await self._inner.aclose()


@pytest.fixture(scope="module")
def shipped() -> Definitions:
    """The definitions that come with the package."""
    return definitions_in(providers_folder())


@pytest.fixture(scope="session")
def descriptions() -> Conformance | None:
    """The vendors' descriptions, where the environment names their folder."""
    folder = specs_folder()
    return Conformance(folder) if folder else None


Where = tuple[str, str, str, tuple[str, str]]


def subject_of(shipped: Definitions, transport: Recorded, clock: VirtualClock, where: Where) -> Subject:
    """A shipped provider over the sandbox."""
    name, kind, resource, events = where
    token = {"token": Secret(TOKENS.get(name, "token"))}
    credentials = Credentials(name="main", provider=name, fields=token, api_url=f"{ORIGIN}{ROOTS[name]}")
    return Subject(
        provider=HttpProvider(shipped[name], transport, clock.now),
        credentials=credentials,
        type=kind,
        resource=resource,
        events=events,
        clock=clock,
        miss=partial(transport.miss, name),
        keep_in=transport.keep_in,
    )


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("where", WHERE, ids=lambda where: f"{where[0]}/{where[1]}")
async def test_a_shipped_provider_keeps_the_contract(
    where: Where, case: str, shipped: Definitions, descriptions: Conformance | None
) -> None:
    """Each case, over HTTP as it is spoken; and every exchange is as the vendor describes it."""
    clock = VirtualClock()
    transport = Recorded(shipped[where[0]], clock)
    try:
        await check(subject_of(shipped, transport, clock, where), case)
    finally:
        await transport.aclose()
    assert transport.exchanges
    if descriptions:
        assert descriptions.problems(transport.exchanges) == []


def test_the_vendors_descriptions_were_at_hand(descriptions: Conformance | None) -> None:
    """Says so visibly when the requests above were not held against any description."""
    if descriptions is None:
        pytest.skip(f"{VARIABLE} names no folder of OpenAPI descriptions")


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", ["acme", "once", "slotted", "fixed"])
async def test_the_provider_in_memory_keeps_the_contract(name: str, case: str) -> None:
    """The reference implementation, in each of its shapes."""
    await check(memory_subject(MemoryProvider(CATALOGUE[name])), case)


class Forgetful(MemoryProvider):
    """A provider that answers an update, and changes nothing."""

    async def update(self, target: Target, remote_id: str, registration: Registration) -> Answer:
        return Answer(remote_id=remote_id)


class Doubling(MemoryProvider):
    """A provider that makes two objects of one create."""

    async def create(self, target: Target, registration: Registration) -> Answer:
        await super().create(target, registration)
        return await super().create(target, registration)


@pytest.mark.parametrize(
    ("provider", "case", "sentence"),
    [
        (Forgetful, "widens_and_shrinks", "the list shows"),
        (Forgetful, "moves_with_the_base_url", "expected one object"),
        (Doubling, "creates_one", "expected one object"),
        (Doubling, "survives_a_lost_answer", "expected one object"),
    ],
)
async def test_a_broken_promise_is_told(provider: type[MemoryProvider], case: str, sentence: str) -> None:
    """The contract fails for providers that do not keep it, in words for their author."""
    with pytest.raises(ContractError, match=sentence):
        await check(memory_subject(provider(CATALOGUE["acme"])), case)


def memory_subject(provider: MemoryProvider) -> Subject:
    """A provider in memory as a subject."""
    credentials = Credentials(name="main", provider=provider.traits.name, fields={"token": Secret("t")})
    return Subject(
        provider=provider, credentials=credentials, type="repo", resource="acme/api", events=("push", "issues")
    )
