"""A stand-in of Linear's GraphQL API, as far as webhooks need it; mounted where `https://api.linear.app` is.

Written from the types and operations in Linear's SDK, and from "Getting started" (authentication), "Pagination", "Error
handling" and "Webhooks" in its developer documents. A request that Linear understands and refuses is answered with 200
and `errors`; 400 is for one that it does not understand, and 401 for one without a valid key. Not made: limits by
requests and complexity, and webhooks of OAuth applications.
"""

from __future__ import annotations

import hashlib
import hmac
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from graphql import DocumentNode, ExecutionResult, GraphQLError, build_schema, execute_sync, parse, validate
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reconciler.core.model import Json
from reconciler.testing.vendors import linear_schema
from reconciler.testing.vendors.base import (
    Access,
    Delivery,
    Outcome,
    Refusal,
    Subscription,
    Surroundings,
    UnknownEventError,
    refused,
)
from reconciler.testing.vendors.bodies import is_url, json_object

ORGANIZATION = "d1e2f3a4-0000-4000-8000-000000000001"
PAGE, LARGEST_PAGE = 50, 250


@dataclass(slots=True)
class Hook:
    """A webhook as Linear keeps it. `team` is empty where it is for all public teams."""

    id: str
    team: Mapping[str, Json]
    creator: Mapping[str, Json]
    created_at: str
    updated_at: str
    url: str
    resource_types: tuple[str, ...]
    enabled: bool
    label: str | None
    secret: str = field(repr=False)

    def shown(self) -> dict[str, Json]:
        """The webhook as a resolver gives it; who asks for the secret gets it."""
        return {
            "id": self.id,
            "label": self.label,
            "url": self.url,
            "enabled": self.enabled,
            "team": self.team or None,
            "teamIds": None,
            "allPublicTeams": not self.team,
            "resourceTypes": list(self.resource_types),
            "secret": self.secret,
            "creator": self.creator,
            "createdAt": self.created_at,
            "updatedAt": self.updated_at,
            "archivedAt": None,
        }


