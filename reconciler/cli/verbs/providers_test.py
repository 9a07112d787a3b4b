"""`reconcile providers test FILE`: the contract suite on a definition of the user's own."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.cli.exits import ExitCode
from reconciler.cli.flags import Format
from reconciler.cli.flags_review import ProvidersTestFlags
from reconciler.cli.output import Output
from reconciler.cli.running import look_up
from reconciler.core.errors import ConfigError, Problem
from reconciler.render.trial import trials_json, trials_text
from reconciler.wiring.trying import TrialInputs, try_definition


def run(flags: ProvidersTestFlags, output: Output) -> ExitCode:
    """Tell every problem of the file, or how each case went; 1 where a promise is broken, or no type could be tried."""
    inputs = TrialInputs(
        file=flags.file,
        api_url=flags.api_url,
        token=flags.token,
        resources=dict(_pairs(flags.resource or ())),
        environment=output.streams.environment,
    )

    async def work() -> ExitCode:
        trials = await try_definition(inputs)
        if flags.format is Format.JSON:
            output.document(trials_json(trials))
        else:
            output.result(trials_text(trials, output.painter))
        return ExitCode.DONE if trials.passed else ExitCode.ERROR

    return look_up(work, output)


def _pairs(texts: Iterable[str]) -> Iterable[tuple[str, str]]:
    for text in texts:
        name, found, resource = text.partition("=")
        if not found or not name or not resource:
            raise ConfigError((Problem("resource", f"--resource: expected TYPE=RESOURCE, not {text!r}"),))
        yield name, resource
