"""`reconcile sandbox requests`: what the sandbox was asked."""

from __future__ import annotations

import asyncio

from reconciler.cli.exits import ExitCode
from reconciler.cli.flags import Format
from reconciler.cli.flags_verbs import RequestsFlags
from reconciler.cli.output import Output
from reconciler.core.errors import ConfigError, Problem
from reconciler.documents.nearest import quoted, suggestion
from reconciler.render.painter import columns, counted
from reconciler.testing.firing import requests
from reconciler.testing.sandbox import ROOTS


def run(flags: RequestsFlags, output: Output) -> ExitCode:
    """List them, oldest first."""
    if flags.provider is not None and flags.provider not in ROOTS:
        message = f"there is no stand-in of a provider {quoted(flags.provider)}"
        raise ConfigError((Problem("provider_unmatched", message, hint=suggestion(flags.provider, ROOTS)),))
    found = [
        request
        for request in asyncio.run(requests(flags.url))
        if flags.provider is None or str(request["path"]).startswith(f"/{flags.provider}/")
    ]
    if flags.format is Format.JSON:
        output.document({"requests": found})
    else:
        rows = [(str(request["status"]), str(request["method"]), str(request["path"])) for request in found]
        output.result("\n".join([*columns(rows, widest=120), counted(len(found), "request")]))
    return ExitCode.DONE
