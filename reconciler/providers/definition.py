"""A provider's definition: the format of `providers.d/NAME.yaml`, and what is refused when one is loaded.

Seventeen blocks have their place: `auth`, `types`, `lookups`, `operations`, `pagination`, `identity`, `events`,
`fields`, `secret`, `verify`, `handshakes`, `delivery`, `lifecycle`, `limits`, `errors`, `hooks` and `recover`. Blocks
and variants that no shipped provider uses yet are reserved: their names are known, and refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.core.model import Json, SecretOrigin
from reconciler.providers.api_definition import ApiDefinition, Refusal, api_refusals, refuse
from reconciler.providers.blocks.base import Items
from reconciler.providers.blocks.deliveries import Delivery, Handshake
from reconciler.providers.blocks.proofs import Verify
from reconciler.providers.soundness import is_keyless, proof_problems
from reconciler.verify.words import FORM


class Definition(ApiDefinition):
    """One provider. `verify` is required: where deliveries carry no proof, `none` is written out."""

    verify: Verify
    handshakes: Items[Handshake] = ()
    delivery: Delivery

    @property
    def event_names(self) -> Mapping[str, str]:
        rule = self.delivery.event
        return rule.names if rule.source_of in {"header", "body"} else {}


def definition(values: Json) -> Definition:
    """The definition that parsed YAML describes; raises pydantic's `ValidationError` with every problem."""
    candidate = Definition.model_validate(values)
    refuse(candidate, [*api_refusals(candidate), *_refusals(candidate)])
    return candidate


def _refusals(candidate: Definition) -> Iterator[Refusal]:
    yield from _named(candidate)
    yield from _proof(candidate)
    yield from _handed_over(candidate)
    yield from _forms(candidate)


def _named(candidate: Definition) -> Iterator[Refusal]:
    """Events that deliveries are said to tell, and no catalogue lists."""
    every = {event for name in candidate.types for event in candidate.events_of(name)}
    rule = candidate.delivery.event
    referred = rule.names if rule.source_of == "header" else {"name": rule.name} if rule.source_of == "constant" else {}
    for key, event in referred.items():
        if event not in every and not candidate.events.open:
            where = ("delivery", "event", "names", key) if rule.source_of == "header" else ("delivery", "event", key)
            yield Refusal(where, f"{event!r} is not in the catalogue")


def _proof(candidate: Definition) -> Iterator[Refusal]:
    """The secret and the scheme must agree."""
    origin, verify = candidate.secret.origin, candidate.verify
    keyless = verify != "none" and is_keyless(verify)
    if keyless and origin is not SecretOrigin.NONE:
        message = "the provider's own keys prove its deliveries, there is no secret: write `secret: {origin: none}`"
        yield Refusal(("secret",), message)
    if not keyless and (verify == "none") != (origin is SecretOrigin.NONE):
        yield Refusal(("verify",), "`verify: none` and `secret: {origin: none}` belong together")
    if verify != "none":
        for path, problem in proof_problems(verify):
            yield Refusal(("verify", *path), problem)


def _handed_over(candidate: Definition) -> Iterator[Refusal]:
    """Secrets that no handshake would tell, or that nobody waits for."""
    origin = candidate.secret.origin
    captures = [index for index, handshake in enumerate(candidate.handshakes) if handshake.capture]
    if origin is SecretOrigin.HANDSHAKE and not captures:
        yield Refusal(
            ("secret",), "`origin: handshake` needs a handshake with `capture`: nothing else tells the secret"
        )
    for index in captures if origin is not SecretOrigin.HANDSHAKE else ():
        yield Refusal(("handshakes", index, "capture"), "what is told here is a secret: write `origin: handshake`")


def _forms(candidate: Definition) -> Iterator[Refusal]:
    """Forms that would be refused, or not read; ids of parts where there are none."""
    delivery = candidate.delivery
    if delivery.form is None and FORM in delivery.content_types:
        yield Refusal(("delivery", "content_types"), "say in `form` what a form is read as")
    if delivery.form is not None and delivery.content_types and FORM not in delivery.content_types:
        yield Refusal(("delivery", "form"), f"a form is of the media type {FORM}, which is not among `content_types`")
    if delivery.part_id and not delivery.batch:
        yield Refusal(("delivery", "part_id"), "parts are those of a `batch`")
