"""Adopting: what exists at a provider is bound to what is declared, because somebody asked for it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from reconciler.core.assess import AGREED, RESET_SECRET, TOLD_ONCE, View, in_place, slot_refusal
from reconciler.core.diff import Change, differences, relations_document
from reconciler.core.ingress_url import ingress_url, webhook_id_in
from reconciler.core.matching import healthiest_first
from reconciler.core.model import (
    Desired,
    Group,
    Listing,
    Observation,
    Observed,
    Phase,
    Recorded,
    SecretOrigin,
    WebhookKey,
)
from reconciler.core.pairing import Pair
from reconciler.core.plan import Action, Adoption, Reason, Step

NEW_ID = "(new)"
"""Stands in a plan for an id that is minted when it is applied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """What a declared webhook is to be bound to: the objects, the healthiest first, or why there is none (`trouble`).

    `webhook_id` is the id in their URL where that is one of ours. `secret` is the fingerprint of a supplied secret.
    """

    objects: tuple[Observed, ...] = ()
    webhook_id: str = ""
    secret: str = ""
    trouble: str = ""


def concerned(item: Pair, adoptions: Sequence[Adoption], default_user: str) -> bool:
    """Whether an adoption may be about this webhook: it is named, or no adoption names any and it has no record."""
    if item.desired is None or item.key.manual:
        return False
    address = item.key.address(default_user)
    return any(adoption.address == address if adoption.address else _open(item) for adoption in adoptions)


class Matcher:
    """Finds the object for each declared webhook that an adoption is about; none is given to two.

    `place` tells where the objects of a group are: two groups that differ in credentials may show the same ones.
    """

    def __init__(
        self,
        observed: Mapping[Group, Observation],
        recorded: Iterable[Recorded],
        known_ids: Collection[str],
        base_urls: Collection[str],
        default_user: str,
        place: Callable[[Group], Group],
    ) -> None:
        self._observed = observed
        self._known_ids = known_ids
        self._base_urls = base_urls
        self._default_user = default_user
        self._place = place
        self._taken = {
            (place(record.key.group), record.remote_id) for record in recorded if record.phase is not Phase.PENDING
        }

    def matches(self, pairs: Sequence[Pair], adoptions: Sequence[Adoption]) -> dict[WebhookKey, Match]:
        """The matches by key; what nothing was found for, though nobody named it, is left out."""
        found: dict[WebhookKey, Match] = {}
        for adoption in adoptions:
            left = [item for item in pairs if item.key not in found and concerned(item, [adoption], self._default_user)]
            found |= self._unrecorded(left) if adoption.unrecorded else dict(self._chosen(left, adoption))
        return found

    def _unrecorded(self, pairs: Sequence[Pair]) -> dict[WebhookKey, Match]:
        """Our own objects that no record explains, to the wishes of their group: first to those that they equal."""
        found: dict[WebhookKey, Match] = {}
        for group in sorted({item.key.group for item in pairs}):
            items = [item for item in pairs if item.key.group == group and item.recorded is None]
            wishes = [item.desired for item in items if item.desired]
            for webhook_id, objects in self._lost(group).items():
                if wishes:
                    wish = next((wish for wish in wishes if objects[0].events == wish.events), wishes[0])
                    wishes.remove(wish)
                    found[wish.key] = Match(objects=objects, webhook_id=webhook_id)
                    self._taken |= {(self._place(group), item.remote_id) for item in objects}
        return found

    def _lost(self, group: Group) -> dict[str, tuple[Observed, ...]]:
        lost: dict[str, list[Observed]] = {}
        for item in self._objects(group):
            webhook_id = webhook_id_in(item.url, group.provider, self._base_urls)
            if webhook_id and webhook_id not in self._known_ids:
                lost.setdefault(webhook_id, []).append(item)
        return {webhook_id: healthiest_first(lost[webhook_id]) for webhook_id in sorted(lost)}

    def _chosen(self, pairs: Sequence[Pair], adoption: Adoption) -> Iterator[tuple[WebhookKey, Match]]:
        for item in pairs:
            if item.recorded and not _open(item):
                if item.recorded.remote_id != adoption.remote_id:
                    yield item.key, Match(trouble=f"it is bound to {item.recorded.remote_id} already")
                continue
            group = item.key.group
            fits = [one for one in self._objects(group) if _fits(one, adoption)]
            if len(fits) > 1:
                several = ", ".join(one.remote_id for one in fits)
                yield item.key, Match(trouble=f"several webhooks at the provider match ({several}): name one with --id")
            elif fits:
                yield item.key, self._match(fits[0], group, adoption)
            elif adoption.address:
                what = f"webhook {adoption.remote_id}" if adoption.remote_id else f"URL like {adoption.url}"
                yield item.key, Match(trouble=f"the provider lists no {what} there that is free to be adopted")

    def _match(self, item: Observed, group: Group, adoption: Adoption) -> Match:
        self._taken.add((self._place(group), item.remote_id))
        webhook_id = webhook_id_in(item.url, group.provider, self._base_urls) or ""
        if webhook_id in self._known_ids:
            return Match(trouble=f"the object {item.remote_id} belongs to webhook {webhook_id}, which is recorded")
        return Match(objects=(item,), webhook_id=webhook_id, secret=adoption.secret)

    def _objects(self, group: Group) -> list[Observed]:
        """The objects of a group that are no recorded webhook's, each once."""
        listing = self._observed.get(group)
        objects = listing.objects if isinstance(listing, Listing) else ()
        place = self._place(group)
        each = {item.remote_id: item for item in objects if (place, item.remote_id) not in self._taken}
        return [each[remote_id] for remote_id in sorted(each)]


