"""Tries a user's definition: the contract suite, against a stand-in made from it or one that the user runs."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from reconciler.core.errors import ConfigError, Location, Problem, ReconcilerError
from reconciler.core.events import subscribed
from reconciler.core.model import NOTHING, ProviderTraits, Secret, SecretOrigin, TypeTraits
from reconciler.core.ports import Credentials
from reconciler.manifests.rules import TypeRules
from reconciler.providers.blocks.calls import PathAuth
from reconciler.providers.catalogue import known_definitions, load
from reconciler.providers.client import HttpTransport
from reconciler.providers.definition import Definition
from reconciler.providers.http import HttpProvider
from reconciler.providers.traits import provider_traits
from reconciler.providers.transport import Transport
from reconciler.render.trial import CaseResult, Trial, Trials
from reconciler.settings.secrets import SecretReader, parse_reference
from reconciler.settings.urls import host, is_loopback
from reconciler.system import SystemClock
from reconciler.testing.contract import CASES, ContractError, Subject, check
from reconciler.testing.contract_cases import renews_its_lease, tells_what_was_missed
from reconciler.testing.from_definition import NEEDED, DefinitionStandIn, NotPossibleError
from reconciler.testing.stand_ins import VirtualClock

MakeSubject = Callable[[Transport, VirtualClock], Subject]
"""A subject over a transport, in a time of its own."""

_RESOURCES = (
    "acme/api",
    "acme",
    "self",
    "12345",
    "acme/tools/api",
    "app1234567890abcd",
    "https://example.com/acme",
    "me/messages",
    "chats/getAllMessages",
    "me/drive/root",
    "users",
    "groups/acme/conversations",
    "security/alerts",
    "9cfb482a-81e3-4154-b5b9-2c805e70a02d",
)
_TOKENS = ("token", "12345:token", "1234567890:AAE-bot_token", "key_token", "sk_test_token")

_EMPTYING: Final = ("create", "list", "delete")
"""What runs elsewhere outlives a case: each case empties its resource first."""

_NEXT = "give what a reason names"
_NEXT_ALONE = f"{_NEXT}, or run a stand-in of your own on loopback, and name it with --api-url URL"

_NEVER_ALONE = (
    "whether the vendor answers so: ids, URLs, events, pages: the stand-in puts them where the definition looks",
    "what the vendor refuses: its errors and limits, and whether it takes the token",
)
_NEVER = (
    "deliveries: how they are proved, and where they tell their event and id",
    "pings, and against a provider of your own the renewal of leases",
    "missed deliveries (`recover`): nobody can tell a stand-in to miss one",
)
_TRIED = tuple(name for name in CASES if name != tells_what_was_missed.__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialInputs:
    """What to try: the definition's file; `api_url` and `token` of the user's stand-in; resources by type."""

    file: Path
    api_url: str = ""
    token: str = ""
    resources: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    environment: Mapping[str, str] = field(default_factory=lambda: NOTHING, repr=False)


async def try_definition(inputs: TrialInputs) -> Trials:
    """Load the definition and run every case on every type.

    Raises `ConfigError` with every problem of the definition, for an `api_url` that is not on loopback (the cases empty
    the resource), a token that does not resolve, and a type or resource that does not fit.
    """
    definition = _loaded(inputs.file)
    traits = provider_traits(definition)
    if inputs.api_url and not _on_loopback(inputs.api_url):
        message = "--api-url must be the http(s) URL of a stand-in on loopback: the cases delete what they find there"
        raise ConfigError((Problem("not_loopback", message),))
    _require_fitting(inputs, traits)
    token = _token(inputs, definition)
    types = [await _try_type(definition, traits, kind, inputs, token) for kind in traits.types.values()]
    alone = () if inputs.api_url else _NEVER_ALONE
    return Trials(
        provider=definition.name,
        against=inputs.api_url or "a stand-in made from the definition",
        types=types,
        never=(*alone, *_NEVER),
        way_out=_NEXT if inputs.api_url else _NEXT_ALONE,
    )


def _loaded(file: Path) -> Definition:
    if not file.is_file():
        raise ConfigError((Problem("missing_file", "there is no such file", Location(str(file))),))
    if file.suffix != ".yaml":
        message = "the file of a definition is named NAME.yaml after its provider"
        raise ConfigError((Problem("provider_name", message, Location(str(file))),))
    definition = load(file, file.stem)
    builtin = known_definitions()
    if file.stem in builtin and definition != builtin[file.stem]:
        message = f"{file.stem!r} is a built-in provider: a project's own definition needs another name"
        raise ConfigError((Problem("shadowed_provider", message, Location(str(file))),))
    return definition


def _on_loopback(url: str) -> bool:
    try:
        return re.match(r"https?://", url) is not None and is_loopback(host(url))
    except ValueError:
        return False


def _require_fitting(inputs: TrialInputs, traits: ProviderTraits) -> None:
    for name, resource in inputs.resources.items():
        if name not in traits.types:
            known = ", ".join(traits.types)
            raise ConfigError((Problem("unknown_type", f"--resource: there is no type {name!r}; known are {known}"),))
        if found := TypeRules(traits, traits.types[name]).resource_problem(resource):
            raise ConfigError((Problem("resource", f"--resource {name}: {found[0]}", hint=found[1]),))


def _token(inputs: TrialInputs, definition: Definition) -> Secret | None:
    """The token to send: the user's, or one of the form that the definition wants; None where none of ours fits."""
    if inputs.token:
        reader = SecretReader(root=inputs.file.resolve().parent, environment=inputs.environment)
        return reader.read(parse_reference(inputs.token))
    pattern = definition.auth.pattern if isinstance(definition.auth, PathAuth) else ".*"
    return next((Secret(token) for token in _TOKENS if re.fullmatch(pattern, token)), None)


