"""What an upgrade by command did."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """The schema `before` and `after`, the same where nothing had to be done; `state` is where, for people.

    `backup` is the copy that was made first: None where nothing had to be done, and of a PostgreSQL state.
    """

    state: str
    before: str
    after: str
    backup: Path | None = None

    @property
    def done(self) -> bool:
        """Whether anything was migrated."""
        return self.before != self.after
