"""Declared credentials are resolved by name when they are needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.core.errors import ConfigError, Location
from reconciler.core.model import Secret
from reconciler.core.ports import CredentialStore
from reconciler.settings.credentials import CredentialsDeclaration, DeclaredCredentials
from reconciler.settings.secrets import SecretReader, SecretReference
from reconciler.settings.urls import ApiHome


def store(root: Path, environment: dict[str, str], api_url: str = "") -> CredentialStore:
    """A store of one declaration, `main` at the provider acme."""
    declaration = CredentialsDeclaration(
        name="main",
        provider="acme",
        fields={"token": SecretReference("env", "TOKEN"), "app_id": SecretReference("env", "APP")},
        api_url=api_url,
        location=Location("reconciler.yaml", 5, 3),
    )
    return DeclaredCredentials(
        {"main": declaration},
        SecretReader(root, environment),
        api_homes=lambda _: ApiHome("https://api.acme.dev", {"api.acme.dev"}),
    )


def test_credentials_are_resolved_field_by_field(tmp_path: Path) -> None:
    """Every declared field becomes a secret, and the API root goes along."""
    found = store(tmp_path, {"TOKEN": "t", "APP": "a"}, "https://api.acme.dev/v3").get("main")
    assert found is not None
    assert (found.name, found.provider, found.api_url) == ("main", "acme", "https://api.acme.dev/v3")
    assert found.fields == {"token": Secret("t"), "app_id": Secret("a")}


def test_a_name_that_is_not_declared_is_none(tmp_path: Path) -> None:
    """The engine decides what an unknown name means."""
    assert store(tmp_path, {}).get("other") is None


def test_a_changed_variable_counts_at_once(tmp_path: Path) -> None:
    """Nothing is kept from one call to the next."""
    environment = {"TOKEN": "t1", "APP": "a"}
    credentials = store(tmp_path, environment)
    credentials.get("main")
    environment["TOKEN"] = "t2"
    found = credentials.get("main")
    assert found is not None
    assert found.fields["token"] == Secret("t2")


def test_what_does_not_resolve_is_named(tmp_path: Path) -> None:
    """The message names the credentials, the field and the variable, and where they are declared."""
    with pytest.raises(ConfigError) as caught:
        store(tmp_path, {"TOKEN": "canary"}).get("main")
    assert str(caught.value) == (
        "reconciler.yaml:5:3: credentials 'main': app_id: the environment variable APP is not set"
    )


def test_no_secret_is_resolved_for_a_host_that_is_not_allowed(tmp_path: Path) -> None:
    """The host is checked before any secret is read."""
    with pytest.raises(ConfigError, match="RECONCILER_ALLOWED_HOSTS"):
        store(tmp_path, {}, "https://evil.dev").get("main")


def test_a_definitions_own_host_is_not_vouched_for_by_itself(tmp_path: Path) -> None:
    """No `api_url`, but a definition of the project's own that leads elsewhere: the secret is not even read."""
    declaration = CredentialsDeclaration(
        name="main", provider="evil", fields={"token": SecretReference("env", "CANARY")}
    )
    store = DeclaredCredentials(
        {"main": declaration}, SecretReader(tmp_path, {}), api_homes=lambda _: ApiHome("https://evil.example")
    )
    with pytest.raises(ConfigError, match=r"evil\.example.*RECONCILER_ALLOWED_HOSTS"):
        store.get("main")
