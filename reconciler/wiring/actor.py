"""Who runs this process, and where: for the audit log."""

from __future__ import annotations

import getpass
import os
import socket
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """A person or an account of the machine, and the machine's name."""

    user: str
    host: str


def present_actor() -> Actor:
    """The account that this process runs as; its number where it has no name."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # KeyError until Python 3.12
        user = f"uid {os.getuid()}"
    return Actor(user=user, host=socket.gethostname())
