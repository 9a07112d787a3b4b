"""The documentation as data: pages, fenced blocks, tables, console sessions."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

OURS = ("index", "files", "cli", "library", "sandbox", "provider-format")
"""The pages whose words and blocks are checked."""

STORIES = (
    "tutorial",
    "how-to/ci",
    "how-to/postgres",
    "how-to/existing-webhooks",
    "how-to/drift",
    "how-to/leftovers",
    "how-to/dispatch",
    "how-to/missed-deliveries",
    "how-to/self-hosted",
    "how-to/write-a-provider",
)
"""Pages that are one session from an empty folder to their end: what they show is written and run in its order."""

PROSE = ("concepts", "limits", "how-to/embed", "how-to/ingress", "ingress-security")
"""Pages that explain; what they show is checked where it stands for a file, and run where it is a program."""

_FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_TITLE = re.compile(r' title="(?P<title>[^"\n]+)"')
_HEADING = re.compile(r"^#{1,6} +(?P<title>.+)$", re.MULTILINE)
_CODE = re.compile(r"`([^`]+)`")
_CELL = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True)
class Block:
    """A fenced block; `info` is what stands after the opening fence, without the `title` that names a file."""

    page: str
    info: str
    text: str
    title: str = ""


@dataclass(frozen=True)
class Command:
    """A line of a console session and what is shown below it."""

    arguments: tuple[str, ...]
    shown: tuple[str, ...]


def page(name: str) -> str:
    """The text of a page, by its path below `docs/`; `../README` is the repository's own."""
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


def blocks(name: str, info: str = "") -> list[Block]:
    """The fenced blocks of a page, in order; only those with this info string where one is given."""
    found = [_block(name, match["info"], match["text"]) for match in _FENCE.finditer(page(name))]
    return [block for block in found if info in {"", block.info}]


def _block(name: str, info: str, text: str) -> Block:
    title = _TITLE.search(info)
    return Block(name, _TITLE.sub("", info), text, title["title"] if title else "")


def prose(name: str) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub("", page(name))


def headings(name: str) -> list[str]:
    """The headings of a page, as written."""
    return [match["title"] for match in _HEADING.finditer(prose(name))]


def table(name: str, *columns: str) -> list[dict[str, str]]:
    """The rows of all tables of a page whose header begins with these columns."""
    return [row for rows in _tables(prose(name)) for row in rows if tuple(row)[: len(columns)] == columns]


def table_after(name: str, line: str) -> list[dict[str, str]]:
    """The rows of the first table after the line that begins so."""
    _, found, rest = prose(name).partition(f"\n{line}")
    assert found, f"{name}.md has no line that begins with {line!r}"
    return next(_tables(rest))


def codes(cell: str) -> list[str]:
    """What a cell holds in code quotes."""
    return _CODE.findall(cell.replace("\\|", "|"))


def code(cell: str) -> str:
    """The one text in code quotes that a cell begins with."""
    return codes(cell)[0]


def lines(block: Block) -> list[tuple[str, tuple[str, ...]]]:
    """The lines that a console session runs, each with what is shown below it."""
    sessions = [session.splitlines() for session in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]]
    return [(line, tuple(shown)) for line, *shown in sessions]


def commands(name: str) -> list[Command]:
    """The commands of a page's console sessions, in order."""
    found: list[Command] = []
    for block in blocks(name, "console"):
        for line, shown in lines(block):
            program, *arguments = shlex.split(line, comments=True)
            assert program == "reconcile", f"{name}.md: a console block runs `reconcile` only"
            found.append(Command(tuple(arguments), shown))
    return found


def is_shown(shown: Sequence[str], printed: Sequence[str]) -> bool:
    """Whether what was printed is what a page shows: `...` stands for any lines, and inside a line for any text."""
    if not shown:
        return not printed
    if shown[0] == "...":
        return any(is_shown(shown[1:], printed[start:]) for start in range(len(printed) + 1))
    return bool(printed) and _same_line(shown[0], printed[0]) and is_shown(shown[1:], printed[1:])


def _same_line(shown: str, printed: str) -> bool:
    pattern = ".*".join(re.escape(part) for part in shown.split("..."))
    return re.fullmatch(pattern, printed) is not None


def _tables(text: str) -> Iterator[list[dict[str, str]]]:
    rows: list[list[str]] = []
    for line in [*text.splitlines(), ""]:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in _CELL.split(line)[1:-1]])
        elif rows:
            header, _, *body = rows
            yield [dict(zip(header, cells, strict=True)) for cells in body]
            rows = []
