"""The example application takes deliveries beside its own routes."""

from __future__ import annotations

import hmac
import importlib.util
from pathlib import Path

import httpx2 as httpx

from reconciler.core.inbox import Filter
from reconciler.store.inboxes import inbox_of
from tests.support.ingress_process import PATH, SECRET, project, store_of

SOURCE = Path(__file__).parents[2] / "examples" / "embed_ingress" / "app.py"


async def test_a_platform_takes_deliveries_in_its_own_application(tmp_path: Path) -> None:
    """Below where it mounted the ingress; they are stored, and others refused."""
    spec = importlib.util.spec_from_file_location("embed_ingress_app", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    root = project(tmp_path / "project")
    site = module.create_app(root)
    body = b'{"ref": "refs/heads/main"}'
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": "d1",
        "X-Hub-Signature-256": f"sha256={hmac.digest(SECRET.reveal().encode(), body, 'sha256').hex()}",
    }

    async with (
        site.router.lifespan_context(site),
        httpx.AsyncClient(transport=httpx.ASGITransport(app=site), base_url="http://site.test") as client,
    ):
        assert (await client.get("/")).json() == {"hello": "world"}
        assert (await client.get("/hooks/healthz")).text == "ok\n"
        assert (await client.post(f"/hooks{PATH}", content=body, headers=headers)).status_code == 200
        assert (await client.post(f"/hooks{PATH}", content=b"{}", headers=headers)).status_code == 404

    with store_of(root) as store:
        assert [kept.body for kept, _ in inbox_of(store).deliveries("acme", Filter(), 10)] == [body]
