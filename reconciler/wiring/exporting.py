"""Finding out what exists at a provider, and which of it is ours already."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.core.errors import ConfigError, Problem
from reconciler.core.ingress_url import webhook_id_in
from reconciler.core.model import Group, ListFailed, Listing, Observed, ProviderTraits, Subscriber
from reconciler.documents.nearest import quoted, suggestion
from reconciler.engine.observing import Groups
from reconciler.manifests.choices import CredentialsChooser
from reconciler.manifests.exporting import Export, Found, manifest_of
from reconciler.manifests.rules import TypeRules, canonical
from reconciler.render.painter import counted
from reconciler.wiring.loading import Loaded
from reconciler.wiring.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be exported, as far as it was said; `schema` is where its schema is, seen from it, if any."""

    provider: str
    credentials: str = ""
    type: str = ""
    resources: tuple[str, ...] = ()
    subscriber: Subscriber
    user: str = ""
    schema: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """The manifest (empty where there is nothing to write), what it holds in words, and what could not be listed."""

    text: str
    summary: str
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plot:
    """What is wanted, checked: the provider, the credentials, the user, and the lists to ask for."""

    provider: ProviderTraits
    credentials: str
    user: str
    groups: Groups


async def exported(loaded: Loaded, session: Session, wanted: Wanted) -> Exported:
    """List what exists, and write the manifest of what is not ours already. Raises `ConfigError`."""
    plot = _plotted(loaded, session, wanted)
    observed = await session.reconciler.listed(plot.groups)
    failed = {group: item.reason for group, item in observed.items() if isinstance(item, ListFailed)}
    listed = {group: item.objects for group, item in observed.items() if isinstance(item, Listing)}
    found, ours = await _sorted_out(session, plot, listed)
    project = loaded.project
    said = {"user"} if plot.user != project.default_user else set()
    if project.default_credentials.get(plot.provider.name) != plot.credentials:
        said.add("credentials")
    notes = [f"Could not be listed, so what is there is missing here: {_name(group)}" for group in failed]
    notes += [f"Ours already: {words}" for words in ours]
    export = Export(
        provider=plot.provider,
        credentials=plot.credentials,
        subscriber=wanted.subscriber,
        user=plot.user,
        default_user=project.default_user,
        schema=wanted.schema,
        said=frozenset(said),
        declared={wish.key: wish for wish in session.desired},
        notes=tuple(notes),
    )
    summary = f"{counted(len(found), 'webhook')} on {counted(len(listed), 'resource')}"
    if ours:
        summary += f", {len(ours)} more {'is' if len(ours) == 1 else 'are'} ours"
    return Exported(
        text=manifest_of(export, found) if found else "",
        summary=summary,
        problems=tuple(Problem("list_failed", f"{_name(group)}: {reason}") for group, reason in failed.items()),
    )


def _plotted(loaded: Loaded, session: Session, wanted: Wanted) -> _Plot:
    """Check what is wanted, and find what to list. Raises `ConfigError`."""
    definitions, project = loaded.definitions, loaded.project
    if wanted.provider not in definitions:
        raise _refused(f"unknown provider {quoted(wanted.provider)}", suggestion(wanted.provider, definitions))
    provider = definitions.traits[wanted.provider]
    if not any("list" in kind.operations for kind in provider.types.values()):
        raise _refused(f"{provider.name} has no API that lists webhooks", "write its manifests by hand")
    if not provider.verified and provider.name not in project.allow_unverified:
        hint = f"to accept them all the same, add {provider.name} to allow_unverified in the project file"
        raise _refused(f"deliveries of {provider.name} carry no proof of their sender", hint)
    user = wanted.user or project.default_user
    if not user:
        raise _refused("nobody says whose webhooks these are", "add --user, or defaults.user to the project file")
    credentials = _credentials(loaded, wanted)
    refusal = CredentialsChooser(project, definitions.traits).refusal(credentials, provider.name, user)
    if refusal is not None:
        raise _refused(refusal.message, refusal.hint)
    groups = dict(_groups(loaded, session, provider, credentials, wanted))
    if not groups:
        message = f"no manifest and no record names a resource of {provider.name} with the credentials {credentials}"
        raise _refused(message, "name some: --resource RESOURCE, repeatable")
    return _Plot(provider=provider, credentials=credentials, user=user, groups=groups)


