"""The stand-in of Microsoft Graph behaves as its pages about subscriptions and change notifications say."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2 as httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from reconciler.testing.sandbox import FireOrder, Sandbox, SandboxConfig, create_sandbox
from reconciler.testing.vendors.base import Access, Surroundings, UnknownEventError
from tests.support.sandboxes import Clock, Receiver, SandboxTransport, counting_bytes

SUBSCRIPTIONS = "/microsoft-graph/v1.0/subscriptions"
URL = "https://hooks.acme.dev/webhooks/microsoft-graph/1"
STATE = "st4te"
MINUTE = 60


class Ingress:
    """A receiver that shakes hands as Graph wants it, unless told to answer otherwise, and notes what it gets."""

    def __init__(self) -> None:
        self.answer: Callable[[str], Response] = PlainTextResponse
        self.handshakes: list[str] = []
        self.notices: list[dict[str, Any]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        token = request.query_params.get("validationToken")
        if token is None:
            self.notices.append(await request.json())
            await Response(status_code=202)(scope, receive, send)
            return
        self.handshakes.append(f"{request.method} {str(request.url).partition('validationToken')[0]}")
        await self.answer(token)(scope, receive, send)


@pytest.fixture
def ingress() -> Ingress:
    """Where handshakes and notifications end."""
    return Ingress()


@pytest.fixture
def around(clock: Clock) -> Surroundings:
    """Time as the vendors write it."""

    async def nowhere(delivery: Any) -> Any:
        raise AssertionError(delivery)

    return Surroundings(now=clock, random_bytes=counting_bytes(), deliver=nowhere)


@pytest.fixture
def sandbox(clock: Clock, ingress: Ingress) -> Sandbox:
    """A sandbox whose deliveries go to `ingress`."""
    return create_sandbox(
        SandboxConfig(now=clock, random_bytes=counting_bytes(), forward_to="http://receiver.test", receiver=ingress)
    )


@pytest.fixture
async def api(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    """A client with a token."""
    async with client_of(sandbox) as client:
        yield client


def client_of(sandbox: Sandbox) -> httpx.AsyncClient:
    """A client of `sandbox`, with a token."""
    headers = {"Authorization": "Bearer t0ken"}
    return httpx.AsyncClient(transport=SandboxTransport(sandbox), base_url="http://sandbox.test", headers=headers)


class Wishes:
    """Bodies of creates, with an expiry that is told in minutes from now."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def until(self, minutes: float) -> str:
        """The time in so many minutes."""
        return self._around.iso(self._around.now() + minutes * MINUTE)

    def __call__(self, resource: str = "me/messages", changes: str = "created", **others: Any) -> dict[str, Any]:
        """A wish that Graph grants."""
        return {
            "changeType": changes,
            "notificationUrl": URL,
            "resource": resource,
            "expirationDateTime": self.until(60),
            "clientState": STATE,
            **others,
        }


@pytest.fixture
def wish(around: Surroundings) -> Wishes:
    """What makes bodies of creates."""
    return Wishes(around)


