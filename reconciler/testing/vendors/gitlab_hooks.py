"""GitLab's webhooks as data: parameters, defaults, health, and how they are shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from starlette.requests import Request

from reconciler.core.model import Json
from reconciler.testing.vendors import forms
from reconciler.testing.vendors.base import Refusal
from reconciler.testing.vendors.gitlab_events import GROUP_KINDS, PROJECT_KINDS, Kind

_TEXTS = ("url", "name", "description", "token", "push_events_branch_filter", "custom_webhook_template")
_STRATEGIES = ("wildcard", "regex", "all_branches")
_TRUE, _FALSE = {True, "1", "true", "t", "on", "yes"}, {False, "0", "false", "f", "off", "no"}
TEMPORARY_AFTER, PERMANENT_AFTER = 4, 40


class Scope(NamedTuple):
    """A kind of owner: the path's first part, its name in messages, and the flags its webhooks have."""

    path: str
    title: str
    id_field: str
    kinds: Mapping[str, Kind]


PROJECTS = Scope("projects", "Project", "project_id", PROJECT_KINDS)
GROUPS = Scope("groups", "Group", "group_id", GROUP_KINDS)


@dataclass(slots=True)
class Hook:
    """A webhook as GitLab keeps it. `owner` is the path or number it was registered under, `number` the owner's id."""

    id: int
    scope: Scope
    owner: str
    number: int
    created_at: str
    url: str
    flags: dict[str, bool]
    texts: dict[str, Json]
    token: str | None = field(default=None, repr=False)
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    variables: dict[str, str] = field(default_factory=dict, repr=False)
    failures: int = 0
    disabled_until: float | None = None

    def health(self, now: float) -> str:
        """`executable`, `temporarily_disabled` until its time has passed, or `disabled` for good."""
        if self.failures >= PERMANENT_AFTER:
            return "disabled"
        waiting = self.disabled_until is not None and self.disabled_until > now
        return "temporarily_disabled" if waiting else "executable"

    def noted(self, now: float, *, accepted: bool) -> None:
        """Count a delivery ("Auto-disabled webhooks"): from the fourth failure in a row it waits, longer each time."""
        self.failures = 0 if accepted else self.failures + 1
        waits = TEMPORARY_AFTER <= self.failures < PERMANENT_AFTER
        pause = 60.0 * 2.0 ** min(self.failures - TEMPORARY_AFTER, 11)
        self.disabled_until = now + min(pause, 86_400.0) if waits else None


def defaults(scope: Scope) -> tuple[dict[str, bool], dict[str, Json]]:
    """Flags and texts of a webhook of which only the URL is given."""
    flags = {name: name == "push_events" for name in scope.kinds}
    texts: dict[str, Json] = {
        "name": None,
        "description": None,
        "push_events_branch_filter": None,
        "branch_filter_strategy": "wildcard",
        "custom_webhook_template": None,
    }
    return {**flags, "enable_ssl_verification": True}, texts


async def parameters(request: Request, scope: Scope) -> dict[str, Json]:
    """The declared parameters of a request, from its query and its JSON or form body; undeclared ones are dropped."""
    declared = {*scope.kinds, *_TEXTS, "enable_ssl_verification", "branch_filter_strategy", "custom_headers"}
    declared |= {"url_variables"}
    values: dict[str, Json] = dict(request.query_params.multi_items())
    kind, raw = forms.content_type(request), await request.body()
    if kind == "application/json" and raw:
        try:
            document: Any = json.loads(raw)
        except ValueError:
            raise Refusal(400, {"error": "The request body is not valid JSON"}) from None
        values |= document if isinstance(document, dict) else {}
    elif raw:
        values |= dict(await forms.fields_of(request))
    return {key: _typed(key, value) for key, value in values.items() if key in declared}


def apply(hook: Hook, values: Mapping[str, Json]) -> None:
    """Change the webhook as a request asks. A new URL resets token and custom headers that do not come with it."""
    url = values.get("url", hook.url)
    if not _url(url):
        raise Refusal(422, {"error": "Invalid url given"})
    if "\n" in (values.get("token") or ""):
        raise Refusal(422, {"message": {"token": ["is invalid"]}})
    if url != hook.url:
        hook.url, hook.token, hook.headers = url, None, {}
    if "token" in values:
        hook.token = values["token"] or None
    hook.flags |= {key: value for key, value in values.items() if key in hook.flags}
    hook.texts |= {key: value for key, value in values.items() if key in hook.texts}
    hook.headers |= {item["key"]: item["value"] for item in values.get("custom_headers", ())}
    hook.variables |= {item["key"]: item["value"] for item in values.get("url_variables", ())}


def shown(hook: Hook, now: float, disabled_until: str | None) -> dict[str, Json]:
    """The webhook as the API shows it: never its token, nor the values of its headers and variables."""
    return {
        "id": hook.id,
        "url": hook.url,
        **hook.texts,
        "created_at": hook.created_at,
        "alert_status": hook.health(now),
        "disabled_until": disabled_until,
        "url_variables": [{"key": key} for key in hook.variables],
        "custom_headers": [{"key": key} for key in hook.headers],
        "repository_update_events": False,
        "token_present": bool(hook.token),
        **hook.flags,
        hook.scope.id_field: hook.number,
    }


def _typed(key: str, value: Json) -> Json:
    wrong = Refusal(400, {"error": f"{key} is invalid"})
    if key.endswith("_events") or key == "enable_ssl_verification":
        lowered = value.lower() if isinstance(value, str) else value
        if isinstance(lowered, dict | list) or lowered not in _TRUE | _FALSE:
            raise wrong
        return lowered in _TRUE
    if key in {"custom_headers", "url_variables"}:
        if not isinstance(value, list) or not all(isinstance(i, dict) and {"key", "value"} <= set(i) for i in value):
            raise wrong
    elif key == "branch_filter_strategy" and value not in _STRATEGIES:
        raise Refusal(400, {"error": f"{key} does not have a valid value"})
    elif not isinstance(value, str | None):
        raise wrong
    return value


def _url(value: Json) -> bool:
    if not isinstance(value, str):
        return False
    parts = urlsplit(value)
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and not any(c.isspace() for c in value)
