"""The verdict on one webhook: which step brings it from what it is to what is wanted, or none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from reconciler.core.diff import LOCAL_FIELDS, Change, creation, needed, wish
from reconciler.core.ingress_url import ingress_url
from reconciler.core.matching import ours
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


COPIED = frozenset({SecretOrigin.VENDOR, SecretOrigin.RESPONSE, SecretOrigin.HANDSHAKE, SecretOrigin.FETCH})
"""Whoever makes the secret of a manual webhook, so that a person must copy it to us."""


TOLD_ONCE = frozenset({SecretOrigin.RESPONSE, SecretOrigin.HANDSHAKE})
"""The secret is told while the object is made, and never again."""

AGREED = frozenset({SecretOrigin.CALLER, SecretOrigin.FETCH})
"""An update makes the secret of the object and ours one: it takes ours, or tells its own."""


RESET_SECRET = Change("secret", None, "reset")
"""The object may have another secret than the recorded one: ours is set, or the provider is asked for its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What is known around one webhook, at `now` (UNIX seconds).

    `secret_url` tells that deliveries carry no proof, so that the URL is the only secret there is.
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
    secret_url: bool = False
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
        secret_url=view.secret_url,
    )
    if desired is None:
        return _prune(draft, pair.bond, recorded, view) if recorded else None
    if desired.key.manual:
        return _manual(draft, desired, recorded, view)
    if way_out := _url_refused(view):
        return replace(draft, action=Action.BLOCKED, reason=Reason.URL_REFUSED, way_out=way_out)
    refused = (slot_refusal(draft, view) or _refused_in_slot(draft, view)) if view.traits.slot else None
    step = refused or _wanted(draft, pair.bond, desired, view)
    if step and step.action in MAKING and view.unrecorded:
        return replace(draft, action=Action.BLOCKED, reason=Reason.UNRECORDED, way_out=_explained(view))
    return step


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


def slot_refusal(draft: Step, view: View) -> Step | None:
    """A slot has one owner."""
    if not view.slot_owner:
        return None
    way_out = f"the slot {view.slot} belongs to {view.slot_owner}: remove one of the two, or use other credentials"
    return replace(draft, action=Action.BLOCKED, reason=Reason.SLOT_TAKEN, way_out=way_out)


def _refused_in_slot(draft: Step, view: View) -> Step | None:
    """What somebody else put into a slot is never overwritten."""
    blocked = replace(draft, action=Action.BLOCKED)
    if view.foreign:
        way_out = (
            "the slot holds a URL that is not ours: clear it at the provider if nobody needs it, "
            "or take it over with `reconcile adopt`"
        )
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
        "bring it back with `reconcile adopt --unrecorded`, restore the store it was made with, "
        "or remove it at the provider"
    )


def _unseen(recorded: Recorded, view: View) -> bool:
    """A registered object that the new credentials do not list."""
    return (
        recorded.phase is Phase.REGISTERED
        and view.listing is not None
        and not ours(view.listing, recorded, view.traits, view.base_urls)
    )


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
    mine = ours(view.listing, draft.recorded, view.traits, view.base_urls)
    if not mine:
        lapsed = (draft.recorded.lease_expires_at or view.now) < view.now
        reason = Reason.LEASE_LAPSED if lapsed else Reason.DELETED_AT_PROVIDER
        return replace(draft, action=Action.REGISTER, reason=reason, changes=wished)
    best = _kept(mine, draft.recorded, view)
    if best is None:
        surplus = tuple(item.remote_id for item in mine)
        return replace(draft, action=Action.REGISTER, reason=Reason.SECRET_LOST, changes=wished, surplus=surplus)
    url = ingress_url(view.base_url, draft.key.provider, draft.recorded.id)
    changes = needed(draft.desired, url, wished, best, view.traits.events)
    if _secret_unsure(best, draft.recorded, view):
        changes = _with_secret(changes)
    surplus = tuple(item.remote_id for item in mine if item is not best)
    if not (changes or surplus or view.traits.renew_before):
        return None  # as most are, so nothing is made for them
    draft = replace(
        draft,
        remote_ids=(best.remote_id,),
        surplus=surplus,
        lease_expires_at=best.lease_expires_at,
    )
    return _update(draft, wished, changes, view) or _renewal(draft, best.lease_expires_at, view)