def _credentials(loaded: Loaded, wanted: Wanted) -> str:
    """The credentials that were named, those by default, or the only ones that there are for the provider."""
    project = loaded.project
    if wanted.credentials:
        if wanted.credentials not in project.credentials:
            # The name is not shown: it may be a token that somebody wrote here by mistake.
            hint = suggestion(wanted.credentials, project.credentials)
            raise _refused("no credentials of this name are declared", hint)
        return wanted.credentials
    if default := project.default_credentials.get(wanted.provider):
        return default
    fitting = [name for name, item in project.credentials.items() if item.provider == wanted.provider]
    if len(fitting) == 1:
        return fitting[0]
    known = (
        f"--credentials takes one of {', '.join(sorted(fitting))}" if fitting else "declare some in the project file"
    )
    raise _refused(f"no credentials are the default for {wanted.provider}", known)


def _groups(
    loaded: Loaded, session: Session, provider: ProviderTraits, credentials: str, wanted: Wanted
) -> Iterator[tuple[Group, str]]:
    """The lists to ask for, with each resource as it is written."""
    if wanted.type and wanted.type not in provider.types:
        raise _refused(f"{provider.name} has no type {quoted(wanted.type)}", suggestion(wanted.type, provider.types))
    types = [
        TypeRules(provider, kind)
        for name, kind in provider.types.items()
        if "list" in kind.operations and wanted.type in {"", name}
    ]
    if not types:
        raise _refused(f"{provider.name} has no API that lists webhooks of type {wanted.type}", "")
    if wanted.resources:
        for resource in wanted.resources:
            yield _group(_of_resource(types, resource), resource, credentials)
        return
    named = [(wish.key, wish.resource) for wish in session.desired]
    named += [(record.key, record.resource) for record in session.store.records(session.scope.name)]
    for rules in types:
        kind = rules.traits
        if kind.default_resource:
            yield _group(rules, kind.default_resource, credentials)
        for key, resource in sorted(named):
            if not key.manual and key.group == Group(provider.name, kind.name, key.resource, credentials):
                yield key.group, resource


def _of_resource(types: Sequence[TypeRules], resource: str) -> TypeRules:
    """The one type that the resource is of."""
    fitting = [rules for rules in types if rules.resource_problem(resource) is None]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        names = ", ".join(rules.traits.name for rules in fitting)
        raise _refused(f"{quoted(resource)} may be of several types", f"--type takes one of {names}")
    message, hint = types[0].resource_problem(resource) or ("", "")
    raise _refused(f"--resource {quoted(resource)}: {message}", hint)


def _group(rules: TypeRules, resource: str, credentials: str) -> tuple[Group, str]:
    kind = rules.traits
    return Group(rules.provider.name, kind.name, canonical(resource, kind.canonical), credentials), resource


async def _sorted_out(
    session: Session, plot: _Plot, listed: Mapping[Group, Collection[Observed]]
) -> tuple[list[Found], list[str]]:
    """What is not ours, or ours and not recorded; and in words what is ours already."""
    store, scope = session.store, session.scope
    records = await asyncio.to_thread(store.records, scope.name)
    base_urls = frozenset({scope.base_url, *await asyncio.to_thread(store.base_urls, scope.name)} - {""})
    addresses = {record.id: record.key.address(scope.default_user) for record in records}
    by_id = {
        (*record.key.group[:3], record.remote_id): record.id
        for record in records
        if record.key.provider == plot.provider.name and record.remote_id and not _in_slot(plot, record.key.type)
    }
    found: list[Found] = []
    ours: list[str] = []
    for group, objects in listed.items():
        in_urls = {item.remote_id: webhook_id_in(item.url, group.provider, base_urls) for item in objects}
        known = await asyncio.to_thread(store.known_ids, [name for name in in_urls.values() if name])
        for item in objects:
            in_url = in_urls[item.remote_id]
            webhook_id = in_url if in_url in known else by_id.get((*group[:3], item.remote_id))
            if webhook_id:
                ours.append(f"{addresses.get(webhook_id, f'{_name(group)} of another scope')} (id {item.remote_id})")
            else:
                found.append(
                    Found(type=group.type, resource=plot.groups[group], observed=item, unrecorded=in_url is not None)
                )
    return found, ours


def _in_slot(plot: _Plot, type_name: str) -> bool:
    """Whether an id says nothing: in a slot there is one object only; nor does it where the type is gone."""
    kind = plot.provider.types.get(type_name)
    return kind is None or kind.slot


def _name(group: Group) -> str:
    return f"{group.provider}/{group.type}/{group.resource}@{group.credentials}"


def _refused(message: str, hint: str) -> ConfigError:
    return ConfigError((Problem("export", message, hint=hint),))
