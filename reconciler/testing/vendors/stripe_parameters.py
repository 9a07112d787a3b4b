"""Stripe's webhook endpoints as data, and the form parameters of requests about them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request

from reconciler.core.model import Json
from reconciler.testing.vendors import forms, stripe_events
from reconciler.testing.vendors.base import Refusal

UPDATE = frozenset({"url", "enabled_events", "description", "metadata", "expand", "disabled"})
CREATE = (UPDATE - {"disabled"}) | {"api_version", "connect"}
_LISTS, _MAPS = frozenset({"enabled_events", "expand"}), frozenset({"metadata"})
_NAME = re.compile(r"(?P<name>[a-z_]+)(?:\[(?P<key>[^\]]*)\])?")
_VERSION = re.compile(r"20[0-9]{2}-[01][0-9]-[0-3][0-9](\.[a-z]+)?")

Values = dict[str, Any]
Act = Callable[[], Json]


@dataclass(slots=True)
class Endpoint:
    """A webhook endpoint as Stripe keeps it."""

    id: str
    livemode: bool
    created: int
    url: str
    secret: str = field(repr=False)
    api_version: str | None = None
    application: str | None = None
    enabled_events: list[str] = field(default_factory=list)
    description: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    disabled: bool = False

    def shown(self) -> dict[str, Json]:
        """The endpoint as the API shows it: its secret is only in the answer to its creation."""
        return {
            "id": self.id,
            "object": "webhook_endpoint",
            "api_version": self.api_version,
            "application": self.application,
            "created": self.created,
            "description": self.description,
            "enabled_events": list(self.enabled_events),
            "livemode": self.livemode,
            "metadata": dict(self.metadata),
            "status": "disabled" if self.disabled else "enabled",
            "url": self.url,
        }


def refusal(status: int, message: str, *, code: str = "", param: str = "") -> Refusal:
    """An error answer in the vendor's form."""
    error = {"type": "invalid_request_error", "message": message}
    error |= {key: value for key, value in (("code", code), ("param", param)) if value}
    return Refusal(status, {"error": error})


def reused(key: str) -> Refusal:
    """400: an idempotency key came back with other parameters."""
    message = f"Keys for idempotent requests can only be used with the parameters of their first use: {key}."
    return Refusal(400, {"error": {"type": "idempotency_error", "message": message}})


async def parsed(request: Request, known: frozenset[str]) -> Values:
    """The form parameters of a request; lists as `name[]` or `name[0]`, maps as `name[key]`."""
    body = await request.body()
    if body and forms.content_type(request) != "application/x-www-form-urlencoded":
        hint = "check that your POST content type is application/x-www-form-urlencoded"
        raise refusal(400, f"Invalid request ({hint}).")
    values: Values = {}
    for field_name, text in forms.urlencoded(body):
        match = _NAME.fullmatch(field_name)
        name, key = (match["name"], match["key"]) if match else (field_name, None)
        if name not in known:
            raise refusal(400, f"Received unknown parameter: {name}", code="parameter_unknown", param=name)
        if name in _LISTS and key is not None:
            values.setdefault(name, []).append(text)
        elif name in _MAPS and key is not None:
            values.setdefault(name, {})[key] = text
        elif name in _LISTS or key is not None:
            raise refusal(400, f"Invalid {'array' if name in _LISTS else 'string'}", param=name)
        else:
            values[name] = text
    return values


def apply(endpoint: Endpoint, values: Values) -> None:
    """Change what the parameters name; an empty description, metadata or metadata value unsets."""
    if "url" in values:
        _check_url(values["url"], live=endpoint.livemode)
    for index, event in enumerate(values.get("enabled_events", ())):
        if event != "*" and event not in stripe_events.TYPES:
            some = ", ".join(sorted(stripe_events.TYPES)[:3])
            name = f"enabled_events[{index}]"
            raise refusal(400, f"Invalid {name}: must be one of {some}, ...", param=name)
    endpoint.url = values.get("url", endpoint.url)
    endpoint.enabled_events = values.get("enabled_events", endpoint.enabled_events)
    endpoint.description = values.get("description", endpoint.description) or None
    endpoint.disabled = values.get("disabled", str(endpoint.disabled).lower()) == "true"
    changes = values.get("metadata", {})
    merged = {**endpoint.metadata, **changes} if changes else {} if changes == "" else endpoint.metadata
    endpoint.metadata = {key: value for key, value in merged.items() if value}


def limit(text: str | None) -> int:
    """The page size of a list: 10 unless said, 1 to 100."""
    if text is None:
        return 10
    if not re.fullmatch(r"-?[0-9]{1,9}", text):
        raise refusal(400, f"Invalid integer: {text}", code="parameter_invalid_integer", param="limit")
    number = int(text)
    if not 1 <= number <= 100:
        bound = "greater than or equal to 1" if number < 1 else "less than or equal to 100"
        raise refusal(400, f"This value must be {bound}.", code="parameter_invalid_integer", param="limit")
    return number


def version(text: str | None) -> str | None:
    """The API version that an endpoint is pinned to."""
    if text and not _VERSION.fullmatch(text):
        raise refusal(400, f"Invalid API version: {text}", param="api_version")
    return text or None


def _check_url(url: str, *, live: bool) -> None:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        message = (
            "Not a valid URL" if parts.scheme else "Invalid URL: An explicit scheme (such as https) must be provided"
        )
        raise refusal(400, message, code="url_invalid", param="url")
    if live and parts.scheme != "https":
        raise refusal(400, "Invalid URL: In live mode the URL must be HTTPS", code="url_invalid", param="url")
    if not _public(parts.hostname):
        raise refusal(400, "Invalid URL: URL must be publicly accessible", code="url_invalid", param="url")


def _public(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return host != "localhost" and "." in host