def adoption_step(wish: Desired, recorded: Recorded | None, match: Match, view: View) -> Step:
    """The step that binds a declared webhook, with its interrupted record if it has one, to what was found for it."""
    desired = replace(wish, secret=match.secret or wish.secret)
    draft = Step(
        action=Action.ADOPT,
        reason=Reason.UNRECORDED if match.webhook_id else Reason.ADOPTED,
        key=wish.key,
        desired=desired,
        slot=view.slot,
        secret_url=view.secret_url,
    )
    if match.trouble:
        return replace(draft, action=Action.BLOCKED, reason=Reason.UNADOPTABLE, way_out=match.trouble)
    if refused := slot_refusal(draft, view):
        return refused
    best, *twins = match.objects
    record = recorded or _record(desired, match, best, view)
    changes = _changes(desired, record, best, view)
    draft = replace(
        draft,
        recorded=replace(record, remote_id=best.remote_id),
        changes=changes,
        remote_ids=(best.remote_id,),
        surplus=tuple(twin.remote_id for twin in twins),
        lease_expires_at=best.lease_expires_at,
    )
    lost = _is_lost(desired, record, view)
    stuck = [change.field for change in changes if not _settable(change, view)]
    if not lost and not stuck:
        return draft
    way_out = _way_out(lost, view)
    reason = Reason.SECRET_LOST if lost or "secret" in stuck else Reason.NOT_UPDATABLE
    return _anew(replace(draft, reason=reason, way_out=way_out), match)


def _is_lost(desired: Desired, record: Recorded, view: View) -> bool:
    """Whether nobody can say the secret of the object. What a receiver was told, no person can give either."""
    given = desired.secret if view.secret_origin is SecretOrigin.RESPONSE else ""
    return view.secret_origin in TOLD_ONCE and not (given or record.secret)


def _way_out(lost: bool, view: View) -> str:
    if lost and view.secret_origin is SecretOrigin.RESPONSE:
        return "its signing secret cannot be read there: give it with --secret env/NAME"
    why = (
        "the provider told its signing secret to the receiver that it had when it was made, and to nobody since"
        if lost
        else "the provider cannot change it in place"
    )
    return f"{why}: let a pass create one of ours, then remove the old one there"


def _anew(draft: Step, match: Match) -> Step:
    """What cannot be bound as it is: one of ours is removed and made anew, anybody else's stays as it is."""
    if match.webhook_id and draft.recorded:
        return replace(
            draft,
            action=Action.REGISTER,
            recorded=replace(draft.recorded, remote_id=""),
            remote_ids=(),
            surplus=(*draft.remote_ids, *draft.surplus),
            way_out="",
        )
    return replace(draft, action=Action.BLOCKED, reason=Reason.UNADOPTABLE, recorded=None)


def _changes(desired: Desired, record: Recorded, best: Observed, view: View) -> tuple[Change, ...]:
    url = ingress_url(view.base_url, desired.key.provider, record.id or NEW_ID)
    changes = [
        Change(field, seen, aim)
        for field, seen, aim in differences(url, desired.events, desired.options, best, view.traits.events)
        if field != "secret"
    ]
    changes.append(Change("triggers", None, relations_document(desired.relations)))
    if desired.secret:
        changes.append(Change("secret", None, desired.secret[:8]))
    elif view.secret_origin in AGREED:
        changes.append(RESET_SECRET)
    return tuple(sorted(changes, key=lambda change: change.field))


def _settable(change: Change, view: View) -> bool:
    """Whether the provider can be made to have it; a secret that was supplied is only written down by us."""
    return (change.field == "secret" and change != RESET_SECRET) or in_place(change, view.traits)


def _record(desired: Desired, match: Match, best: Observed, view: View) -> Recorded:
    """The record that the object would have had; its id is empty where none is minted yet."""
    return Recorded(
        id=match.webhook_id,
        key=desired.key,
        phase=Phase.PENDING,
        resource=desired.resource,
        url=best.url,
        events=desired.events if best.events is None else best.events,
        options=desired.options,
        slot=view.slot,
        created_at=view.now,
        updated_at=view.now,
    )


def _open(item: Pair) -> bool:
    """Whether a webhook has no object yet that we know of."""
    return item.recorded is None or item.recorded.phase is Phase.PENDING


def _fits(item: Observed, adoption: Adoption) -> bool:
    return item.remote_id == adoption.remote_id if adoption.remote_id else fnmatchcase(item.url, adoption.url)
