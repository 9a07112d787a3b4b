"""The whole way: real store, real HTTP provider, the vendors' stand-ins, and Starlette's own requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from reconciler.core.errors import BlockedError, ConfigError
from reconciler.core.model import Json, Secret
from reconciler.core.ports import Credentials
from reconciler.manager.errors import VerificationError
from reconciler.manager.manager import WebhookManager
from reconciler.manager.ports import http_ports
from reconciler.manager.settings import ManagerSettings
from reconciler.manager.webhook import Webhook
from reconciler.providers.client import HttpTransport
from reconciler.system import SystemClock
from reconciler.testing.sandbox import ROOTS, FireOrder, Sandbox, SandboxConfig, create_sandbox

TOKENS = {"github": "ghp_alice", "telegram": "4242:AAE-bot_token", "stripe": "sk_test_alice", "gitlab": "glpat-alice"}
TYPES = {"github": "repo", "telegram": "bot", "stripe": "account", "gitlab": "project"}
RESOURCES = {"github": "Acme/API", "telegram": "", "stripe": "", "gitlab": "acme/tools/api"}
FEWER = {"github": "push", "telegram": "message", "stripe": "charge.succeeded", "gitlab": "push_events"}
MORE = {"github": "issues.opened", "telegram": "callback_query", "stripe": "charge.refunded", "gitlab": "issues_events"}


class Site:
    """A platform's web application around a manager: it verifies what arrives and remembers it."""

    def __init__(self) -> None:
        self.manager: WebhookManager | None = None
        self.seen: list[tuple[str, Json, str]] = []
        self.tamper: Callable[[bytes], bytes] = bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def changed() -> dict[str, Json]:
            message = dict(await receive())
            return message | {"body": self.tamper(message.get("body", b""))}

        await (await self._answer(Request(scope, changed)))(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        assert self.manager is not None
        webhook = await self.manager.get(request.url.path.rpartition("/")[2])
        try:
            payload, event = await self.manager.validate_payload(webhook, request, None)
        except VerificationError as error:
            return JSONResponse({"error": str(error)}, 401)
        self.seen.append((webhook.id, payload, event))
        return JSONResponse({}, 202)


class Vendor:
    """One vendor's stand-in with a manager for it."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.site = Site()
        now = SystemClock().now
        self.sandbox: Sandbox = create_sandbox(
            SandboxConfig(now=now, forward_to="http://site.test", receiver=self.site)
        )
        self.settings = ManagerSettings(base_url="https://hooks.acme.dev", state=f"sqlite:///{folder}/state.db")
        self.credentials = Credentials(
            name="main",
            provider=name,
            fields={"token": Secret(TOKENS[name])},
            api_url=f"http://localhost{ROOTS[name]}",
        )
        self.managers = [self.open()]
        self.manager = self.site.manager = self.managers[0]

    def open(self) -> WebhookManager:
        """A further manager, as another process would have one."""
        ports = http_ports(self.name, self.settings, HttpTransport(self.sandbox))
        return WebhookManager.with_ports(self.settings, ports)

    async def suitable(self, *events: str, manager: WebhookManager | None = None, user: str = "alice") -> Webhook:
        """A suitable webhook for a user."""
        return await (manager or self.manager).get_suitable_auto_webhook(
            user, self.credentials, TYPES[self.name], RESOURCES[self.name], events
        )

    async def fire(self, event: str) -> int | None:
        """The status with which the site answered the only delivery of an event."""
        (outcome,) = await self.sandbox.fire(FireOrder(provider=self.name, event=event))
        return outcome.status


def is_empty(folder: Path) -> bool:
    """Whether no file was made."""
    return not any(folder.iterdir())


@pytest.fixture(params=["github", "gitlab", "stripe", "telegram"])
async def vendor(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Vendor]:
    """Each vendor in turn."""
    vendor = Vendor(request.param, tmp_path)
    yield vendor
    for manager in vendor.managers:
        await manager.aclose()


async def test_a_graph_is_activated_triggered_and_deactivated(vendor: Vendor) -> None:
    """Registered, widened under the same id and URL, delivered to, refused when tampered with, and gone."""
    made = await vendor.suitable(FEWER[vendor.name])
    widened = await vendor.suitable(MORE[vendor.name])
    assert (widened.id, widened.url) == (made.id, made.url)
    (subscription,) = vendor.sandbox.vendors[vendor.name].webhooks()
    assert subscription.url == made.url
    await vendor.manager.attach(made.id, "alice", graph_id="triage", events=[MORE[vendor.name]])

    assert await vendor.fire(MORE[vendor.name]) == 202
    webhook_id, _, event = vendor.site.seen[-1]
    assert (webhook_id, event) == (made.id, MORE[vendor.name])
    webhook = await vendor.manager.get(webhook_id)
    assert vendor.manager.triggered_by(webhook, event) == webhook.triggered_nodes

    assert not await vendor.manager.prune_webhook_if_dangling("alice", made.id, vendor.credentials)
    await vendor.manager.detach(made.id, "alice", graph_id="triage")
    assert await vendor.manager.prune_webhook_if_dangling("alice", made.id, vendor.credentials)
    assert not vendor.sandbox.vendors[vendor.name].webhooks()


async def test_a_tampered_delivery_is_refused(tmp_path: Path) -> None:
    """One changed byte on the way, and a vendor that signs the body is told 401."""
    for name in ("github", "stripe"):
        vendor = Vendor(name, tmp_path / name)
        await vendor.suitable(FEWER[name])
        vendor.site.tamper = lambda body: body + b" "
        seen = len(vendor.site.seen)
        assert await vendor.fire(FEWER[name]) == 401
        assert len(vendor.site.seen) == seen
        await vendor.manager.aclose()


async def test_two_processes_that_ask_at_once_share_one_webhook(vendor: Vendor) -> None:
    """Two managers with stores of their own over one file make one webhook at the vendor."""
    vendor.managers.append(vendor.open())
    made = await asyncio.gather(*(vendor.suitable(FEWER[vendor.name], manager=manager) for manager in vendor.managers))
    assert made[0].id == made[1].id
    assert len(vendor.sandbox.vendors[vendor.name].webhooks()) == 1


async def test_a_restarted_platform_finds_its_webhook(vendor: Vendor) -> None:
    """What was recorded survives the process, its secret too."""
    made = await vendor.suitable(FEWER[vendor.name])
    await vendor.manager.aclose()
    vendor.managers.append(vendor.open())
    vendor.site.manager = vendor.managers[1]
    asked = vendor.sandbox.log.total
    assert await vendor.suitable(FEWER[vendor.name], manager=vendor.managers[1]) == made
    assert vendor.sandbox.log.total == asked
    assert await vendor.fire(FEWER[vendor.name]) == 202


async def test_a_ping_arrives_verified(tmp_path: Path) -> None:
    """GitHub's ping of a webhook reaches the platform and proves itself."""
    vendor = Vendor("github", tmp_path)
    async with vendor.manager as manager:
        webhook = await vendor.suitable("push")
        await manager.trigger_ping(webhook, vendor.credentials)
    assert [event for _, _, event in vendor.site.seen] == ["ping", "ping"]


async def test_a_bot_has_one_owner(tmp_path: Path) -> None:
    """Telegram has one slot per bot: a second user is refused, and the first keeps it."""
    vendor = Vendor("telegram", tmp_path)
    made = await vendor.suitable("message")
    with pytest.raises(BlockedError, match="slot"):
        await vendor.suitable("message", user="bob")
    (subscription,) = vendor.sandbox.telegram.webhooks()
    assert subscription.url == made.url
    with pytest.raises(NotImplementedError, match="telegram"):
        await vendor.manager.trigger_ping(made, vendor.credentials)
    await vendor.manager.aclose()


async def test_a_malformed_resource_is_refused_before_any_call(tmp_path: Path) -> None:
    """The definition's own schema says what a repository looks like; no file is made either."""
    vendor = Vendor("github", tmp_path)
    with pytest.raises(ConfigError, match="expected form"):
        await vendor.manager.get_suitable_auto_webhook("alice", vendor.credentials, "repo", "acme", ["push"])
    assert vendor.sandbox.log.total == 0
    assert is_empty(tmp_path)


def test_an_unknown_provider_is_refused_with_the_nearest() -> None:
    """A typo in the provider's name is told at once."""
    with pytest.raises(ConfigError, match="did you mean 'github'"):
        WebhookManager("gihub", ManagerSettings())
