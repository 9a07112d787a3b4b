"""GitLab's log of webhook events: what it keeps of each try, for seven days, and how it shows that.

Written from GitLab's "Project webhooks API" (Get a list of project webhook events; Resend a project webhook event) and
gitlabhq, app/models/hooks/web_hook_log.rb and app/services/web_hook_service.rb.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from reconciler.core.model import Json
from reconciler.testing.vendors.base import Outcome, Refusal

KEPT_SECONDS = 7 * 24 * 3600.0
PAGE_SIZE = 20
_KEPT = 10_000
_REDACTED = "[REDACTED]"
_EMAIL = re.compile(r"[^@\s]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_CATEGORIES = {"successful": "2", "client_failure": "4", "server_failure": "5"}
_NO_ANSWER = "internal error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One try, with what may be read of it: e-mail addresses and tokens are gone."""

    id: int
    at: float
    event: str
    hook_id: int
    url: str
    headers: dict[str, str] = field(repr=False)
    content: Json = field(repr=False)
    outcome: Outcome = field(repr=False)

    @property
    def status(self) -> str:
        """The receiver's status, as text."""
        return str(self.outcome.status) if self.outcome.status else _NO_ANSWER

    def shown(self) -> dict[str, Json]:
        """The try as the API shows it."""
        return {
            "id": self.id,
            "url": self.url,
            "trigger": self.event.replace("_events", "_hooks"),
            "request_headers": self.headers,
            "request_data": self.content,
            "response_headers": {},
            "response_body": self.outcome.body,
            "execution_duration": 0.05,
            "response_status": self.status,
        }


class Log:
    """The tries of all webhooks."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=_KEPT)
        self._last_id = 0

    def clear(self) -> None:
        """Forget all of them."""
        self._entries.clear()

    def note(self, outcome: Outcome, now: float, hidden: Sequence[str]) -> None:
        """Remember what became of a try; the values of the `hidden` headers are not kept."""
        delivery = outcome.delivery
        self._last_id += 1
        names = {"X-Gitlab-Token", *hidden}
        entry = Entry(
            id=self._last_id,
            at=now,
            event=delivery.event,
            hook_id=int(delivery.webhook_id),
            url=delivery.url,
            headers={name: _REDACTED if name in names else value for name, value in delivery.headers.items()},
            content=_without_addresses(json.loads(delivery.body)),
            outcome=outcome,
        )
        self._entries.append(entry)

    def of(self, hook_id: int, now: float, status: str = "") -> list[Entry]:
        """The tries of one webhook, newest first; of one status or category of them."""
        if status and status not in _CATEGORIES and not (status.isdigit() and len(status) == 3):
            raise Refusal(400, {"error": "status does not have a valid value"})
        wanted = _CATEGORIES.get(status, status)
        oldest = now - KEPT_SECONDS
        return [
            entry
            for entry in reversed(self._entries)
            if entry.hook_id == hook_id and entry.at >= oldest and entry.status.startswith(wanted)
        ]

    def find(self, hook_id: int, entry_id: str, now: float) -> Entry:
        """One try of a webhook; 404 where it is not, or no longer, known."""
        for entry in self.of(hook_id, now):
            if str(entry.id) == entry_id:
                return entry
        raise Refusal(404, {"message": "404 Not found"})


def _without_addresses(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _without_addresses(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_addresses(item) for item in value]
    return _REDACTED if isinstance(value, str) and _EMAIL.fullmatch(value) else value
