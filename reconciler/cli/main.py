"""The command's one entrance, and the one place where errors become words and exit codes."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

import typer

from reconciler.cli import exits, garbage, lazy
from reconciler.cli.app import PROGRAM, parse
from reconciler.cli.ending import leave_threads_behind
from reconciler.cli.exits import MEANINGS, ExitCode
from reconciler.cli.flags import CommonFlags, Format, FormatFlags, ReviewFlags
from reconciler.cli.output import Output, Streams
from reconciler.cli.standard import finish, standard_streams
from reconciler.cli.usage import usage_text
from reconciler.core.errors import ConfigError, ReconcilerError
from reconciler.core.plan import problem_document


def main() -> None:
    """Run the command with the process's own arguments, and exit."""
    streams = standard_streams(os.environ, lazy.now)
    try:
        code = run(sys.argv[1:], streams)
        leave_threads_behind(int(code))
    except OSError:
        code = ExitCode.ERROR  # whoever read stdout has gone, or it has no room for the help
    if not finish(streams.stdout):
        code = code or ExitCode.ERROR
    if sys.stderr:
        finish(sys.stderr)  # what of it nobody takes is lost; Python would make an exit code of its own of that
    garbage.no_more()
    sys.exit(int(code))


def run(arguments: Sequence[str], streams: Streams) -> ExitCode | int:
    """Run the command; returns its exit code and says on stderr what it means."""
    try:
        flags = parse(arguments)
    except typer.TyperException as error:
        streams.stderr.write(f"error: {usage_text(error, PROGRAM)}\n")
        return _told(ExitCode.INVALID, Output(streams))
    except typer.Abort:
        return _told(ExitCode.INTERRUPTED, Output(streams))
    if not isinstance(flags, CommonFlags):
        return flags
    output = Output(streams, flags)
    return _told(_attempt(flags, output), output)


def _attempt(flags: CommonFlags, output: Output) -> ExitCode:
    try:
        return lazy.load(flags.verb).run(flags, output)
    except ConfigError as error:
        if isinstance(flags, FormatFlags | ReviewFlags) and flags.format.value == Format.JSON.value:
            output.document({"problems": [problem_document(problem) for problem in error.problems]})
        for problem in error.problems:
            output.problem(problem)
        return exits.of_error(error)
    except ReconcilerError as error:
        output(type(error).__name__, level="error", message=str(error))
        return exits.of_error(error)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the last resort: nobody else can tell the user that it is our fault
        return _bug(error, output)


def _bug(error: Exception, output: Output) -> ExitCode:
    """Something that no user can cause. Its text may hold anything, so it is shown only to those who ask."""
    more = "" if output.verbose else "; -v shows where"
    output("bug", level="error", message=f"this is a bug in {PROGRAM} ({type(error).__name__}){more}")
    if output.verbose:
        output.notice("".join(traceback.format_exception(error)).rstrip())
    return ExitCode.ERROR


def _told(code: ExitCode, output: Output) -> ExitCode:
    if code in MEANINGS:
        output("exit", level="info", message=f"exit {int(code)}: {MEANINGS[code]}", code=int(code))
    return code
