"""Where the project is, as the flags say."""

from __future__ import annotations

from pathlib import Path

from reconciler.cli.flags import CommonFlags
from reconciler.cli.output import Output
from reconciler.wiring.inputs import Inputs


def inputs_of(flags: CommonFlags, output: Output) -> Inputs:
    """The project's folder and files, with the environment."""
    return Inputs(
        directory=flags.directory or Path(),
        files=tuple(flags.files or ()),
        environment=output.streams.environment,
    )
