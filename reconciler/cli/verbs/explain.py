"""`reconcile explain ADDRESS`: why a webhook exists."""

from __future__ import annotations

from reconciler.cli.exits import ExitCode
from reconciler.cli.flags import Format
from reconciler.cli.flags_review import ExplainFlags
from reconciler.cli.output import Output
from reconciler.cli.running import inputs_of, look_up
from reconciler.render.explain import explain_json, explain_text
from reconciler.wiring.explaining import explanation
from reconciler.wiring.loading import load
from reconciler.wiring.session import reading


def run(flags: ExplainFlags, output: Output) -> ExitCode:
    """Tell who asked for it, how the union was made, what is recorded and what would change."""

    async def work() -> ExitCode:
        async with reading(load(inputs_of(flags, output)), output) as session:
            told = await explanation(session, flags.address, refresh=flags.refresh)
        if flags.format is Format.JSON:
            output.document(explain_json(told))
        else:
            output.result(explain_text(told, output.painter))
        return ExitCode.DONE

    return look_up(work, output)
