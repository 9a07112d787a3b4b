"""Declared targets: where deliveries are handed on to, as the project file says it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from reconciler.core.errors import Location
from reconciler.settings.addresses import Place, is_address, place_of
from reconciler.settings.credentials import NOWHERE
from reconciler.settings.secrets import SecretReference
from reconciler.settings.urls import host, is_loopback


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpDeclaration:
    """`http:` of a target. `allow` are hosts that need not be on the public internet, where the operator agrees."""

    url: str
    secret: SecretReference
    allow: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonDeclaration:
    """`python:` of a target: the name of an entry point."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogDeclaration:
    """`log:` of a target: a file of the state folder, or standard output where it is empty."""

    file: str = ""
    payload: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetDeclaration:
    """One entry of `targets:`. Times are seconds; `attempts`, `first` and `longest` are those of retries."""

    to: HttpDeclaration | PythonDeclaration | LogDeclaration
    match: str = "*"
    ordered: bool = False
    concurrency: int = 16
    timeout: float = 30.0
    attempts: int = 20
    first: float = 5.0
    longest: float = 3600.0
    location: Location = NOWHERE


TO_THE_LOG = TargetDeclaration(to=LogDeclaration())
"""What holds where no target is declared."""


def check_target(url: str, declared: Collection[str], allowed: Collection[str]) -> None:
    """Refuse to hand deliveries on to a host that only the project file vouches for, unless it is on the internet.

    `declared` are the hosts of `allow:`, `allowed` those of RECONCILER_ALLOWED_HOSTS: what a pull request can edit must
    not send anything into the operator's network. This machine itself needs to be declared, and nothing else. What a
    name leads to is not known here; it is looked at when something is sent. Raises `ValueError`.
    """
    name = host(url)
    if is_loopback(name):
        if name not in declared:
            raise ValueError(f"deliveries are handed on to this machine only where `allow` lists {name!r}")
        return
    if name in declared and name not in allowed:
        raise ValueError(
            f"`allow` alone does not open an internal host: the operator must list {name!r} in RECONCILER_ALLOWED_HOSTS"
        )
    if name in declared:
        return
    if is_address(name) and place_of(name) is not Place.PUBLIC:
        raise ValueError(
            f"{name!r} is not on the public internet: `allow` must list it, and the operator in "
            "RECONCILER_ALLOWED_HOSTS"
        )
    if urlsplit(url).scheme != "https":
        raise ValueError(
            f"deliveries are handed on to {name!r} by https only, unless `allow` and RECONCILER_ALLOWED_HOSTS list it"
        )
