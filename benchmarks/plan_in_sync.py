"""How long an in-sync plan without a refresh takes, and how much memory, by the number of triggers.

    python benchmarks/plan_in_sync.py [TRIGGERS ...] [--octodns PATH]        (default: 1000 10000)

Each project has 20 triggers a file, each trigger a repository of its own, and a store in which all of them are
registered; `reconcile plan --no-refresh` is then run as a whole process: *cold*, without a cache, and *unchanged*, as a
second time. Prints medians of wall and CPU seconds and of peak memory, and how the CPU grows from one size to the next
(the exponent: 1 is in step with the number of triggers).

With `--octodns`, the path of an `octodns-sync` (pip install octodns==1.22.0), a no-op of as many records of octoDNS,
100 to a zone, YAML against YAML, takes turns with ours; at the sizes up to 10,000 alone, for the rest it takes minutes.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.core.model import Desired, Phase, Recorded
from reconciler.core.ports import Write
from reconciler.engine.recording import intended
from reconciler.store.opening import open_for_writing
from reconciler.system import SystemClock, SystemEntropy
from reconciler.wiring.inputs import Inputs
from reconciler.wiring.loading import load
from reconciler.wiring.session import key_source

RUNS = 5
PER_FILE = 20
LARGEST_FOR_OCTODNS = 10_000
PROJECT = """\
version: 1
scope: bench
base_url: https://hooks.example.com
manifests: [webhooks]
credentials: {gh: {provider: github, token: env/BENCH_TOKEN}}
defaults: {user: bench, credentials: {github: gh}}
"""
METER = """
import os, sys
child = os.fork()
if not child:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    os.execvp(sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(child, 0)
print("\\n" + str(usage.ru_utime + usage.ru_stime), usage.ru_maxrss, end="")
sys.exit(os.waitstatus_to_exitcode(status))
"""
ENVIRONMENT = os.environ | {"BENCH_TOKEN": "t"}


def write_project(folder: Path, triggers: int) -> None:
    """The files: one graph to a document, 20 triggers to a file."""
    (folder / "webhooks").mkdir()
    (folder / "reconciler.yaml").write_text(PROJECT)
    for start in range(0, triggers, PER_FILE):
        lines = [f"graph: g{start:06d}", "triggers:"]
        for number in range(start, start + PER_FILE):
            lines += [
                "  - provider: github",
                "    type: repo",
                f"    resource: bench/r{number:06d}",
                "    events: [issues.opened, pull_request]",
            ]
        (folder / "webhooks" / f"{start:06d}.yaml").write_text("\n".join(lines) + "\n")


def record_all(folder: Path) -> None:
    """A store in which every wanted webhook is registered."""
    loaded = load(Inputs(directory=folder, files=(), environment=ENVIRONMENT))
    clock, entropy = SystemClock(), SystemEntropy()
    with open_for_writing(loaded.project.state, key_source(loaded.project)) as store:
        lease = store.acquire("bench", "bench", clock.now(), 3600)
        assert lease
        writes = []
        for number, wish in enumerate(loaded.desired):
            record = recorded(wish, entropy.webhook_id(), number)
            secret = entropy.secret()
            writes.append(Write(record=replace(record, secret=store.fingerprint(secret)), secret=secret))
        store.write(lease, writes)
        store.release(lease)


@dataclass(frozen=True)
class Row:
    """One run of a process: wall and CPU seconds, peak MiB."""

    wall: float
    cpu: float
    memory: float


def plan(folder: Path) -> Row:
    """One plan, which must find everything in sync."""
    row, said = run([sys.executable, "-m", "reconciler", "plan", "-C", str(folder), "--no-refresh"])
    assert said.startswith(b"In sync: "), said
    return row


def run(command: list[str]) -> tuple[Row, bytes]:
    """One run of a command, and what it printed. A small process starts it: peak memory counts from its parent's on."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", METER, *command], env=ENVIRONMENT, capture_output=True, check=True
    )
    wall = time.perf_counter() - began
    said, _, usage = done.stdout.rpartition(b"\n")
    cpu, memory = map(float, usage.split())
    return Row(wall, cpu, memory / 1024), said


