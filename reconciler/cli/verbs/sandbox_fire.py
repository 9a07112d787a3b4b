"""`reconcile sandbox fire`: have the sandbox send signed deliveries."""

from __future__ import annotations

import asyncio
from dataclasses import asdict

from reconciler.cli.exits import ExitCode
from reconciler.cli.flags import Format
from reconciler.cli.flags_verbs import FireFlags
from reconciler.cli.output import Output
from reconciler.render.painter import columns, counted
from reconciler.testing.firing import FireResult, fire


def run(flags: FireFlags, output: Output) -> ExitCode:
    """Send, and show what the receivers answered; 1 where one refused."""
    results = asyncio.run(fire(flags.url, flags.provider, flags.event, resource=flags.resource))
    if flags.format is Format.JSON:
        output.document({"deliveries": [asdict(result) for result in results]})
    else:
        rows = [(result.provider, result.event, result.url, _answer(result)) for result in results]
        output.result("\n".join([*columns(rows, widest=120), f"{counted(len(results), 'webhook')} subscribed."]))
    return ExitCode.DONE if all(result.accepted for result in results) else ExitCode.ERROR


def _answer(result: FireResult) -> str:
    return str(result.status) if result.status is not None else f"not delivered: {result.error}"
