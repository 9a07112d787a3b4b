"""What the site needs beyond the pages as they stand in the repository.

Pages are written to be read in the repository too: they link to examples and definitions outside of `docs/`, and their
fenced blocks say after the language what the tests check them as. Here those files join the site under `files/`, and
a block's opening line becomes what MkDocs understands: the language, and the title where it has one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
FILES = "files"

_LINK = re.compile(r"(?<=\]\()(?P<path>(?!https?:|mailto:|#)[^)#\s]+)(?P<anchor>#[^)\s]*)?(?=\))")
_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[\w-]+)(?P<info>[^\n`]*)$", re.MULTILINE)
_TITLE = re.compile(r'title="[^"\n]+"')


def on_files(files: Files, *, config: Any) -> Files:
    """Add whatever the pages link to and the folder of the documentation does not hold."""
    waiting = [Path(file.abs_src_path) for file in files.documentation_pages() if file.abs_src_path]
    while waiting:
        source = waiting.pop()
        for target in _outside(source):
            uri = f"{FILES}/{target.relative_to(ROOT).as_posix()}"
            if files.get_file_from_path(uri) is None:
                files.append(File.generated(config, uri, abs_src_path=str(target)))
                waiting += [target] if target.suffix == ".md" else []
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """The page with the links and fences of the site."""
    source = Path(page.file.abs_src_path)
    here = Path(page.file.src_uri).parent.as_posix()

    def led(match: re.Match[str]) -> str:
        uri = _uri((source.parent / match["path"]).resolve())
        return f"{os.path.relpath(uri, here)}{match['anchor'] or ''}" if uri else match[0]

    def fenced(match: re.Match[str]) -> str:
        title = _TITLE.search(match["info"])
        return f"{match['indent']}```{match['language']}{f' {title[0]}' if title else ''}"

    return _FENCE.sub(fenced, _LINK.sub(led, markdown))


def _outside(source: Path) -> Iterator[Path]:
    for match in _LINK.finditer(source.read_text(encoding="utf-8")):
        target = (source.parent / match["path"]).resolve()
        if target.is_file() and target.is_relative_to(ROOT) and not target.is_relative_to(DOCS):
            yield target


def _uri(target: Path) -> str:
    """Where a file of the repository is on the site; empty where there is no such file, for MkDocs to tell."""
    if not target.is_file() or not target.is_relative_to(ROOT):
        return ""
    return (
        target.relative_to(DOCS).as_posix()
        if target.is_relative_to(DOCS)
        else f"{FILES}/{target.relative_to(ROOT).as_posix()}"
    )
