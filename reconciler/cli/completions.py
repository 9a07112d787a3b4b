"""Finds what a shell may complete: from the files and the store alone, and without a word."""

from __future__ import annotations

import os
from pathlib import Path

from reconciler.cli.finding import Place
from reconciler.core.errors import ReconcilerError
from reconciler.core.model import Json
from reconciler.providers.catalogue import known_definitions
from reconciler.wiring.inputs import Inputs
from reconciler.wiring.loading import load_project_of
from reconciler.wiring.records import recorded_in


def addresses(place: Place) -> list[str]:
    """The addresses of what is recorded in the project's scope."""
    with recorded_in(_inputs(place), _silent) as records:
        return list(dict.fromkeys(records.address(record) for record in records.all()))


def provider_names(place: Place) -> list[str]:
    """The built-in providers, and the project's own where there is a project."""
    try:
        own = load_project_of(_inputs(place)).providers
    except ReconcilerError:
        own = ()
    return list(known_definitions(own))


def _inputs(place: Place) -> Inputs:
    return Inputs(directory=place.directory or Path(), files=place.files, environment=os.environ)


def _silent(_: str, /, **__: Json) -> None:
    """A shell waits for completions, not for logs."""