def measure(folder: Path, octodns: list[str]) -> dict[str, Row]:
    """Medians over the runs, which take turns."""
    cache = folder / ".reconciler" / "cache"
    time.sleep(2.1)  # a state that was written a moment ago is not believed to stand still
    rows: dict[str, list[Row]] = {"cold": [], "unchanged": [], "octodns": []}
    for _ in range(RUNS):
        shutil.rmtree(cache, ignore_errors=True)
        rows["cold"].append(plan(folder))
        assert list(cache.glob("verdict-*")), "the plan was not remembered"
        rows["unchanged"].append(plan(folder))
        if octodns:
            rows["octodns"].append(run(octodns)[0])
    return {name: median(each) for name, each in rows.items() if each}


def median(rows: list[Row]) -> Row:
    """The median of each column."""
    return Row(*(statistics.median(getattr(row, name) for row in rows) for name in ("wall", "cpu", "memory")))


def prepare_octodns(program: str, folder: Path, records: int) -> list[str]:
    """A project of octoDNS that is in sync, and the command that finds it so."""
    zones = max(1, records // 100)
    (folder / "target").mkdir(parents=True)
    (folder / "source").mkdir()
    lines = ["manager: {max_workers: 1}", "providers:"]
    provider = "class: octodns.provider.yaml.YamlProvider"
    lines += [f"  {name}: {{{provider}, directory: {folder / name}}}" for name in ("source", "target")]
    lines.append("zones:")
    for zone in range(zones):
        lines.append(f"  z{zone:04d}.test.: {{sources: [source], targets: [target]}}")
        text = ["---"]
        for number in range(records // zones):
            text += [f"r{number:05d}:", "  ttl: 300", "  type: A", f"  value: 10.0.{zone % 250}.{number % 250}"]
        (folder / "source" / f"z{zone:04d}.test.yaml").write_text("\n".join(text) + "\n")
    (folder / "config.yaml").write_text("\n".join(lines) + "\n")
    command = [program, "--config-file", str(folder / "config.yaml"), "--quiet"]
    run([*command, "--doit", "--force"])
    return command


def recorded(wish: Desired, webhook_id: str, number: int) -> Recorded:
    """The record of a wish that was applied."""
    url = f"https://hooks.example.com/webhooks/github/{webhook_id}"
    return replace(intended(wish, webhook_id, url, 0.0), phase=Phase.REGISTERED, remote_id=str(number))


def told(name: str, triggers: int, row: Row, before: tuple[int, Row] | None, octodns: Row | None) -> str:
    """A line of the result."""
    line = f"{triggers:>7} {name:<9}: {row.wall:6.2f} s wall, {row.cpu:6.2f} s CPU, {row.memory:4.0f} MiB peak"
    if before:
        line += f", exponent {math.log(row.cpu / before[1].cpu) / math.log(triggers / before[0]):.2f}"
    return line + (f", {row.cpu / octodns.cpu:.3f} of the CPU of octoDNS" if octodns else "")


def main() -> None:
    """Measure each size in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("triggers", type=int, nargs="*", default=[1000, 10000])
    parser.add_argument("--octodns", default="", help="path of an octodns-sync")
    arguments = parser.parse_args()
    before: dict[str, tuple[int, Row]] = {}
    for triggers in arguments.triggers:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_project(folder, triggers)
            record_all(folder)
            peer = bool(arguments.octodns) and triggers <= LARGEST_FOR_OCTODNS
            command = prepare_octodns(arguments.octodns, folder / "octodns", triggers) if peer else []
            rows = measure(folder, command)
        for kind, row in rows.items():
            other = rows.get("octodns") if kind != "octodns" else None
            print(told(kind, triggers, row, before.get(kind), other), flush=True)
            before[kind] = (triggers, row)


if __name__ == "__main__":
    main()
