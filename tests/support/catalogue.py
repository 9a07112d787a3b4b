"""A catalogue of invented providers, one for each shape that core must know how to treat."""

from reconciler.core.model import EventTraits, OptionTraits, ProviderTraits, SecretOrigin, TypeTraits

EVENTS = EventTraits(names={"push": "", "issues": "", "release": "", "pull_request": ""}, separator=".", wildcard="*")
ALL = frozenset({"create", "list", "update", "delete", "ping"})
FIELDS = frozenset({"url", "events", "secret", "active", "level"})
OPTIONS = {"level": OptionTraits(default="low"), "mode": OptionTraits(identity=True), "note": OptionTraits()}


def traits(
    name: str,
    operations: frozenset[str] = ALL,
    origin: SecretOrigin = SecretOrigin.CALLER,
    slot: bool = False,
    updatable: frozenset[str] = FIELDS | {"note"},
    renew_before: float = 0.0,
) -> ProviderTraits:
    """A provider with one type, `repo`."""
    kind = TypeTraits(
        name="repo",
        events=EVENTS,
        operations=operations,
        updatable=updatable,
        options=OPTIONS,
        slot=slot,
        renew_before=renew_before,
    )
    return ProviderTraits(name=name, title=name.title(), types={"repo": kind}, secret_origin=origin)


CATALOGUE = {
    item.name: item
    for item in (
        traits("acme"),
        traits("once", origin=SecretOrigin.RESPONSE),
        traits("handed", origin=SecretOrigin.HANDSHAKE),
        traits("keyed", origin=SecretOrigin.FETCH),
        traits("slotted", slot=True),
        traits("fixed", operations=ALL - {"update"}),
        traits("tagged"),
        traits("blind", operations=ALL - {"list"}),
        traits("paper", operations=frozenset()),
        traits("leased", operations=ALL | {"renew"}, renew_before=3600.0),
        traits("ending", renew_before=3600.0),
        traits("sticky", operations=ALL - {"delete", "update", "list"}),
    )
}
