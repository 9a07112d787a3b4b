"""What only the library refuses; everything else it raises is in `core.errors`."""

from __future__ import annotations

from reconciler.core.errors import ReconcilerError


class VerificationError(ReconcilerError):
    """A delivery is not proved to be genuine; its text holds nothing that the sender wrote."""


class WebhookNotFoundError(ReconcilerError):
    """There is no such webhook of this provider, or it is about to go: ask for a suitable one again."""


class ForeignWebhookError(ReconcilerError):
    """The webhook belongs to another user."""
