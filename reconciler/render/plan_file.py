"""The plan as a file that can be reviewed, and applied once: its JSON document with a serial and a checksum."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from reconciler.core.model import Json, canonical_json
from reconciler.core.plan import Action, Plan, document


def plan_document(plan: Plan, serial: int) -> dict[str, Json]:
    """The plan's JSON document. `serial` is the scope's when the plan was made: with the digest, the plan's name."""
    body = document(plan) | {"serial": serial}
    return body | {"checksum": checksum(body)}


def checksum(body: Mapping[str, Json]) -> str:
    """SHA-256 over all of a document but its checksum: tells an edited file, not a forged one."""
    rest = {name: value for name, value in body.items() if name != "checksum"}
    return hashlib.sha256(canonical_json(rest).encode("utf-8", "surrogatepass")).hexdigest()


def essence(body: Mapping[str, Json]) -> str:
    """What somebody who reviewed a plan agreed to: each action with its webhook and changes, and what guards keep.

    Two plans of one digest have the same essence, unless one of them was edited or the guards have changed since.
    """
    actions = [
        [action["action"], action["address"], action["webhook"], _subscribers(action["triggers"]), action["changes"]]
        for action in body["actions"]
        if action["action"] != Action.RENEW
    ]
    guards = [[guard["guard"], guard["addresses"]] for guard in body["guards"]]
    parts = [sorted(map(canonical_json, part)) for part in (actions, guards)]
    return canonical_json([body["version"], body["scope"], body["options"], body["digest"], *parts])


def _subscribers(triggers: Json) -> list[str]:
    return sorted({canonical_json([trigger.get("graph"), trigger.get("preset")]) for trigger in triggers})
