"""Plans that found everything in sync, remembered: while nothing that they were made of has changed, they still hold.

A verdict is numbers alone, in one file for each project and options, stamped with a key made of the state's. It depends
on every byte of the project's files, manifests and provider definitions, on their names, on the settings of the
process, on what every reference to a secret gives now, on this very program, and on the state file, which must not have
been touched since. It ends when time alone would change it: when a lease must be renewed. Only plans without a refresh
are remembered, for nobody can tell what providers say by now, and only over an SQLite state.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from reconciler.core.errors import ConfigError
from reconciler.core.model import Secret, canonical_json
from reconciler.core.plan import Plan, PlanOptions
from reconciler.documents.packaged import program_version
from reconciler.manifests.gather import digest_of_files
from reconciler.manifests.project import DEFAULT_FILE, Project, load_project
from reconciler.settings.environment import read_settings
from reconciler.settings.secrets import parse_reference
from reconciler.store.keys import KeySource
from reconciler.store.stamps import Stamp, Standing, stamp_of, standing_of
from reconciler.wiring.binding import Origin, origin_of
from reconciler.wiring.cache_folder import cache_folder, is_ours, made, read_own, tidy, write_own
from reconciler.wiring.inputs import Inputs
from reconciler.wiring.versions import digest_of_definitions, digest_of_program

_PATTERN = "verdict-*.json"
_KEPT = 16

_Values = dict[str, tuple[bool, str]]
"""References to secrets with what they give: whether there is one, and it, or why not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """An empty plan, and what is told beside it: of the scope its serial and how many orphans and records it has.

    `binding` names the project that the scope was compared with.
    """

    plan: Plan
    binding: str
    serial: int
    orphans: int
    location: str
    records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What a plan is made of beside the state: the project, and what was read of its files.

    `manifests` and `definitions` are digests; `references` are the secrets that manifests refer to.
    """

    project: Project
    manifests: str
    definitions: str
    references: Mapping[str, Secret] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Witness:
    """What could change while a plan is made, as it was before the records were read."""

    basis: Basis
    standing: Standing
    credentials: _Values = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Memory:
    """A verdict as it is kept. `counts` are fields of the plan; `made` and `ends` are UNIX seconds."""

    situation: str
    standing: list[int]
    made: float
    ends: float | None
    references: list[str]
    counts: dict[str, Any]
    serial: int
    orphans: int
    location: str
    records: int

    def holds(self, standing: Standing, now: float) -> bool:
        """Whether it may still be true."""
        return self.standing == list(standing) and self.made <= now and (self.ends is None or now < self.ends)


def recall(inputs: Inputs, options: PlanOptions, now: float) -> Verdict | None:
    """The plan that a look at everything would give now, at UNIX time `now`; None where it is not known for sure."""
    if options.refresh:
        return None
    try:
        files = [inputs.directory / file for file in inputs.files or (Path(DEFAULT_FILE),)]
        project = load_project(files, read_settings(inputs.environment))
    except ConfigError:
        return None
    standing = standing_of(project.state)
    if standing is None or not is_ours(cache_folder(project)):
        return None
    data = read_own(_path(project, options))
    stamp = stamp_of(_key_source(project)) if data else None
    memory = _read(data, stamp) if data and stamp else None
    if stamp is None or memory is None or not memory.holds(standing, now):
        return None
    manifests, origin = digest_of_files(project), origin_of(project.files[0])
    values = {text: _value(project, text) for text in memory.references} | _credentials(project)
    digests = [manifests, digest_of_definitions(project.providers), origin.binding, *stamp.keys]
    situation = _situation(project, options, digests, values)
    if not stamp.fits(situation, memory.situation) or standing_of(project.state) != standing:
        return None
    plan = _plan(project, options, origin, memory.counts)
    return Verdict(
        plan=plan,
        binding=origin.binding,
        serial=memory.serial,
        orphans=memory.orphans,
        location=memory.location,
        records=memory.records,
    )


def witness(basis: Basis) -> Witness | None:
    """A look around before a plan is made; None where its verdict could not be remembered."""
    standing = standing_of(basis.project.state)
    return None if standing is None else Witness(basis, standing, _credentials(basis.project))


def remember(seen: Witness, verdict: Verdict, ends: float | None, now: float) -> None:
    """Remember a verdict until UNIX time `ends`, if it is one, and nothing moved while it was found, up to `now`.

    Whatever stands in the way of that leaves it unknown.
    """
    project, plan, folder = seen.basis.project, verdict.plan, cache_folder(seen.basis.project)
    stamp, origin = stamp_of(_key_source(project)), Origin(binding=verdict.binding, commit=plan.commit)
    counts = {name: getattr(plan, name) for name in ("in_sync", "existing", "existing_at", "wanted")}
    known = not plan.options.refresh and verdict.records and _plan(project, plan.options, origin, counts) == plan
    if stamp is None or not known or not _stood_still(seen, now) or not made(folder):
        return
    values = {text: (True, secret.reveal()) for text, secret in seen.basis.references.items()} | seen.credentials
    digests = [seen.basis.manifests, seen.basis.definitions, verdict.binding, *stamp.keys]
    memory = _Memory(
        situation=stamp.of(_situation(project, plan.options, digests, values)),
        standing=list(seen.standing),
        made=now,
        ends=ends,
        references=sorted(seen.basis.references),
        counts=counts | {"existing_at": dict(plan.existing_at)},
        serial=verdict.serial,
        orphans=verdict.orphans,
        location=verdict.location,
        records=verdict.records,
    )
    text = json.dumps(asdict(memory))
    write_own(_path(project, plan.options), f"{stamp.of(text.encode())}\n{text}".encode())
    tidy(folder, _PATTERN, _KEPT, now)


def _stood_still(seen: Witness, now: float) -> bool:
    """Whether everything is as it was, and the next change of the state file is bound to show."""
    project = seen.basis.project
    return (
        seen.standing.settled(now)
        and standing_of(project.state) == seen.standing
        and digest_of_definitions(project.providers) == seen.basis.definitions
        and _credentials(project) == seen.credentials
    )


def _plan(project: Project, options: PlanOptions, origin: Origin, counts: Mapping[str, Any]) -> Plan:
    """The empty plan of these numbers."""
    return Plan(
        scope=project.scope,
        base_url=project.base_url or "",
        default_user=project.default_user,
        options=options,
        tool_version=program_version(),
        commit=origin.commit,
        **counts,
    )


def _situation(project: Project, options: PlanOptions, digests: Sequence[str | None], values: _Values) -> bytes:
    """Everything that a plan without a refresh depends on but the state, spelled in one way."""
    settings = {item.name: getattr(project.settings, item.name) for item in fields(project.settings)}
    del settings["environment"], settings["key"]
    settings["allowed_hosts"] = sorted(project.settings.allowed_hosts)
    files = [
        [str(path), hashlib.sha256(document.source).hexdigest()]
        for path, document in zip(project.files, project.overlay.documents, strict=True)
    ]
    places = [str(project.root.resolve()), project.state, str(project.key_file)]
    told = {name: str(value) for name, value in settings.items()}
    parts = [digests, files, places, told, options.document(), dict(values)]
    return canonical_json(parts).encode("utf-8", "surrogatepass")


def _credentials(project: Project) -> _Values:
    """What the project's credentials give: the slot that a token leads to is a part of a plan."""
    references = (str(reference) for item in project.credentials.values() for reference in item.fields.values())
    return {text: _value(project, text) for text in references}


def _value(project: Project, reference: str) -> tuple[bool, str]:
    try:
        return True, project.secrets.read(parse_reference(reference)).reveal()
    except ConfigError as error:
        return False, str(error)


def _key_source(project: Project) -> KeySource:
    return KeySource(project.settings.key, project.key_file)


def _path(project: Project, options: PlanOptions) -> Path:
    """A file for each project and options. Another version of this program reads others, of its own shape."""
    parts = [digest_of_program(), project.scope, [str(path) for path in project.files], options.document()]
    name = hashlib.sha256(canonical_json(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return cache_folder(project) / _PATTERN.replace("*", name)


def _read(data: bytes, stamp: Stamp) -> _Memory | None:
    digest, _, text = data.partition(b"\n")
    return _Memory(**json.loads(text)) if stamp.fits(text, digest.decode("ascii", "replace")) else None
