"""A receiver for the quickstart's deliveries: proves that each is genuine, and says whom it is for.

    python examples/quickstart/receiver.py PORT

It stands where your platform stands: it looks the webhook up by the id in the URL, verifies the very bytes that came in
with the recorded secret, and only then reads them.
"""

import sys
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from reconciler import ManagerSettings, VerificationError, WebhookManager, WebhookNotFoundError

STATE = Path(__file__).resolve().parent / ".reconciler" / "state.db"
SETTINGS = ManagerSettings(scope="quickstart", state=f"sqlite:///{STATE}", base_url="https://hooks.example.com")


async def receive(request: Request) -> Response:
    """One delivery at `/webhooks/{provider}/{webhook_id}`."""
    async with WebhookManager(request.path_params["provider"], SETTINGS) as manager:
        try:
            webhook = await manager.get(request.path_params["webhook_id"])
            payload, event = await manager.validate_payload(webhook, request)
        except (VerificationError, WebhookNotFoundError) as error:
            say(f"refused: {error}")
            return PlainTextResponse("not found", status_code=404)
        names = [getattr(found, "graph_id", "") or found.preset_id for found in manager.triggered_by(webhook, event)]
    say(f"verified: {event}, {len(payload)} fields, for {', '.join(names) or 'nobody'}")
    return PlainTextResponse("accepted", status_code=202)


def say(line: str) -> None:
    """One line for the person who watches."""
    sys.stdout.write(f"[receiver] {line}\n")
    sys.stdout.flush()


app = Starlette(routes=[Route("/webhooks/{provider}/{webhook_id}", receive, methods=["POST"])])

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
