"""Process settings from the environment, and the URLs in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.core.errors import ConfigError
from reconciler.settings.environment import read_settings
from reconciler.settings.urls import base_url, check_api_host


def test_an_empty_environment_says_nothing() -> None:
    """Every setting is absent, and an empty variable counts as absent."""
    settings = read_settings({"RECONCILER_BASE_URL": "", "RECONCILER_KEY": " "})
    assert (settings.base_url, settings.state, settings.key) == (None, None, None)
    assert (settings.allowed_hosts, settings.secret_dirs, settings.allow_exec) == (frozenset(), (), False)


def test_every_variable_is_read() -> None:
    """Lists are split, hosts are lowered, the slash at the end of the base URL goes."""
    settings = read_settings(
        {
            "RECONCILER_BASE_URL": "https://hooks.acme.dev/in/",
            "RECONCILER_STATE": "postgresql+psycopg://db/x",
            "RECONCILER_KEY": "canary",
            "RECONCILER_ALLOWED_HOSTS": "GHE.acme.dev, gitlab.acme.dev",
            "RECONCILER_SECRET_DIRS": "/etc/a:/etc/b",
            "RECONCILER_ALLOW_EXEC": "1",
        }
    )
    assert settings.base_url == "https://hooks.acme.dev/in"
    assert settings.state == "postgresql+psycopg://db/x"
    assert settings.key is not None
    assert settings.key.reveal() == "canary"
    assert settings.allowed_hosts == {"ghe.acme.dev", "gitlab.acme.dev"}
    assert settings.secret_dirs == (Path("/etc/a"), Path("/etc/b"))
    assert settings.allow_exec


def test_the_platforms_base_url_stands_in() -> None:
    """PLATFORM_BASE_URL is used where RECONCILER_BASE_URL is absent, and only there."""
    platform = {"PLATFORM_BASE_URL": "https://platform.dev"}
    assert read_settings(platform).base_url == "https://platform.dev"
    own = {**platform, "RECONCILER_BASE_URL": "https://own.dev"}
    assert read_settings(own).base_url == "https://own.dev"


def test_every_wrong_variable_is_told_by_name_at_once() -> None:
    """All problems come together, and no value is repeated."""
    with pytest.raises(ConfigError) as caught:
        read_settings(
            {
                "RECONCILER_BASE_URL": "https://user:canary@x.dev",
                "RECONCILER_ALLOWED_HOSTS": "https://ghe.acme.dev",
                "RECONCILER_SECRET_DIRS": "relative",
                "RECONCILER_ALLOW_EXEC": "perhaps",
            }
        )
    told = str(caught.value)
    assert [line.partition(":")[0] for line in sorted(told.splitlines())] == [
        "RECONCILER_ALLOWED_HOSTS",
        "RECONCILER_ALLOW_EXEC",
        "RECONCILER_BASE_URL",
        "RECONCILER_SECRET_DIRS",
    ]
    assert "canary" not in told


def test_settings_do_not_show_the_environment() -> None:
    """Neither the key, nor a password in the state URL, nor any variable is in the text form."""
    settings = read_settings(
        {"RECONCILER_KEY": "canary1", "RECONCILER_STATE": "postgresql://u:canary2@h/d", "T": "canary3"}
    )
    assert "canary" not in repr(settings)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://hooks.acme.dev", "https://hooks.acme.dev"),
        ("http://localhost:8080/", "http://localhost:8080"),
        ("https://[::1]:8/a/b//", "https://[::1]:8/a/b"),
    ],
)
def test_a_base_url_loses_its_last_slash(url: str, expected: str) -> None:
    """A valid base URL is kept but for slashes at its end."""
    assert base_url(url) == expected


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("hooks.acme.dev", "begins with https"),
        ("ftp://hooks.acme.dev", "begins with https"),
        ("https://", "no host"),
        ("https:///path", "no host"),
        ("https://u:canary@h.dev", "user name or password"),
        ("https://canary@h.dev", "user name or password"),
        ("https://h.dev/?a=canary", "query"),
        ("https://h.dev/?", "query"),
        ("https://h.dev/#canary", "fragment"),
        ("https://h.dev:port", "not a valid URL"),
        ("https://[::1", "not a valid URL"),
        ("https://h.dev/ x", "spaces"),
        ("https://h.dev\\@evil.dev", "backslashes"),
        ("https://h.dev/\n", "control characters"),
    ],
)
def test_a_base_url_that_is_none_is_refused(url: str, words: str) -> None:
    """The refusal says what is wrong and does not repeat the URL."""
    with pytest.raises(ValueError, match=words) as caught:
        base_url(url)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.acme.dev/v3",
        "https://API.acme.dev./v3",
        "http://127.0.0.1:8080/x",
        "http://127.8.8.8",
        "http://localhost:9",
        "http://[::1]:9",
        "http://inside.dev/api",
    ],
)
def test_named_loopback_and_allowed_hosts_may_be_called(url: str) -> None:
    """The definition's hosts over TLS, loopback, and what the operator allows."""
    check_api_host(url, {"api.acme.dev"}, {"inside.dev"})


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.dev",
        "http://api.acme.dev",
        "https://api.acme.dev.evil.dev",
        "https://localhost.evil.dev",
        "https://127.0.0.1.evil.dev",
        "https://0.0.0.0",
        "https://10.0.0.1",
        "https://x.inside.dev",
    ],
)
def test_any_other_host_is_refused_naming_the_variable(url: str) -> None:
    """Credentials do not go to a host that only the repository names, nor unprotected."""
    with pytest.raises(ValueError, match="RECONCILER_ALLOWED_HOSTS"):
        check_api_host(url, {"api.acme.dev"}, {"inside.dev"})
