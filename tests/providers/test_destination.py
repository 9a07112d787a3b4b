"""Where a call goes, by its URL."""

from __future__ import annotations

import pytest

from reconciler.providers.destination import Destination, destination_of


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.acme.dev", Destination("https", "api.acme.dev", None, "api.acme.dev", "/")),
        ("https://API.acme.dev:443/a", Destination("https", "api.acme.dev", None, "api.acme.dev", "/a")),
        ("http://api.acme.dev:8080/?a=b", Destination("http", "api.acme.dev", 8080, "api.acme.dev:8080", "/?a=b")),
        ("http://[::1]:1/a", Destination("http", "::1", 1, "[::1]:1", "/a")),
        ("http://me:word@a.test/", Destination("http", "a.test", None, "a.test", "/")),
        ("https://b\u00fccher.test/", Destination("https", "xn--bcher-kva.test", None, "xn--bcher-kva.test", "/")),
        (
            "http://a.test/p%2Fq/\u00fc z?x=%20&y= #end",
            Destination("http", "a.test", None, "a.test", "/p%2Fq/%C3%BC%20z?x=%20&y=%20"),
        ),
        (
            "http://a.test/a:b@c;d=e,f!g~h*(i)'j'?k=/?",
            Destination("http", "a.test", None, "a.test", "/a:b@c;d=e,f!g~h*(i)'j'?k=/?"),
        ),
    ],
)
def test_a_url_is_taken_apart(url: str, expected: Destination) -> None:
    """What is encoded stays so, what cannot be carried is encoded, and neither a fragment nor a user is sent."""
    assert destination_of(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.test/",
        "//a.test/",
        "http:///a",
        "http://[::1",
        "http://a\x00b/",
        "http://a b/",
        "http://a.test:x/",
        f"http://{64 * chr(252)}.test/",
    ],
)
def test_what_http_cannot_reach_is_refused(url: str) -> None:
    """Another scheme, no host or port, or one that is not spelt like any."""
    with pytest.raises(ValueError, match=r"URL|[Pp]ort|label|netloc|hostname"):
        destination_of(url)
