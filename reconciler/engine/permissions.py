"""Whether credentials may do what a plan asks of them: asked for each and its types, before the first write."""

from __future__ import annotations

import asyncio

from reconciler.core.errors import ErrorKind, ProviderError, TerminalError
from reconciler.core.model import Desired, Recorded
from reconciler.core.plan import Action, Plan, Refusal, Step
from reconciler.core.ports import Provider, Target
from reconciler.engine.context import Ports, Stop
from reconciler.engine.pacing import Gates, Place
from reconciler.engine.unit import target_of

_HIDING = frozenset({ErrorKind.FORBIDDEN, ErrorKind.NOT_FOUND})

_WAY_OUT = "give the token that permission, or refer to one that has it"


async def missing_permissions(plan: Plan, ports: Ports, gates: Gates, stop: Stop) -> tuple[Refusal, ...]:
    """A refusal for each credential that lacks a permission, in the order of their names.

    Only a positive answer that it is missing refuses anything; what cannot be found out is left to the calls.
    """
    steps: dict[tuple[str, str, str], list[Step]] = {}
    sources: dict[tuple[str, str, str], Desired | Recorded] = {}
    for step in plan.applicable:
        source = step.desired or step.recorded
        if source and step.calls_provider:
            place = (step.key.provider, step.key.credentials, step.key.type)
            steps.setdefault(place, []).append(step)
            sources.setdefault(place, source)
    places = sorted(steps)
    missing = await asyncio.gather(*(_missing(sources[place], ports, gates, stop) for place in places))
    return tuple(
        Refusal(
            guard="permission",
            message=_sentence(provider, credentials, lacks),
            flag="",
            addresses=frozenset(plan.address(step) for step in steps[provider, credentials, kind]),
            actions=frozenset(Action),
        )
        for (provider, credentials, kind), lacks in zip(places, missing, strict=True)
        if lacks
    )


async def why_refused(error: ProviderError, provider: Provider, target: Target, place: Place) -> str:
    """What a refused look may come from, to be added to its message; empty where there is nothing to say.

    Vendors hide what a credential may not see: to one without the permission, what exists is not found.
    """
    if not isinstance(error, TerminalError) or error.kind not in _HIDING:
        return ""
    try:
        async with place:
            lacks = await provider.missing_permission(target)
    except ProviderError:
        lacks = ""
    if lacks:
        return f": {_sentence(provider.traits.name, target.credentials.name, lacks)}; {_WAY_OUT}"
    hidden = f": it does not exist, or the credentials {target.credentials.name} may not see it"
    return hidden if error.kind is ErrorKind.NOT_FOUND else ""


def _sentence(provider: str, credentials: str, lacks: str) -> str:
    return f"the credentials {credentials} lack a permission that {provider} asks for: {lacks}"


async def _missing(source: Desired | Recorded, ports: Ports, gates: Gates, stop: Stop) -> str:
    try:
        target = target_of(ports, source)
        provider = ports.providers[source.key.provider]
        async with gates.to(provider, target.credentials).place(stop):
            return await provider.missing_permission(target)
    except ProviderError as error:
        told = {"provider": source.key.provider, "credentials": source.key.credentials, "reason": str(error)}
        ports.progress("permission_unknown", **told)
        return ""
