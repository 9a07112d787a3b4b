"""YAML as people scribble it: comments, blank lines and styles in every place, made by chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

T = TypeVar("T")

SCALARS = ("x", "1", "'q'", '"d"', "a b", "", "~", "'it''s'", "22:22", "on", "a#b")


class Chance(Protocol):
    """What decides, such as Python's `Random`."""

    def random(self) -> float: ...

    def randrange(self, start: int, stop: int | None = None) -> int: ...

    def choice(self, options: Sequence[T]) -> T: ...

    def sample(self, population: Sequence[T], k: int) -> list[T]: ...


@dataclass
class Scribbler:
    """Writes one text; every comment is one of a kind."""

    chance: Chance
    lines: list[str] = field(default_factory=list)
    count: int = 0

    def comment(self) -> str:
        """A comment, numbered."""
        self.count += 1
        return f"# c{self.count}"

    def beside(self) -> str:
        """Mostly nothing, sometimes a comment at the end of a line."""
        return f" {self.comment()}" if self.chance.random() < 0.25 else ""

    def above(self, indent: int) -> None:
        """Lines of comment, and blank ones."""
        for _ in range(self.chance.choice([0, 0, 0, 1, 2])):
            column = max(0, indent + self.chance.choice([-2, 0, 0, 0, 2]))
            self.lines.append(self.chance.choice(["", " " * column + self.comment()]))

    def flow(self, depth: int = 0) -> str:
        """A value in brackets, or a scalar."""
        kind = self.chance.randrange(3 if depth < 2 else 1)
        if kind == 0:
            return self.chance.choice(SCALARS[:5])
        break_off = "\n" + " " * 20
        gaps = [",", ", ", f",{break_off}", f", {self.comment()}{break_off}"]
        values = [self.flow(depth + 1) for _ in range(self.chance.randrange(4))]
        first = self.chance.choice(["", " ", f"{self.comment()}{break_off}"])
        if kind == 1:
            return "[" + first + self.chance.choice(gaps).join(values) + "]"
        return "{" + self.chance.choice(gaps).join(f"k{n}: {value}" for n, value in enumerate(values)) + "}"

    def value(self, opening: str, indent: int, depth: int) -> None:
        """A value after its key or dash."""
        kind = self.chance.randrange(7) if depth < 4 else 0
        item = opening.endswith("-")
        if kind == 1:
            self.lines.append(f"{opening} {self.flow()}{self.beside()}")
        elif kind == 2:
            self.lines.append(opening + self.beside())
            self.sequence(indent + (2 if item else self.chance.choice([0, 2, 3])), depth + 1)
        elif kind == 3 and not item:
            self.lines.append(opening + self.beside())
            self.mapping(indent + self.chance.choice([1, 2, 4]), depth + 1)
        elif kind == 4 and item:
            self.mapping(indent + 2, depth + 1, f"{opening} ")
        elif kind == 5:
            self.lines.append(f"{opening} {self.chance.choice(['|', '>', '|-', '>-', '|2'])}{self.beside()}")
            body = [" " * (indent + 2) + word for word in self.chance.sample(["t", "  u", "# no", "v"], 2)]
            self.lines += [*body, "", " " * (indent + 2) + "z"]
        elif kind == 6:
            self.lines.append(f'{opening} "m\n{" " * (indent + 1)}n"{self.beside()}')
        else:
            self.lines.append(f"{opening} {self.chance.choice(SCALARS)}{self.beside()}")

    def mapping(self, indent: int, depth: int, opening: str = "") -> None:
        """A mapping; its first key may stand behind a dash."""
        for key in self.chance.sample(["a", "b", "e", "z", "'q'"], self.chance.randrange(1, 4)):
            if not opening:
                self.above(indent)
            self.value((opening or " " * indent) + f"{key}:", indent, depth)
            opening = ""
        self.above(indent)

    def sequence(self, indent: int, depth: int) -> None:
        """A list."""
        for _ in range(self.chance.randrange(1, 4)):
            self.above(indent)
            self.value(" " * indent + "-", indent, depth)


def scribbled(chance: Chance) -> bytes:
    """One or two documents; not all of them are valid YAML."""
    scribbler = Scribbler(chance)
    for number in range(chance.choice([1, 1, 2])):
        if number or chance.random() < 0.2:
            scribbler.lines.append("---" + scribbler.beside())
        scribbler.mapping(0, 0)
    return ("\n".join(scribbler.lines) + "\n").encode()
