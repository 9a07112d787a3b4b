"""A disk that is full, read-only, failing or slow on demand, below a real process: a library that is preloaded."""

from __future__ import annotations

import mmap
import shutil
import struct
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_suffix(".c")
_ORDERS = struct.Struct("5i")


class FaultyDisk:
    """What happens to the state file of the processes that run with `environment`; nothing, at first."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None or sys.platform != "linux":
            pytest.skip("needs a C compiler, and Linux")
        folder.mkdir(parents=True)
        library, shared = folder / "faulty_disk.so", folder / "orders"
        build = [compiler, "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"]
        subprocess.run(build, check=True, capture_output=True)  # noqa: S603 - our own source
        shared.write_bytes(bytes(_ORDERS.size))
        with shared.open("r+b") as file:
            self._orders = mmap.mmap(file.fileno(), _ORDERS.size)
        self.environment: Mapping[str, str] = {"LD_PRELOAD": str(library), "FAULTY_DISK": str(shared)}

    def fail(self, *, writes: int = 0, syncs: int = 0) -> None:
        """Let writes, or synchronising, fail with these error numbers from now on."""
        self._put(0, writes)
        self._put(1, syncs)

    def stall(self) -> None:
        """Let synchronising wait from now on."""
        self._put(2, 1)

    def heal(self) -> None:
        """Let everything work again, what waits too."""
        for place in range(3):
            self._put(place, 0)

    @property
    def refused(self) -> int:
        """How many calls failed."""
        return self._get(3)

    @property
    def stalled(self) -> int:
        """How many calls had to wait, or do."""
        return self._get(4)

    def _put(self, place: int, value: int) -> None:
        struct.pack_into("i", self._orders, 4 * place, value)

    def _get(self, place: int) -> int:
        return int(struct.unpack_from("i", self._orders, 4 * place)[0])