async def test_a_subscription_is_made_after_the_handshake(
    api: httpx.AsyncClient, wish: Wishes, ingress: Ingress
) -> None:
    """The notification URL is asked to repeat a token; create shows the client state, get and list do not."""
    made = await api.post(SUBSCRIPTIONS, json=wish("/me/mailFolders('inbox')/messages", "updated,created"))
    subscription = made.json()
    got = (await api.get(f"{SUBSCRIPTIONS}/{subscription['id']}")).json()
    listed = (await api.get(SUBSCRIPTIONS)).json()

    assert made.status_code == 201
    assert ingress.handshakes == ["POST http://receiver.test/webhooks/microsoft-graph/1?"]
    assert subscription["@odata.context"].endswith("/microsoft-graph/v1.0/$metadata#subscriptions/$entity")
    assert (subscription["clientState"], subscription["changeType"]) == (STATE, "created,updated")
    assert subscription["expirationDateTime"] == "2026-11-18T12:06:40.000Z"
    assert got == {**subscription, "clientState": None}
    del got["@odata.context"]
    assert listed["value"] == [got]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda _token: Response(status_code=404), "must respond with 200 OK"),
        (lambda token: PlainTextResponse(token, 202), "must respond with 200 OK"),
        (lambda token: Response(token, media_type="text/html"), "content type text/plain"),
        (lambda token: PlainTextResponse(token.replace(" ", "+")), "must exactly match"),
        (lambda token: PlainTextResponse(f'"{token}"'), "must exactly match"),
    ],
    ids=["404", "202", "HTML", "still encoded", "quoted"],
)
async def test_without_the_handshake_there_is_no_subscription(
    api: httpx.AsyncClient, wish: Wishes, ingress: Ingress, answer: Callable[[str], Response], reason: str
) -> None:
    """200, text/plain and the decoded token, nothing else; or 400 with the reason, and nothing is kept."""
    ingress.answer = answer
    refused = await api.post(SUBSCRIPTIONS, json=wish())

    assert refused.status_code == 400
    error = refused.json()["error"]
    assert error["code"] == "ValidationError"
    assert error["message"].startswith("Subscription validation request failed. ")
    assert reason in error["message"]
    assert set(error["innerError"]) == {"date", "request-id", "client-request-id"}
    assert (await api.get(SUBSCRIPTIONS)).json()["value"] == []


async def test_a_query_of_the_url_is_kept_and_the_lifecycle_url_is_asked_too(
    api: httpx.AsyncClient, wish: Wishes, ingress: Ingress
) -> None:
    """Both URLs shake hands, even where they are one."""
    url = f"{URL}?a=b"
    made = await api.post(SUBSCRIPTIONS, json=wish(notificationUrl=url, lifecycleNotificationUrl=url))

    assert made.json()["lifecycleNotificationUrl"] == url
    assert ingress.handshakes == ["POST http://receiver.test/webhooks/microsoft-graph/1?a=b&"] * 2


async def test_a_handshake_that_could_go_nowhere_is_answered_by_the_sandbox(clock: Clock, wish: Wishes) -> None:
    """Without a receiver, manifests can be tried all the same; the log of deliveries says who answered."""
    sandbox = create_sandbox(SandboxConfig(now=clock, random_bytes=counting_bytes()))
    async with client_of(sandbox) as api:
        made = await api.post(SUBSCRIPTIONS, json=wish())
        (logged,) = (await api.get("/_sandbox/deliveries")).json()["deliveries"]

    assert made.status_code == 201
    assert (logged["event"], logged["accepted"]) == ("validation", True)
    assert logged["error"].startswith("not sent: ")
    assert "the sandbox answered this handshake itself" in logged["error"]


@pytest.mark.parametrize("receiver", [None, Receiver()], ids=["nobody", "a receiver without a way to it"])
async def test_the_sandbox_answers_no_handshake_when_told_not_to(
    clock: Clock, wish: Wishes, receiver: Receiver | None
) -> None:
    """Then it fails as it would at Graph, where nothing is there to answer; so it does beside a receiver."""
    config = SandboxConfig(
        now=clock, random_bytes=counting_bytes(), receiver=receiver, answer_handshakes=receiver is not None
    )
    async with client_of(create_sandbox(config)) as api:
        refused = await api.post(SUBSCRIPTIONS, json=wish())

    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "ValidationError")
    assert "not on loopback" in refused.json()["error"]["message"]


