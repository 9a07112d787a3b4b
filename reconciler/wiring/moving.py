"""Another address for a record: what may change in it without touching its object at the provider, and what may not."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.errors import BlockedError, ConfigError, Problem
from reconciler.core.model import Phase, Recorded, Relation, Subscriber, SubscriberKind, WebhookKey
from reconciler.manifests.project import Project
from reconciler.wiring.records import Records


def moved(record: Recorded, address: str, project: Project, records: Records) -> Recorded:
    """The record under another address: another user, other credentials, or of a manual one subscriber or name.

    Its id, URL, secret and object at the provider stay. Raises `ConfigError` for an address that says anything else,
    or credentials that may not be used, and `BlockedError` where the target exists or the record is on its way out.
    """
    key = _key(record.key, address, project.default_user)
    if key == record.key:
        raise _wrong(address, "that is its address already")
    _check_credentials(record, key, project)
    if record.phase is Phase.RETIRING:
        raise BlockedError(f"{records.address(record)} is being removed: run `reconcile` until it is gone")
    if any(other.key == key for other in records.all()):
        raise BlockedError(f"a webhook is recorded at {address} already: see `reconcile state list`")
    relations = tuple(_relation(relation, record.key, key) for relation in record.relations)
    return replace(record, key=key, relations=relations)


def _key(key: WebhookKey, address: str, default_user: str) -> WebhookKey:
    """The key that an address spells. All but what may change is looked for as it is in the present address."""
    kind = f"{key.provider}/{key.type}/"
    fixed = kind if key.manual else f"{kind}{key.resource}@"
    prefix, found, rest = address.partition(fixed)
    user = prefix.removesuffix(":") if prefix else default_user
    tail = "" if key.manual or not key.identity else f"#{key.identity}"
    variable = rest.removesuffix(tail)
    if not found or (prefix and not prefix.endswith(":")) or not user or rest != f"{variable}{tail}" or not variable:
        shown = f"[USER:]{kind}graph:ID[/NAME]" if key.manual else f"[USER:]{fixed}CREDENTIALS{tail}"
        raise _wrong(address, f"expected {shown}: provider, type, resource and identity stay")
    if not key.manual:
        return key._replace(user=user, credentials=variable)
    subscriber, _, name = variable.partition("/")
    return key._replace(user=user, subscriber=str(_subscriber(subscriber, address)), name=name)


def _subscriber(text: str, address: str) -> Subscriber:
    kind, colon, name = text.partition(":")
    if not colon or not name or kind not in set(SubscriberKind):
        raise _wrong(address, f"expected graph:ID or preset:ID, not {text!r}")
    return Subscriber(SubscriberKind(kind), name.replace("%2F", "/"))


def _relation(relation: Relation, old: WebhookKey, new: WebhookKey) -> Relation:
    if str(relation.subscriber) != old.subscriber:
        return relation
    kind, _, name = new.subscriber.partition(":")
    return relation._replace(subscriber=Subscriber(SubscriberKind(kind), name))


def _check_credentials(record: Recorded, key: WebhookKey, project: Project) -> None:
    if key.manual:
        return
    declared = project.credentials.get(key.credentials)
    address = key.address(project.default_user)
    if declared is None or declared.provider != key.provider:
        raise _wrong(
            address, f"the project has no credentials {key.credentials} for {key.provider}: declare them first"
        )
    if declared.users is not None and key.user not in declared.users:
        raise _wrong(address, f"the credentials {key.credentials} are not for {key.user}: see their `users`")
    if record.slot and key.credentials != record.key.credentials:
        raise BlockedError(
            f"the slot {record.slot} goes with the credentials {record.key.credentials}: "
            "name others in the manifests, and a pass moves it"
        )


def _wrong(address: str, message: str) -> ConfigError:
    return ConfigError((Problem("new_address", f"{address}: {message}"),))
