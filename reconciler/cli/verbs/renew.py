"""`reconcile renew`: more time for webhooks that end by themselves, now."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from reconciler.cli.exits import ExitCode, first, of_error
from reconciler.cli.flags import Format
from reconciler.cli.flags_state import RenewFlags
from reconciler.cli.output import Output
from reconciler.cli.running import carry_out, inputs_of
from reconciler.core.errors import ConfigError, LeaseLostError, Problem, ProviderError, ReconcilerError
from reconciler.core.model import Phase, Recorded
from reconciler.daemon.draining import Drain
from reconciler.engine.leasing import Holding
from reconciler.render.leases import renewals_json, renewals_text
from reconciler.wiring.loading import load_recorded
from reconciler.wiring.records import Records
from reconciler.wiring.session import Session, writing


def run(flags: RenewFlags, output: Output) -> ExitCode:
    """Renew those at the addresses, or all that are due; one failure stops no other."""
    if bool(flags.addresses) == flags.all_due:
        message = "name the webhooks to renew, or say --all-due"
        raise ConfigError((Problem("usage", message, hint="see `reconcile renew --help`"),))
    return carry_out(lambda drain: _renew(flags, output, drain), output)


@dataclass
class _Done:
    """What came of it: address and end of each that was renewed, address and error of each that was not."""

    renewed: list[tuple[str, float | None]] = field(default_factory=list)
    failed: list[tuple[str, ReconcilerError]] = field(default_factory=list)


async def _renew(flags: RenewFlags, output: Output, drain: Drain) -> ExitCode:
    async with writing(load_recorded(inputs_of(flags, output)), output, flags.lock_timeout) as session:
        records = Records(session.store, session.scope.name, session.scope.default_user)
        async with session.reconciler.holding() as holding:
            chosen = await asyncio.to_thread(_chosen, flags, session, records, output.streams.now())
            if chosen:
                await asyncio.to_thread(session.store.bind, session.scope.name, session.scope.binding)
            done = await _all(chosen, session, holding, drain)
    for address, error in done.failed:
        output("renew_failed", level="error", message=f"{address}: {error}", address=address)
    if flags.format is Format.JSON:
        output.document(renewals_json(done.renewed, [(address, str(error)) for address, error in done.failed]))
    else:
        output.result(renewals_text(done.renewed, failed=len(done.failed)))
    if done.failed and done.renewed:
        return ExitCode.PARTIAL
    return first(of_error(error) for _, error in done.failed)


def _chosen(flags: RenewFlags, session: Session, records: Records, now: float) -> Sequence[tuple[str, Recorded]]:
    if flags.all_due:
        return [(records.address(item), item) for item in records.all() if _due(item, session, now)]
    found = [(address, records.at(address)) for address in dict.fromkeys(flags.addresses or ())]
    for address, record in found:
        if record.phase is not Phase.REGISTERED:
            raise ReconcilerError(f"{address} is {record.phase}: only a registered webhook can be renewed")
    return found


def _due(record: Recorded, session: Session, now: float) -> bool:
    """Whether the recorded lease ends soon, or has ended, and the provider can renew it."""
    catalogue, key = session.scope.catalogue, record.key
    kind = catalogue[key.provider].types.get(key.type) if key.provider in catalogue else None
    end = record.lease_expires_at
    if record.phase is not Phase.REGISTERED or kind is None or end is None or "renew" not in kind.operations:
        return False
    return now >= end - kind.renew_before


async def _all(chosen: Sequence[tuple[str, Recorded]], session: Session, holding: Holding, drain: Drain) -> _Done:
    done = _Done()
    for address, record in chosen:
        if drain.stop.requested:
            done.failed.append((address, ReconcilerError("not begun: asked to stop")))
            continue
        try:
            await session.reconciler.renew(record, holding)
        except LeaseLostError:
            raise
        except ProviderError as error:
            done.failed.append((address, error))
            continue
        renewed = await asyncio.to_thread(session.store.record, session.scope.name, record.id)
        done.renewed.append((address, renewed.lease_expires_at if renewed else None))
    return done