async def test_at_its_expiry_a_subscription_is_gone(
    api: httpx.AsyncClient, wish: Wishes, sandbox: Sandbox, clock: Clock, ingress: Ingress
) -> None:
    """Renewed in time it lives on, without a new handshake; past its time every call is a 404 and nothing is sent."""
    path = f"{SUBSCRIPTIONS}/{(await api.post(SUBSCRIPTIONS, json=wish())).json()['id']}"
    clock.advance(59 * MINUTE)
    renewed = await api.patch(path, json={"expirationDateTime": wish.until(100)})
    clock.advance(99 * MINUTE)
    alive = await api.get(path)
    clock.advance(MINUTE)
    late = [await api.request(verb, path, json={"expirationDateTime": wish.until(60)}) for verb in ("GET", "PATCH")]
    late.append(await api.delete(path))

    assert (renewed.status_code, len(ingress.handshakes)) == (200, 1)
    assert renewed.json()["expirationDateTime"] == alive.json()["expirationDateTime"]
    assert [answer.status_code for answer in late] == [404, 404, 404]
    assert late[0].json()["error"]["code"] == "ResourceNotFound"
    assert await sandbox.fire(FireOrder(provider="microsoft-graph", event="created")) == []
    assert (await api.get(SUBSCRIPTIONS)).json()["value"] == []


@pytest.mark.parametrize(
    ("resource", "changes", "minutes"),
    [
        ("/communications/presences/1", "updated", 60),
        ("teams/1/channels/2/messages", "created", 4320),
        ("chats/getAllMessages", "created", 4320),
        ("communications/callRecords", "created", 4230),
        ("teams/1/schedule/shifts", "created", 360),
        ("groups('1')/conversations", "created", 4230),
        ("me/drive/root", "updated", 42300),
        ("sites/a.sharepoint.com,1,2/lists/3", "updated", 42300),
        ("users/ada@acme.dev/mailFolders('inbox')/messages", "created,updated,deleted", 10080),
        ("me/events", "deleted", 10080),
        ("me/contacts", "created", 10080),
        ("me/todo/lists/1/tasks", "created", 4230),
        ("print/printers/1/jobs", "updated", 4230),
        ("security/alerts?$filter=status eq 'New'", "updated", 43200),
        ("users", "updated,deleted", 41760),
        ("groups/1/members", "updated", 41760),
    ],
)
async def test_each_resource_has_its_longest_life(
    api: httpx.AsyncClient, wish: Wishes, resource: str, changes: str, minutes: int
) -> None:
    """The table "Subscription lifetime": so long and not a minute longer, in a create as in a renewal."""
    body = wish(resource, changes, lifecycleNotificationUrl=URL)
    longer = await api.post(SUBSCRIPTIONS, json={**body, "expirationDateTime": wish.until(minutes + 1)})
    made = await api.post(SUBSCRIPTIONS, json={**body, "expirationDateTime": wish.until(minutes)})
    renewed = await api.patch(
        f"{SUBSCRIPTIONS}/{made.json()['id']}", json={"expirationDateTime": wish.until(minutes + 1)}
    )

    assert (longer.status_code, made.status_code, renewed.status_code) == (400, 201, 400)
    message = f"Subscription expiration can only be {minutes} minutes in the future."
    assert longer.json()["error"]["message"] == renewed.json()["error"]["message"] == message


async def test_a_short_life_is_made_longer(api: httpx.AsyncClient, wish: Wishes) -> None:
    """Anything under 45 minutes becomes 45 minutes."""
    made = await api.post(SUBSCRIPTIONS, json=wish(expirationDateTime=wish.until(5)))

    assert made.json()["expirationDateTime"] == "2026-11-18T11:51:40.000Z"


