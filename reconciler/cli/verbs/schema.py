"""`reconcile schema NAME`: a packaged JSON Schema."""

from __future__ import annotations

from reconciler.cli.exits import ExitCode
from reconciler.cli.flags import SchemaFlags
from reconciler.cli.output import Output
from reconciler.documents.packaged import schemas_folder


def run(flags: SchemaFlags, output: Output) -> ExitCode:
    """Print it as it is packaged."""
    path = schemas_folder() / f"{flags.name}.schema.json"
    output.result(path.read_text(encoding="utf-8").rstrip("\n"))
    return ExitCode.DONE
