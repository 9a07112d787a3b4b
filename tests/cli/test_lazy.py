"""Loading verbs by name."""

from __future__ import annotations

import subprocess
import sys

from tests.cli.support import process_environment

CODE = """
import io, sys
sys.modules["starlette"] = None
from reconciler.cli.main import run
from reconciler.cli.output import Streams
streams = Streams(stdin=sys.stdin, stdout=sys.stdout, stderr=sys.stdout, environment={}, now=lambda: 0.0)
print("CODE", int(run(["sandbox", "--port", "0"], streams)))
"""


def test_a_missing_extra_is_named() -> None:
    """Without the sandbox's packages, the message says what to install; no traceback."""
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=True, env=process_environment({})
    )
    assert "pip install 'webhook-reconciler[sandbox]'" in done.stdout
    assert "CODE 1" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
