"""The JSON Schema of definitions, which editors use."""

from __future__ import annotations

import jsonschema
import pytest

from reconciler.providers.schema import provider_schema
from tests.providers.support import NAMES, values


@pytest.mark.parametrize("name", NAMES)
def test_the_schema_accepts_what_is_shipped(name: str) -> None:
    """Every shipped definition is valid by the schema too."""
    jsonschema.Draft202012Validator(provider_schema()).validate(values(name))


def test_the_schema_refuses_reserved_blocks_and_unknown_keys() -> None:
    """An editor marks what a load would refuse."""
    validator = jsonschema.Draft202012Validator(provider_schema())
    validator.check_schema(provider_schema())

    assert not validator.is_valid(values("github") | {"hooks": {}})
    assert not validator.is_valid(values("github") | {"colour": "red"})
    assert not validator.is_valid({key: value for key, value in values("github").items() if key != "verify"})
