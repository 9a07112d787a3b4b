"""Verbs as help shows them."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.cli.flags import CommonFlags


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A verb as help shows it."""

    name: str
    flags: type[CommonFlags]
    help: str
    example: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A verb that has verbs of its own; `named` where it takes a name in their place."""

    entry: Entry
    verbs: tuple[Entry, ...]
    named: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Verbs under one word, which does nothing by itself."""

    name: str
    help: str
    verbs: tuple[Entry, ...]
