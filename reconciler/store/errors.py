"""The kinds of `StateError` that somebody in this package tells apart; light, for those who only look at keys."""

from __future__ import annotations

from reconciler.core.errors import StateError


class SlotTakenError(StateError):
    """A webhook claims a slot that another one has, in this scope or another."""


class ConflictError(StateError):
    """A write contradicts what is recorded: two live records of one address."""


class WrongKeyError(StateError):
    """The encryption keys at hand are not those of the store, or not any more."""
