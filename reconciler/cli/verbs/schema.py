"""`reconcile schema NAME`: a JSON Schema."""

from __future__ import annotations

import json
from pathlib import Path

from reconciler.cli.exits import ExitCode
from reconciler.cli.flags_verbs import SchemaFlags, SchemaName
from reconciler.cli.inputs import inputs_of
from reconciler.cli.output import Output
from reconciler.core.errors import ConfigError
from reconciler.documents.packaged import schemas_folder
from reconciler.manifests.schema import project_manifest_schema
from reconciler.providers.catalogue import known_definitions
from reconciler.wiring.loading import load_project_of


def run(flags: SchemaFlags, output: Output) -> ExitCode:
    """Print it as it is packaged; of manifests in a project that is named, with the project's own providers."""
    if flags.name is SchemaName.MANIFEST and (flags.directory or flags.files):
        output.result(json.dumps(_of_project(flags, output), indent=2, ensure_ascii=False))
    else:
        path: Path = schemas_folder() / f"{flags.name}.schema.json"
        output.result(path.read_text(encoding="utf-8").rstrip("\n"))
    return ExitCode.DONE


def _of_project(flags: SchemaFlags, output: Output) -> object:
    definitions = known_definitions(load_project_of(inputs_of(flags, output)).providers)
    if problems := definitions.check():
        raise ConfigError(problems)
    return project_manifest_schema(definitions.traits.values())
