"""What a step changes, in a few words on one line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

from reconciler.core.adopting import NEW_ID
from reconciler.core.diff import Change
from reconciler.core.model import Json, canonical_json
from reconciler.core.plan import Action, Step
from reconciler.core.shown_url import shown_url

_EVENTS_SHOWN = 8
_ID_LENGTH = 36
_ID_SHOWN = 8
_OURS = re.compile(rf"/webhooks/[a-z0-9][a-z0-9_-]*/([0-9a-f-]{{{_ID_LENGTH}}}|{re.escape(NEW_ID)})$")
_ORIGIN = 2
"""Slashes in a URL that has no path: `https://host`."""


def described(step: Step) -> str:
    """What changes: event sets as +added -removed, options as before -> after, subscribers that come and go."""
    if step.action is Action.BLOCKED:
        return "blocked"
    if step.action is Action.PRUNE:
        return "-"
    words = list(_fresh(step)) if step.desired and step.recorded is None else list(_differences(step.changes))
    if step.surplus:
        words.append(f"{len(step.surplus)} surplus at the provider removed")
    return "; ".join(words) or "-"


def differences_text(changes: Iterable[Change]) -> str:
    """Changes alone, in the same words; empty where there is nothing to tell."""
    return "; ".join(_differences(changes))


def place(step: Step) -> str:
    """Where the wish stands, as file:line; for what nobody wants any more, who wanted it."""
    if step.desired and step.desired.triggers:
        places = sorted({(trigger.location.file, trigger.location.line) for trigger in step.desired.triggers})
        more = f" +{len(places) - 1}" if len(places) > 1 else ""
        return f"{places[0][0]}:{places[0][1]}{more}"
    names = sorted({str(relation.subscriber) for relation in step.recorded.relations} if step.recorded else ())
    return f"was {', '.join(names)}" if names else ""


def set_difference(before: Iterable[str], after: Iterable[str]) -> str:
    """Two sets as `+added -removed`."""
    old, new = set(before), set(after)
    return " ".join([*(f"+{name}" for name in sorted(new - old)), *(f"-{name}" for name in sorted(old - new))])


def short_url(url: str) -> str:
    """An ingress URL with 8 characters of its id: whole, it may be all that a caller needs to know.

    Of anybody else's URL only what cannot be a token.
    """
    return _with_short_id(url) if _OURS.search(url) else shown_url(url)


def _with_short_id(url: str) -> str:
    head, slash, tail = url.rpartition("/")
    return f"{head}{slash}{tail[:_ID_SHOWN]}..." if len(tail) == _ID_LENGTH else url


def _fresh(step: Step) -> Iterable[str]:
    """A new webhook: its events, and the options that somebody asked for."""
    events = sorted(step.desired.events) if step.desired else []
    more = f" and {len(events) - _EVENTS_SHOWN} more" if len(events) > _EVENTS_SHOWN else ""
    yield ", ".join(events[:_EVENTS_SHOWN]) + more or "-"
    asked = {name for trigger in (step.desired.triggers if step.desired else ()) for name in trigger.options}
    for change in step.changes:
        if change.field.removeprefix("options.") in asked:
            yield f"{change.field.removeprefix('options.')} {_value(change.after)}"


def _differences(changes: Iterable[Change]) -> Iterable[str]:
    changes = tuple(changes)
    events_differ = any(change.field == "events" for change in changes)
    for change in changes:
        if change.field == "triggers":
            if words := _dispatch(change, routing_only=not events_differ):
                yield words
        elif change.field == "events":
            yield f"events {set_difference(change.before or (), change.after or ())}"
        elif change.field == "url":
            yield _moved(str(change.before), str(change.after))
        else:
            yield f"{change.field.removeprefix('options.')} {_value(change.before)} -> {_value(change.after)}"


def _moved(before: str, after: str) -> str:
    """A URL that moved: the part that differs, where the rest says no more."""
    if not _OURS.search(before):
        return f"url {shown_url(before)} -> {_with_short_id(after)}"
    old, new = before, after
    while old.count("/") > _ORIGIN and new.count("/") > _ORIGIN and old.rpartition("/")[2] == new.rpartition("/")[2]:
        old, new = old.rpartition("/")[0], new.rpartition("/")[0]
    return f"url {_with_short_id(old)} -> {_with_short_id(new)}"


def _dispatch(change: Change, *, routing_only: bool) -> str:
    before, after = _routes(change.before), _routes(change.after)
    words = set_difference(before, after)
    if routing_only:
        same = (name for name in sorted(before.keys() & after.keys()) if before[name] != after[name])
        words = " ".join([words, *(f"~{name}" for name in same)]).strip()
    return f"dispatch {words}" if words else ""


def _routes(relations: Json) -> Mapping[str, str]:
    """Each subscriber of a list of relations, with all that was asked for it."""
    routes: dict[str, str] = {}
    for relation in relations or ():
        kind = "graph" if "graph" in relation else "preset"
        name = f"{kind}:{relation[kind]}"
        routes[name] = routes.get(name, "") + canonical_json(relation)
    return routes


def _value(value: Json) -> str:
    if value is None:
        return "(none)"
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False, sort_keys=True)
