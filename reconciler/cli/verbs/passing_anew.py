"""`reconcile` where it is more than a dry run."""

from __future__ import annotations

from reconciler.cli.exits import ExitCode
from reconciler.cli.flags import PassFlags
from reconciler.cli.output import Output
from reconciler.cli.passes import Errand, carry_through
from reconciler.cli.running import carry_out, inputs_of
from reconciler.daemon.draining import Drain
from reconciler.wiring.content_cache import known_content
from reconciler.wiring.loading import load
from reconciler.wiring.progress import ListTally
from reconciler.wiring.session import writing


def run(flags: PassFlags, output: Output) -> ExitCode:
    """Load, observe, plan, guard, apply, report."""
    return carry_out(lambda drain: _pass(flags, output, drain), output)


async def _pass(flags: PassFlags, output: Output, drain: Drain) -> ExitCode:
    loaded, tally = load(inputs_of(flags, output), known_content), ListTally(output)
    errand = Errand(options=flags.options(), format=flags.format, yes=flags.yes, out=flags.out)
    async with writing(loaded, tally, flags.lock_timeout) as session:
        return await carry_through(session, errand, tally, output, drain)
