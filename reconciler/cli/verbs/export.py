"""`reconcile export`: manifests of what exists at a provider."""

from __future__ import annotations

import os
from pathlib import Path

from reconciler.cli.exits import ExitCode
from reconciler.cli.flags_adoption import ExportFlags
from reconciler.cli.output import Output
from reconciler.cli.running import inputs_of, look_up
from reconciler.cli.starting import refuse_existing, require_writable
from reconciler.core.errors import ConfigError, Problem, ReconcilerError
from reconciler.core.model import Subscriber, SubscriberKind
from reconciler.documents.saving import create
from reconciler.manifests.starting import MANIFEST_SCHEMA
from reconciler.wiring.exporting import Exported, Wanted, exported
from reconciler.wiring.loading import load
from reconciler.wiring.session import reading

_GRAPH = "exported"


def run(flags: ExportFlags, output: Output) -> ExitCode:
    """List, and write. No provider, store or lock is touched; a file is written over nothing."""
    wanted = _wanted(flags)
    if flags.out is not None:
        refuse_existing(flags.out)
        require_writable([flags.out])

    async def work() -> ExitCode:
        loaded = load(inputs_of(flags, output))
        async with reading(loaded, output) as session:
            found = await exported(loaded, session, wanted)
        for problem in found.problems:
            output.problem(problem)
        _deliver(found, flags.out, output)
        return ExitCode.ERROR if found.problems else ExitCode.DONE

    return look_up(work, output)


def _wanted(flags: ExportFlags) -> Wanted:
    if flags.graph and flags.preset:
        raise ConfigError((Problem("usage", "expected --graph or --preset, not both"),))
    kind = SubscriberKind.PRESET if flags.preset else SubscriberKind.GRAPH
    return Wanted(
        provider=flags.provider,
        credentials=flags.credentials,
        type=flags.type,
        resources=tuple(flags.resource or ()),
        subscriber=Subscriber(kind, flags.preset or flags.graph or _GRAPH),
        user=flags.user,
        schema=_schema(flags),
    )


def _schema(flags: ExportFlags) -> str:
    """Where the schema is that `init` wrote, seen from the file; from a folder beside it where there is no file.

    Empty where `init` wrote none: an editor complains of a schema that is not there.
    """
    folder = (flags.directory or Path()).absolute()
    if not (folder / MANIFEST_SCHEMA).is_file():
        return ""
    if flags.out is None:
        return f"../{MANIFEST_SCHEMA}"
    return Path(os.path.relpath(folder / MANIFEST_SCHEMA, flags.out.absolute().parent)).as_posix()


def _deliver(found: Exported, path: Path | None, output: Output) -> None:
    """Print the manifest, or write it to its file; where there is nothing to write, neither."""
    if not found.text:
        output("exported", message=f"{found.summary}: nothing to write")
        return
    if path is None:
        output.result(found.text.rstrip("\n"))
        output("exported", message=found.summary)
        return
    try:
        create(path, found.text)
    except OSError as error:
        raise ReconcilerError(f"{path} cannot be written: {error.strerror}") from error
    output.result(f"wrote  {path}")
    output("exported", message=f"{found.summary}: commit the file, then run the commands in it")
