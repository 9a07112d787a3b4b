"""A stand-in made from a definition alone: it keeps what it is sent, and tells it where the definition reads it.

It shows that a definition agrees with itself: that what is sent can be read back, that ids lead to objects, that pages
are followed to their end. Whether the vendor agrees as well, only the vendor, or a stand-in of its own, can show.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

from reconciler.core.model import Json, Secret, SecretOrigin
from reconciler.providers.answers import search
from reconciler.providers.blocks.calls import CursorPages, LinkPages, NextUrlPages, NumberedPages, Step
from reconciler.providers.definition import Definition
from reconciler.providers.paging import with_query
from reconciler.providers.rendering import split
from reconciler.providers.transport import Call, Reply
from reconciler.testing.contract_bench import SCOPE
from reconciler.testing.memory_store import MemoryStore

NEEDED: Final = ("create",)
"""Without it no case of the contract can be begun."""

_PLAIN_PATH: Final = re.compile(r'([A-Za-z_][A-Za-z0-9_]*|"[^"\\]+")(\.([A-Za-z_][A-Za-z0-9_]*|"[^"\\]+"))*')
_NAME: Final = re.compile(r'[A-Za-z0-9_]+|"[^"]+"')
_EQUAL: Final = re.compile(r"([A-Za-z0-9_.]+) *== *'([^']*)'")
_UNEQUAL: Final = re.compile(r"[A-Za-z0-9_.]+ *!= *'[^']*'")
_WHOLE: Final = re.compile(r"\$\{([a-z0-9_.]+)\}")
_PAGE: Final = "_stand_in_page"
_WEEK: Final = 604_800.0
_PAGE_SIZE: Final = 1
"""Small, so that every list has further pages."""


class NotPossibleError(Exception):
    """No stand-in can be made of this definition; the text says which shape it would need."""


@dataclass(frozen=True, slots=True)
class _Route:
    """An operation, and how its calls are told from others."""

    name: str
    step: Step
    path: re.Pattern[str]


@dataclass
class DefinitionStandIn:
    """A transport that answers one type's calls; `unknown` holds the calls that no operation describes.

    Leases end a week after they were made or renewed, or when the call said; what has ended is gone.

    Raises `NotPossibleError` for shapes that it does not know.
    """

    definition: Definition
    type_name: str
    now: Callable[[], float]
    unknown: list[str] = field(default_factory=list)
    _store: MemoryStore | None = None
    _objects: dict[str, dict[str, Json]] = field(default_factory=dict)
    _cursors: dict[str, int] = field(default_factory=dict)
    _made: int = 1000

    def __post_init__(self) -> None:
        self._routes = _routes(self.definition, self.type_name)
        _require_known_shapes(self.definition, self.type_name)
        self._row("1", {"url": "https://example.com/"})

    def keep_in(self, store: MemoryStore) -> None:
        """Say where the receiver keeps a secret that is told during a create."""
        self._store = store

    async def send(self, call: Call) -> Reply:
        """The answer to a call; 404 where no operation is called so, or the object is gone."""
        now, path = self._time(self.now()), urlsplit(call.url).path
        self._objects = {key: item for key, item in self._objects.items() if item.get("lease_end", now) >= now}
        for route in self._routes:
            if call.method == route.step.method and (match := route.path.fullmatch(path)):
                return self._answer(self._meant(route, match), call, match.groupdict())
        if call.method == "GET" and (found := self._looked_up(path)) is not None:
            return _reply(200, self._succeeded(found))
        if call.method == "GET" and (told := self._permitted(path)) is not None:
            return told
        self.unknown.append(f"{call.method} {path}")
        return _reply(404, {"message": "no operation is called so"})

    def _meant(self, route: _Route, match: re.Match[str]) -> _Route:
        """What an idempotent call means: create and update of an id that the client chose may be one request."""
        chosen = unquote(match.groupdict().get("id", ""))
        pair = ("create", "update") if chosen in self._objects else ("update", "create")
        if route.name != pair[0]:
            return route
        twins = (other for other in self._routes if other.name == pair[1] and other.step.method == route.step.method)
        return next(
            (other for other in twins if "id" in other.path.groupindex and other.path.fullmatch(match.string)), route
        )

    def _answer(self, route: _Route, call: Call, found: Mapping[str, str]) -> Reply:
        status = route.step.expect[0] if route.step.expect else 200
        if route.name == "list":
            return self._list(call, status)
        if route.name == "create":
            self._made += 1
            remote_id = unquote(found.get("id", "")) or str(self._made)
            self._objects[remote_id] = self._lease() | self._sent(route, call)
            self._hand_over(remote_id)
            return _reply(status, self._succeeded(self._created(remote_id)))
        remote_id = unquote(found.get("id", ""))
        if remote_id not in self._objects:
            return _reply(404, {"message": "there is no such webhook"})
        if route.name == "secret":
            return _reply(status, self._succeeded(self._told(remote_id)))
        if route.name == "delete":
            del self._objects[remote_id]
            return _reply(status, self._succeeded({}))
        prolonged = self._lease() if route.name == "renew" else {}
        self._objects[remote_id] |= prolonged | self._sent(route, call)
        return _reply(status, self._succeeded(self._row(remote_id, self._objects[remote_id])))

    def _lease(self) -> dict[str, Json]:
        leased = self.definition.lease_of(self.type_name) is not None
        return {"lease_end": self._time(self.now() + _WEEK)} if leased else {}

    def _time(self, moment: float) -> str:
        return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

    # What is sent

    def _sent(self, route: _Route, call: Call) -> dict[str, Json]:
        """The values that a call holds, by the placeholders that they were filled in for."""
        values = dict(_captured(dict(route.step.query), _single(parse_qs(urlsplit(call.url).query))))
        body = route.step.body
        if body is None:
            return values
        document = json.loads(call.body) if body.format == "json" else _unformed(call.body.decode())
        values |= dict(_captured(body.fields, document))
        if body.spread:
            names = self.definition.events_of(self.type_name)
            values["events"] = {name: document[name] for name in names if name in document}
        return {name: self._typed(name, value, body.format) for name, value in values.items()}

    def _typed(self, name: str, value: Json, body_format: str) -> Json:
        """A form holds texts only: options get back the type that their schema gives them."""
        option = self.definition.options_of(self.type_name).get(name.removeprefix("options."))
        if body_format != "form" or option is None or not isinstance(value, str):
            return value
        if option.option_schema.get("type") in {"boolean", "integer", "number"}:
            return json.loads(value) if value in {"true", "false"} or value.isdigit() else value
        return value

    # What is told

    def _row(self, remote_id: str, values: Mapping[str, Json]) -> dict[str, Json]:
        definition, row = self.definition, dict[str, Json]()
        identity, lifecycle, events = definition.identity, definition.lifecycle, definition.events
        uri = identity and identity.form == "uri" and definition.api
        if events.encoder == "flags" and not events.path:
            row |= values.get("events") or {}
        elif events.path and "events" in values:
            _put(row, events.path, values["events"])
        for name, option in definition.options_of(self.type_name).items():
            if option.path and f"options.{name}" in values:
                _put(row, option.path, values[f"options.{name}"])
        if lifecycle.active and search(lifecycle.active, row) is not True:
            _make_true(row, lifecycle.active)
        if lease := definition.lease_of(self.type_name):
            _put(row, lease.expires, values.get("lease_end"))
        if shown := definition.secret.shown:
            _put(row, shown.flag or shown.mask or "", True if shown.flag else "********")
        if identity and identity.url:
            _put(row, identity.url, values.get("url"))
        if identity and identity.id:
            _put(row, identity.id, f"{uri.url}/{remote_id}" if uri else remote_id)
        return row

    def _created(self, remote_id: str) -> dict[str, Json]:
        row = self._row(remote_id, self._objects[remote_id])
        if self.definition.secret.origin is SecretOrigin.RESPONSE:
            row |= self._told(remote_id)
        return row

    def _told(self, remote_id: str) -> dict[str, Json]:
        """The secret, where the definition reads it."""
        told = dict[str, Json]()
        _put(told, self.definition.secret.path or "", _minted(remote_id))
        return told

    def _hand_over(self, remote_id: str) -> None:
        """Tell the receiver the secret of what is being created."""
        if self._store and self.definition.secret.origin is SecretOrigin.HANDSHAKE:
            webhook_id = str(self._objects[remote_id].get("url", "")).rpartition("/")[2]
            self._store.capture(SCOPE, webhook_id, Secret(_minted(remote_id)))

    def _looked_up(self, path: str) -> dict[str, Json] | None:
        """What a lookup reads: for each of its values a URI, from which an id can be taken as well."""
        root = self.definition.api.url if self.definition.api else ""
        for lookup in self.definition.lookups.values():
            if path == urlsplit(root + lookup.path).path:
                document = dict[str, Json]()
                for name, expression in lookup.values.items():
                    _put(document, expression, f"{root}/{name}")
                return document
        return None

    def _permitted(self, path: str) -> Reply | None:
        """The answer that tells which scopes the credentials have: those that are needed."""
        root, rule = self.definition.api, self.definition.types[self.type_name].permission
        if rule is None or root is None or not re.fullmatch(_pattern(urlsplit(root.url).path, rule.path), path):
            return None
        document, scopes = dict[str, Json](), list(rule.one_of[:1])
        if rule.scopes:
            _put(document, rule.scopes, scopes)
        return _reply(200, self._succeeded(document), {rule.header.lower(): scopes[0]} if rule.header else {})

    def _list(self, call: Call, status: int) -> Reply:
        rows = [self._row(remote_id, values) for remote_id, values in self._objects.items()]
        pages, headers = self.definition.pagination, dict[str, str]()
        if pages is None:
            raise NotPossibleError("a list without `pagination`")
        start = self._start(call)
        whole = pages.kind == "none"
        shown = rows if whole else rows[start : start + _PAGE_SIZE]
        document: Json = shown
        if pages.rows != "@":
            document = {}
            _put(document, pages.rows, shown)
        if start + _PAGE_SIZE < len(rows) and not whole:
            self._lead_on(call, start + _PAGE_SIZE, document, headers)
        elif isinstance(pages, CursorPages) and pages.more and _PLAIN_PATH.fullmatch(pages.more):
            _put(document, pages.more, False)
        return _reply(status, self._succeeded(document) if isinstance(document, dict) else document, headers)

    def _start(self, call: Call) -> int:
        query, pages = _single(parse_qs(urlsplit(call.url).query)), self.definition.pagination
        if isinstance(pages, CursorPages):
            return self._cursors.get(query.get(pages.parameter, ""), 0)
        if isinstance(pages, NumberedPages):
            return (int(query.get(pages.parameter, "1")) - 1) * _PAGE_SIZE
        return int(query.get(_PAGE, "0"))

    def _lead_on(self, call: Call, start: int, document: Json, headers: dict[str, str]) -> None:
        """Tell that there is a further page, which begins at `start`."""
        pages, target = self.definition.pagination, with_query(call.url, {_PAGE: str(start)})
        if isinstance(pages, LinkPages):
            headers["link"] = f'<{target}>; rel="next"'
        elif isinstance(pages, NextUrlPages):
            _put(document, pages.url, target)
        elif isinstance(pages, CursorPages):
            if pages.more:
                _put(document, pages.more, True)
            cursor = search(pages.cursor, document)
            if cursor is None:
                cursor = f"cursor-{start}"
                _put(document, pages.cursor, cursor)
            self._cursors[str(cursor)] = start

    def _succeeded(self, document: dict[str, Json]) -> dict[str, Json]:
        """The document with what the definition takes for a success."""
        success = self.definition.errors.success
        if success and not search(success, document):
            _make_true(document, success)
        return document


def _require_known_shapes(definition: Definition, type_name: str) -> None:
    operations = definition.operations_of(type_name)
    if missing := [name for name in NEEDED if name not in operations]:
        raise NotPossibleError(f"no operation `{'`, `'.join(missing)}`")
    identity = definition.identity
    if identity is None or ("list" in operations and not (identity.id and identity.url)):
        raise NotPossibleError("listed objects without an id or URL of their own (`identity`)")
    if definition.secret.origin is SecretOrigin.VENDOR:
        raise NotPossibleError(f"secrets of origin `{definition.secret.origin}`")
    for name, step in operations.items():
        if step.body and step.body.format not in {"json", "form"}:
            raise NotPossibleError(f"bodies of the format `{step.body.format}` (`operations.{name}`)")


def _routes(definition: Definition, type_name: str) -> list[_Route]:
    """The type's operations, those with the most literal paths first."""
    root = urlsplit(definition.api.url).path if definition.api else ""
    routes = []
    steps = definition.operations_of(type_name)
    asked = {"secret": definition.secret.step} if definition.secret.step else {}
    for name, step in (steps | asked).items():
        template = step.path.replace("${path}", definition.types[type_name].path)
        chosen = "webhook_id" if name == "create" else "id"
        routes.append(_Route(name, step, re.compile(_pattern(root, template, chosen))))
    return sorted(routes, key=lambda route: -len(route.step.path))


