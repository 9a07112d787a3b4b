"""What the engine notes on the way is told in words, and to machines in numbers."""

from __future__ import annotations

from reconciler.core.model import Json
from reconciler.wiring.progress import worded


def test_a_rate_limit_says_whose_it_is_how_long_it_lasts_and_what_waits() -> None:
    """Provider, credentials, the time, and how much is left to do."""
    told: list[tuple[str, dict[str, Json]]] = []
    tell = worded(lambda event, /, **details: told.append((event, details)), "alice")
    tell("rate_limited", provider="github", credentials="acme-github", until=1_700_003_600.4, left=120)
    ((event, details),) = told
    assert event == "rate_limited"
    assert details == {
        "level": "warning",
        "message": "github limits acme-github until 23:13:20 UTC; 120 left to do, others go on",
        "provider": "github",
        "credentials": "acme-github",
        "until": 1_700_003_600,
        "left": 120,
    }


def test_a_permission_that_is_not_known_is_told_in_words_with_more_logs_alone() -> None:
    """It refuses nothing, so it is no warning."""
    told: list[tuple[str, dict[str, Json]]] = []
    tell = worded(lambda event, /, **details: told.append((event, details)), "alice")
    tell("permission_unknown", provider="github", credentials="acme-github", reason="503")
    ((event, details),) = told
    assert event == "permission_unknown"
    assert details == {
        "level": "debug",
        "message": "what acme-github may do at github is not known, and left to the calls: 503",
        "provider": "github",
        "credentials": "acme-github",
    }
