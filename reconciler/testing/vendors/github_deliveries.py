"""GitHub's log of deliveries: what it keeps of each try, for three days, and how it shows that.

Written from GitHub's OpenAPI description (`hook-delivery-item`, `hook-delivery`), "Redelivering webhooks" and "Handling
failed webhook deliveries".
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from starlette.requests import Request

from reconciler.core.model import Json
from reconciler.testing.vendors import github_hooks as hooks
from reconciler.testing.vendors.base import Delivery, Outcome, Page, Surroundings, page_of

KEPT_SECONDS = 3 * 24 * 3600.0
_KEPT = 10_000
_NO_CONNECTION = 502
_CURSOR = "v1_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One try at a delivery."""

    id: int
    at: float
    outcome: Outcome = field(repr=False)
    redelivery: bool

    @property
    def delivery(self) -> Delivery:
        """What was sent."""
        return self.outcome.delivery

    @property
    def guid(self) -> str:
        """What all tries at a delivery have in common."""
        return self.delivery.headers["X-GitHub-Delivery"]

    @property
    def code(self) -> int:
        """The status that is told: the receiver's, or 502 where there was no answer."""
        return self.outcome.status or _NO_CONNECTION

    @property
    def status(self) -> str:
        """The status in words."""
        if self.outcome.accepted:
            return "OK"
        return f"Invalid HTTP Response: {self.code}" if self.outcome.status else "failed to connect"


class Log:
    """The tries at all deliveries of all webhooks."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._tries: deque[Try] = deque(maxlen=_KEPT)
        self._last_id = 91_000_000_000

    def clear(self) -> None:
        """Forget all of them."""
        self._tries.clear()

    def note(self, outcome: Outcome) -> None:
        """Remember what became of a try."""
        self._last_id += 1
        guid = outcome.delivery.headers["X-GitHub-Delivery"]
        again = any(item.guid == guid for item in self._of(outcome.delivery.webhook_id))
        self._tries.append(Try(id=self._last_id, at=self._around.now(), outcome=outcome, redelivery=again))

    def find(self, hook_id: int, delivery_id: str) -> Try:
        """One try at a delivery to a webhook; 404 where it is not, or no longer, known."""
        for item in self._of(str(hook_id)):
            if str(item.id) == delivery_id:
                return item
        raise hooks.refusal(404, "Not Found")

    def page(self, request: Request, hook_id: int) -> tuple[list[Json], str]:
        """A page of the tries for one webhook, newest first, and its `Link` header."""
        status, cursor = request.query_params.get("status"), request.query_params.get("cursor", "")
        if status not in {None, "success", "failure"}:
            raise hooks.refusal(422, f"Invalid request.\n\n{status} is not a member of ['success', 'failure'].")
        if cursor and not cursor.removeprefix(_CURSOR).isdigit():
            raise hooks.refusal(422, "Invalid cursor")
        chosen = [item for item in self._of(str(hook_id)) if status in {None, _outcome(item)}]
        newest = int(cursor.removeprefix(_CURSOR)) if cursor else self._last_id
        left = [item for item in chosen if item.id <= newest]
        size = page_of(request, len(left), default=30).size
        rest = left[size:]
        link = self._link(request, size, rest[0].id) if rest else ""
        return [self.shown(item) for item in Page(1, size, len(left)).cut(left)], link

    def shown(self, item: Try) -> dict[str, Json]:
        """A try as the list shows it."""
        action = _content(item.delivery).get("action")
        return {
            "id": item.id,
            "guid": item.guid,
            "delivered_at": self._around.iso(item.at),
            "redelivery": item.redelivery,
            "duration": 0.05,
            "status": item.status,
            "status_code": item.code,
            "event": item.delivery.headers["X-GitHub-Event"],
            "action": action if isinstance(action, str) else None,
            "installation_id": None,
            "repository_id": _content(item.delivery).get("repository", {}).get("id"),
            "throttled_at": None,
        }

    def whole(self, item: Try) -> dict[str, Json]:
        """A try with its request and response."""
        delivery = item.delivery
        response: dict[str, Json] = {"headers": {}, "payload": item.outcome.body}
        request = {"headers": dict(delivery.headers), "payload": _content(delivery)}
        return {**self.shown(item), "url": delivery.url, "request": request, "response": response}

    def _of(self, hook_id: str) -> Iterator[Try]:
        oldest = self._around.now() - KEPT_SECONDS
        return (item for item in reversed(self._tries) if item.delivery.webhook_id == hook_id and item.at >= oldest)

    def _link(self, request: Request, size: int, newest: int) -> str:
        url = request.url.remove_query_params("cursor").include_query_params(per_page=size, cursor=f"{_CURSOR}{newest}")
        return f'<{url}>; rel="next"'


def _outcome(item: Try) -> str:
    return "success" if item.code < 400 else "failure"


def _content(delivery: Delivery) -> Mapping[str, Json]:
    """The payload; that of a form is not looked into."""
    try:
        found = json.loads(delivery.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
