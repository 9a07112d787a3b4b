"""Write `schemas/*.schema.json` from the models; run it after a change of a model, a test compares."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from reconciler.core.model import Json
from reconciler.manifests.schema import manifest_schema, project_schema
from reconciler.providers.catalogue import known_definitions
from reconciler.providers.schema import provider_schema
from reconciler.render.schema import plan_schema

FOLDER = Path(__file__).resolve().parent.parent / "schemas"

SCHEMAS: Mapping[str, Callable[[], dict[str, Json]]] = {
    "project": project_schema,
    "manifest": lambda: manifest_schema(known_definitions().traits.values()),
    "provider": provider_schema,
    "plan": plan_schema,
}


def rendered(name: str) -> str:
    """The text of one schema file."""
    return json.dumps(SCHEMAS[name](), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write every schema file."""
    for name in SCHEMAS:
        (FOLDER / f"{name}.schema.json").write_text(rendered(name), encoding="utf-8")


if __name__ == "__main__":
    main()