def _pattern(root: str, template: str, chosen: str = "id") -> str:
    """What the paths look like that a template leads to."""
    parts = [re.escape(text) if text else _group(word, chosen) for text, word in split(template)]
    return re.escape(root) + "".join(parts)


def _group(word: str, chosen: str) -> str:
    return "(?P<id>[^/]+)" if word == chosen else "[^?]+"


def _minted(remote_id: str) -> str:
    return f"minted-{remote_id}"


def _captured(template: Json, value: Json) -> Iterator[tuple[str, Json]]:
    """The values that stand where a template has a placeholder alone."""
    if isinstance(template, str):
        if match := _WHOLE.fullmatch(template):
            yield match[1], value
    elif isinstance(template, Mapping) and isinstance(value, Mapping):
        for key in template.keys() & value.keys():
            yield from _captured(template[key], value[key])
    elif isinstance(template, list | tuple) and isinstance(value, list):
        for part, item in zip(template, value, strict=False):
            yield from _captured(part, item)


def _single(query: Mapping[str, list[str]]) -> dict[str, str]:
    return {name: values[-1] for name, values in query.items()}


def _unformed(body: str) -> dict[str, Json]:
    """A form as nested values: `a[b]` is an object, `a[0]` a list."""
    root: dict[str, Json] = {}
    for name, value in parse_qsl(body, keep_blank_values=True):
        keys = re.findall(r"[^\[\]]+", name)
        place = root
        for key in keys[:-1]:
            place = place.setdefault(key, {})
        place[keys[-1]] = value
    return {key: _listed(value) for key, value in root.items()}


