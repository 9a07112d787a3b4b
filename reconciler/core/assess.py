"""The verdict on one webhook: which step brings it from what it is to what is wanted, or none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from reconciler.core.diff import LOCAL_FIELDS, Change, creation, needed, wish
from reconciler.core.ingress_url import ingress_url, webhook_id_in
from reconciler.core.model import (
    Desired,
    Listing,
    Observed,
    OptionTraits,
    Phase,
    Recorded,
    SecretOrigin,
    TypeTraits,
)
from reconciler.core.pairing import Bond, Pair
from reconciler.core.plan import Action, Reason, Step

MAKING = frozenset({Action.CREATE, Action.REGISTER, Action.REPLACE})
"""Actions that make an object at the provider."""


COPIED = frozenset({SecretOrigin.VENDOR, SecretOrigin.RESPONSE})
"""Whoever makes the secret of a manual webhook, so that a person must copy it to us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What is known around one webhook, at `now` (UNIX seconds).

    `listing` is None where the provider was not asked, and `list_failed` tells why it could not answer. `slot` is the
    slot that the credentials lead to, `slot_owner` the address that holds it, where that is another webhook which
    stays. `unrecorded` are ids in URLs of ours, seen in the listing, that no record explains; `orphans` tells why an id
    was left at the provider; `foreign` counts the objects with anybody else's URL.
    """

    now: float
    base_url: str
    base_urls: frozenset[str]
    traits: TypeTraits
    secret_origin: SecretOrigin
    listing: Listing | None = None
    list_failed: str = ""
    slot: str = ""
    slot_owner: str = ""
    unrecorded: frozenset[str] = frozenset()
    orphans: Mapping[str, str] = field(default_factory=dict)
    foreign: int = 0


def assess(pair: Pair, view: View) -> Step | None:
    """The step for a pair, or None when all is in sync."""
    desired, recorded = pair.desired, pair.recorded
    draft = Step(
        action=Action.NONE,
        reason=Reason.DECLARED,
        key=pair.key,
        desired=desired,
        recorded=recorded,
        slot=view.slot,
        secret_url=view.secret_origin is SecretOrigin.NONE,
    )
    if desired is None:
        return _prune(draft, pair.bond, recorded, view) if recorded else None
    if desired.key.manual:
        return _manual(draft, desired, recorded, view)
    if way_out := _url_refused(view):
        return replace(draft, action=Action.BLOCKED, reason=Reason.URL_REFUSED, way_out=way_out)
    refused = _refused_in_slot(draft, view) if view.traits.slot else None
    step = refused or _wanted(draft, pair.bond, desired, view)
    if step and step.action in MAKING and view.unrecorded:
        return replace(draft, action=Action.BLOCKED, reason=Reason.UNRECORDED, way_out=_explained(view))
    return step


def ours(listing: Listing, recorded: Recorded, view: View) -> tuple[Observed, ...]:
    """The objects in the listing that are this record's, the healthiest first.

    By the id that the provider gave, or by our id in the URL; where a resource has one slot, its id says nothing. Each
    once: a list that grows while it is read may show an object on two pages, and that is no twin.
    """
    mine = {
        item.remote_id: item
        for item in listing.objects
        if webhook_id_in(item.url, recorded.key.provider, view.base_urls) == recorded.id
        or (not view.traits.slot and recorded.remote_id and item.remote_id == recorded.remote_id)
    }
    return tuple(
        sorted(
            mine.values(),
            key=lambda item: (item.active is False, item.remote_id != recorded.remote_id, item.remote_id),
        )
    )


def _wanted(draft: Step, bond: Bond, desired: Desired, view: View) -> Step | None:
    """The step towards an auto webhook, from what its record is."""
    recorded = draft.recorded
    if recorded is None:
        return replace(draft, action=Action.CREATE, changes=creation(desired))
    if bond is Bond.CREDENTIALS and (view.list_failed or _unseen(recorded, view)):
        cause = view.list_failed or "the object is not in their list"
        way_out = f"give {desired.key.credentials} access to {desired.resource}, or keep the old ones ({cause})"
        return replace(draft, action=Action.BLOCKED, reason=Reason.CREDENTIALS_CANNOT_SEE, way_out=way_out)
    changes = wish(desired, recorded, ingress_url(view.base_url, desired.key.provider, recorded.id), view.traits)
    if bond is Bond.GAINED:
        return replace(draft, action=Action.REGISTER, reason=Reason.CREDENTIALS_GAINED, changes=changes)
    if bond is Bond.REVIVED:
        return _undead(draft, desired, changes)
    if recorded.phase is Phase.REGISTERED:
        return _registered(draft, changes, view)
    return _interrupted(draft, changes, view)


def _undead(draft: Step, desired: Desired, changes: tuple[Change, ...]) -> Step:
    """The trigger of a webhook that could not be deleted is back: it is in force again, unless it must be another."""
    if all(change.field in LOCAL_FIELDS for change in changes):
        return replace(draft, action=Action.CREATE, reason=Reason.REVIVED, changes=creation(desired))
    return replace(draft, recorded=None, action=Action.CREATE, changes=creation(desired))


def _refused_in_slot(draft: Step, view: View) -> Step | None:
    """A slot has one owner, and what somebody else put there is never overwritten."""
    blocked = replace(draft, action=Action.BLOCKED)
    if view.slot_owner:
        way_out = f"the slot {view.slot} belongs to {view.slot_owner}: remove one of the two, or use other credentials"
        return replace(blocked, reason=Reason.SLOT_TAKEN, way_out=way_out)
    if view.foreign:
        way_out = "the slot holds a URL that is not ours: clear it at the provider if nobody needs it"
        return replace(blocked, reason=Reason.FOREIGN_URL, way_out=way_out)
    if view.unrecorded:
        return replace(blocked, reason=Reason.UNRECORDED, way_out=_explained(view))
    return None


def _explained(view: View) -> str:
    """The way out of an object of ours that no record explains."""
    left = sorted(view.unrecorded & view.orphans.keys())
    if left:
        told = "; ".join(f"webhook id {known} was left there ({view.orphans[known]})" for known in left)
        return f"{told}: remove it at the provider (see `reconcile orphans`)"
    known = ", ".join(sorted(view.unrecorded))
    return (
        f"the provider already has a webhook of ours that no record explains (webhook id {known}): "
        "restore the store it was made with, or remove it at the provider"
    )


def _unseen(recorded: Recorded, view: View) -> bool:
    """A registered object that the new credentials do not list."""
    return recorded.phase is Phase.REGISTERED and view.listing is not None and not ours(view.listing, recorded, view)


def _url_refused(view: View) -> str:
    parts = urlsplit(view.base_url)
    schemes, ports = view.traits.url_schemes, view.traits.url_ports
    if parts.scheme not in schemes:
        return f"the provider only calls {' or '.join(sorted(schemes))} URLs: change base_url"
    port = parts.port or {"https": 443, "http": 80}[parts.scheme]
    if ports and port not in ports:
        return f"the provider only calls ports {', '.join(map(str, sorted(ports)))}: change base_url"
    return ""


def _manual(draft: Step, desired: Desired, recorded: Recorded | None, view: View) -> Step | None:
    if view.secret_origin in COPIED and not (desired.secret or (recorded and recorded.secret)):
        note = "its deliveries are refused until `secret:` refers to the secret that the vendor made"
        draft = replace(draft, way_out=note)
    if recorded is None:
        return replace(draft, action=Action.CREATE, changes=creation(desired))
    url = ingress_url(view.base_url, desired.key.provider, recorded.id)
    if recorded.phase is Phase.TOMBSTONE:
        return replace(draft, action=Action.CREATE, reason=Reason.REVIVED, changes=creation(desired))
    changes = wish(desired, recorded, url, view.traits)
    return replace(draft, action=Action.UPDATE, reason=_why(changes), changes=changes) if changes else None


def _registered(draft: Step, wished: tuple[Change, ...], view: View) -> Step | None:
    if view.listing is None or draft.recorded is None or draft.desired is None:
        return _update(draft, wished, wished, view) or _renewal(draft, None, view)
    mine = ours(view.listing, draft.recorded, view)
    if not mine:
        lapsed = (draft.recorded.lease_expires_at or view.now) < view.now
        reason = Reason.LEASE_LAPSED if lapsed else Reason.DELETED_AT_PROVIDER
        return replace(draft, action=Action.REGISTER, reason=reason, changes=wished)
    best, *others = mine
    url = ingress_url(view.base_url, draft.key.provider, draft.recorded.id)
    changes = needed(draft.desired, url, wished, best, view.traits.events)
    draft = replace(
        draft,
        remote_ids=(best.remote_id,),
        surplus=tuple(item.remote_id for item in others),
        lease_expires_at=best.lease_expires_at,
    )
    return _update(draft, wished, changes, view) or _renewal(draft, best.lease_expires_at, view)


def _update(draft: Step, wished: tuple[Change, ...], changes: tuple[Change, ...], view: View) -> Step | None:
    if not changes and not draft.surplus:
        return None
    if draft.recorded and not draft.remote_ids and draft.recorded.remote_id:
        draft = replace(draft, remote_ids=(draft.recorded.remote_id,))
    reason = _why(wished) if wished else Reason.DRIFTED if changes else Reason.DUPLICATED
    if not all(_in_place(change, view.traits) for change in changes):
        if reason not in {Reason.DRIFTED, Reason.BASE_URL_MOVED}:
            reason = Reason.NOT_UPDATABLE
        return replace(draft, action=Action.REPLACE, reason=reason, changes=changes)
    return replace(draft, action=Action.UPDATE, reason=reason, changes=changes)


def _renewal(draft: Step, observed_end: float | None, view: View) -> Step | None:
    """A lease that ends soon is renewed; where the provider cannot, the webhook is made anew before it lapses."""
    recorded_end = draft.recorded.lease_expires_at if draft.recorded else None
    end = observed_end if observed_end is not None else recorded_end
    if not view.traits.renew_before or end is None or view.now < end - view.traits.renew_before:
        return None
    if draft.recorded and not draft.remote_ids:
        draft = replace(draft, remote_ids=(draft.recorded.remote_id,))
    action = Action.RENEW if "renew" in view.traits.operations else Action.REPLACE
    return replace(draft, action=action, reason=Reason.LEASE_EXPIRING)


def _in_place(change: Change, traits: TypeTraits) -> bool:
    """Whether the field can be changed without a new webhook."""
    name = change.field.removeprefix("options.")
    if name in LOCAL_FIELDS:
        return True
    unset = name != change.field and change.after is None
    option = traits.options.get(name, OptionTraits())
    return "update" in traits.operations and name in traits.updatable and (option.can_unset or not unset)


def _interrupted(draft: Step, wished: tuple[Change, ...], view: View) -> Step:
    """A record whose object may or may not exist: complete it, make it, or own up to the doubt."""
    if "list" not in view.traits.operations:
        return replace(draft, action=Action.REPLACE, reason=Reason.UNCERTAIN, changes=wished, doubtful=True)
    mine = ours(view.listing, draft.recorded, view) if view.listing and draft.recorded else ()
    if not mine or draft.recorded is None or draft.desired is None:
        return replace(draft, action=Action.REGISTER, reason=Reason.INTERRUPTED, changes=wished)
    if view.secret_origin is SecretOrigin.RESPONSE and not draft.recorded.secret:
        surplus = tuple(item.remote_id for item in mine)
        return replace(draft, action=Action.REGISTER, reason=Reason.SECRET_LOST, changes=wished, surplus=surplus)
    best, *others = mine
    url = ingress_url(view.base_url, draft.key.provider, draft.recorded.id)
    return replace(
        draft,
        action=Action.ADOPT,
        reason=Reason.INTERRUPTED,
        changes=needed(draft.desired, url, wished, best, view.traits.events),
        remote_ids=(best.remote_id,),
        surplus=tuple(item.remote_id for item in others),
        lease_expires_at=best.lease_expires_at,
    )


def _prune(draft: Step, bond: Bond, recorded: Recorded, view: View) -> Step:
    reason = Reason.DANGLING
    if bond is Bond.LEFTOVER:
        reason = Reason.REPLACED if recorded.replaced else Reason.INTERRUPTED
    step = replace(draft, action=Action.PRUNE, reason=reason, slot=recorded.slot)
    if recorded.key.manual:
        return step
    if "delete" not in view.traits.operations:
        note = "the provider has no call to delete it: the webhook stays there, and its deliveries are refused"
        return replace(step, way_out=note)
    if view.listing is not None:
        return replace(step, remote_ids=tuple(item.remote_id for item in ours(view.listing, recorded, view)))
    if recorded.remote_id:
        return replace(step, remote_ids=(recorded.remote_id,))
    return replace(step, doubtful=True)


def _why(changes: Iterable[Change]) -> Reason:
    """The reason that weighs most among those of the changed fields."""
    fields = {change.field for change in changes}
    if "credentials" in fields:
        return Reason.CREDENTIALS_CHANGED
    if fields - {"url", "secret"} - LOCAL_FIELDS:
        return Reason.MANIFEST_CHANGED
    if "url" in fields:
        return Reason.BASE_URL_MOVED
    if "secret" in fields:
        return Reason.SECRET_CHANGED
    return Reason.ROUTING_CHANGED if "triggers" in fields else Reason.MANIFEST_CHANGED
