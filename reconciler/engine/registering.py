"""Making and changing webhooks: the intent first, then the call, then the answer, each safe to die after."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from reconciler.core.diff import LOCAL_FIELDS
from reconciler.core.errors import ErrorKind, TerminalError
from reconciler.core.ingress_url import webhook_id_in
from reconciler.core.model import Desired, Json, Observed, Phase, Recorded, Secret, SecretOrigin
from reconciler.core.plan import Step
from reconciler.core.ports import Answer, Registration, Write
from reconciler.engine import recording
from reconciler.engine.points import Point
from reconciler.engine.removing import remove_objects, remove_record
from reconciler.engine.unit import Outcome, Remote, Result, Unit, registration, remote

TOLD = frozenset({SecretOrigin.RESPONSE, SecretOrigin.HANDSHAKE, SecretOrigin.FETCH})
"""Until the provider tells it, nobody knows the secret of an object."""


async def create(unit: Unit, step: Step, desired: Desired) -> Outcome:
    """A new record and, for an auto webhook, its registration. A tombstone comes back with its id, URL and secret."""
    if step.recorded is not None:
        url = unit.url(desired.key.provider, step.recorded.id)
        phase = Phase.MANUAL if desired.key.manual else Phase.REGISTERED
        revived = replace(recording.following(step.recorded, desired, url, unit.now), phase=phase)
        await unit.write(Point.LOCAL, Write(record=revived, secret=unit.supplied.get(desired.secret)))
        return Outcome(step=step, result=Result.DONE, webhook_id=revived.id)
    way = None if desired.key.manual else remote(unit, desired)
    record, secret = _fresh(unit, step, desired)
    await unit.write(Point.INTENT if way else Point.LOCAL, Write(record=record, secret=secret))
    if way:
        await _register(unit, way, record, secret)
    return Outcome(step=step, result=Result.DONE, webhook_id=record.id)


async def register(unit: Unit, step: Step, desired: Desired, recorded: Recorded) -> Outcome:
    """Register a record that has no live object, with its own id, URL and secret.

    Until that is done the record tells no secret where an object with our URL may have another one: whoever finds that
    object after a crash must know.
    """
    url = unit.url(desired.key.provider, recorded.id)
    record = recording.following(recorded, desired, url, unit.now)
    record = replace(record, phase=Phase.PENDING, remote_id="", slot=step.slot, lease_expires_at=None)
    secret = await unit.secret_of(recorded.id)
    minted = None if secret else _minted(unit, desired)
    secret = secret or minted
    unsure = bool(step.surplus) or _origin(unit, desired) in TOLD
    record = replace(record, secret="" if unsure else unit.fingerprint(secret))
    way = remote(unit, desired)
    await unit.write(Point.INTENT, Write(record=record, secret=minted))
    await remove_objects(way, step.surplus)
    await _register(unit, way, record, secret)
    return Outcome(step=step, result=Result.DONE, webhook_id=record.id)


async def update(unit: Unit, step: Step, desired: Desired, recorded: Recorded) -> Outcome:
    """Change a webhook in place; where only our own record changes, nobody is called."""
    url = unit.url(desired.key.provider, recorded.id)
    record = recording.following(recorded, desired, url, unit.now)
    if not step.calls_provider:
        supplied = unit.supplied.get(desired.secret) if desired.secret != recorded.secret else None
        await unit.write(Point.LOCAL, Write(record=record, secret=supplied))
        return Outcome(step=step, result=Result.DONE, webhook_id=record.id)
    if recorded.relations != record.relations:
        # The provider may deliver a new event before its answer is written down: then it is known who wants it.
        remote(unit, record)  # raises where nobody could be called
        await unit.write(Point.INTENT, Write(record=replace(recorded, relations=record.relations)))
    await _update(unit, step, record)
    return Outcome(step=step, result=Result.DONE, webhook_id=record.id)


async def renew(unit: Unit, step: Step, desired: Desired, recorded: Recorded) -> Outcome:
    """Extend the lease; what has lapsed meanwhile is registered again, with its own id and URL."""
    try:
        await renew_record(unit, replace(recorded, remote_id=step.remote_ids[0]))
    except TerminalError as error:
        if error.kind is not ErrorKind.NOT_FOUND:
            raise
        return await register(unit, step, desired, recorded)
    return Outcome(step=step, result=Result.DONE, webhook_id=recorded.id)


async def renew_record(unit: Unit, recorded: Recorded) -> None:
    """Ask the provider for more time, and record until when. Raises `ProviderError`."""
    way = remote(unit, recorded)
    secret = await unit.secret_of(recorded.id)
    wanted = registration(recorded, secret)
    answer = await way.repeat(Point.RENEW, lambda: way.provider.renew(way.target, recorded.remote_id, wanted))
    confirmed = recording.confirmed(recorded, answer, recorded.secret, unit.now)
    await unit.write(Point.CONFIRM, Write(record=confirmed))


async def adopt(unit: Unit, step: Step, desired: Desired, recorded: Recorded) -> Outcome:
    """Bind an object that was found at the provider: to an interrupted record, or to a declaration.

    What has no record yet gets one first, with a secret of ours: that of the object cannot be read.
    """
    webhook_id = recorded.id or unit.ports.entropy.webhook_id()
    url = unit.url(desired.key.provider, webhook_id)
    record = recording.following(replace(recorded, id=webhook_id), desired, url, unit.now)
    supplied = unit.supplied.get(desired.secret)
    # What a person gives beats what an interrupted record has: it is the secret of the object.
    if supplied or await unit.secret_of(webhook_id) is None:
        secret = supplied or _minted(unit, desired)
        # One of ours is in force only once it is set.
        unset = _origin(unit, desired) is SecretOrigin.CALLER
        record = replace(record, secret="" if unset else unit.fingerprint(secret))
        await unit.write(Point.INTENT, Write(record=record, secret=secret))
    await _update(unit, step, record)
    return Outcome(step=step, result=Result.DONE, webhook_id=record.id)


async def replace_webhook(unit: Unit, step: Step, desired: Desired, recorded: Recorded) -> Outcome:
    """A new id and URL; the old webhook goes on verifying until it is deregistered.

    The new one is made before the old one goes, unless both want the same slot.
    """
    way = remote(unit, desired)
    record, secret = _fresh(unit, step, desired)
    # Under the new credentials, for it is with them that it is removed.
    key = recorded.key._replace(credentials=desired.key.credentials)
    old = replace(recording.moved_on(recorded, Phase.RETIRING, unit.now), key=key, replaced=True, slot="")
    await unit.write(Point.INTENT, Write(record=old), Write(record=record, secret=secret))
    if step.slot:
        left = await remove_record(unit, step, old)
        await _register(unit, way, record, secret)
    else:
        await _register(unit, way, record, secret)
        left = await remove_record(unit, step, old)
    return Outcome(step=step, result=Result.ORPHANED if left else Result.DONE, message=left, webhook_id=record.id)


def _fresh(unit: Unit, step: Step, desired: Desired) -> tuple[Recorded, Secret | None]:
    """The intent of a webhook with a new id, and its secret: supplied by the user, minted by us, or none yet."""
    webhook_id = unit.ports.entropy.webhook_id()
    secret = unit.supplied.get(desired.secret) or _minted(unit, desired)
    url = unit.url(desired.key.provider, webhook_id)
    record = recording.intended(desired, webhook_id, url, unit.now, step.slot)
    return replace(record, secret=unit.fingerprint(secret)), secret


def _minted(unit: Unit, desired: Desired) -> Secret | None:
    return unit.ports.entropy.secret() if _origin(unit, desired) is SecretOrigin.CALLER else None


def _origin(unit: Unit, desired: Desired) -> SecretOrigin:
    return unit.scope.catalogue[desired.key.provider].secret_origin


async def _register(unit: Unit, way: Remote, record: Recorded, secret: Secret | None) -> None:
    """Create at the provider and record the answer, with the secret that the provider told, if it is the one to."""
    wanted = registration(record, secret)
    handed_over = way.provider.traits.secret_origin is SecretOrigin.HANDSHAKE

    async def attempt() -> Answer:
        if handed_over:
            # What an earlier attempt was told is of no use any more, and the window in which it is told begins anew.
            opened = replace(record, secret="", updated_at=unit.now)
            await unit.write(Point.INTENT, Write(record=opened, forget=True))
        try:
            return await way.provider.create(way.target, wanted)
        except TerminalError as error:
            twin = await _found(unit, way, wanted) if error.kind is ErrorKind.EXISTS else None
            if twin is None:
                raise
            return await way.provider.update(way.target, twin.remote_id, wanted)

    answer = await way.call(Point.CREATE, attempt, lambda: _found(unit, way, wanted))
    in_force = await _captured(unit, record) if handed_over else answer.secret or secret
    confirmed = recording.confirmed(record, answer, unit.fingerprint(in_force), unit.now)
    await unit.write(Point.CONFIRM, Write(record=confirmed, secret=answer.secret))


async def _captured(unit: Unit, record: Recorded) -> Secret:
    """What the receiver was told while create was in flight.

    Raises `TerminalError` where it was told nothing: the record stays an intent, without a secret. So the next pass
    removes the object, and makes it anew.
    """
    secret = await unit.secret_of(record.id)
    if secret is None:
        raise TerminalError(
            "the webhook was made, and its signing secret reached nobody: an ingress on this state must be reached at "
            "the base URL while a webhook is made; the next pass removes this one and makes it anew",
            kind=ErrorKind.BAD_ANSWER,
        )
    return secret


async def _found(unit: Unit, way: Remote, wanted: Registration) -> Answer | None:
    """Our object, where the create whose answer was lost, or was "exists already", did make it.

    A secret that the provider tells only once is lost with the answer: then the object is removed, to be made anew. One
    that it tells again is asked for. Where the provider cannot list, nobody knows, and the create is not repeated.
    """
    traits = way.provider.traits
    if "list" not in traits.types[way.target.type].operations:
        raise TerminalError(
            "the answer to a create was lost, and the provider cannot list: the next pass leaves it as an orphan",
            kind=ErrorKind.UNSUPPORTED,
        )
    mine = [item for item in await way.provider.list(way.target) if _is(item, wanted, traits.name, unit)]
    if mine and traits.secret_origin in TOLD:
        if traits.secret_origin is SecretOrigin.FETCH and "update" in traits.types[way.target.type].operations:
            return await way.once(Point.UPDATE, partial(way.provider.update, way.target, mine[0].remote_id, wanted))
        for item in mine:
            await way.once(Point.DELETE, partial(way.provider.delete, way.target, item.remote_id))
        return None
    return Answer(remote_id=mine[0].remote_id, lease_expires_at=mine[0].lease_expires_at) if mine else None


async def _update(unit: Unit, step: Step, record: Recorded) -> None:
    """Update the object at the provider, record the answer, and remove its twins."""
    way = remote(unit, record)
    secret = await unit.secret_of(record.id)
    wanted = registration(record, secret)
    wanted = replace(wanted, options={**_unset(way, step.recorded, record), **wanted.options})
    if record.slot and step.recorded and step.recorded.url != record.url:
        # In a slot the URL alone tells whose webhook it is: before it is set, its base URL must be known to be ours.
        intent = replace(step.recorded, id=record.id, url=record.url, secret=record.secret, phase=Phase.PENDING)
        await unit.write(Point.INTENT, Write(record=replace(intent, relations=record.relations)))
    if any(change.field not in LOCAL_FIELDS for change in step.changes):
        answer = await way.repeat(Point.UPDATE, lambda: way.provider.update(way.target, step.remote_ids[0], wanted))
    else:
        answer = Answer(remote_id=step.remote_ids[0], lease_expires_at=step.lease_expires_at)
    confirmed = recording.confirmed(record, answer, unit.fingerprint(answer.secret or secret), unit.now)
    await unit.write(Point.CONFIRM, Write(record=confirmed, secret=answer.secret))
    await remove_objects(way, step.surplus)


def _unset(way: Remote, before: Recorded | None, after: Recorded) -> dict[str, Json]:
    """What must be sent for options that are wanted no more."""
    traits = way.provider.traits.types[way.target.type].options
    gone = before.options.keys() - after.options.keys() if before else ()
    return {name: traits[name].unset for name in sorted(gone) if name in traits and traits[name].can_unset}


def _is(item: Observed, wanted: Registration, provider: str, unit: Unit) -> bool:
    return webhook_id_in(item.url, provider, (unit.scope.base_url,)) == wanted.webhook_id
