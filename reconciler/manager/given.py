"""Credentials that come with a call, as the engine's store of them."""

from __future__ import annotations

from collections.abc import Collection

from reconciler.core.errors import ConfigError, Problem
from reconciler.core.ports import Credentials
from reconciler.settings.urls import ApiHome, check_api


def checked(
    credentials: Credentials | None, provider: str, home: ApiHome, allowed_hosts: Collection[str]
) -> Credentials:
    """The credentials, fit to be sent to a provider.

    Raises `TypeError` unless they are some, and `ConfigError` for another provider's, for an empty name, and for an
    API at a host that neither a built-in definition nor the operator names: a platform's users may have written it.
    """
    if not isinstance(credentials, Credentials):
        raise TypeError(f"{provider} is called with credentials: give a Credentials, not {type(credentials).__name__}")
    if credentials.provider != provider:
        raise _refusal(f"credentials {credentials.name!r} are for {credentials.provider}, not for {provider}")
    if not credentials.name:
        raise _refusal("credentials need a name: webhooks are told apart by it")
    try:
        check_api(home, credentials.api_url, allowed_hosts)
    except ValueError as error:
        raise _refusal(f"credentials {credentials.name!r}: api_url: {error}") from None
    return credentials


def _refusal(message: str) -> ConfigError:
    return ConfigError((Problem("credentials", message),))


class Given:
    """A `CredentialStore` that holds what one call was given: its caller answers for their fitting the webhook."""

    def __init__(self, credentials: Credentials | None) -> None:
        self._credentials = credentials

    def get(self, name: str) -> Credentials | None:
        """The given credentials, whatever their name is by now; `ConfigError` where none were given."""
        if self._credentials is None:
            raise _refusal(f"no credentials were given in the place of {name!r}")
        return self._credentials
