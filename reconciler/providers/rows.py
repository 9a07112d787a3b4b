"""Reading the rows of a list: what a definition says of one type is gathered once, for there are many rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from reconciler.core.model import Json, Observed
from reconciler.providers.answers import Context, identifier, search, text_of, truth_of
from reconciler.providers.api_definition import ApiDefinition
from reconciler.providers.blocks.resources import Identity, Option
from reconciler.providers.blocks.secrets import SecretShown
from reconciler.providers.encoding import decode_events
from reconciler.providers.leases import told_end

SLOT: Final = "slot"
"""The remote id where a resource has room for one webhook, and the provider gives it none."""


class Rows:
    """How the rows of one type's list are read."""

    def __init__(self, definition: ApiDefinition, identity: Identity, type_name: str) -> None:
        self._identity = identity
        self._lifecycle = definition.lifecycle
        self._lease = definition.lease_of(type_name)
        self._shown = definition.secret.shown
        self._events = definition.events
        self._names = tuple(definition.events_of(type_name))
        self._options = {name: option for name, option in definition.options_of(type_name).items() if option.path}

    def read(self, row: Mapping[str, Json], context: Context) -> Observed:
        """The object that a row tells; a bad answer raises."""
        identity, active, health = self._identity, self._lifecycle.active, self._lifecycle.health
        place = identity.url or ""
        url = text_of(search(place, row), place, context)
        if identity.slot and not url:
            context.bad_answer(f"the slot is said to be taken, and the answer holds no URL at `{identity.url}`")
        return Observed(
            remote_id=remote_id(identity, row, context) if identity.id else SLOT,
            url=url,
            events=decode_events(self._events, self._names, row, context),
            active=truth_of(search(active, row), active, context) if active else None,
            options={name: _told(option, row) for name, option in self._options.items()},
            health=context.show(text_of(search(health, row), health, context)) if health else "",
            lease_expires_at=told_end(self._lease, row, context),
            has_secret=_has_secret(self._shown, row, context),
        )


def remote_id(identity: Identity, document: Json, context: Context) -> str:
    """The provider's id, in an answer or a row; of a URI its last segment."""
    path = identity.id or ""
    told = identifier(search(path, document), path, context)
    if identity.form == "plain":
        return told
    try:
        segment = urlsplit(told).path.rstrip("/").rpartition("/")[2]
    except ValueError:
        segment = ""
    return segment or context.bad_answer(f"`{path}` is no URI with an id in the answer")


def _has_secret(shown: SecretShown | None, row: Mapping[str, Json], context: Context) -> bool | None:
    """Whether a secret is set there. A flag that is missing says nothing; a mask that is missing, that none is set."""
    if shown is None:
        return None
    if shown.flag:
        return truth_of(search(shown.flag, row), shown.flag, context)
    return bool(search(shown.mask or "", row))


def _told(option: Option, row: Mapping[str, Json]) -> Json:
    """An option's value as a row tells it: null is the default, and a number is text where the option is text."""
    value = search(option.path or "", row)
    if value is None:
        return option.default
    number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if number and option.option_schema.get("type") == "string" else value
