"""Declared credentials, resolved when a call needs them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from reconciler.core.errors import ConfigError, Location, Problem
from reconciler.core.model import Secret
from reconciler.core.ports import Credentials
from reconciler.settings.secrets import SecretReader, SecretReference
from reconciler.settings.urls import check_api_host

NOWHERE = Location("", 0, 0)

ApiHosts = Callable[[str], Collection[str]]
"""Provider name to the API hosts that its built-in definition names."""


def no_hosts(_: str) -> Collection[str]:
    """Knows no API host: every `api_url` but loopback needs RECONCILER_ALLOWED_HOSTS."""
    return ()


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
    api_hosts: ApiHosts = no_hosts

    def get(self, name: str) -> Credentials | None:
        """The credentials, or None where they are not declared.

        Raises `ConfigError` that names the credentials and the variable or file where a secret does not resolve, or
        where the API host is not allowed.
        """
        declaration = self.declarations.get(name)
        if declaration is None:
            return None
        if declaration.api_url:
            try:
                check_api_host(declaration.api_url, self.api_hosts(declaration.provider), self.allowed_hosts)
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
