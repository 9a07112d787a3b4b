"""Nearest names, paths and packaged folders."""

from __future__ import annotations

import pytest

from reconciler.core.errors import ReconcilerError
from reconciler.documents.nearest import nearest, quoted, suggestion
from reconciler.documents.packaged import packaged, providers_folder, schemas_folder
from reconciler.documents.positions import path_text


@pytest.mark.parametrize(
    ("name", "expected"), [("eventz", "events"), ("EVENTS", "events"), ("provder", "provider"), ("zzz", None)]
)
def test_the_nearest_name_is_found_whatever_its_case(name: str, expected: str | None) -> None:
    """A typo finds the name that it most likely meant, nonsense finds none."""
    assert nearest(name, ["provider", "events", "type"]) == expected


def test_without_a_near_name_the_valid_ones_are_listed() -> None:
    """A short list is shown in full, a long one is cut, none at all is silence."""
    assert suggestion("zzz", ["b", "a"]) == "known: a, b"
    assert suggestion("zzz", [f"n{n:02}" for n in range(20)]).endswith("n11 and 8 more")
    assert suggestion("zzz", []) == ""


def test_shown_names_are_escaped_and_cut() -> None:
    """A name cannot write to the terminal, nor fill it."""
    assert quoted("a\x1b[2J") == r"'a\x1b[2J'"
    assert len(quoted("x" * 500)) < 70


def test_a_path_reads_like_code() -> None:
    """Keys stand after dots, indexes and odd keys in brackets."""
    assert path_text(("triggers", 0, "events", 1)) == "triggers[0].events[1]"
    assert path_text(("credentials", "a.b", "token")) == "credentials['a.b'].token"
    assert path_text(()) == ""


def test_packaged_folders_are_found() -> None:
    """The definitions and schemas that come with the package are there, in a checkout as in a wheel."""
    assert providers_folder().name == "providers.d"
    assert (schemas_folder() / "manifest.schema.json").is_file()
    with pytest.raises(ReconcilerError, match="install the package again"):
        packaged("no-such-folder")
