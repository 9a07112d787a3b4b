"""The nearest valid name for one that is not."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MAX_SHOWN = 60
MAX_LISTED = 12


def nearest(name: str, valid: Iterable[str]) -> str | None:
    """The valid name that a typo most likely meant, or None where none is near."""
    names = sorted(valid)
    folded = {candidate.casefold(): candidate for candidate in reversed(names)}
    found = difflib.get_close_matches(name[:MAX_SHOWN].casefold(), list(folded), n=1, cutoff=0.6)
    return folded[found[0]] if found else None


def suggestion(name: str, valid: Iterable[str]) -> str:
    """A hint: the nearest valid name, else a short list of all, else nothing."""
    names = sorted(valid)
    found = nearest(name, names)
    if found is not None:
        return f"did you mean {quoted(found)}?"
    if not names:
        return ""
    listed = ", ".join(names[:MAX_LISTED])
    return f"known: {listed}" if len(names) <= MAX_LISTED else f"known: {listed} and {len(names) - MAX_LISTED} more"


def quoted(name: str) -> str:
    """A name as it is shown in messages: in quotes, escaped, and cut where it is very long."""
    return repr(name if len(name) <= MAX_SHOWN else f"{name[:MAX_SHOWN]}...")


def quoted_key(key: str) -> str:
    """A key as it is shown in messages.

    Where the space after a colon is missing (`token:VALUE`) the value became a part of the key: it is not shown.
    """
    head, colon, _ = key.partition(":")
    return quoted(f"{head}:..." if colon else key)
