"""What manifest files were compiled to, kept between passes by content.

One text file for each basis (`manifests.known.basis`, and this very program), with one line for each manifest file in
the order of their names; it is read and rewritten in step with a pass, so that neither holds more than one line. A line
is stamped with a key made of the state's: what somebody else put there, and what is damaged, counts as unknown. So does
everything where there is no state yet, no key, or no folder that is ours alone.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from reconciler.manifests.gather import Source
from reconciler.manifests.known import Known, basis
from reconciler.manifests.project import Project
from reconciler.store.keys import KeySource
from reconciler.store.stamps import Stamp, stamp_of
from reconciler.system import SystemClock
from reconciler.wiring.cache_folder import cache_folder, draft_in, made, open_own, tidy
from reconciler.wiring.versions import digest_of_program

_PATTERN = "content-*.jsonl"
_KEPT = 8
"""So many bases are kept: of other branches, overlays and versions."""

_LONGEST_LINE = 64 * 1024 * 1024
_PIECE = 256 * 1024


@contextmanager
def known_content(project: Project, definitions: str) -> Iterator[Known | None]:
    """What is known of the project's files, and learns of them; None where nothing can be kept.

    `definitions` is the digest of the provider definitions.
    """
    folder = cache_folder(project)
    stamp = stamp_of(KeySource(project.settings.key, project.key_file)) if folder.parent.is_dir() else None
    if stamp is None or not made(folder):
        yield None
        return
    base = hashlib.sha256(f"{digest_of_program()}\n{basis(project, definitions)}".encode()).hexdigest()
    cache = ContentCache(folder / f"content-{base[:16]}.jsonl", base, stamp)
    try:
        yield cache
    except BaseException:
        cache.abandon()
        raise
    cache.close()
    tidy(folder, _PATTERN, _KEPT, SystemClock().now())


class _Line(NamedTuple):
    raw: bytes
    name: str
    digest: str
    text: str


class ContentCache:
    """A `Known` over one file. Files are asked for in the order of their names; lines of files that are gone go too."""

    def __init__(self, path: Path, base: str, stamp: Stamp) -> None:
        self._path, self._base, self._stamp = path, base, stamp
        self._old = open_own(path)
        self._next: _Line | None = None
        self._kept = 0
        self._pending = b""
        self._draft: BinaryIO | None = None
        self._draft_path = path
        self._broken = False
        self._advance()

    def get(self, source: Source) -> str | None:
        """The text of these bytes under this name."""
        self._flush()
        while self._next is not None and self._next.name < source.name:
            self._differ()
            self._advance()
        line = self._next
        if line is None or line.name != source.name:
            return None
        self._advance()
        if line.digest != source.digest:
            self._differ()
            return None
        self._pending = line.raw
        return line.text

    def put(self, source: Source, text: str) -> None:
        """Remember the text, instead of one that was found and did not serve."""
        self._differ()
        self._pending = self._spelled(source, text)

    def close(self) -> None:
        """Put the new file in the place of the old one, where something is different."""
        self._flush()
        if self._next is not None:
            self._differ()
        if self._old is not None:
            self._old.close()
        if self._draft is None:
            with suppress(OSError):
                os.utime(self._path)  # it was of use just now
            return
        try:
            self._draft.close()
            self._draft_path.replace(self._path)
        except OSError:
            self._draft_path.unlink(missing_ok=True)

    def abandon(self) -> None:
        """Leave everything as it was."""
        if self._old is not None:
            self._old.close()
        if self._draft is not None:
            self._draft.close()
            self._draft_path.unlink(missing_ok=True)

    def _advance(self) -> None:
        """To the next line that was made by us, for this basis."""
        self._next = None
        while self._old is not None and self._next is None:
            raw = self._old.readline(_LONGEST_LINE)
            if not raw:
                return
            self._next = self._read(raw)
            if self._next is None:
                self._differ()

    def _read(self, raw: bytes) -> _Line | None:
        try:
            stamp, rest = raw.decode("ascii").rstrip("\n").split("\t", 1)
            digest, name, text = rest.split("\t")
            return _Line(raw, json.loads(name), digest, text) if self._stamp.fits(self._stamped(rest), stamp) else None
        except ValueError:
            return None

    def _spelled(self, source: Source, text: str) -> bytes:
        rest = "\t".join((source.digest, json.dumps(source.name), text))
        return f"{self._stamp.of(self._stamped(rest))}\t{rest}\n".encode("ascii")

    def _stamped(self, rest: str) -> bytes:
        return f"{self._base}\t{rest}".encode("ascii")

    def _flush(self) -> None:
        """Write what the last file left; as long as nothing differs, it stands in the old file already."""
        line, self._pending = self._pending, b""
        if self._draft is None:
            self._kept += len(line)
        elif line and not self._broken:
            self._attempt(self._draft, line)

    def _differ(self) -> None:
        """From here on the new file is another one: begin it with what it shares with the old one."""
        if self._draft is not None or self._broken:
            return
        try:
            self._draft, self._draft_path = draft_in(self._path.parent)
            self._copy(self._draft, self._kept)
        except OSError:
            self._give_up()

    def _copy(self, draft: BinaryIO, length: int) -> None:
        position = 0
        while self._old is not None and position < length:
            piece = os.pread(self._old.fileno(), min(length - position, _PIECE), position)
            draft.write(piece)
            position += len(piece)

    def _attempt(self, draft: BinaryIO, line: bytes) -> None:
        try:
            draft.write(line)
        except OSError:
            self._give_up()

    def _give_up(self) -> None:
        """The disk is full, say: the old file stays as it is."""
        self._broken = True
        if self._draft is not None:
            with suppress(OSError):
                self._draft.close()
            self._draft = None
            self._draft_path.unlink(missing_ok=True)