class Linear:
    """The stand-in: one workspace. Any key and any team are known, unless `access` says otherwise."""

    name = "linear"

    def __init__(self, surroundings: Surroundings, access: Access) -> None:
        self._around = surroundings
        self._access = access
        self._schema = build_schema(linear_schema.SDL)
        self._hooks: dict[str, Hook] = {}
        self._last_sync = 0
        self.app = Starlette(
            routes=[Route("/graphql", self._post, methods=["POST"])],
            exception_handlers={Refusal: refused, HTTPException: _no_such_route},
        )

    # -- what the sandbox asks ---------------------------------------------------------------------------------------

    def webhooks(self) -> Sequence[Subscription]:
        return [
            Subscription(
                id=hook.id,
                resource=str(hook.team.get("named", "")),
                url=hook.url,
                events=hook.resource_types,
                active=hook.enabled,
                detail={**hook.shown(), "secret": "********"},
            )
            for hook in self._hooks.values()
        ]

    def deliveries(self, event: str, resource: str | None, payload: Mapping[str, Json] | None) -> Sequence[Delivery]:
        kind, _, action = event.partition(".")
        if kind not in linear_schema.RESOURCE_TYPES:
            raise UnknownEventError(f"Linear has no type of resource {kind!r}; the names are like 'Issue'")
        wanted = [
            hook
            for hook in self._hooks.values()
            if hook.enabled and kind in hook.resource_types and _concerns(hook, resource)
        ]
        return [self._signed(hook, kind, action or "create", resource, payload) for hook in wanted]

    def delivered(self, outcome: Outcome) -> None:
        """What becomes of webhooks whose deliveries fail is not made."""

    def reset(self) -> None:
        self._hooks.clear()

    # -- the API -----------------------------------------------------------------------------------------------------

    async def _post(self, request: Request) -> Response:
        creator = self._enter(request)
        try:
            values = await json_object(request)
        except ValueError:
            values = {}
        query, variables, operation = (values.get(key) for key in ("query", "variables", "operationName"))
        if not isinstance(query, str) or not isinstance(variables, dict | None):
            raise _not_understood([GraphQLError("POST body missing, invalid Content-Type, or no query")])
        document = self._understood(query)
        result = execute_sync(
            self._schema, document, self._root(creator), variable_values=variables, operation_name=operation
        )
        if result.data is None and result.errors and not any(error.path for error in result.errors):
            raise _not_understood(result.errors, "BAD_USER_INPUT")
        return JSONResponse(_document(result))

    def _understood(self, query: str) -> DocumentNode:
        try:
            document = parse(query)
        except GraphQLError as error:
            raise _not_understood([error], "GRAPHQL_PARSE_FAILED") from None
        if errors := validate(self._schema, document):
            raise _not_understood(errors, "GRAPHQL_VALIDATION_FAILED")
        return document

    def _root(self, creator: Mapping[str, Json]) -> dict[str, Json | Callable[..., Json]]:
        return {
            "organization": creator["organization"],
            "viewer": creator,
            "team": lambda _info, id: self._with_webhooks(self._team(id)),  # noqa: A006 - the vendor's name
            "webhook": lambda _info, id: self._find(id).shown(),  # noqa: A006 - the vendor's name
            "webhooks": lambda _info, **page: _connection(list(self._hooks.values()), **page),
            "webhookCreate": lambda _info, input: self._create(creator, input),  # noqa: A006 - the vendor's name
            "webhookUpdate": lambda _info, id, input: self._update(id, input),  # noqa: A006 - the vendor's names
            "webhookDelete": lambda _info, id: self._delete(id),  # noqa: A006 - the vendor's name
            "webhookRotateSecret": lambda _info, id: self._rotate(id),  # noqa: A006 - the vendor's name
        }

    def _create(self, creator: Mapping[str, Json], values: Mapping[str, Json]) -> Json:
        _check(values)
        named, everywhere = values.get("teamId"), values.get("allPublicTeams") is True
        if not named and not everywhere:
            raise _invalid("Either teamId or allPublicTeams must be given.")
        hook_id = values.get("id") or self._around.uuid()
        if hook_id in self._hooks:
            raise _invalid(f"Entity Webhook with id {hook_id} already exists.", "conflict on insert of Webhook")
        now, enabled = self._around.iso(timespec="milliseconds"), values.get("enabled")
        self._hooks[hook_id] = hook = Hook(
            id=hook_id,
            team=self._team(named) if named else {},
            creator=creator,
            created_at=now,
            updated_at=now,
            url=values["url"],
            resource_types=tuple(dict.fromkeys(values["resourceTypes"])),
            enabled=True if enabled is None else enabled,
            label=values.get("label"),
            secret=values.get("secret") or f"lin_wh_{self._around.hex(40)}",
        )
        return {**self._done(), "webhook": hook.shown()}

    def _update(self, hook_id: str, values: Mapping[str, Json]) -> Json:
        hook = self._find(hook_id)
        given = {key: value for key, value in values.items() if value is not None}
        _check(given)
        hook.url, hook.secret = given.get("url", hook.url), given.get("secret") or hook.secret
        hook.enabled, hook.label = given.get("enabled", hook.enabled), given.get("label", hook.label)
        hook.resource_types = tuple(dict.fromkeys(given.get("resourceTypes", hook.resource_types)))
        hook.updated_at = self._around.iso(timespec="milliseconds")
        return {**self._done(), "webhook": hook.shown()}

    def _delete(self, hook_id: str) -> Json:
        del self._hooks[self._find(hook_id).id]
        return {**self._done(), "entityId": hook_id}

    def _rotate(self, hook_id: str) -> Json:
        hook = self._find(hook_id)
        hook.secret = f"lin_wh_{self._around.hex(40)}"
        return {**self._done(), "secret": hook.secret}

    # -- rules -------------------------------------------------------------------------------------------------------

    def _enter(self, request: Request) -> dict[str, Json]:
        """The user whose key it is: a personal API key stands bare, an OAuth token behind `Bearer`."""
        given = request.headers.get("authorization", "").strip()
        token = given.removeprefix("Bearer ").strip()
        if not self._access.token(token) or (token != given and token.startswith("lin_api_")):
            raise _unauthenticated()
        number = uuid.UUID(bytes=hashlib.sha256(token.encode()).digest()[:16], version=4)
        organization = {"id": ORGANIZATION, "name": "Sandbox", "urlKey": "sandbox"}
        return {"id": str(number), "name": "Ada Lovelace", "organization": organization}

    def _team(self, named: str) -> dict[str, Json]:
        """The team that `named`, its id or its key, tells."""
        if not self._access.resource(named):
            raise _missing("Team")
        try:
            number, key = str(uuid.UUID(named)), f"T{named[:3].upper()}"
        except ValueError:
            digest = hashlib.sha256(named.upper().encode()).digest()[:16]
            number, key = str(uuid.UUID(bytes=digest, version=4)), named.upper()
        return {"id": number, "key": key, "name": f"Team {key}", "named": named}

    def _with_webhooks(self, team: Mapping[str, Json]) -> dict[str, Json | Callable[..., Json]]:
        mine = [hook for hook in self._hooks.values() if hook.team.get("id") == team["id"]]
        return {**team, "webhooks": lambda _info, **page: _connection(mine, **page)}

    def _find(self, hook_id: str) -> Hook:
        hook = self._hooks.get(hook_id)
        if hook is None:
            raise _missing("Webhook")
        return hook

    def _done(self) -> dict[str, Json]:
        self._last_sync += 1
        return {"success": True, "lastSyncId": self._last_sync}

    # -- deliveries --------------------------------------------------------------------------------------------------

    def _signed(
        self, hook: Hook, kind: str, action: str, resource: str | None, payload: Mapping[str, Json] | None
    ) -> Delivery:
        team = hook.team or self._team(resource or "ENG")
        moment = int(self._around.now() * 1000)
        told = {key: team[key] for key in ("id", "key", "name")}
        content = linear_schema.body(kind, action, told, self._around.iso(timespec="milliseconds"))
        marks = {"organizationId": ORGANIZATION, "webhookTimestamp": moment, "webhookId": hook.id}
        body = self._around.unlike({**content, **marks, **(payload or {})})
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Linear-Webhook",
            "Linear-Delivery": self._around.uuid(),
            "Linear-Event": kind,
            "Linear-Timestamp": str(moment),
            "Linear-Signature": signature(hook.secret, body),
        }
        return Delivery(provider=self.name, webhook_id=hook.id, event=kind, url=hook.url, headers=headers, body=body)


