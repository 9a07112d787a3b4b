"""Which project this is: what a scope is bound to, and the commit that a plan was made at. Asks `git` where it is."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

_TIMEOUT_SECONDS = 5.0
_SCP_LIKE = re.compile(r"^(?:[^@/:]+@)?(?P<host>[^/:]+):(?P<path>(?!//).+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where the project file comes from. `binding` names the project for good, `commit` is empty outside Git."""

    binding: str
    commit: str = ""


def origin_of(project_file: Path) -> Origin:
    """The origin of a project file.

    In Git the remote `origin` without credentials and the file's path in the repository, the same for every clone;
    otherwise the resolved path.
    """
    path = project_file.resolve()
    top = _git(path.parent, "rev-parse", "--show-toplevel")
    if not top:
        return Origin(binding=str(path))
    commit = _git(path.parent, "rev-parse", "--verify", "--quiet", "HEAD")
    remote = _git(path.parent, "remote", "get-url", "origin")
    if not remote:
        return Origin(binding=str(path), commit=commit)
    return Origin(binding=f"{without_credentials(remote)}//{path.relative_to(Path(top).resolve())}", commit=commit)


def without_credentials(remote: str) -> str:
    """A Git remote as `host/path`: the same over HTTPS and SSH, without user, password and `.git`."""
    if "://" in remote:
        parts = urlsplit(remote)
        host, path = parts.netloc.rpartition("@")[2], parts.path
        name = f"{host}/{path.lstrip('/')}" if host else path
    elif match := _SCP_LIKE.match(remote):
        name = f"{match['host']}/{match['path'].lstrip('/')}"
    else:
        name = remote
    return name.rstrip("/").removesuffix(".git")


def _git(folder: Path, *arguments: str) -> str:
    """One line of Git's answer; empty where there is none, or no Git."""
    program = shutil.which("git")
    if not program:
        return ""
    return _answer([program, "-C", str(folder), *arguments])


def _answer(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - the program is `git`, and no argument comes from a manifest
            command, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
