"""Named reads whose values other calls need, such as the organization that a token belongs to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping

from reconciler.core.ports import Credentials
from reconciler.providers.answers import Context, document_of, search, text_of
from reconciler.providers.blocks.calls import Lookup
from reconciler.providers.transport import Reply

Ask = Callable[[Lookup, Context], Awaitable[Reply]]
"""Makes the call of a lookup; the reply is a success."""


class Lookups:
    """Looks each value up once per credentials, and remembers it; a failure is not remembered."""

    def __init__(self, lookups: Mapping[str, Lookup]) -> None:
        self._lookups = lookups
        self._found: dict[Hashable, dict[str, str]] = {}

    async def values(
        self, names: Iterable[str], credentials: Credentials, context: Context, ask: Ask
    ) -> dict[str, str]:
        """The values of these lookups, as `LOOKUP.VALUE`; a value that is not text is a bad answer."""
        values: dict[str, str] = {}
        for name in sorted(names):
            key = (name, credentials.name, credentials.api_url, frozenset(credentials.fields.items()))
            if key not in self._found:
                self._found[key] = await self._look_up(name, context, ask)
            values |= self._found[key]
        return values

    async def _look_up(self, name: str, context: Context, ask: Ask) -> dict[str, str]:
        lookup = self._lookups[name]
        document = document_of(await ask(lookup, context), context)
        found = {}
        for value, path in lookup.values.items():
            found[f"{name}.{value}"] = text_of(search(path, document), path, context)
            if not found[f"{name}.{value}"]:
                context.bad_answer(f"the answer to `{lookup.path}` holds nothing at `{path}`")
        return found
