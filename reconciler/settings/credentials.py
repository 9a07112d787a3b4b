"""Declared credentials, resolved when a call needs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from reconciler.core.errors import ConfigError, Location, Problem
from reconciler.core.model import Secret
from reconciler.core.ports import Credentials
from reconciler.settings.secrets import SecretReader, SecretReference
from reconciler.settings.urls import ApiHome, check_api

NOWHERE = Location("", 0, 0)

ApiHomes = Callable[[str], ApiHome]
"""Provider name to where its API is, and which hosts need no leave."""


def no_homes(_: str) -> ApiHome:
    """Knows no API: every `api_url` but loopback needs RECONCILER_ALLOWED_HOSTS."""
    return ApiHome()


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialsDeclaration:
    """One entry of `credentials:`. `users` are those who may use it, None for everybody."""

    name: str
    provider: str
    fields: Mapping[str, SecretReference]
    api_url: str = ""
    users: frozenset[str] | None = None
    location: Location = NOWHERE


@dataclass(frozen=True, slots=True)
class DeclaredCredentials:
    """A `CredentialStore` over declarations: secrets are read anew at each `get`, so a changed file counts at once."""

    declarations: Mapping[str, CredentialsDeclaration]
    reader: SecretReader
    allowed_hosts: frozenset[str] = frozenset()
    api_homes: ApiHomes = no_homes

    def get(self, name: str) -> Credentials | None:
        """The credentials, or None where they are not declared.

        Raises `ConfigError` that names the credentials and the variable or file where a secret does not resolve, or
        where the API host is not allowed.
        """
        declaration = self.declarations.get(name)
        if declaration is None:
            return None
        try:
            check_api(self.api_homes(declaration.provider), declaration.api_url, self.allowed_hosts)
        except ValueError as error:
            raise self._problem(declaration, "api_url", str(error)) from None
        return Credentials(
            name=name,
            provider=declaration.provider,
            fields={field: self._secret(declaration, field) for field in declaration.fields},
            api_url=declaration.api_url,
        )

    def _secret(self, declaration: CredentialsDeclaration, field: str) -> Secret:
        try:
            return self.reader.read(declaration.fields[field])
        except ConfigError as error:
            raise self._problem(declaration, field, error.problems[0].message) from None

    @staticmethod
    def _problem(declaration: CredentialsDeclaration, field: str, message: str) -> ConfigError:
        text = f"credentials {declaration.name!r}: {field}: {message}"
        where = declaration.location if declaration.location.file else None
        return ConfigError((Problem("credentials", text, where),))
