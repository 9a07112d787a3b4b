"""What a definition means to core (`ProviderTraits`)."""

from __future__ import annotations

from types import MappingProxyType

from reconciler.core.model import (
    EventTraits,
    OptionTraits,
    ProviderTraits,
    Quota,
    RecoveryTraits,
    RecoveryWay,
    SecretOrigin,
    TypeTraits,
)
from reconciler.providers.api_definition import ApiDefinition
from reconciler.providers.blocks.recovery import Recover
from reconciler.providers.blocks.resources import Option


def provider_traits(definition: ApiDefinition) -> ProviderTraits:
    """The provider as core sees it."""
    return ProviderTraits(
        name=definition.name,
        title=definition.title,
        types=MappingProxyType({name: _type_traits(definition, name) for name in definition.types}),
        secret_origin=definition.secret.origin,
        verified=definition.verify != "none",
        concurrency=definition.limits.concurrency,
    )


def _option_traits(name: str, option: Option, definition: ApiDefinition) -> OptionTraits:
    return OptionTraits(
        identity=option.identity,
        default=option.default,
        at_creation=name in definition.fields.create_only,
        can_unset="unset" in option.model_fields_set,
        unset=option.unset,
    )


def _type_traits(definition: ApiDefinition, name: str) -> TypeTraits:
    kind = definition.types[name]
    options = definition.options_of(name)
    url, updatable = definition.limits.url, frozenset(definition.fields.updatable)
    if definition.secret.origin is SecretOrigin.FETCH and "update" in definition.operations_of(name):
        updatable |= {"secret"}  # an update tells it
    return TypeTraits(
        name=name,
        title=kind.title,
        events=EventTraits(
            names=MappingProxyType(definition.events_of(name)),
            open=definition.events.open,
            separator=definition.events.separator,
            wildcard=definition.events.wildcard,
        ),
        operations=frozenset(definition.operations_of(name)),
        updatable=updatable,
        options={key: _option_traits(key, option, definition) for key, option in options.items()},
        canonical=kind.resource.canonical,
        default_resource=kind.resource.default,
        slot=definition.identity is not None and definition.identity.slot is not None,
        quota=Quota(per_resource=definition.limits.per_resource, per_event=definition.limits.per_event),
        renew_before=lease.renew_before if (lease := definition.lease_of(name)) else 0.0,
        recovery=recovery_traits(definition.recover_of(name)),
        url_schemes=frozenset(url.schemes),
        url_ports=frozenset(url.ports),
        resource_schema=kind.resource.resource_schema,
        options_schema={
            "type": "object",
            "properties": {key: option.option_schema for key, option in options.items()},
            "additionalProperties": False,
        },
    )


def recovery_traits(recover: Recover | None) -> RecoveryTraits:
    """How missed deliveries are had."""
    if recover is None:
        return RecoveryTraits()
    way = RecoveryWay.REDELIVER if recover.redeliver else RecoveryWay.INJECT
    return RecoveryTraits(way=way, horizon=float(recover.horizon), options=MappingProxyType(recover.options))
