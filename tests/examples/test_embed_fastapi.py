"""The example application, in process, against the stand-in of GitHub, also in process."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx2 as httpx
import pytest

from reconciler import Credentials, ManagerSettings, Secret, WebhookManager
from reconciler.manager.ports import http_ports
from reconciler.providers.client import HttpTransport
from reconciler.system import SystemClock
from reconciler.testing.sandbox import FireOrder, Sandbox, SandboxConfig, create_sandbox

SOURCE = Path(__file__).parents[2] / "examples" / "embed_fastapi" / "app.py"
ACTIVATION = {"provider": "github", "webhook_type": "repo", "resource": "acme/api", "events": ["issues.opened"]}


@pytest.fixture(scope="module")
def example() -> Iterator[ModuleType]:
    """The example's module, as a user's process has it."""
    spec = importlib.util.spec_from_file_location("embed_fastapi_app", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


class Deployment:
    """The application, the stand-in that delivers to it, and what was run."""

    def __init__(self, example: ModuleType, folder: Path) -> None:
        self.runs: list[tuple[str, str, Any]] = []
        self.sandbox: Sandbox = create_sandbox(
            SandboxConfig(now=SystemClock().now, forward_to="http://site.test", receiver=self._deliver)
        )
        settings = ManagerSettings(base_url="https://hooks.acme.dev", state=f"sqlite:///{folder}/state.db")
        ports = http_ports("github", settings, HttpTransport(self.sandbox))
        self.app = example.create_app(
            example.Platform(
                {"github": WebhookManager.with_ports(settings, ports)}, credentials=self._credentials, run=self._run
            )
        )
        self.site = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://site.test")

    async def activate(self, graph: str, user: str = "alice", **changes: Any) -> httpx.Response:
        """A user activates a graph."""
        return await self.site.post(f"/graphs/{graph}/activate", json=ACTIVATION | changes, headers={"X-User": user})

    async def deactivate(self, graph: str, webhook_id: str, user: str = "alice") -> httpx.Response:
        """A user deactivates a graph."""
        return await self.site.delete(f"/graphs/{graph}/webhooks/github/{webhook_id}", headers={"X-User": user})

    async def fire(self, event: str) -> list[int | None]:
        """GitHub delivers an event; what it was answered."""
        return [outcome.status for outcome in await self.sandbox.fire(FireOrder(provider="github", event=event))]

    async def _deliver(self, *arguments: Any) -> None:
        await self.app(*arguments)

    async def _run(self, triggered: Any, event: str, payload: Any) -> None:
        self.runs.append((triggered.graph_id, event, payload))

    @staticmethod
    def _credentials(user: str, provider: str) -> Credentials:
        fields = {"token": Secret(f"ghp_{user}")}
        return Credentials(name=user, provider=provider, fields=fields, api_url="http://localhost/github")


@pytest.fixture
async def deployment(example: ModuleType, tmp_path: Path) -> AsyncIterator[Deployment]:
    """A running application."""
    deployment = Deployment(example, tmp_path)
    async with deployment.app.router.lifespan_context(deployment.app), deployment.site:
        yield deployment


async def test_an_activated_graph_runs_when_github_delivers(deployment: Deployment) -> None:
    """The signed delivery is accepted, and the graph that asked for its event gets the payload."""
    activated = await deployment.activate("triage")
    assert activated.status_code == 201
    assert activated.json()["url"] == f"https://hooks.acme.dev/webhooks/github/{activated.json()['webhook_id']}"
    assert await deployment.fire("issues.opened") == [202]
    ((graph, event, payload),) = deployment.runs
    assert (graph, event, payload["action"]) == ("triage", "issues.opened", "opened")
    assert await deployment.fire("issues.closed") == [202]
    assert len(deployment.runs) == 1


async def test_a_tampered_delivery_runs_nothing(deployment: Deployment) -> None:
    """One changed byte, or no signature at all: 401, and no run."""
    await deployment.activate("triage")
    (delivery,) = deployment.sandbox.github.deliveries("issues.opened", None, None)
    path = delivery.url.removeprefix("https://hooks.acme.dev")
    unsigned = {name: value for name, value in delivery.headers.items() if "Signature" not in name}
    genuine = await deployment.site.post(path, content=delivery.body, headers=delivery.headers)
    changed = await deployment.site.post(path, content=delivery.body + b" ", headers=delivery.headers)
    unproved = await deployment.site.post(path, content=delivery.body, headers=unsigned)
    assert [answer.status_code for answer in (genuine, changed, unproved)] == [202, 401, 401]
    assert len(deployment.runs) == 1


async def test_two_graphs_share_a_webhook_until_the_last_is_deactivated(deployment: Deployment) -> None:
    """The second activation widens the webhook; it is pruned with its last graph."""
    first = (await deployment.activate("triage")).json()["webhook_id"]
    second = (await deployment.activate("release", events=["push"])).json()["webhook_id"]
    assert first == second
    (subscription,) = deployment.sandbox.github.webhooks()
    assert set(subscription.events) == {"issues", "push"}
    assert (await deployment.deactivate("triage", first)).json() == {"pruned": False}
    assert (await deployment.deactivate("release", first)).json() == {"pruned": True}
    assert deployment.sandbox.github.webhooks() == []
    assert (await deployment.deactivate("release", first)).status_code == 404


async def test_mistakes_are_answered_with_the_way_out(deployment: Deployment) -> None:
    """A typo, a foreign user and a provider that is not offered are the caller's to mend."""
    typo = await deployment.activate("triage", events=["isues.opened"])
    assert typo.status_code == 422
    assert "issues.opened" in typo.json()["error"]
    webhook_id = (await deployment.activate("triage")).json()["webhook_id"]
    assert (await deployment.deactivate("triage", webhook_id, user="mallory")).status_code == 403
    assert (await deployment.activate("triage", provider="acme")).status_code == 404


def test_the_real_application_reads_its_settings_from_the_environment(
    example: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`uvicorn --factory app:main` needs a base URL in the environment, and nothing else to start."""
    monkeypatch.setenv("RECONCILER_BASE_URL", "https://hooks.acme.dev")
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_alice")
    paths = {route.path for route in example.main().routes}
    assert "/webhooks/{provider}/{webhook_id}" in paths
    assert example.token_of("alice", "github").fields["token"] == Secret("ghp_alice")
