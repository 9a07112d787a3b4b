"""YAML parsers that give events: libyaml's where PyYAML was built with it, else the pure one.

PyYAML's loaders are used for their event interface alone: their composers and constructors recurse.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import yaml


class EventParser(Protocol):
    """A parser that gives one event after the other and raises `yaml.YAMLError` where the text is not YAML."""

    def get_event(self) -> Any: ...


ParserFactory = Callable[[bytes], EventParser]
"""Opens a parser on the bytes of a file (UTF-8, no byte order mark)."""


def pure_parser(source: bytes) -> EventParser:
    """The parser that is written in Python: slow, always there."""
    return yaml.BaseLoader(source)


def fastest_parser(source: bytes) -> EventParser:
    """Libyaml's parser where it is available."""
    return yaml.CBaseLoader(source) if yaml.__with_libyaml__ else pure_parser(source)
