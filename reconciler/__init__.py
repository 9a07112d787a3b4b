"""A declarative, config-driven webhook reconciler, and its library for platforms.

What stands in `__all__` is the library's public face. It is loaded when it is first asked for, so that importing the
package costs nothing; modules of the package itself import from where things are defined.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reconciler.core.errors import (
        BlockedError,
        ConfigError,
        LockedError,
        MissingConfigError,
        ProviderError,
        ReconcilerError,
        RetryableError,
        ScopeBoundError,
        StateError,
        TerminalError,
    )
    from reconciler.core.model import Secret
    from reconciler.core.ports import Credentials
    from reconciler.manager.errors import ForeignWebhookError, VerificationError, WebhookNotFoundError
    from reconciler.manager.incoming import IncomingRequest
    from reconciler.manager.manager import WebhookManager
    from reconciler.manager.settings import ManagerSettings
    from reconciler.manager.webhook import TriggeredNode, TriggeredPreset, Webhook
    from reconciler.verify.body import DeliveryError
    from reconciler.verify.handshakes import HandshakeReply

__all__ = [
    "BlockedError",
    "ConfigError",
    "Credentials",
    "DeliveryError",
    "ForeignWebhookError",
    "HandshakeReply",
    "IncomingRequest",
    "LockedError",
    "ManagerSettings",
    "MissingConfigError",
    "ProviderError",
    "ReconcilerError",
    "RetryableError",
    "ScopeBoundError",
    "Secret",
    "StateError",
    "TerminalError",
    "TriggeredNode",
    "TriggeredPreset",
    "VerificationError",
    "Webhook",
    "WebhookManager",
    "WebhookNotFoundError",
]

_HOMES = {
    "Credentials": "core.ports",
    "DeliveryError": "verify.body",
    "ForeignWebhookError": "manager.errors",
    "HandshakeReply": "verify.handshakes",
    "IncomingRequest": "manager.incoming",
    "ManagerSettings": "manager.settings",
    "Secret": "core.model",
    "TriggeredNode": "manager.webhook",
    "TriggeredPreset": "manager.webhook",
    "VerificationError": "manager.errors",
    "Webhook": "manager.webhook",
    "WebhookManager": "manager.manager",
    "WebhookNotFoundError": "manager.errors",
}
"""The module that defines a name; `core.errors` where none stands here. Never changed."""


def __getattr__(name: str) -> Any:
    """Load a name of the public face when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES.get(name, 'core.errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
