"""Microsoft Graph's subscriptions as data: which resources can be watched, for how long, and what a request may say.

Written from "subscription resource type" (properties, subscription lifetime), "Create subscription" (valid resources)
and "Update subscription".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from reconciler.core.model import Json
from reconciler.testing.vendors.bodies import is_url

CHANGES = ("created", "updated", "deleted")
SHORTEST = 45 * 60
_NEEDS_LIFECYCLE_AFTER = 3600
_STATE_LENGTH = 128
_FLAGS = frozenset({"includeResourceData"})
_TEXTS = frozenset(
    {
        "@odata.type",
        "changeType",
        "clientState",
        "expirationDateTime",
        "latestSupportedTlsVersion",
        "lifecycleNotificationUrl",
        "notificationQueryOptions",
        "notificationUrl",
        "notificationUrlAppId",
        "resource",
    }
)
_REQUIRED = ("changeType", "notificationUrl", "resource", "expirationDateTime")
_UPDATABLE = frozenset({"@odata.type", "expirationDateTime", "notificationUrl"})
_TLS = frozenset({"v1_0", "v1_1", "v1_2", "v1_3"})


class GraphError(Exception):
    """A refusal: HTTP `status`, and the `code` and message of the error object."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Kind(NamedTuple):
    """A kind of resource: how it is written, the longest life in minutes, and what can be watched of it."""

    pattern: str
    minutes: int
    entity: str
    changes: tuple[str, ...] = CHANGES
    teams: bool = False


_OWNER = "(me|users/[^/]+)"
_DRIVE = f"({_OWNER}/drive|drives/[^/]+|(sites|groups)/[^/]+/drive)"
KINDS = (
    Kind("communications/presences(/[^/]+)?", 60, "presence"),
    Kind("communications/callrecords(/[^/]+)?", 4230, "callRecord", teams=True),
    Kind(f"(communications|{_OWNER})/onlinemeetings/([^/]+/|getall)recordings", 4320, "callRecording", teams=True),
    Kind(f"(communications|{_OWNER})/onlinemeetings/([^/]+/|getall)transcripts", 4320, "callTranscript", teams=True),
    Kind("communications/onlinemeetings/[^/]+", 4230, "onlineMeeting", teams=True),
    Kind("teams/[^/]+/schedule/.+", 360, "shift", teams=True),
    Kind(f"(({_OWNER}/)?chats|teams)/(.+/)?(getall)?messages(/[^/]+)?", 4320, "chatMessage", teams=True),
    Kind(f"({_OWNER}/)?chats(/.+)?", 4320, "chat", teams=True),
    Kind("teams(/.+)?", 4320, "team", teams=True),
    Kind("groups/[^/]+/conversations", 4230, "conversation"),
    Kind(f"{_DRIVE}/(root|items/[^/]+)", 42300, "driveItem", ("updated",)),
    Kind("sites/[^/]+/lists/[^/]+", 42300, "list", ("updated",)),
    Kind(f"{_OWNER}/todo/lists/[^/]+/tasks", 4230, "todoTask"),
    Kind(f"{_OWNER}/(.+/)?messages", 10080, "message"),
    Kind(f"({_OWNER}|groups/[^/]+)/(.+/)?events", 10080, "event"),
    Kind(f"{_OWNER}/(.+/)?contacts", 10080, "contact"),
    Kind("print/printers/[^/]+/jobs", 4230, "printJob"),
    Kind("print/taskdefinitions/[^/]+/tasks", 4230, "printTask"),
    Kind("security/alerts(_v2)?", 43200, "alert"),
    Kind("users(/[^/]+)?", 41760, "user", ("updated", "deleted")),
    Kind("groups(/[^/]+(/(members|owners))?)?", 41760, "group", ("updated", "deleted")),
)
"""The first that fits counts. Resources of which no page says how they are written are not here."""


@dataclass(slots=True)
class Record:
    """A subscription as Graph keeps it; `expires` is in UNIX seconds."""

    resource: str
    kind: Kind
    changes: frozenset[str]
    url: str
    expires: float
    lifecycle_url: str | None
    state: str | None = field(repr=False)
    others: Mapping[str, Json]
    id: str = ""
    number: int = 0

    @property
    def key(self) -> tuple[str, frozenset[str]]:
        """What no two subscriptions may share."""
        return normal(self.resource), self.changes

    @property
    def change_type(self) -> str:
        """The changes as the API shows them."""
        return ",".join(change for change in CHANGES if change in self.changes)


