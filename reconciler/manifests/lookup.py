"""Providers and types by name; each is prepared once."""

from __future__ import annotations

from reconciler.core.errors import ConfigError, Problem
from reconciler.core.model import Catalogue, ProviderTraits
from reconciler.documents.nearest import suggestion
from reconciler.manifests.rules import TypeRules


class RuleBook:
    """The known providers; `problems` are those of definitions that could not be loaded."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.problems: list[Problem] = []
        self._catalogue = catalogue
        self._providers: dict[str, ProviderTraits | None] = {}
        self._broken: set[str] = set()
        self._rules: dict[tuple[str, str], TypeRules] = {}

    def provider(self, name: str) -> ProviderTraits | None:
        """The provider, or None where it does not exist or its definition cannot be loaded."""
        if name not in self._providers:
            self._providers[name] = self._load(name)
        return self._providers[name]

    def broken(self, name: str) -> bool:
        """Whether the provider exists and its definition cannot be loaded."""
        return name in self._broken

    def provider_hint(self, name: str) -> str:
        """The nearest known provider."""
        return suggestion(name, self._catalogue)

    def rules(self, provider: ProviderTraits, type_name: str) -> TypeRules:
        """The checks of one of the provider's types."""
        key = (provider.name, type_name)
        rules = self._rules.get(key)
        if rules is None:
            rules = self._rules[key] = TypeRules(provider, provider.types[type_name])
        return rules

    def _load(self, name: str) -> ProviderTraits | None:
        try:
            return self._catalogue.get(name)
        except ConfigError as error:
            self.problems += error.problems
            self._broken.add(name)
            return None
