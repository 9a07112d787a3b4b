"""How long an in-sync dry run takes, and how much memory, by the number of triggers.

    python benchmarks/plan_in_sync.py [TRIGGERS ...]        (default: 1000 10000)

Each project has 20 triggers a file, each trigger a repository of its own, and a store in which all of them are
registered; `reconcile plan --no-refresh` is then run as a whole process. Prints medians of wall and CPU seconds and of
peak memory, and the growth from one size to the next.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
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
PROJECT = """\
version: 1
scope: bench
base_url: https://hooks.example.com
manifests: [webhooks]
credentials: {gh: {provider: github, token: env/BENCH_TOKEN}}
defaults: {user: bench, credentials: {github: gh}}
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


def measure(folder: Path) -> tuple[float, float, float]:
    """Medians over the runs: wall and CPU seconds, peak MiB."""
    command = [sys.executable, "-m", "reconciler", "plan", "-C", str(folder), "--no-refresh"]
    rows = []
    for _ in range(RUNS):
        began = time.perf_counter()
        process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert process.stdout
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        assert status == 0, said
        assert said.startswith(b"In sync: "), said
        rows.append((time.perf_counter() - began, usage.ru_utime + usage.ru_stime, peak(usage)))
    wall, cpu, memory = (statistics.median(column) for column in zip(*rows, strict=True))
    return wall, cpu, memory


def peak(usage: resource.struct_rusage) -> float:
    """Peak memory in MiB."""
    return usage.ru_maxrss / 1024


def recorded(wish: Desired, webhook_id: str, number: int) -> Recorded:
    """The record of a wish that was applied."""
    url = f"https://hooks.example.com/webhooks/github/{webhook_id}"
    return replace(intended(wish, webhook_id, url, 0.0), phase=Phase.REGISTERED, remote_id=str(number))


def main() -> None:
    """Measure each size in turn."""
    before = 0.0
    for triggers in [int(size) for size in sys.argv[1:]] or [1000, 10000]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_project(folder, triggers)
            record_all(folder)
            wall, cpu, memory = measure(folder)
        growth = f"  {cpu / before:.1f}x the CPU of the size before" if before else ""
        print(f"{triggers:>7} triggers: {wall:.2f} s wall, {cpu:.2f} s CPU, {memory:.0f} MiB peak{growth}")
        before = cpu


if __name__ == "__main__":
    main()
