"""References to secrets: `env/NAME` and `file/PATH`; never the secret itself, and never a place that is not allowed.

Whoever can edit the project must not be able to read the operator's files with it, so a file outside the project and
`/run/secrets` is refused, symbolic links followed first. No message repeats a text that may be a secret.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from reconciler.core.errors import ConfigError, Problem
from reconciler.core.model import Secret

MAX_BYTES = 64 * 1024
RUN_SECRETS = Path("/run/secrets")
STATE_FOLDER = ".reconciler"
REFERENCE_PATTERN = r"^(env/[A-Za-z_][A-Za-z0-9_]*|file/[^\x00]+)$"

_RESERVED = ("exec", "vault")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_OWN_VARIABLES = frozenset({"RECONCILER_KEY", "RECONCILER_STATE"})


@dataclass(frozen=True, slots=True)
class SecretReference:
    """Where a secret is to be found: `kind` is `env` or `file`, `target` the variable or path."""

    kind: str
    target: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.target}"


def parse_reference(text: str) -> SecretReference:
    """Read a reference; raises `ConfigError` for a literal or a reserved kind, without repeating the text."""
    kind, slash, target = text.partition("/")
    if kind in _RESERVED and slash:
        _refuse(f"references that begin with '{kind}/' are reserved: this version does not support them")
    if kind == "env" and slash:
        if not _NAME.fullmatch(target):
            _refuse("expected the name of an environment variable after 'env/'")
        if target in _OWN_VARIABLES:
            _refuse(f"the variable {target} is the reconciler's own and cannot be used as a secret")
    elif kind == "file" and slash:
        if not target or "\0" in target:
            _refuse("expected a path after 'file/'")
    else:
        _refuse("expected a reference such as env/NAME or file/PATH, never the secret itself")
    return SecretReference(kind, target)


@dataclass(frozen=True, slots=True)
class SecretReader:
    """Resolves references: variables from `environment`, files below `root` (the project's folder) and `folders`.

    A relative path is relative to `root`.
    """

    root: Path
    environment: Mapping[str, str] = field(repr=False)
    folders: tuple[Path, ...] = ()

    def read(self, reference: SecretReference) -> Secret:
        """The secret, without the line break at its end; raises `ConfigError` that says what is missing."""
        if reference.kind == "env":
            return self._variable(reference.target)
        return self._file(reference)

    def check(self, reference: SecretReference) -> None:
        """Refuse a place that is not allowed, whether or not there is a secret; raises `ConfigError`."""
        if reference.kind == "file":
            self._allowed_path(reference)

    def _variable(self, name: str) -> Secret:
        value = self.environment.get(name)
        if value is None:
            _refuse(f"the environment variable {name} is not set")
        return _secret(value, f"the environment variable {name}")

    def _file(self, reference: SecretReference) -> Secret:
        path = self._allowed_path(reference)
        try:
            with open(path, "rb", opener=_open_strictly) as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    _refuse(f"{reference} is not a regular file")
                data = file.read(MAX_BYTES + 1)
        except OSError as error:
            _refuse(f"{reference} cannot be read: {error.strerror}")
        if len(data) > MAX_BYTES:
            _refuse(f"{reference} is larger than {MAX_BYTES // 1024} KiB")
        try:
            text = data.decode()
        except UnicodeDecodeError:
            _refuse(f"{reference} is not UTF-8 text")
        return _secret(text, str(reference))

    def _allowed_path(self, reference: SecretReference) -> Path:
        root = self.root.resolve()
        try:
            path = (root / reference.target).resolve()
        except (OSError, RuntimeError):
            _refuse(f"{reference} is a symbolic link that leads nowhere")
        if path.is_relative_to(root / STATE_FOLDER):
            _refuse(f"{reference} lies in the reconciler's own state folder and cannot be used as a secret")
        if not any(path.is_relative_to(folder) for folder in self._folders(root)):
            _refuse(
                f"{reference} lies outside {RUN_SECRETS} and the project: the operator can allow its folder in "
                "RECONCILER_SECRET_DIRS"
            )
        return path

    def _folders(self, root: Path) -> Iterator[Path]:
        yield root
        for folder in (RUN_SECRETS, *self.folders):
            yield folder.resolve()


def _secret(text: str, source: str) -> Secret:
    value = text.rstrip("\r\n")
    if not value.strip():
        _refuse(f"{source} is empty")
    return Secret(value)


def _open_strictly(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)


def _refuse(message: str) -> NoReturn:
    raise ConfigError((Problem("secret", message),)) from None