async def _try_type(
    definition: Definition, traits: ProviderTraits, kind: TypeTraits, inputs: TrialInputs, token: Secret | None
) -> Trial:
    address = f"{definition.name}/{kind.name}"
    reason = _cannot(kind, _EMPTYING if inputs.api_url else NEEDED)
    resource, events = _resource(traits, kind, inputs), _events(kind)
    if not reason and inputs.api_url and traits.secret_origin is SecretOrigin.HANDSHAKE:
        reason = "its secret is told to a receiver, and here is none: leave out --api-url"
    if not reason and not resource:
        reason = f"no resource of ours fits its schema: give one with --resource {kind.name}=RESOURCE"
    if not reason and token is None:
        reason = "no token of ours has the form that `auth.pattern` wants: give one with --token env/NAME"
    if not reason and events is None:
        reason = "the cases need two events that are subscribed to separately"
    if reason or events is None or token is None:
        return Trial(address=address, untested=reason, manual=kind.manual_only)
    fields = {definition.auth.field if definition.auth else "token": token}
    credentials = Credentials(name="trial", provider=definition.name, fields=fields, api_url=inputs.api_url)

    def subject(transport: Transport, clock: VirtualClock) -> Subject:
        return Subject(
            provider=HttpProvider(definition, transport, clock.now),
            credentials=credentials,
            type=kind.name,
            resource=resource,
            events=events,
            clock=clock,
        )

    where = f"{address}/{resource}"
    try:
        if inputs.api_url:
            # What runs elsewhere lives in its own time: it cannot be told that a week has gone by.
            names = [name for name in _TRIED if not (kind.renew_before and name == renews_its_lease.__name__)]
            return Trial(address=where, cases=await _cases(names, lambda case: _over_http(subject, case)))
        cases = await _cases(_TRIED, lambda case: _alone(definition, kind.name, subject, case))
        return Trial(address=where, cases=cases)
    except NotPossibleError as error:
        return Trial(
            address=address,
            untested=f"no stand-in can be made for {error}: run your own, and name it with --api-url",
        )


def _cannot(kind: TypeTraits, needed: Iterable[str]) -> str:
    if kind.manual_only:
        return "it has no operations: its webhooks are manual, and nothing is called"
    missing = [name for name in needed if name not in kind.operations]
    return f"no case can be begun without the operation {', '.join(missing)}" if missing else ""


def _resource(traits: ProviderTraits, kind: TypeTraits, inputs: TrialInputs) -> str:
    rules = TypeRules(traits, kind)
    given = inputs.resources.get(kind.name) or kind.default_resource
    candidates = (given,) if given else (*map(str, kind.resource_schema.get("examples", ())), *_RESOURCES)
    return next((text for text in candidates if rules.resource_problem(text) is None), "")


def _events(kind: TypeTraits) -> tuple[str, str] | None:
    """Two events that are subscribed to separately; where the type has one event only, it stands in both places."""
    names = [name for name in kind.events.names if name != kind.events.wildcard]
    found = [name for name in names if subscribed(name, kind.events) == name]
    if len(found) > 1:
        return found[0], found[1]
    return (found[0], found[0]) if len(names) == len(found) == 1 else None


async def _cases(names: Iterable[str], run: Callable[[str], Awaitable[None]]) -> Sequence[CaseResult]:
    results = []
    for name in names:
        about = _first_sentence(CASES[name].__doc__ or "")
        try:
            await run(name)
        except (ContractError, ReconcilerError) as error:
            results.append(CaseResult(name, about, str(error) or type(error).__name__))
        else:
            results.append(CaseResult(name, about))
    return results


def _first_sentence(text: str) -> str:
    return f"{' '.join(text.split()).partition('. ')[0].removesuffix('.')}."


async def _alone(definition: Definition, type_name: str, subject: MakeSubject, case: str) -> None:
    clock = VirtualClock()
    stand_in = DefinitionStandIn(definition, type_name, clock.now)
    await check(replace(subject(stand_in, clock), keep_in=stand_in.keep_in), case)
    if stand_in.unknown:
        raise ContractError(f"calls that no operation describes: {', '.join(sorted(set(stand_in.unknown)))}")


async def _over_http(subject: MakeSubject, case: str) -> None:
    async with HttpTransport() as transport:
        tried = subject(transport, VirtualClock(SystemClock().now()))
        for item in await tried.provider.list(tried.target):
            await tried.provider.delete(tried.target, item.remote_id)
        await check(tried, case)
