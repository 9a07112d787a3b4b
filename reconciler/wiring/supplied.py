"""Secrets that users supply, looked at before they are kept. It loads cryptography, so only where there is one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from reconciler.core.model import Secret
from reconciler.providers.catalogue import known_definitions
from reconciler.providers.delivered import scheme
from reconciler.verify.schemes import secret_problem


class Judge:
    """Tells why every delivery of a provider would be refused with a secret; nothing where none would be.

    `own` are a project's own folders of definitions.
    """

    def __init__(self, own: Iterable[Path]) -> None:
        self._definitions = known_definitions(own)

    def __call__(self, provider: str, secret: Secret) -> str:
        return secret_problem(scheme(self._definitions[provider]), secret)
