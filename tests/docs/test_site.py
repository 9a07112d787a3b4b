"""The generated pages are fresh, and the site is whole."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.cli import lazy
from reconciler.documents.compose import compose
from reconciler.providers.catalogue import known_definitions
from scripts.generate_docs import FOLDER, PAGES, rendered
from tests.docs.pages import DOCS, ROOT, headings, table

pytestmark = pytest.mark.stories


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_the_one_of_the_code(name: str) -> None:
    """A change of a verb, a model or a definition needs a run of `scripts/generate_docs.py` (`make reference`)."""
    assert (FOLDER / f"{name}.md").read_text(encoding="utf-8") == rendered(name)


def test_the_reference_holds_every_verb_and_every_provider() -> None:
    """None is forgotten by the generator; no page stands beside those that it writes."""
    verbs = {title.removeprefix("reconcile ") for title in headings("reference/cli") if title.startswith("reconcile")}
    assert {"reconcile" if verb == "pass" else verb for verb in lazy.MODULES} <= verbs
    shown = {re.sub(r"\[(.+)\].*", r"\1", row["provider"]) for row in table("reference/providers", "provider", "type")}
    assert shown == set(known_definitions())
    assert {path.stem for path in FOLDER.glob("*.md")} == set(PAGES)


def test_the_navigation_holds_every_page_once() -> None:
    """So that none is only found by chance."""
    (document,) = compose((ROOT / "mkdocs.yml").read_bytes(), "mkdocs.yml").documents
    found: list[str] = []
    for entry in document.value["nav"]:
        found += [entry] if isinstance(entry, str) else [page for pages in entry.values() for page in pages]
    assert sorted(found) == sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    """Every link leads somewhere, files outside of the documentation come along, and every block is one."""
    done = subprocess.run(  # noqa: S603 - our own site
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > len(list(DOCS.rglob("*.md")))
    assert [page for page in pages if "```" in page.read_text(encoding="utf-8")] == []
    assert (tmp_path / "files" / "providers.d" / "github.yaml").is_file()
