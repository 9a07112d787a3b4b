"""`reconcile send PROVIDER EVENT`: a delivery that we sign, sent to the ingress to try a flow."""

from __future__ import annotations

import asyncio
from pathlib import Path

from reconciler.cli import lazy
from reconciler.cli.exits import ExitCode
from reconciler.cli.flags_deliveries import SendFlags
from reconciler.cli.inputs import inputs_of
from reconciler.cli.keeping import tell
from reconciler.cli.output import Output
from reconciler.core.errors import ConfigError, Problem
from reconciler.render.confidential import shortened
from reconciler.render.deliveries import VERSION
from reconciler.system import SystemClock, SystemEntropy
from reconciler.verify.kinds import Unverified
from reconciler.wiring.sending import Addressee, Draft, Sent, addressee_of, bare, fresh_id, send

MAX_BYTES = 25 * 1024 * 1024
"""As many as a definition may let a vendor send."""


def run(flags: SendFlags, output: Output) -> ExitCode:
    """Send it, and tell status and latency; 1 where it was not taken."""
    body = _read(flags.payload) if flags.payload else None
    with addressee_of(inputs_of(flags, output), output, flags.provider, flags.webhook, flags.url) as addressee:
        sent = asyncio.run(_send(addressee, flags.event, body))
        secret = isinstance(addressee.scheme, Unverified)
    url = shortened(sent.url) if secret else sent.url
    answer = f"{sent.status}" if sent.status is not None else f"no answer: {sent.error}"
    text = f"{flags.provider} {flags.event} to {url}: {answer} in {sent.seconds * 1000:.0f} ms"
    tell(flags, output, text, _document(flags, sent, url))
    return ExitCode.DONE if sent.accepted else ExitCode.ERROR


async def _send(addressee: Addressee, event: str, body: bytes | None) -> Sent:
    draft: Draft
    if body is None:
        draft = await lazy.realistic()(addressee, event)
    else:
        draft = bare(addressee, event, body, fresh_id(SystemEntropy()))
    return await send(addressee, draft, SystemClock())


def _document(flags: SendFlags, sent: Sent, url: str) -> dict[str, object]:
    return {
        "version": VERSION,
        "provider": flags.provider,
        "event": flags.event,
        "url": url,
        "status": sent.status,
        "accepted": sent.accepted,
        "seconds": round(sent.seconds, 3),
        "error": sent.error or None,
    }


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            body = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError((Problem("send", f"--payload: {path} cannot be read: {error.strerror}"),)) from None
    if len(body) > MAX_BYTES:
        raise ConfigError((Problem("send", f"--payload: {path} is larger than {MAX_BYTES // 1024 // 1024} MiB"),))
    return body
