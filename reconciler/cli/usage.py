"""Usage errors in plain words, without those of the libraries that found them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer

_PLAINER = (
    (re.compile(r"\bValue error, "), ""),
    (re.compile(r"\bInput should be "), "must be "),
    (re.compile(r", unable to parse \w+ as an? \w+$"), ""),
)


def usage_text(error: typer.TyperException, program: str) -> str:
    """What is wrong, and the command that shows the right usage."""
    context = getattr(error, "ctx", None)
    verb = " ".join([program, *_verbs(context)])
    return f"{_message(error, context)}\nTry `{verb} --help`."


def _message(error: typer.TyperException, context: Any) -> str:
    if getattr(error, "option_name", "") == "--dry-run" and context is not None and context.info_name == "plan":
        return "`plan` is the dry run by itself: leave --dry-run out"
    text = error.format_message()
    for words, plainer in _PLAINER:
        text = words.sub(plainer, text)
    return text


def _verbs(context: Any) -> Iterator[str]:
    """The words of the verb, without the arguments that a command's usage shows between them."""
    if context is not None and context.parent is not None:
        yield from _verbs(context.parent)
        yield str(context.info_name)
