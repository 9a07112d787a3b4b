"""`reconcile sandbox`: serve the stand-ins until a signal comes."""

from __future__ import annotations

import asyncio

from reconciler.cli import exits
from reconciler.cli.exits import ExitCode
from reconciler.cli.flags_verbs import SandboxFlags
from reconciler.cli.output import Output
from reconciler.testing.sandbox import SandboxConfig
from reconciler.testing.serving import serve_sandbox


def run(flags: SandboxFlags, output: Output) -> ExitCode:
    """Serve; Ctrl-C and SIGTERM end it."""
    config = SandboxConfig(now=output.streams.now, forward_to=flags.forward_to)
    serving = serve_sandbox(config, port=flags.port, announce=lambda line: output("sandbox", message=line))
    return exits.of_signal(asyncio.run(serving))