def _kept(mine: Sequence[Observed], recorded: Recorded, view: View) -> Observed | None:
    """The object to keep, the healthiest first; but one whose secret can be neither known nor set is of no use."""
    return next((item for item in mine if _can_set_secret(view) or not _secret_unsure(item, recorded, view)), None)


def _secret_unsure(item: Observed, recorded: Recorded, view: View) -> bool:
    """Whether an object with our URL may have been made by somebody else, and so with another secret."""
    known = view.traits.slot or recorded.remote_id in {"", item.remote_id}
    return not known and _has_secret(view)


def _has_secret(view: View) -> bool:
    return view.secret_origin in AGREED | TOLD_ONCE


def _can_set_secret(view: View) -> bool:
    return view.secret_origin in AGREED and in_place(RESET_SECRET, view.traits)


def _with_secret(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    fields = {change.field: change for change in (RESET_SECRET, *changes)}
    return tuple(fields[name] for name in sorted(fields))


def _update(draft: Step, wished: tuple[Change, ...], changes: tuple[Change, ...], view: View) -> Step | None:
    if not changes and not draft.surplus:
        return None
    if draft.recorded and not draft.remote_ids and draft.recorded.remote_id:
        draft = replace(draft, remote_ids=(draft.recorded.remote_id,))
    reason = _why(wished) if wished else _repair(changes, draft.surplus)
    if not all(in_place(change, view.traits) for change in changes):
        if reason not in {Reason.DRIFTED, Reason.DISABLED_AT_PROVIDER, Reason.BASE_URL_MOVED}:
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


def in_place(change: Change, traits: TypeTraits) -> bool:
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
    mine = ours(view.listing, draft.recorded, view.traits, view.base_urls) if view.listing and draft.recorded else ()
    if not mine or draft.recorded is None or draft.desired is None:
        return replace(draft, action=Action.REGISTER, reason=Reason.INTERRUPTED, changes=wished)
    sure = bool(draft.recorded.secret) and len(mine) == 1 and not _secret_unsure(mine[0], draft.recorded, view)
    if _has_secret(view) and not sure and not _can_set_secret(view):
        surplus = tuple(item.remote_id for item in mine)
        return replace(draft, action=Action.REGISTER, reason=Reason.SECRET_LOST, changes=wished, surplus=surplus)
    best, *others = mine
    url = ingress_url(view.base_url, draft.key.provider, draft.recorded.id)
    changes = needed(draft.desired, url, wished, best, view.traits.events)
    return replace(
        draft,
        action=Action.ADOPT,
        reason=Reason.INTERRUPTED,
        changes=changes if sure or not _has_secret(view) else _with_secret(changes),
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
        # What is recorded is deleted even if it is not listed: a list may lag behind what was made just now.
        mine = [item.remote_id for item in ours(view.listing, recorded, view.traits, view.base_urls)]
        unlisted = [] if view.traits.slot or recorded.remote_id in {"", *mine} else [recorded.remote_id]
        return replace(step, remote_ids=(*mine, *unlisted))
    if recorded.remote_id:
        return replace(step, remote_ids=(recorded.remote_id,))
    return replace(step, doubtful=True)


def _repair(changes: tuple[Change, ...], surplus: Sequence[str]) -> Reason:
    """Why something is mended that nobody asked to be changed."""
    if any(change.field == "active" for change in changes):
        return Reason.DISABLED_AT_PROVIDER
    twins_alone = surplus and all(change == RESET_SECRET for change in changes)
    return Reason.DUPLICATED if twins_alone else Reason.DRIFTED


def _why(changes: Iterable[Change]) -> Reason:
    """The reason that weighs most among those of the changed fields."""
    fields = {change.field for change in changes}
    if "credentials" in fields:
        return Reason.CREDENTIALS_CHANGED
    if "subscriber" in fields:
        return Reason.MOVED
    if fields - {"url", "secret"} - LOCAL_FIELDS:
        return Reason.MANIFEST_CHANGED
    if "url" in fields:
        return Reason.BASE_URL_MOVED
    if "secret" in fields:
        return Reason.SECRET_CHANGED
    return Reason.ROUTING_CHANGED if "triggers" in fields else Reason.MANIFEST_CHANGED
