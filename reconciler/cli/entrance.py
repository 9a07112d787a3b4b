"""The way into the command. Loading it makes most of its objects, so garbage is told to wait before that."""

from __future__ import annotations

from importlib import import_module

from reconciler.cli import garbage


def main() -> None:
    """Run the command with the process's own arguments, and exit."""
    garbage.seldom()
    import_module("reconciler.cli.main").main()
