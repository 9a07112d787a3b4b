"""The ingress: receives deliveries, proves them, stores them, acknowledges them. It knows ports and no framework."""

from __future__ import annotations

from reconciler.ingress.app import Ingress, app
from reconciler.ingress.limits import Limits
from reconciler.ingress.ports import Ports

__all__ = ["Ingress", "Limits", "Ports", "app"]
