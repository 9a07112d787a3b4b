"""`reconcile ping ADDRESS`: a test delivery, sent by the provider."""

from __future__ import annotations

from reconciler.cli.exits import ExitCode
from reconciler.cli.flags import Format
from reconciler.cli.flags_verbs import PingFlags
from reconciler.cli.output import Output
from reconciler.cli.running import inputs_of, look_up
from reconciler.core.errors import ProviderError, ReconcilerError
from reconciler.core.model import Phase
from reconciler.wiring.loading import load_recorded
from reconciler.wiring.records import Records
from reconciler.wiring.session import reading


def run(flags: PingFlags, output: Output) -> ExitCode:
    """Ask the provider for it; 1 where it has no such call."""

    async def work() -> ExitCode:
        async with reading(load_recorded(inputs_of(flags, output)), output) as session:
            record = Records(session.store, session.scope.name, session.scope.default_user).at(flags.address)
            if record.phase is not Phase.REGISTERED:
                raise ReconcilerError(f"{flags.address} is {record.phase}: only a registered webhook can be pinged")
            try:
                await session.reconciler.ping(record)
            except ProviderError as error:
                raise ReconcilerError(f"{flags.address}: {error}") from error
        if flags.format is Format.JSON:
            output.document({"address": flags.address, "pinged": True})
        else:
            output.result(f"Asked {record.key.provider} to send a test delivery to {flags.address}.")
        return ExitCode.DONE

    return look_up(work, output)
