"""GitHub's webhooks as data: how they are read from requests, compared, refused and shown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from reconciler.core.model import Json
from reconciler.testing.vendors.base import Refusal

DOCUMENTATION = "https://docs.github.com/rest"
_MASK = "********"


@dataclass(slots=True)
class Hook:
    """A webhook as GitHub keeps it. `owner` is `owner/repo`, or the organisation."""

    id: int
    owner: str
    events: list[str]
    active: bool
    config: dict[str, str] = field(repr=False)
    created_at: str
    updated_at: str
    last_response: dict[str, Json] = field(default_factory=lambda: {"code": None, "status": "unused", "message": None})

    @property
    def of_repository(self) -> bool:
        """True for a repository's webhook, False for an organisation's."""
        return "/" in self.owner

    @property
    def organization(self) -> str:
        """The account that the webhook stands under."""
        return self.owner.partition("/")[0]


def organization(hook: Hook) -> str:
    """The organisation that a payload names; none for a repository's webhook, whose owner may be a user."""
    return "" if hook.of_repository else hook.organization


def concerns(hook: Hook, resource: str | None) -> bool:
    """Whether something that happens in `resource` is the webhook's: its own, or its organisation's repository."""
    if resource is None:
        return True
    wanted = resource.lower()
    return wanted == hook.owner.lower() or (not hook.of_repository and wanted.startswith(f"{hook.owner.lower()}/"))


def base(request: Request) -> str:
    """The API root that the request came in by."""
    return f"{request.url.scheme}://{request.url.netloc}{request.scope.get('root_path', '')}"


def shown(hook: Hook, root: str) -> dict[str, Json]:
    """The webhook as the API shows it."""
    url = f"{root}/{'repos' if hook.of_repository else 'orgs'}/{hook.owner}/hooks/{hook.id}"
    document: dict[str, Json] = {
        "type": "Repository" if hook.of_repository else "Organization",
        "id": hook.id,
        "name": "web",
        "active": hook.active,
        "events": list(hook.events),
        "config": masked(hook.config),
        "updated_at": hook.updated_at,
        "created_at": hook.created_at,
        "url": url,
        "ping_url": f"{url}/pings",
        "deliveries_url": f"{url}/deliveries",
    }
    if hook.of_repository:
        document |= {"test_url": f"{url}/test", "last_response": dict(hook.last_response)}
    return document


def masked(settings: Mapping[str, str]) -> dict[str, str]:
    """A config with its secret behind the vendor's mask."""
    return {key: _MASK if key == "secret" else value for key, value in settings.items()}


def config(value: Json) -> dict[str, str]:
    """The config of a request, with the vendor's defaults."""
    if not isinstance(value, dict) or not value.get("url"):
        raise custom("Config must contain URL for webhooks")
    url = value["url"]
    parts = urlsplit(url) if isinstance(url, str) and not any(c.isspace() or c in '"<>' for c in url) else None
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise custom("The URL you've entered is not valid. Please make sure that you encode all special characters.")
    settings = {
        "content_type": str(value.get("content_type") or "form"),
        "insecure_ssl": str(value.get("insecure_ssl") or "0"),
        "url": str(url),
    }
    if settings["content_type"] not in {"json", "form"}:
        raise invalid([{"resource": "Hook", "field": "content_type", "code": "invalid"}])
    return {**settings, "secret": str(value["secret"])} if value.get("secret") else settings


def allowed(method: str, owner: str, scopes: Iterable[str]) -> bool:
    """Whether scopes are enough for a request about webhooks of `owner` ("Scopes for OAuth apps")."""
    if "/" not in owner:
        return not {"admin:org_hook", "repo"}.isdisjoint(scopes)
    enough = {"repo", "public_repo", "admin:repo_hook"}
    if method != "DELETE":
        enough |= {"write:repo_hook"}
    if method == "GET":
        enough |= {"read:repo_hook"}
    return not enough.isdisjoint(scopes)


def same_place(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether two configs deliver the same thing to the same place."""
    return all(one[key] == other[key] for key in ("url", "content_type"))


def overlap(one: Iterable[str], other: Iterable[str]) -> bool:
    """Whether two webhooks would both be told of some event."""
    first, second = set(one), set(other)
    return bool(first & second) or "*" in first | second


async def document(request: Request) -> dict[str, Json]:
    """The JSON object in the body; an empty body counts as an empty one."""
    raw = await request.body()
    try:
        value = json.loads(raw) if raw.strip() else {}
    except ValueError:
        raise refusal(400, "Problems parsing JSON") from None
    if not isinstance(value, dict):
        raise refusal(400, "Body should be a JSON object")
    return value


def strings(values: Mapping[str, Json], key: str, default: Sequence[str]) -> list[str]:
    """A list of strings in a request."""
    value = values.get(key, default)
    if not isinstance(value, Sequence) or isinstance(value, str) or not all(isinstance(item, str) for item in value):
        raise refusal(422, f"Invalid request.\n\nFor 'properties/{key}', {json.dumps(value)} is not an array.")
    return list(value)


def boolean(values: Mapping[str, Json], key: str, *, default: bool) -> bool:
    """A boolean in a request."""
    value = values.get(key, default)
    if not isinstance(value, bool):
        raise refusal(422, f"Invalid request.\n\nFor 'properties/{key}', {json.dumps(value)} is not a boolean.")
    return value


def refusal(status: int, message: str, headers: Mapping[str, str] | None = None) -> Refusal:
    """An error answer in the vendor's form."""
    return Refusal(status, {"message": message, "documentation_url": DOCUMENTATION, "status": str(status)}, headers)


def invalid(errors: Sequence[Json]) -> Refusal:
    """422 with the errors of single fields."""
    body = {"message": "Validation Failed", "errors": list(errors), "documentation_url": DOCUMENTATION}
    return Refusal(422, {**body, "status": "422"})


def custom(*messages: str) -> Refusal:
    """422 with errors that are told in words."""
    return invalid([{"resource": "Hook", "code": "custom", "message": message} for message in messages])


async def no_such_route(_request: Request, _error: Exception) -> Response:
    """The answer to a path or method that the API does not have."""
    return JSONResponse({"message": "Not Found", "documentation_url": DOCUMENTATION, "status": "404"}, 404)
