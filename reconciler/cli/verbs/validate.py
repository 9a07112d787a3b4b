"""`reconcile validate`: the files, offline."""

from __future__ import annotations

from reconciler.cli.exits import ExitCode
from reconciler.cli.flags import Format
from reconciler.cli.flags_verbs import ValidateFlags
from reconciler.cli.inputs import inputs_of
from reconciler.cli.output import Output
from reconciler.core.errors import ConfigError
from reconciler.render.painter import counted
from reconciler.render.problems import problems_json, problems_text
from reconciler.wiring.loading import load


def run(flags: ValidateFlags, output: Output) -> ExitCode:
    """Tell every problem, or how much was found to be valid."""
    try:
        loaded = load(inputs_of(flags, output))
    except ConfigError as error:
        if flags.format is Format.JSON:
            output.document(problems_json(error.problems))
            for problem in error.problems:
                output.problem(problem)
        else:
            output.result(problems_text(error.problems))
        return ExitCode.INVALID
    if flags.format is Format.JSON:
        output.document(problems_json(()))
    else:
        triggers = sum(len(wish.triggers) for wish in loaded.desired)
        output.result(f"Valid: {counted(triggers, 'trigger')} for {counted(len(loaded.desired), 'webhook')}.")
    return ExitCode.DONE