def _listed(value: Json) -> Json:
    if not isinstance(value, dict):
        return value
    items = {key: _listed(item) for key, item in value.items()}
    return list(items.values()) if all(key.isdigit() for key in items) else items


def _put(document: Json, expression: str, value: Json) -> None:
    """Place a value where an expression finds it. Raises `NotPossibleError` where the expression is no plain path."""
    plain = next((part for part in map(str.strip, expression.split("||")) if _PLAIN_PATH.fullmatch(part)), None)
    if plain is None or not isinstance(document, dict):
        raise NotPossibleError(f"the expression `{expression}`, which is no plain path")
    *way, last = (name.strip('"') for name in _NAME.findall(plain))
    place = document
    for name in way:
        place = place.setdefault(name, {})
        if not isinstance(place, dict):
            raise NotPossibleError(f"the expression `{expression}`, where another one reads a value")
    place[last] = value


def _make_true(document: dict[str, Json], condition: str) -> None:
    """Let a condition hold: a plain path, one that is compared to a text, or several of these that must all hold.

    That something is not a text holds where nothing is there.
    """
    for part in condition.split(" && "):
        if _UNEQUAL.fullmatch(part):
            continue
        if match := _EQUAL.fullmatch(part):
            _put(document, match[1], match[2])
        else:
            _put(document, part, True)


def _reply(status: int, document: Json, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(
        status=status,
        headers={"content-type": "application/json", **(headers or {})},
        body=json.dumps(document).encode(),
    )
