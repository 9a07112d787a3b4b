"""`reconcile orphans resolve ID`: what was left at providers, looked up again and settled."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from reconciler.cli.exits import ExitCode, first
from reconciler.cli.flags_history import ResolveFlags
from reconciler.cli.keeping import Approval, Approve, tell
from reconciler.cli.output import Output
from reconciler.cli.running import carry_out, inputs_of
from reconciler.core.errors import ConfigError, Problem
from reconciler.core.model import Catalogue, Orphan
from reconciler.daemon.draining import Drain, drained
from reconciler.engine.resolving import Settlement, Verdict
from reconciler.render.confidential import shortened, url_is_secret
from reconciler.render.painter import clean, counted
from reconciler.render.settlements import Shown, settlements_json, settlements_text
from reconciler.wiring.leftovers import chosen, settle_all
from reconciler.wiring.loading import load_recorded
from reconciler.wiring.session import Session, amending


def run(flags: ResolveFlags, output: Output) -> ExitCode:
    """Settle those with the ids, or all; one that remains stops no other."""
    if bool(flags.ids) == flags.all:
        message = "expected ids or --all, not both" if flags.all else "name the orphans to settle, or say --all"
        raise ConfigError((Problem("usage", message, hint="see `reconcile orphans` for their ids"),))
    return carry_out(lambda drain: _resolve(flags, output, drain), output)


async def _resolve(flags: ResolveFlags, output: Output, drain: Drain) -> ExitCode:
    loaded = load_recorded(inputs_of(flags, output))
    async with amending(loaded, output, flags.lock_timeout) as session:

        async def begin(approve: Approve) -> ExitCode:
            return await _settle(flags, session, approve, drain, output)

        return await drained(begin, Approval(flags.yes, output), drain) or ExitCode.DONE


async def _settle(flags: ResolveFlags, session: Session, approve: Approve, drain: Drain, output: Output) -> ExitCode:
    async with session.reconciler.holding() as holding:
        orphans = await asyncio.to_thread(session.store.orphans, session.scope.name)
        wanted = list(orphans) if flags.all else chosen(orphans, flags.ids or ())
        if wanted and not await approve(_question(wanted, gone=flags.gone)):
            return ExitCode.ERROR
        settlements = await settle_all(wanted, session, holding, drain.stop, declared=flags.gone)
    shown = _shown(session.scope.catalogue)
    text = settlements_text(settlements, shown, output.painter)
    tell(flags, output, text, settlements_json(settlements, shown))
    return _code(settlements)


def _question(orphans: Sequence[Orphan], *, gone: bool) -> str:
    names = "".join(f"\n  {clean(orphan.address)} ({orphan.id})" for orphan in orphans)
    ask = f"Look up {counted(len(orphans), 'orphan')} and delete what is still there"
    word = "; where nobody can look, take your word that it is gone" if gone else ""
    return f"{names.lstrip()}\n{ask}{word}?"


def _shown(catalogue: Catalogue) -> Shown:
    def shown(settlement: Settlement) -> str:
        secret = url_is_secret(catalogue, settlement.orphan.group.provider)
        return shortened(settlement.message) if secret else settlement.message

    return shown


def _code(settlements: Sequence[Settlement]) -> ExitCode:
    left = [item.verdict for item in settlements if not item.settled]
    codes = [ExitCode.ERROR if verdict is Verdict.UNANSWERED else ExitCode.REFUSED for verdict in left]
    if left and len(left) < len(settlements):
        codes.append(ExitCode.PARTIAL)
    return first(codes)
