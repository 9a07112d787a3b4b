"""Which files hold manifests: files, folders and globs of the project file, never outside the project's folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

SUFFIXES = (".yaml", ".yml")

_WILD = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an entry, or what was found under it, is refused."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Found:
    """The files in the order of their names, each once, and what is wrong."""

    files: tuple[Path, ...]
    refusals: tuple[Refusal, ...]


def find(entry: str, root: Path, excluded: Collection[Path] = ()) -> Found:
    """The manifest files of one entry of `manifests:`.

    A folder is read with everything below it; of folders and globs only `*.yaml` and `*.yml` count, and names that
    begin with a dot only where the entry says them. An empty folder or a glob without a match is no problem, a plain
    path that does not exist is one. `excluded` are files that are something else (the project files).
    """
    parts = PurePosixPath(entry).parts
    if entry.startswith(("/", "~")) or ".." in parts or "\\" in entry:
        message = "manifests are named relative to the project file and never outside its folder"
        return Found((), (Refusal("outside", message),))
    finder = _Finder(root.resolve())
    if _WILD.intersection(entry):
        finder.expand(parts)
    else:
        finder.plain(finder.root / PurePosixPath(entry))
    files = sorted(finder.files - {path.resolve() for path in excluded})
    return Found(tuple(files), tuple(finder.refusals))


@dataclass(slots=True)
class _Finder:
    root: Path
    files: set[Path] = field(default_factory=set)
    real: set[Path] = field(default_factory=set)
    refusals: list[Refusal] = field(default_factory=list)
    seen: set[Path] = field(default_factory=set)

    def plain(self, path: Path) -> None:
        """A path without wildcards: it must exist; a folder is read with everything below it."""
        real = self._real(path)
        if real is None:
            return
        if _is_folder(real):
            self.folder(real)
        elif real.is_file():
            self.files.add(real)
        else:
            self._refuse("not_a_file", path, "is neither a regular file nor a folder")

    def folder(self, top: Path) -> None:
        """Every YAML file below a folder."""
        waiting = [top]
        while waiting:
            folder = waiting.pop()
            if folder in self.seen:
                continue
            self.seen.add(folder)
            for path in self._entries(folder):
                if path.name.startswith("."):
                    continue
                if (real := self._take(path)) is not None:
                    waiting.append(real)

    def expand(self, parts: tuple[str, ...]) -> None:
        """Every file that a glob names; a folder that it names is read with everything below it."""
        waiting = [(self.root, parts)]
        done: set[tuple[Path, tuple[str, ...]]] = set()
        while waiting:
            folder, rest = waiting.pop()
            if (folder, rest) in done:
                continue
            done.add((folder, rest))
            if rest[0] == "**":
                waiting += self._anywhere(folder, rest)
                continue
            for path in self._entries(folder):
                if not _matches(path.name, rest[0]):
                    continue
                if len(rest) == 1:
                    self._named(path)
                elif _is_folder(path) and (real := self._real(path)) is not None:
                    waiting.append((real, rest[1:]))

    def _anywhere(self, folder: Path, rest: tuple[str, ...]) -> Iterator[tuple[Path, tuple[str, ...]]]:
        """`**`: this folder and every one below it."""
        yield folder, rest[1:] or ("*",)
        for path in self._entries(folder):
            if not path.name.startswith(".") and _is_folder(path) and (real := self._real(path)) is not None:
                yield real, rest

    def _named(self, path: Path) -> None:
        """What the whole glob names: a file, or a folder with everything below it."""
        real = self._take(path)
        if real is not None:
            self.folder(real)

    def _take(self, path: Path) -> Path | None:
        """Keep a YAML file; a folder is returned."""
        wanted = path.name.endswith(SUFFIXES)
        if not wanted and not _is_folder(path):
            return None
        real = self._real(path)
        if real is None or _is_folder(real):
            return real
        if real.is_file():
            self.files.add(real)
        else:
            self._refuse("not_a_file", path, "is not a regular file")
        return None

    def _real(self, path: Path) -> Path | None:
        """The path with symbolic links followed, if it exists and stays inside the project."""
        try:
            # What lies in a folder that has no link above it, and is none itself, needs not be followed step by step.
            plain = path.parent in self.real and not stat.S_ISLNK(path.lstat().st_mode)
            real = path if plain else path.resolve()
            real.lstat()
        except (FileNotFoundError, NotADirectoryError):
            self._refuse("missing_file", path, "does not exist")
        except (OSError, RuntimeError, ValueError):
            self._refuse("unreadable", path, "cannot be read")
        else:
            if real.is_relative_to(self.root):
                return real
            self._refuse("outside", path, "is a symbolic link that leads outside the project's folder")
        return None

    def _entries(self, folder: Path) -> list[Path]:
        try:
            with os.scandir(folder) as entries:
                names = sorted(entry.name for entry in entries)
        except OSError as error:
            self._refuse("unreadable", folder, f"cannot be read: {error.strerror}")
            return []
        self.real.add(folder)
        return [folder / name for name in names]

    def _refuse(self, code: str, path: Path, what: str) -> None:
        name = path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else path.name
        refusal = Refusal(code, f"{name!r} {what}")
        if refusal not in self.refusals:
            self.refusals.append(refusal)


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) and (pattern.startswith(".") or not name.startswith("."))


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (OSError, ValueError):
        return False
