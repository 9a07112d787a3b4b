"""Loading verbs by name."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cli.support import process_environment

pytestmark = pytest.mark.processes

CODE = """
import io, sys
sys.modules["starlette"] = None
from reconciler.cli.main import run
from reconciler.cli.output import Streams
streams = Streams(stdin=sys.stdin, stdout=sys.stdout, stderr=sys.stdout, environment={}, now=lambda: 0.0)
print("CODE", int(run(["sandbox", "--port", "0"], streams)))
"""


@pytest.mark.parametrize(("verb", "package"), [("sandbox", "starlette"), ("ingress", "httptools")])
def test_a_missing_extra_is_named(verb: str, package: str) -> None:
    """Without its packages, the message says what to install; no traceback."""
    code = CODE.replace("starlette", package).replace("sandbox", verb)
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=process_environment({})
    )
    assert f"pip install 'webhook-reconciler[{verb}]'" in done.stdout
    assert "CODE 1" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
