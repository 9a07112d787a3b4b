"""`reconcile urls`: manual webhooks with what must be pasted at the vendor's."""

from __future__ import annotations

from reconciler.cli.exits import ExitCode
from reconciler.cli.flags import Format
from reconciler.cli.flags_verbs import UrlsFlags
from reconciler.cli.inputs import inputs_of
from reconciler.cli.output import Output
from reconciler.core.model import Phase, Recorded
from reconciler.render.listings import Pasted, urls_json, urls_text
from reconciler.wiring.records import Records, recorded_in


def run(flags: UrlsFlags, output: Output) -> ExitCode:
    """List them; secrets only where they are asked for."""
    with recorded_in(inputs_of(flags, output), output) as records:
        reveal = records.secret if flags.show_secrets else _hidden
        pasted = [
            Pasted(
                address=records.address(record),
                recorded=record,
                minted=bool(record.secret),
                secret=reveal(record.id),
            )
            for record in _manual(records)
        ]
        if not records.all():
            output("nothing_recorded", message="nothing is recorded yet: run `reconcile` first")
    if flags.format is Format.JSON:
        output.document(urls_json(pasted))
    else:
        output.result(urls_text(pasted, output.painter))
    return ExitCode.DONE


def _manual(records: Records) -> list[Recorded]:
    return [record for record in records.all() if record.phase is Phase.MANUAL]


def _hidden(_: str) -> str:
    return ""
