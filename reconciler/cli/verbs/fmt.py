"""`reconcile fmt`: the project's files in canonical form."""

from __future__ import annotations

from pathlib import Path

from reconciler.cli.exits import ExitCode
from reconciler.cli.inputs import inputs_of
from reconciler.cli.output import Output
from reconciler.cli.project_flags import FmtFlags
from reconciler.core.errors import ConfigError, Location, Problem
from reconciler.documents.saving import replace
from reconciler.manifests.canonical import Formatted, format_project
from reconciler.manifests.project import DEFAULT_FILE, read_project
from reconciler.render.painter import counted
from reconciler.settings.environment import read_settings


def run(flags: FmtFlags, output: Output) -> ExitCode:
    """Rewrite what is not canonical, or with `--check` only tell; files with problems are told and left alone."""
    inputs = inputs_of(flags, output)
    paths = [inputs.directory / file for file in inputs.files or (Path(DEFAULT_FILE),)]
    found = format_project(read_project(paths, read_settings(inputs.environment)))
    problems = list(found.problems)
    for file in found.changed:
        problem = None if flags.check else _rewritten(file)
        if problem is not None:
            problems.append(problem)
        else:
            output.result(f"{'would change' if flags.check else 'formatted'}  {file.name}")
    if problems:
        raise ConfigError(tuple(problems))
    if not found.changed:
        output.result(f"{counted(found.count, 'file')} in canonical form.")
    elif flags.check:
        output("fmt", level="error", message="not in canonical form: run `reconcile fmt`")
        return ExitCode.ERROR
    return ExitCode.DONE


def _rewritten(file: Formatted) -> Problem | None:
    try:
        if replace(file.path, file.before, file.after):
            return None
    except OSError as error:
        return Problem("unwritable", f"the file cannot be written: {error.strerror}", Location(file.name))
    return Problem("changed", "the file was changed by somebody else just now: run again", Location(file.name))
