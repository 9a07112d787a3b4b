"""What the verbs take that work on the store by hand.

Annotations are evaluated here (no postponed evaluation): Typer reads them.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from reconciler.cli.completing import addresses as known_addresses
from reconciler.cli.flags import CommonFlags, FormatFlags, LockTimeout, Target
from reconciler.cli.flags_verbs import Address

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
AllowProtected = Annotated[
    list[str] | None,
    typer.Option("--allow-protected", metavar="ADDRESS", help="Let this protected one go; repeatable."),
]
Named = Annotated[
    str, typer.Argument(metavar="ADDRESS", help="An address as in a plan, or an id.", autocompletion=known_addresses)
]


class ListedPhase(StrEnum):
    """The phases of records, and what is listed beside them."""

    PENDING = "pending"
    REGISTERED = "registered"
    MANUAL = "manual"
    RETIRING = "retiring"
    TOMBSTONE = "tombstone"
    ORPHAN = "orphan"


@dataclass(frozen=True, kw_only=True)
class KeepingFlags(FormatFlags):
    """Of verbs that write under the scope's lease."""

    lock_timeout: LockTimeout = 60.0


@dataclass(frozen=True, kw_only=True)
class ForgetFlags(KeepingFlags):
    """Of `forget`."""

    verb: ClassVar[str] = "forget"

    address: Address
    allow_protected: AllowProtected = None
    yes: Yes = False


@dataclass(frozen=True, kw_only=True)
class RenewFlags(KeepingFlags):
    """Of `renew`."""

    verb: ClassVar[str] = "renew"

    addresses: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ADDRESS]...", help="As in a plan.", autocompletion=known_addresses, show_default=False
        ),
    ] = None
    all_due: Annotated[bool, typer.Option("--all-due", help="All whose lease ends soon, or has ended.")] = False


@dataclass(frozen=True, kw_only=True)
class StateListFlags(FormatFlags):
    """Of `state list`."""

    verb: ClassVar[str] = "state list"

    phase: Annotated[
        list[ListedPhase] | None, typer.Option("--phase", metavar="PHASE", help="Only in this phase; repeatable.")
    ] = None
    target: Target = None


@dataclass(frozen=True, kw_only=True)
class StateShowFlags(CommonFlags):
    """Of `state show`."""

    verb: ClassVar[str] = "state show"

    address: Named


@dataclass(frozen=True, kw_only=True)
class StateMvFlags(KeepingFlags):
    """Of `state mv`."""

    verb: ClassVar[str] = "state mv"

    address: Named
    new: Annotated[
        str, typer.Argument(metavar="NEW", help="Its address from now on; provider, type and resource as before.")
    ]


@dataclass(frozen=True, kw_only=True)
class StateRmFlags(KeepingFlags):
    """Of `state rm`."""

    verb: ClassVar[str] = "state rm"

    address: Named
    allow_protected: AllowProtected = None
    yes: Yes = False


@dataclass(frozen=True, kw_only=True)
class StateBackupFlags(FormatFlags):
    """Of `state backup`."""

    verb: ClassVar[str] = "state backup"

    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that does not exist yet.")]


@dataclass(frozen=True, kw_only=True)
class KeyRotateFlags(KeepingFlags):
    """Of `key rotate`."""

    verb: ClassVar[str] = "key rotate"


@dataclass(frozen=True, kw_only=True)
class UnlockFlags(FormatFlags):
    """Of `unlock`."""

    verb: ClassVar[str] = "unlock"

    force: Annotated[bool, typer.Option("--force", help="Even where its holder has been at work just now.")] = False
    yes: Yes = False


@dataclass(frozen=True, kw_only=True)
class ScopeRenameFlags(KeepingFlags):
    """Of `scope rename`."""

    verb: ClassVar[str] = "scope rename"

    old: Annotated[str, typer.Argument(metavar="OLD", help="What the scope is called in the state.")]
    new: Annotated[str, typer.Argument(metavar="NEW", help="What it is called in the project file; may be the same.")]
    yes: Yes = False


@dataclass(frozen=True, kw_only=True)
class DbUpgradeFlags(FormatFlags):
    """Of `db upgrade`."""

    verb: ClassVar[str] = "db upgrade"
