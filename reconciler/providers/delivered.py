"""What a definition means to verify (`Scheme`, `Handshake`, `DeliveryRules`)."""

from __future__ import annotations

from typing import Literal

from reconciler.providers.blocks.deliveries import FormField, IdRuleBlock
from reconciler.providers.definition import Definition
from reconciler.providers.proving import handshake_of, scheme_of
from reconciler.verify.delivery import (
    AnyEvent,
    BodyEvent,
    BodyId,
    ConstantEvent,
    DeliveryRules,
    EventRule,
    Form,
    HeaderEvent,
    HeaderId,
    IdRule,
    KeyEvent,
)
from reconciler.verify.handshake_kinds import Handshake
from reconciler.verify.kinds import Scheme
from reconciler.verify.token import BodyTokenScheme


def scheme(definition: Definition) -> Scheme:
    """How deliveries of the provider are verified."""
    return scheme_of(definition.verify)


def handshakes(definition: Definition) -> tuple[Handshake, ...]:
    """The requests that the provider wants answered before it delivers."""
    return tuple(handshake_of(block) for block in definition.handshakes)


def refusal(definition: Definition) -> int:
    """The status with which whatever is not taken for a delivery is refused; it is the same for every reason."""
    return definition.delivery.refusal


def delivery_rules(definition: Definition, type_name: str) -> DeliveryRules:
    """Where deliveries to webhooks of one type tell their event and id."""
    return DeliveryRules(
        event=_event_rule(definition, type_name),
        ids=tuple(rule for block in definition.delivery.id for rule in _id_rules(block)),
        content_types=frozenset(definition.delivery.content_types),
        token=token if isinstance(token := scheme(definition), BodyTokenScheme) else None,
        batch=definition.delivery.batch or "",
        part_id=definition.delivery.part_id or "",
        form=_form(definition.delivery.form),
        encodings=frozenset(definition.delivery.encodings),
    )


def _form(block: FormField | Literal["fields"] | None) -> Form | None:
    if block is None:
        return None
    return Form() if block == "fields" else Form(block.json_field)


def _event_rule(definition: Definition, type_name: str) -> EventRule:
    block = definition.delivery.event
    if block.source_of == "header":
        return HeaderEvent(block.header, block.names, block.detail or "", definition.events.separator)
    if block.source_of == "body":
        return BodyEvent(block.path, block.names)
    if block.source_of == "any":
        return AnyEvent(tuple(definition.events_of(type_name)))
    if block.source_of == "constant":
        return ConstantEvent(block.name)
    return KeyEvent(tuple(definition.events_of(type_name)))


def _id_rules(block: IdRuleBlock) -> tuple[IdRule, ...]:
    header = (HeaderId(block.header),) if block.header else ()
    return (*header, BodyId(block.path)) if block.path else header