def signature(secret: str, body: bytes) -> str:
    """The `Linear-Signature` of a delivery ("Webhooks", securing them)."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _connection(hooks: Sequence[Hook], **page: Json) -> Json:
    """The webhooks, newest first, cut after or before a cursor: the id of a webhook."""
    nodes = [hook.shown() for hook in reversed(hooks)]
    after, before, first, last = (page.get(key) for key in ("after", "before", "first", "last"))
    ids = [node["id"] for node in nodes]
    for name, size in (("first", first), ("last", last)):
        if size is not None and not 1 <= size <= LARGEST_PAGE:
            raise _invalid(f"{name} must be between 1 and {LARGEST_PAGE}.", "Argument Validation Error")
    if any(cursor is not None and cursor not in ids for cursor in (after, before)):
        raise _invalid("The cursor is not valid.")
    start = ids.index(after) + 1 if after is not None else 0
    end = ids.index(before) if before is not None else len(nodes)
    if last is not None and first is None:
        start = max(start, end - last)
    else:
        end = min(end, start + (first or PAGE))
    cut = nodes[start:end]
    ends = {"startCursor": cut[0]["id"], "endCursor": cut[-1]["id"]} if cut else {}
    info = {**ends, "hasNextPage": end < len(nodes), "hasPreviousPage": start > 0}
    return {"nodes": cut, "edges": [{"cursor": node["id"], "node": node} for node in cut], "pageInfo": info}


def _check(values: Mapping[str, Json]) -> None:
    if "url" in values and not is_url(values["url"], "https"):
        raise _invalid("url must be a URL address with https.", "Argument Validation Error")
    types = values.get("resourceTypes", ["Issue"])
    if not types or set(types) - set(linear_schema.RESOURCE_TYPES):
        raise _invalid(
            "each value in resourceTypes must be one of the types of resources.", "Argument Validation Error"
        )


def _concerns(hook: Hook, resource: str | None) -> bool:
    known = {str(hook.team.get(key, "")).lower() for key in ("id", "key", "named")}
    return resource is None or not hook.team or resource.lower() in known


def _document(result: ExecutionResult) -> dict[str, Json]:
    errors = {"errors": [error.formatted for error in result.errors]} if result.errors else {}
    return {**errors, "data": result.data}


def _invalid(presentable: str, message: str = "") -> GraphQLError:
    extensions = {"type": "invalid input", "code": "INPUT_ERROR", "statusCode": 400, "userError": True}
    return GraphQLError(message or presentable, extensions={**extensions, "userPresentableMessage": presentable})


def _missing(entity: str) -> GraphQLError:
    return _invalid(f"Could not find referenced {entity}.", f"Entity not found: {entity}")


def _unauthenticated() -> Refusal:
    extensions = {
        "type": "authentication error",
        "code": "AUTHENTICATION_ERROR",
        "statusCode": 401,
        "userError": True,
        "userPresentableMessage": "You need to authenticate to access this operation.",
        "meta": {},
        "http": {"status": 401},
    }
    message = "Authentication required, not authenticated"
    return Refusal(401, {"errors": [{"message": message, "extensions": extensions}]})


def _not_understood(errors: Sequence[GraphQLError], code: str = "BAD_REQUEST") -> Refusal:
    extensions = {"http": {"status": 400, "headers": {}}, "code": code, "type": "graphql error", "userError": True}
    return Refusal(400, {"errors": [{**error.formatted, "extensions": extensions} for error in errors]})


async def _no_such_route(_request: Request, _error: Exception) -> Response:
    return JSONResponse({"errors": [{"message": "Not found"}]}, 404)
