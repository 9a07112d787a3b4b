"""Where deliveries are handed on to: over HTTP, to a Python callable, or to a log.

A callable of an entry point in the group `reconciler.targets` is given an `Event`, and may raise `Drop` or `Again`.
"""

from reconciler.ingress.targets.event import Again, Drop, Event, Target

__all__ = ["Again", "Drop", "Event", "Target"]
