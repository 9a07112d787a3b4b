"""What every request to a provider has: the API's root, the credentials in their place, headers, quoted paths."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from reconciler.core.errors import ErrorKind, TerminalError
from reconciler.core.model import Json
from reconciler.core.ports import Credentials
from reconciler.providers.api_definition import ApiDefinition
from reconciler.providers.blocks.calls import BearerAuth, HeaderAuth, PathAuth
from reconciler.providers.paging import with_query
from reconciler.providers.rendering import quote_segment, render_path
from reconciler.providers.transport import Call

_API_URL: Final = re.compile(r"https?://[^/?#@\s]+(/[^?#\s]*)?")


class Requests:
    """Requests as one definition describes them. Raises `TerminalError` for credentials that do not fit."""

    def __init__(self, definition: ApiDefinition) -> None:
        self._definition = definition
        self._api, self._auth = definition.api, definition.auth
        self._constant = {"Accept": "application/json", **(definition.api.headers if definition.api else {})}

    def root(self, credentials: Credentials) -> str:
        """The root of the API that these credentials are for, without a slash at its end."""
        url = credentials.api_url or (self._api.url if self._api else "")
        if not _API_URL.fullmatch(url):
            message = f"the api_url of credentials {credentials.name!r} is not the http(s) URL of an API"
            raise TerminalError(message, kind=ErrorKind.INVALID)
        return url.rstrip("/")

    def headers(self, token: str, own: Mapping[str, str]) -> dict[str, str]:
        """The headers of a call: its own over those of every call, and the credentials."""
        headers = {**self._constant, **own}
        if isinstance(self._auth, BearerAuth):
            headers["Authorization"] = f"Bearer {token}"
        elif isinstance(self._auth, HeaderAuth):
            headers[self._auth.header] = f"{self._auth.prefix}{token}"
        return headers

    def token(self, credentials: Credentials) -> str:
        """The secret that a call is authorised with; empty where none is needed."""
        auth = self._auth
        if auth is None:
            return ""
        secret = credentials.fields.get(auth.field)
        if not secret:
            message = f"credentials {credentials.name!r} have no {auth.field!r}"
            raise TerminalError(message, kind=ErrorKind.AUTH)
        token = secret.reveal()
        # Neither a header nor a path can carry anything else, and the library's complaint would quote it.
        fits = token.isascii() and token.isprintable() and " " not in token
        if not fits or (isinstance(auth, PathAuth) and not re.fullmatch(auth.pattern, token)):
            raise self.bad_credentials(credentials)
        return token

    def path_token(self, token: str) -> dict[str, str]:
        """What `${token}` stands for in a path."""
        return {"token": quote_segment(token, self._auth.safe)} if isinstance(self._auth, PathAuth) else {}

    def read(self, credentials: Credentials, path: str, query: Mapping[str, Json], headers: Mapping[str, str]) -> Call:
        """A GET that is about the credentials alone."""
        token = self.token(credentials)
        url = self.root(credentials) + render_path(path, self.path_token(token))
        texts = {key: str(text) for key, text in query.items()}
        return Call(method="GET", url=with_query(url, texts) if texts else url, headers=self.headers(token, headers))

    def bad_credentials(self, credentials: Credentials) -> TerminalError:
        """The error for credentials that do not have the vendor's form."""
        message = f"credentials {credentials.name!r} do not look like those of {self._definition.title}"
        return TerminalError(message, kind=ErrorKind.AUTH)
