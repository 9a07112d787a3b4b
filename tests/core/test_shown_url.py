"""Somebody's URL, shown without what may be a token."""

from __future__ import annotations

import pytest

from reconciler.core.shown_url import shown_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://ci.acme.dev/github-webhook/", "https://ci.acme.dev/github-webhook/"),
        ("https://ci.acme.dev", "https://ci.acme.dev"),
        ("http://ci.acme.dev:8080/api/v2/events?token=t0ps3cret#part", "http://ci.acme.dev:8080/api/v2/events?..."),
        ("https://user:t0ps3cret@ci.acme.dev/in", "https://ci.acme.dev/in"),
        ("https://chat.acme.dev/services/T0K3NT0K3N/Xy", "https://chat.acme.dev/services/T0K3.../Xy"),
        ("https://chat.acme.dev/aVeryLongRunOfLetters", "https://chat.acme.dev/aVer..."),
        ("https://chat.acme.dev/averylongrunofletters", "https://chat.acme.dev/aver..."),
        ("https://[::1/in", "a malformed URL"),
    ],
)
def test_only_words_of_a_path_are_shown_whole(url: str, shown: str) -> None:
    """Scheme, host and words stay; user, query and fragment go, and other parts of the path are shortened."""
    assert shown_url(url) == shown
