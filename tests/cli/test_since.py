"""Times as people say them."""

import pytest

from reconciler.cli.since import since

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("30s", NOW - 30),
        ("5m", NOW - 300),
        (" 2h ", NOW - 7200),
        ("3d", NOW - 259_200),
        ("1w", NOW - 604_800),
        ("2026-11-24", 1_795_478_400.0),
        ("2026-11-24T10:00:00Z", 1_795_514_400.0),
        ("2026-11-24T10:00:00+02:00", 1_795_507_200.0),
    ],
)
def test_a_time_is_an_age_or_a_moment(text: str, moment: float) -> None:
    """Ages count from now; a moment without an offset is UTC."""
    assert since(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "2", "2 hours", "-2h", "yesterday", "9999999d", "2026-13-01"])
def test_anything_else_is_told(text: str) -> None:
    """With words on how to write it."""
    with pytest.raises(ValueError, match="write 30m, 2h, 3d"):
        since(text, NOW)
