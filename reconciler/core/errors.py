"""The exception tree and the `Problem` value.

::

    ReconcilerError                 anything this package raises on purpose
    ├── ConfigError                 files or settings are wrong; carries every problem (exit 7)
    │   └── MissingConfigError      a setting that is needed is absent, e.g. the base URL (exit 7)
    ├── LockedError                 another pass holds the scope (exit 6)
    │   └── LeaseLostError          we held the scope and hold it no longer
    ├── StalePlanError              the reviewed plan is not the plan of now (exit 5)
    ├── ScopeBoundError             the scope belongs to another project (exit 3)
    ├── BlockedError                what is wanted is refused, with the way out (exit 3)
    ├── StateError                  the store cannot be used: corrupt, old, unreadable, key missing (exit 1)
    └── ProviderError               a provider refused or failed
        ├── RetryableError          may work later; says after how long, where the provider said so
        └── TerminalError           will not work by repeating it; has a kind

A provider adapter raises `RetryableError` or `TerminalError`; anything else is a bug of that adapter.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """Where in a file something stands; line and column count from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong, told so that its reader can mend it.

    `code` is stable and machine-readable, `path` the way inside the document (`triggers[0].events[1]`), `hint` the way
    out (nearest valid name, the flag, the next command).
    """

    code: str
    message: str
    location: Location | None = None
    path: str = ""
    hint: str = ""

    def __str__(self) -> str:
        where = f"{self.location}: " if self.location else ""
        path = f"{self.path}: " if self.path else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{where}{path}{self.message}{hint}"


class ReconcilerError(Exception):
    """Base of everything this package raises on purpose; its text is meant for the user."""


class ConfigError(ReconcilerError):
    """Project or manifest files, or settings, are wrong; `problems` holds every one that was found."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = tuple(sorted(problems, key=_position))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class MissingConfigError(ConfigError):
    """A setting that the wanted work needs is absent; raised before any call or write."""

    def __init__(self, message: str) -> None:
        super().__init__((Problem("missing_config", message),))


class LockedError(ReconcilerError):
    """Another pass holds the scope."""


class LeaseLostError(LockedError):
    """This pass held the scope and lost its lease: it must not write any more."""


class StalePlanError(ReconcilerError):
    """What a reviewed plan would do is not what a plan made now would do."""


class ScopeBoundError(ReconcilerError):
    """The scope is bound to another project: `owner`, not `project`."""

    def __init__(self, scope: str, owner: str, project: str) -> None:
        super().__init__(
            f"scope {scope} belongs to {owner}, not to {project}: choose another scope, "
            f"or take it over with `reconcile scope rename {scope} {scope}`"
        )


class BlockedError(ReconcilerError):
    """What is wanted is refused; the text names the reason and the way out."""


class StateError(ReconcilerError):
    """The store or its encryption key cannot be used."""


class ErrorKind(StrEnum):
    """Why a provider refused for good; the engine decides by it, never by a status code."""

    AUTH = "auth"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    EXISTS = "exists"
    LIMIT = "limit"
    INVALID = "invalid"
    UNSUPPORTED = "unsupported"
    BAD_ANSWER = "bad_answer"


class ProviderError(ReconcilerError):
    """A provider call did not succeed."""


class RetryableError(ProviderError):
    """The call may succeed later.

    `after` is the number of seconds the provider asked us to wait, if it said so. `uncertain` tells that the request
    may have been carried out (its answer was lost), so a create must be looked up before it is repeated. `throttled`
    tells that the provider refused for a rate limit: all calls of the credential had better wait.
    """

    def __init__(
        self, message: str, *, after: float | None = None, uncertain: bool = False, throttled: bool = False
    ) -> None:
        super().__init__(message)
        self.after = after
        self.uncertain = uncertain
        self.throttled = throttled


class TerminalError(ProviderError):
    """Repeating the call will not help."""

    def __init__(self, message: str, *, kind: ErrorKind) -> None:
        super().__init__(message)
        self.kind = kind


def _position(problem: Problem) -> tuple[str, int, int, str, str]:
    where = problem.location or Location("", 0, 0)
    return (where.file, where.line, where.column, problem.path, problem.message)
