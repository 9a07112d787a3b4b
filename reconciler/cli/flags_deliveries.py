"""What the verbs take that look into the deliveries, and hand them on once more.

Annotations are evaluated here (no postponed evaluation): Typer reads them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from reconciler.cli.completing import addresses as known_addresses
from reconciler.cli.completing import provider_names
from reconciler.cli.flags import MANY, FormatFlags
from reconciler.cli.flags_recovery import a_time
from reconciler.cli.flags_state import Yes

Webhook = Annotated[
    str,
    typer.Option(
        "--webhook", metavar="ID", help="Only of this one: its id, the beginning of that, or its address.",
        autocompletion=known_addresses,
    ),
]  # fmt: skip
Provider = Annotated[
    str, typer.Option("--provider", metavar="PROVIDER", help="Only of this one.", autocompletion=provider_names)
]
EventName = Annotated[str, typer.Option("--event", metavar="EVENT", help="Only of this event, in the vendor's words.")]
Since = Annotated[
    str,
    typer.Option("--since", metavar="T", callback=a_time, help="Received since 30m, 2h, 3d ago, or an ISO time."),
]
Until = Annotated[
    str, typer.Option("--until", metavar="T", callback=a_time, help="Received until then, in the same words.")
]


@dataclass(frozen=True, kw_only=True)
class ChoosingFlags(FormatFlags):
    """Of verbs that choose deliveries."""

    webhook: Webhook = ""
    provider: Provider = ""
    event: EventName = ""
    since: Since = ""
    until: Until = ""
    dead: Annotated[bool, typer.Option("--dead", help="Only those with a dead letter.")] = False


@dataclass(frozen=True, kw_only=True)
class ListFlags(ChoosingFlags):
    """Of `deliveries list`."""

    verb: ClassVar[str] = "deliveries list"

    follow: Annotated[
        bool, typer.Option("--follow", help="Go on: show each as it comes, and again when its outcome changes.")
    ] = False
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, max=MANY, help="So many at most.")] = 100


@dataclass(frozen=True, kw_only=True)
class ShowDeliveryFlags(FormatFlags):
    """Of `deliveries show`."""

    verb: ClassVar[str] = "deliveries show"

    id: Annotated[str, typer.Argument(metavar="ID", help="Of the delivery, as listed, or the beginning of it.")]
    body: Annotated[bool, typer.Option("--body", help="Show what was in it, too; secrets are taken out.")] = False


@dataclass(frozen=True, kw_only=True)
class ReplayFlags(ChoosingFlags):
    """Of `deliveries replay`."""

    verb: ClassVar[str] = "deliveries replay"

    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]...", help="Of deliveries, or their beginnings.", show_default=False),
    ] = None
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be handed on.")] = False
    yes: Yes = False


@dataclass(frozen=True, kw_only=True)
class DeadFlags(FormatFlags):
    """Of `deliveries dead`."""

    verb: ClassVar[str] = "deliveries dead"

    webhook: Webhook = ""
    provider: Provider = ""
    since: Since = ""


@dataclass(frozen=True, kw_only=True)
class RetryFlags(FormatFlags):
    """Of `deliveries retry`."""

    verb: ClassVar[str] = "deliveries retry"

    ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ID]...", help="Of dead letters, or of their deliveries; or beginnings.", show_default=False
        ),
    ] = None
    all: Annotated[bool, typer.Option("--all", help="Every dead letter of the scope.")] = False
    yes: Yes = False


@dataclass(frozen=True, kw_only=True)
class SendFlags(FormatFlags):
    """Of `send`."""

    verb: ClassVar[str] = "send"

    provider: Annotated[
        str, typer.Argument(metavar="PROVIDER", help="Whose delivery it is to be.", autocompletion=provider_names)
    ]
    event: Annotated[str, typer.Argument(metavar="EVENT", help="In the vendor's words.")]
    webhook: Annotated[
        str,
        typer.Option(
            "--webhook", metavar="ID|ADDRESS", help="To this one; needed where there are several.",
            autocompletion=known_addresses,
        ),
    ] = ""  # fmt: skip
    url: Annotated[
        str,
        typer.Option("--url", metavar="URL", help="Send it there: an ingress URL, or an origin that takes its place."),
    ] = ""
    payload: Annotated[
        Path | None,
        typer.Option("--payload", metavar="FILE", help="The body, byte for byte.", show_default="a realistic one"),
    ] = None