async def test_teams_wants_a_lifecycle_url_for_more_than_an_hour(api: httpx.AsyncClient, wish: Wishes) -> None:
    """An hour goes without; and then it cannot be renewed for longer."""
    refused = await api.post(SUBSCRIPTIONS, json=wish("chats/1/messages", expirationDateTime=wish.until(61)))
    made = await api.post(SUBSCRIPTIONS, json=wish("chats/1/messages"))
    renewed = await api.patch(f"{SUBSCRIPTIONS}/{made.json()['id']}", json={"expirationDateTime": wish.until(61)})

    assert (refused.status_code, made.status_code, renewed.status_code) == (400, 201, 400)
    assert "lifecycleNotificationUrl is a required property" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"changeType": None}, "ValidationError"),
        ({"resource": ""}, "ValidationError"),
        ({"resource": "me/fridge"}, "ValidationError"),
        ({"changeType": "created,renamed"}, "ValidationError"),
        ({"resource": "me/drive/root"}, "ValidationError"),
        ({"resource": "users"}, "ValidationError"),
        ({"notificationUrl": "http://hooks.acme.dev/"}, "ValidationError"),
        ({"notificationUrl": "hooks.acme.dev"}, "ValidationError"),
        ({"lifecycleNotificationUrl": "http://hooks.acme.dev/"}, "ValidationError"),
        ({"clientState": "a" * 129}, "ValidationError"),
        ({"latestSupportedTlsVersion": "v2"}, "ValidationError"),
        ({"expirationDateTime": "tomorrow"}, "InvalidRequest"),
        ({"expirationDateTime": "2026-11-18T12:00:00"}, "InvalidRequest"),
        ({"clientState": 7}, "InvalidRequest"),
        ({"ChangeType": "created"}, "InvalidRequest"),
    ],
)
async def test_a_wish_that_makes_no_sense_is_refused_before_the_handshake(
    api: httpx.AsyncClient, wish: Wishes, ingress: Ingress, change: dict[str, Any], code: str
) -> None:
    """Required and known properties, HTTPS, a client state of 128 characters, changes that the resource has."""
    refused = await api.post(SUBSCRIPTIONS, json={**wish(), **change})

    assert (refused.status_code, refused.json()["error"]["code"]) == (400, code)
    assert ingress.handshakes == []


async def test_duplicates_are_not_allowed(api: httpx.AsyncClient, wish: Wishes) -> None:
    """The same changes of the same resource, however written, are a conflict that names the first; others are not."""
    first = (await api.post(SUBSCRIPTIONS, json=wish("me/messages", "created,updated"))).json()["id"]
    again = await api.post(SUBSCRIPTIONS, json=wish("/me/Messages", "updated,created", notificationUrl=f"{URL}2"))
    other = await api.post(SUBSCRIPTIONS, json=wish("me/messages", "created"))

    assert (again.status_code, other.status_code) == (409, 201)
    message = f"Subscription Id {first} already exists for the requested combination"
    assert again.json()["error"]["message"] == message


async def test_only_expiry_and_url_can_be_updated(api: httpx.AsyncClient, wish: Wishes, ingress: Ingress) -> None:
    """Another URL shakes hands first; anything else is refused, and so is an update that says nothing."""
    path = f"{SUBSCRIPTIONS}/{(await api.post(SUBSCRIPTIONS, json=wish())).json()['id']}"
    moved = await api.patch(path, json={"notificationUrl": f"{URL}2"})
    ingress.answer = lambda _token: Response(status_code=500)
    failed = await api.patch(path, json={"notificationUrl": f"{URL}3"})
    refused = [
        await api.patch(path, json=body)
        for body in ({}, {"changeType": "deleted"}, {"clientState": "s", "expirationDateTime": wish.until(60)})
    ]

    assert (moved.status_code, failed.status_code) == (200, 400)
    assert [answer.status_code for answer in refused] == [400, 400, 400]
    left = (await api.get(path)).json()
    assert (left["notificationUrl"], left["changeType"]) == (f"{URL}2", "created")


async def test_a_list_is_read_page_by_page(api: httpx.AsyncClient, wish: Wishes) -> None:
    """The next page is a whole URL in the answer; subscriptions that come and go between pages disturb nothing."""
    made = [(await api.post(SUBSCRIPTIONS, json=wish(f"users/{n}/messages"))).json()["id"] for n in range(43)]
    seen: list[str] = []
    link: str | None = SUBSCRIPTIONS
    while link is not None:
        page = (await api.get(link)).json()
        seen += [one["id"] for one in page["value"]]
        if len(seen) == 20:
            await api.delete(f"{SUBSCRIPTIONS}/{seen[-1]}")
        link = page.get("@odata.nextLink")

    assert seen == made
    assert (await api.get(SUBSCRIPTIONS, params={"$skiptoken": "x"})).status_code == 400


