"""What the ingress takes.

Annotations are evaluated here (no postponed evaluation): Typer reads them.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import typer

from reconciler.cli.flags import CommonFlags


@dataclass(frozen=True, kw_only=True)
class IngressFlags(CommonFlags):
    """Of `ingress`, which serves."""

    verb: ClassVar[str] = "ingress"

    host: Annotated[str, typer.Option("--host", metavar="HOST", help="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8080
    prefix: Annotated[
        str | None,
        typer.Option(
            "--prefix",
            metavar="PATH",
            help="What stands before /webhooks in the paths that arrive; empty where a proxy takes it off.",
            show_default="the path of base_url",
        ),
    ] = None
    trusted_hops: Annotated[
        int,
        typer.Option(
            "--trusted-hops", metavar="N", min=0, max=10, help="Proxies of yours in front that write X-Forwarded-For."
        ),
    ] = 0
    rate: Annotated[
        float,
        typer.Option(
            "--rate", metavar="N", min=1, max=1_000_000, help="Requests a second of one client for one webhook."
        ),
    ] = 500.0
    also_scope: Annotated[
        list[str] | None,
        typer.Option(
            "--also-scope", metavar="SCOPE", help="Take deliveries of this scope of the state too; repeatable."
        ),
    ] = None
    dispatch: Annotated[
        bool,
        typer.Option(
            "--dispatch/--no-dispatch", help="Hand on what is kept; without, another ingress of this state does."
        ),
    ] = True
    metrics_port: Annotated[
        int | None,
        typer.Option("--metrics-port", min=0, max=65535, help="Serve /metrics here.", show_default="not at all"),
    ] = None
    metrics_host: Annotated[str, typer.Option("--metrics-host", metavar="HOST", help="Address for /metrics.")] = (
        "127.0.0.1"
    )
