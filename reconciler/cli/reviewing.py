"""Reports of passes in the formats that they are reviewed in."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.cli.flags import ReviewFormat
from reconciler.cli.output import Output
from reconciler.cli.showing import warn_of_orphans
from reconciler.core.model import Catalogue
from reconciler.engine.reconciler import Report
from reconciler.render.markdown import report_markdown
from reconciler.render.report import report_json, report_text
from reconciler.wiring.session import Session


@dataclass(frozen=True, slots=True)
class Looked:
    """What a pass looked at: the providers' definitions, and how many lists were read, by provider."""

    catalogue: Catalogue
    listed: Mapping[str, int]


def show_report(report: Report, format_: ReviewFormat, looked: Looked, output: Output) -> None:
    """Print what a pass did, and warn of what is left at providers; in text the plan was shown before."""
    match format_:
        case ReviewFormat.JSON:
            output.document(report_json(report, looked.catalogue))
        case ReviewFormat.MARKDOWN:
            output.result(report_markdown(report, looked.listed))
        case ReviewFormat.TEXT:
            if report.applied.outcomes:
                output.result(report_text(report, output.painter))
    warn_of_orphans(len(report.orphans), output)


async def serial_of(session: Session) -> int:
    """The serial that a plan of the session's scope bears."""
    return await asyncio.to_thread(session.store.serial, session.scope.name)
