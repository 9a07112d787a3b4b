"""How the verbs run that work on the store by hand: asking first, giving up what waits, finishing what was begun."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from reconciler.cli.exits import ExitCode
from reconciler.cli.flags import Format, FormatFlags
from reconciler.cli.flags_state import KeepingFlags
from reconciler.cli.output import Output
from reconciler.cli.question import ask
from reconciler.cli.running import carry_out, inputs_of
from reconciler.core.errors import ConfigError, Problem
from reconciler.core.model import Json
from reconciler.daemon.draining import Drain, drained
from reconciler.wiring.keeping import Kept, Opened, keeping, opening

Approve = Callable[[str], Awaitable[bool]]
"""Asked with a question before anything is changed; from a yes on, the work is finished even when a signal comes."""


class Approval:
    """Asks whoever sits at the terminal, unless a yes was given before. Raises `ConfigError` where nobody sits there.

    It does so when it is asked, not before: what is wrong with the wish itself is told first.
    """

    def __init__(self, yes: bool, output: Output) -> None:
        self._yes = yes
        self._output = output

    async def __call__(self, question: str) -> bool:
        """Whether to go on."""
        if not self._yes and not self._output.streams.interactive:
            message = "this asks before it changes anything, and there is no terminal to ask at"
            raise ConfigError((Problem("unconfirmed", message, hint="say --yes"),))
        if self._yes or await ask(question, self._output):
            return True
        self._output("declined", level="warning", message="nothing was changed")
        return False


async def always(_: str) -> bool:
    """Nothing to ask: the command itself is the wish."""
    return True


def keep(
    flags: KeepingFlags, output: Output, approve: Approve, work: Callable[[Kept, Approve, Drain], Awaitable[ExitCode]]
) -> ExitCode:
    """Carry out `work` under the lease of the project's scope."""

    async def main(drain: Drain) -> ExitCode:
        async def begin(asked: Approve) -> ExitCode:
            async with keeping(inputs_of(flags, output), output, flags.lock_timeout) as kept:
                return await work(kept, asked, drain)

        return await drained(begin, approve, drain) or ExitCode.DONE

    return carry_out(main, output)


def open_up(
    flags: FormatFlags, output: Output, approve: Approve, work: Callable[[Opened, Approve], Awaitable[ExitCode]]
) -> ExitCode:
    """Carry out `work` on the project's store, without a lease."""

    async def main(drain: Drain) -> ExitCode:
        async def begin(asked: Approve) -> ExitCode:
            async with opening(inputs_of(flags, output), output) as opened:
                return await work(opened, asked)

        return await drained(begin, approve, drain) or ExitCode.DONE

    return carry_out(main, output)


def tell(flags: FormatFlags, output: Output, text: str, document: Json) -> None:
    """The result, as a sentence or as JSON."""
    if flags.format is Format.JSON:
        output.document(document)
    else:
        output.result(text)
