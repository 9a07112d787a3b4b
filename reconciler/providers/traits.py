"""What a definition means to core (`ProviderTraits`) and to verify (`Scheme`, `DeliveryRules`)."""

from __future__ import annotations

from types import MappingProxyType

from reconciler.core.model import EventTraits, OptionTraits, ProviderTraits, TypeTraits
from reconciler.providers.blocks.deliveries import HmacVerify, IdRuleBlock, Place, SignatureList, TokenVerify
from reconciler.providers.blocks.resources import Option
from reconciler.providers.definition import Definition
from reconciler.providers.rendering import split
from reconciler.verify.delivery import (
    AnyEvent,
    BodyEvent,
    BodyId,
    ConstantEvent,
    DeliveryRules,
    EventRule,
    HeaderEvent,
    HeaderId,
    IdRule,
    KeyEvent,
)
from reconciler.verify.handshakes import BodyPlace, Handshake, QueryPlace
from reconciler.verify.hmac_signature import HmacScheme, Pairs, Part, Stamp
from reconciler.verify.schemes import Scheme, Unverified
from reconciler.verify.token import BodyTokenScheme, TokenScheme


def provider_traits(definition: Definition) -> ProviderTraits:
    """The provider as core sees it."""
    return ProviderTraits(
        name=definition.name,
        title=definition.title,
        types=MappingProxyType({name: _type_traits(definition, name) for name in definition.types}),
        secret_origin=definition.secret.origin,
        verified=definition.verify != "none",
    )


def scheme(definition: Definition) -> Scheme:
    """How deliveries of the provider are verified."""
    block = definition.verify
    if isinstance(block, HmacVerify):
        return HmacScheme(
            header=block.header,
            algorithm=block.algorithm,
            encoding=block.encoding,
            prefix=block.prefix,
            message=tuple(Part(name) if name else text for text, name in split(block.message)),
            pairs=_pairs(block.list) if block.list else None,
            stamp=Stamp(header=block.timestamp.header, tolerance=block.timestamp.tolerance)
            if block.timestamp
            else None,
            key=block.key,
        )
    if isinstance(block, TokenVerify):
        return _body_token(block) or TokenScheme(header=block.header or "")
    return Unverified()


def handshakes(definition: Definition) -> tuple[Handshake, ...]:
    """The requests that the provider wants answered before it delivers."""
    return tuple(
        Handshake(
            place=_place(block.when),
            echo=_place(block.echo),
            equals=block.when.equals or "",
            media_type=block.media_type,
            proved=block.proved,
        )
        for block in definition.handshakes
    )


def delivery_rules(definition: Definition, type_name: str) -> DeliveryRules:
    """Where deliveries to webhooks of one type tell their event and id."""
    return DeliveryRules(
        event=_event_rule(definition, type_name),
        ids=tuple(rule for block in definition.delivery.id for rule in _id_rules(block)),
        content_types=frozenset(definition.delivery.content_types),
        token=_body_token(definition.verify) if isinstance(definition.verify, TokenVerify) else None,
    )


def _option_traits(name: str, option: Option, definition: Definition) -> OptionTraits:
    return OptionTraits(
        identity=option.identity,
        default=option.default,
        at_creation=name in definition.fields.create_only,
        can_unset="unset" in option.model_fields_set,
        unset=option.unset,
    )


def _type_traits(definition: Definition, name: str) -> TypeTraits:
    kind = definition.types[name]
    options = definition.options_of(name)
    url = definition.limits.url
    return TypeTraits(
        name=name,
        events=EventTraits(
            names=MappingProxyType(definition.events_of(name)),
            open=definition.events.open,
            separator=definition.events.separator,
            wildcard=definition.events.wildcard,
        ),
        operations=frozenset(definition.operations_of(name)),
        updatable=frozenset(definition.fields.updatable),
        options={key: _option_traits(key, option, definition) for key, option in options.items()},
        canonical=kind.resource.canonical,
        default_resource=kind.resource.default,
        slot=definition.identity is not None and definition.identity.slot is not None,
        renew_before=lease.renew_before if (lease := definition.lease_of(name)) else 0.0,
        url_schemes=frozenset(url.schemes),
        url_ports=frozenset(url.ports),
        resource_schema=kind.resource.resource_schema,
        options_schema={
            "type": "object",
            "properties": {key: option.option_schema for key, option in options.items()},
            "additionalProperties": False,
        },
    )


def _pairs(block: SignatureList) -> Pairs:
    return Pairs(
        signature=block.signature,
        timestamp=block.timestamp,
        separator=block.separator,
        tolerance=block.tolerance,
    )


def _body_token(block: TokenVerify) -> BodyTokenScheme | None:
    return BodyTokenScheme(key=block.body.key, each=block.body.each or "") if block.body else None


def _place(block: Place) -> QueryPlace | BodyPlace:
    return QueryPlace(block.query) if block.query else BodyPlace(block.body or "")


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