def normal(resource: str) -> str:
    """A resource without what does not tell it apart: leading slash, case, query, the form of its keys."""
    path = re.sub(r"\('([^']*)'\)", r"/\1", resource.partition("?")[0])
    return path.strip("/").lower()


def wished(values: Mapping[str, Json], now: float) -> Record:
    """The subscription that a create asks for. Raises `GraphError` where Graph would refuse it before the handshake."""
    _typed(values)
    for name in _REQUIRED:
        if not values.get(name):
            raise _invalid(f"{name} is a required property for subscription creation")
    kind = _kind(values["resource"])
    changes = frozenset(change.strip() for change in values["changeType"].split(","))
    if not changes or changes - set(kind.changes):
        raise _invalid(f"changeType of {kind.entity} must be some of {','.join(kind.changes)}")
    if len(values.get("clientState") or "") > _STATE_LENGTH:
        raise _invalid(f"clientState must not be longer than {_STATE_LENGTH} characters")
    if values.get("includeResourceData"):
        raise _invalid("this stand-in makes no notifications with resource data")
    if (values.get("latestSupportedTlsVersion") or "v1_2") not in _TLS:
        raise _invalid(f"latestSupportedTlsVersion must be one of {', '.join(sorted(_TLS))}")
    lifecycle = values.get("lifecycleNotificationUrl")
    return Record(
        resource=values["resource"],
        kind=kind,
        changes=changes,
        url=_https(values, "notificationUrl"),
        expires=_expiry(values["expirationDateTime"], now, kind, lifecycle),
        lifecycle_url=None if lifecycle is None else _https(values, "lifecycleNotificationUrl"),
        state=values.get("clientState"),
        others={
            "includeResourceData": values.get("includeResourceData"),
            "latestSupportedTlsVersion": values.get("latestSupportedTlsVersion") or "v1_2",
            "notificationQueryOptions": values.get("notificationQueryOptions"),
            "notificationUrlAppId": values.get("notificationUrlAppId"),
        },
    )


def changed(record: Record, values: Mapping[str, Json], now: float) -> tuple[str, float]:
    """The URL and the expiry that an update leaves `record` with; `GraphError` where it may not say what it says."""
    _typed(values)
    if not set(values) & {"expirationDateTime", "notificationUrl"}:
        message = (
            "Subscription must contain either the 'expirationDateTime' or 'notificationUrl' property and its value."
        )
        raise _invalid(message)
    if others := sorted(set(values) - _UPDATABLE):
        raise _invalid(f"only expirationDateTime and notificationUrl can be updated, not {', '.join(others)}")
    url = _https(values, "notificationUrl") if "notificationUrl" in values else record.url
    if "expirationDateTime" not in values:
        return url, record.expires
    return url, _expiry(values["expirationDateTime"], now, record.kind, record.lifecycle_url)


def _typed(values: Mapping[str, Json]) -> None:
    wrong = [
        name
        for name, value in values.items()
        if not (name in _TEXTS and isinstance(value, str | None))
        and not (name in _FLAGS and isinstance(value, bool | None))
    ]
    if wrong:
        raise unreadable()


def unreadable() -> GraphError:
    """The refusal of a body that is not the JSON of a subscription."""
    message = "Could not process subscription creation payload. Are all property names spelled and camelCased properly?"
    return GraphError(400, "InvalidRequest", message)


def _kind(resource: str) -> Kind:
    path = normal(resource)
    for kind in KINDS:
        if re.fullmatch(kind.pattern, path):
            return kind
    raise _invalid(f"Unsupported resource: {resource}")


def _https(values: Mapping[str, Json], name: str) -> str:
    value = values[name]
    if not is_url(value, "https"):
        raise _invalid(f"{name} must be a URL that starts with https://")
    return value


def _expiry(text: Json, now: float, kind: Kind, lifecycle: Json) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise unreadable() from None
    if moment.tzinfo is None:
        raise unreadable()
    expires = max(moment.timestamp(), now + SHORTEST)
    if expires > now + kind.minutes * 60:
        message = f"Subscription expiration can only be {kind.minutes} minutes in the future."
        raise GraphError(400, "ExtensionError", message)
    if kind.teams and not lifecycle and expires > now + _NEEDS_LIFECYCLE_AFTER:
        raise _invalid(
            "lifecycleNotificationUrl is a required property for subscription creation on this resource when the "
            "expirationDateTime value is set to greater than 1 hour"
        )
    return expires


def _invalid(message: str) -> GraphError:
    return GraphError(400, "ValidationError", message)
