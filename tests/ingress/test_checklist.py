"""The list of attacks is whole, and every test that it names is there."""

from __future__ import annotations

import re

from tests.docs.pages import ROOT, page

ROW = re.compile(r"^\| (?P<number>\d+) \| [^|]+ \| (?P<here>[^|]+) \| (?P<test>[^|]+) \|$", re.MULTILINE)


def test_each_attack_has_an_answer_and_a_test_or_a_reason() -> None:
    """Forty-eight of them, in their order."""
    rows = [*ROW.finditer(page("ingress-security"))]
    assert [int(row["number"]) for row in rows] == [*range(1, 49)]
    for row in rows:
        for test in row["test"].strip().split(", "):
            file, _, name = test.strip("`").partition("::")
            source = (ROOT / file).read_text()
            assert not name or f"def {name}(" in source, row[0]
            assert name or "cannot apply" in row["here"] or "test_" in file, row[0]
