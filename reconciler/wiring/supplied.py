"""Secrets that users supply, looked at before they are kept. It loads cryptography, so only where there is one."""

from __future__ import annotations

from reconciler.core.model import Secret
from reconciler.providers.definition import Definition
from reconciler.providers.delivered import scheme
from reconciler.verify.schemes import secret_problem


def problem_of(definition: Definition, secret: Secret) -> str:
    """Why every delivery of the provider would be refused with a secret; empty where none would be."""
    return secret_problem(scheme(definition), secret)