async def test_a_notification_carries_the_client_state(
    api: httpx.AsyncClient, wish: Wishes, sandbox: Sandbox, ingress: Ingress
) -> None:
    """Each item names its subscription, the change and what changed; only watched changes of the resource are told."""
    made = (await api.post(SUBSCRIPTIONS, json=wish("/me/mailFolders('inbox')/messages"))).json()
    await api.post(SUBSCRIPTIONS, json=wish("me/events", "created"))
    fire = FireOrder(provider="microsoft-graph", event="created", resource="me/mailfolders/inbox/messages")
    (outcome,) = await sandbox.fire(fire)
    (item,) = ingress.notices[0]["value"]

    assert (outcome.status, outcome.accepted) == (202, True)
    assert (item["subscriptionId"], item["clientState"], item["changeType"]) == (made["id"], STATE, "created")
    assert item["subscriptionExpirationDateTime"] == made["expirationDateTime"]
    assert item["resource"] == item["resourceData"]["@odata.id"]
    assert item["resourceData"]["@odata.type"] == "#Microsoft.Graph.Message"
    assert await sandbox.fire(FireOrder(provider="microsoft-graph", event="deleted")) == []
    with pytest.raises(UnknownEventError, match="renamed"):
        await sandbox.fire(FireOrder(provider="microsoft-graph", event="renamed"))


async def test_lifecycle_notifications_go_to_their_own_url(
    api: httpx.AsyncClient, wish: Wishes, sandbox: Sandbox, ingress: Ingress
) -> None:
    """Only subscriptions that gave such a URL are told."""
    await api.post(SUBSCRIPTIONS, json=wish("me/events"))
    await api.post(SUBSCRIPTIONS, json=wish("me/messages", lifecycleNotificationUrl=f"{URL}/lifecycle"))
    (outcome,) = await sandbox.fire(FireOrder(provider="microsoft-graph", event="reauthorizationRequired"))

    assert outcome.delivery.url == f"{URL}/lifecycle"
    (item,) = ingress.notices[0]["value"]
    assert (item["lifecycleEvent"], item["clientState"]) == ("reauthorizationRequired", STATE)
    assert "changeType" not in item


async def test_tokens_resources_and_paths_are_checked(clock: Clock, wish: Wishes) -> None:
    """401 without a token or with a wrong one, 403 for a resource out of reach, 400 for a path that is none."""
    access = {"microsoft-graph": Access(tokens=frozenset({"t0ken"}), resources=frozenset({"me/messages"}))}
    sandbox = create_sandbox(SandboxConfig(now=clock, random_bytes=counting_bytes(), access=access))
    async with client_of(sandbox) as api:
        answers = [
            await api.get(SUBSCRIPTIONS, headers={"Authorization": ""}),
            await api.get(SUBSCRIPTIONS, headers={"Authorization": "Bearer bad"}),
            await api.post(SUBSCRIPTIONS, json=wish("me/events")),
            await api.get("/microsoft-graph/v1.0/subscription"),
            await api.post(SUBSCRIPTIONS, json=wish()),
            await api.post(SUBSCRIPTIONS, content=b"{", headers={"Content-Type": "application/json"}),
        ]

    assert [answer.status_code for answer in answers] == [401, 401, 403, 400, 201, 400]
    assert answers[0].json()["error"]["message"] == "Access token is empty."


async def test_the_client_state_is_a_secret_to_the_log_and_the_controls(
    api: httpx.AsyncClient, wish: Wishes, sandbox: Sandbox
) -> None:
    """Neither the log of requests nor the list of webhooks shows it; a reset forgets the subscription."""
    await api.post(SUBSCRIPTIONS, json=wish())
    shown = [(await api.get(f"/_sandbox/{control}")).json() for control in ("requests", "webhooks", "deliveries")]
    sandbox.reset()

    assert STATE not in json.dumps(shown)
    assert shown[1]["webhooks"][0]["resource"] == "me/messages"
    assert sandbox.microsoft_graph.webhooks() == []
