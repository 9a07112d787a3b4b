"""What the contract suite found out about a definition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.core.model import Json
from reconciler.render.painter import Painter, Style, clean, columns, counted


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case; `broken` is the sentence that tells the broken promise, empty where it was kept."""

    case: str
    about: str
    broken: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One type's cases; or why none was tried, in `untested`. A `manual` type has nothing that could be tried."""

    address: str
    cases: Sequence[CaseResult] = ()
    untested: str = ""
    manual: bool = False

    @property
    def kept(self) -> bool:
        """Whether no promise is broken."""
        return not any(case.broken for case in self.cases)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """All types of a definition. `against` says what was called, `never` what no such trial can show.

    `way_out` is what to do where no type could be tried.
    """

    provider: str
    against: str
    types: Sequence[Trial]
    never: Sequence[str]
    way_out: str

    @property
    def kept(self) -> bool:
        """Whether no promise is broken."""
        return all(trial.kept for trial in self.types)

    @property
    def tested(self) -> bool:
        """Whether a case was run at all."""
        return any(trial.cases for trial in self.types)

    @property
    def passed(self) -> bool:
        """Whether promises were kept, and none is broken. Where all types are manual there is nothing to promise."""
        return self.kept and (self.tested or all(trial.manual for trial in self.types))


def trials_text(trials: Trials, painter: Painter) -> str:
    """Each case on a line, what was not tested, and a summary."""
    lines = [f"{clean(trials.provider)}: the definition is valid."]
    lines += [f"Tried against {clean(trials.against)}."] if trials.tested else []
    for trial in trials.types:
        lines.append(painter.paint(clean(trial.address), Style.STRONG))
        if trial.untested:
            lines.append(painter.paint(f"    not tested: {clean(trial.untested)}", Style.CHANGE))
        rows = [("broken" if case.broken else "kept", case.case, case.broken or case.about) for case in trial.cases]
        for case, line in zip(trial.cases, columns(rows), strict=True):
            lines.append(painter.paint(f"    {line}", Style.BAD if case.broken else Style.GOOD))
    if not trials.tested:
        return "\n".join([*lines, *_nothing(trials, painter)])
    lines += ["Not tested by this:", *(f"    {clean(text)}" for text in trials.never)]
    return "\n".join([*lines, painter.paint(_summary(trials), Style.STRONG)])


def trials_json(trials: Trials) -> dict[str, Json]:
    """The same as JSON values."""
    return {
        "provider": trials.provider,
        "against": trials.against,
        "kept": trials.kept,
        "tested": trials.tested,
        "types": [
            {
                "address": trial.address,
                "untested": trial.untested or None,
                "cases": [
                    {"case": case.case, "kept": not case.broken, "message": case.broken or None} for case in trial.cases
                ],
            }
            for trial in trials.types
        ],
        "never": list(trials.never),
    }


def _nothing(trials: Trials, painter: Painter) -> list[str]:
    """Said so that nobody takes it for a pass."""
    if trials.passed:
        sentence = "NOTHING WAS TESTED: every type is manual, so that there is nothing to call."
        return [painter.paint(sentence, Style.STRONG)]
    sentence = "NOTHING WAS TESTED, and this is no pass: no type could be tried, for the reasons above."
    return [painter.paint(sentence, Style.BAD), f"Next: {clean(trials.way_out)}."]


def _summary(trials: Trials) -> str:
    cases = [case for trial in trials.types for case in trial.cases]
    broken = sum(bool(case.broken) for case in cases)
    untested = sum(bool(trial.untested) for trial in trials.types)
    words = f"{counted(len(cases) - broken, 'promise')} kept, {broken} broken"
    return f"{words}; {counted(untested, 'type')} not tested." if untested else f"{words}."
