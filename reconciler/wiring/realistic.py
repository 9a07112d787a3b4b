"""Realistic deliveries to send: made by the sandbox's own stand-in of the vendor, in this process."""

from __future__ import annotations

import json
from collections.abc import Mapping

from reconciler.core.errors import ConfigError, Problem, ReconcilerError
from reconciler.core.events import subscribed
from reconciler.core.model import Json, Secret
from reconciler.core.ports import Credentials, Registration, Target
from reconciler.documents.nearest import quoted, suggestion
from reconciler.providers.client import HttpTransport
from reconciler.providers.http import HttpProvider
from reconciler.providers.traits import provider_traits
from reconciler.system import SystemClock
from reconciler.testing.sandbox import ROOTS, FireOrder, Sandbox, SandboxConfig, create_sandbox
from reconciler.testing.vendors.base import Delivery, UnknownEventError
from reconciler.wiring.sending import Addressee, Draft

_ORIGIN = "http://127.0.0.1"
_TOKENS = ("token", "12345:token", "1234567890:AAE-bot_token", "sk_test_token")


async def realistic(addressee: Addressee, event: str) -> Draft:
    """What the vendor would send for an event, in headers and body, but for its proof.

    Raises `ConfigError` where the sandbox has no such vendor or event.
    """
    provider = addressee.definition.name
    sandbox = create_sandbox(SandboxConfig(now=SystemClock().now))
    try:
        if provider in ROOTS:
            await _registered(sandbox, addressee, event)
        made = sandbox.made(FireOrder(provider=provider, event=event, url=addressee.url, secret=_secret(addressee)))
    except UnknownEventError as error:
        raise _refused(str(error)) from None
    except ValueError:
        raise _refused(f"there is no stand-in of {provider} to make a delivery") from None
    if not made:
        raise _refused(f"the stand-in of {provider} makes no delivery of {event}")
    return _draft(made[0], event)


async def _registered(sandbox: Sandbox, addressee: Addressee, event: str) -> None:
    """A webhook at the stand-in, as the provider has it."""
    provider, record, definition = addressee.definition.name, addressee.record, addressee.definition
    traits = provider_traits(definition).types[record.key.type]
    wanted = subscribed(event, traits.events)
    if wanted is None:
        hint = f"{suggestion(event, traits.events.names)} or give the body with --payload FILE".strip()
        raise ConfigError((Problem("send", f"{provider}/{traits.name} has no event {quoted(event)}", hint=hint),))
    async with HttpTransport(sandbox) as transport:
        engine = HttpProvider(definition, transport, SystemClock().now)
        for token in _TOKENS:
            credentials = Credentials(
                name="send",
                provider=provider,
                fields={"token": Secret(token)},
                api_url=f"{_ORIGIN}{ROOTS[provider]}",
            )
            target = Target(type=record.key.type, resource=record.resource, credentials=credentials)
            registration = Registration(
                webhook_id=record.id,
                url=record.url,
                events=frozenset({wanted}),
                secret=addressee.secret or Secret("0" * 64),
                options=record.options,
            )
            try:
                await engine.create(target, registration)
            except ReconcilerError as error:
                reason = str(error)
                continue
            return
    raise _refused(f"the stand-in of {provider} does not take such a webhook: {reason}")


def _secret(addressee: Addressee) -> str:
    return addressee.secret.reveal() if addressee.secret else ""


def _draft(delivery: Delivery, event: str) -> Draft:
    """The delivery, with the finer part of the event in its body where that is an action.

    The white space at its end, which tells it from others, stays.
    """
    body = delivery.body
    detail = event.rpartition(".")[2]
    document: Json = json.loads(body)
    if "." in event and isinstance(document, Mapping) and isinstance(document.get("action"), str):
        mark = body[len(body.rstrip()) :]
        body = json.dumps({**document, "action": detail}, separators=(",", ":")).encode() + mark
    return Draft(headers=tuple(delivery.headers.items()), body=body)


def _refused(message: str) -> ConfigError:
    return ConfigError((Problem("send", message, hint="give the body with --payload FILE"),))
