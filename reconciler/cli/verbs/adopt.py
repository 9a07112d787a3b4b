"""`reconcile adopt`: what exists at a provider is bound to what manifests declare."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from reconciler.cli import exits
from reconciler.cli.exits import ExitCode
from reconciler.cli.flags_adoption import AdoptFlags
from reconciler.cli.output import Output
from reconciler.cli.passes import Errand, carry_through
from reconciler.cli.reviewing import serial_of
from reconciler.cli.running import carry_out, inputs_of, look_up
from reconciler.cli.showing import show_plan
from reconciler.core.errors import ConfigError, Problem
from reconciler.core.model import Secret
from reconciler.core.plan import Adoption, PlanOptions
from reconciler.daemon.draining import Drain
from reconciler.settings.secrets import parse_reference
from reconciler.wiring.loading import Loaded, load
from reconciler.wiring.progress import ListTally
from reconciler.wiring.session import Session, reading, writing
from reconciler.wiring.supplied import Judge

_NEAREST = 3


def run(flags: AdoptFlags, output: Output) -> ExitCode:
    """A pass about nothing but what is to be adopted; after a dry run only its plan is shown."""
    if problems := tuple(_misused(flags)):
        raise ConfigError(problems)
    if flags.dry_run:
        return look_up(lambda: _plan(flags, output), output)
    return carry_out(lambda drain: _adopt(flags, output, drain), output)


async def _plan(flags: AdoptFlags, output: Output) -> ExitCode:
    loaded, tally = load(inputs_of(flags, output)), ListTally(output)
    secret = _checked(flags, loaded)
    async with reading(loaded, tally) as session:
        errand = _errand(flags, session, secret)
        plan = await session.reconciler.plan(session.desired, errand.options)
        serial = await serial_of(session)
    show_plan(plan, flags.format, serial, tally.listed, output)
    return exits.plain(exits.of_plan(plan))


async def _adopt(flags: AdoptFlags, output: Output, drain: Drain) -> ExitCode:
    loaded, tally = load(inputs_of(flags, output)), ListTally(output)
    secret = _checked(flags, loaded)
    async with writing(loaded, tally, flags.lock_timeout) as session:
        return await carry_through(session, _errand(flags, session, secret), tally, output, drain)


def _misused(flags: AdoptFlags) -> Iterator[Problem]:
    """What is wrong with the flags, taken together."""
    hint = "see `reconcile adopt --help`"
    if sum(map(bool, (flags.remote_id, flags.url, flags.unrecorded))) != 1:
        yield Problem("usage", "say which objects are meant: one of --id, --url and --unrecorded", hint=hint)
    if flags.remote_id and not flags.address:
        yield Problem("usage", "--id needs the ADDRESS that the object is to have", hint=hint)
    if flags.address and flags.unrecorded:
        yield Problem("usage", "--unrecorded takes no ADDRESS", hint=f"--target '{flags.address}' keeps it to this one")
    if flags.address and flags.target:
        yield Problem("usage", "expected an ADDRESS or --target, not both", hint=hint)
    if flags.secret and not flags.address:
        yield Problem("usage", "--secret needs the ADDRESS whose secret it is", hint=hint)


def _errand(flags: AdoptFlags, session: Session, secret: Secret | None) -> Errand:
    fingerprint = session.store.fingerprint(secret) if secret else ""
    adoption = Adoption(
        address=flags.address,
        remote_id=flags.remote_id,
        url=flags.url,
        unrecorded=flags.unrecorded,
        secret=fingerprint,
    )
    return Errand(
        options=PlanOptions(targets=tuple(flags.target or ()), adopt=(adoption,)),
        format=flags.format,
        yes=flags.yes,
        secrets={fingerprint: secret} if secret else {},
    )


def _checked(flags: AdoptFlags, loaded: Loaded) -> Secret | None:
    """The secret that was referred to, if any. Raises `ConfigError`, as for a reference in a manifest."""
    provider = _declared(flags.address, loaded) if flags.address else ""
    if not flags.secret:
        return None
    try:
        secret = loaded.project.secrets.read(parse_reference(flags.secret))
    except ConfigError as error:
        raise ConfigError((Problem("secret", f"--secret: {error.problems[0].message}"),)) from None
    if wrong := Judge(loaded.project.providers)(provider, secret):
        raise ConfigError((Problem("secret", f"--secret: {flags.secret} {wrong}"),))
    return secret


def _declared(address: str, loaded: Loaded) -> str:
    """The provider of an address. Raises `ConfigError` where no trigger declares it, or it has nothing to adopt."""
    known = {wish.key.address(loaded.project.default_user): wish for wish in loaded.desired}
    if address not in known:
        near = difflib.get_close_matches(address, [name for name in known if not known[name].key.manual], n=_NEAREST)
        hint = (
            f"did you mean {', or '.join(near)}?"
            if near
            else "declare it in a manifest first; `reconcile export` helps"
        )
        raise ConfigError((Problem("address_unmatched", f"no trigger declares the webhook {address}", hint=hint),))
    if known[address].key.manual:
        message = f"{address} is manual: a person pastes its URL, and there is nothing to adopt"
        raise ConfigError((Problem("address_unmatched", message, hint="leave out `manual: true` to have it adopted"),))
    return known[address].key.provider
