"""The ingress of a project: webhooks from the state, vendors from definitions, fetches over a transport."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.errors import ConfigError, StateError
from reconciler.core.model import Phase, Secret
from reconciler.core.ports import Credentials
from reconciler.engine.context import silent
from reconciler.ingress.ports import Found
from reconciler.providers.catalogue import known_definitions
from reconciler.providers.definition import Definition, definition
from reconciler.providers.transport import Call, OversizedReplyError, PinnedCall, Reply, TransportError
from reconciler.testing.stand_ins import FixedCredentials, VirtualClock, credentials
from reconciler.verify.request import Fetched, Need, NeedKind
from reconciler.wiring.ingress import HttpFetch, Outbound, StoredWebhooks, open_ingress, vendors_of
from reconciler.wiring.inputs import Inputs
from tests.support.ingress_process import ID, SECRET, project, record, store_of, webhook

KEYS = Need(kind=NeedKind.KEYS, url="https://example.com/keys")
ANSWER = Need(
    kind=NeedKind.ANSWER, url="/verify", of_api=True, method="POST", media_type="application/json", body=b"{}"
)


def test_vendors_are_what_their_definitions_say() -> None:
    """Those without any proof are there only where the project allows them."""
    definitions = known_definitions()
    found = vendors_of(definitions, frozenset())
    allowed = vendors_of(definitions, frozenset({"compass"}))

    assert allowed.keys() - found.keys() == {"compass"}
    assert found["microsoft-graph"].handshakes
    assert found["slack"].kinds["app"].rules.content_types == {"application/json"}
    assert {found["github"].refusal, found["github"].accepted} == {404, 200}
    assert found["microsoft-graph"].kinds["outlook"].rules.batch == "value"


def test_webhooks_are_found_in_the_scopes_that_are_asked(tmp_path: Path) -> None:
    """With their secrets, newest first, and the scope that they are kept in."""
    root = project(tmp_path / "project")
    newer = Secret("canary-newer")
    record(root, webhook(), newer)
    with store_of(root) as store:
        found = StoredWebhooks(store, ("library", "acme")).find(ID)
        assert found == Found(scope="acme", record=replace(webhook(), secret=""), secrets=(newer, SECRET))
        assert StoredWebhooks(store, ("library",)).find(ID) is None


@pytest.mark.parametrize(
    ("phase", "has_secret", "kept"),
    [(Phase.PENDING, False, True), (Phase.PENDING, True, False), (Phase.REGISTERED, False, False)],
)
def test_a_secret_told_by_a_provider_is_kept_while_registering(
    tmp_path: Path, phase: Phase, has_secret: bool, kept: bool
) -> None:
    """The first one, of an intent; no lease is needed, for the pass that has it waits for us."""
    root = project(tmp_path / "project")
    other = "2f51d05d-fc68-47e4-a4f9-460f18081e83"
    key = webhook().key._replace(resource="acme/web")
    record(root, webhook(id=other, phase=phase, key=key), *([SECRET] if has_secret else []))
    with store_of(root) as store:
        webhooks = StoredWebhooks(store, ("acme",))
        found = webhooks.find(other)
        assert found is not None
        assert webhooks.capture(found, Secret("canary-told")) is kept
        assert store.secrets(other) == ((Secret("canary-told"),) if kept else found.secrets)
        assert not webhooks.capture(found, Secret("canary-again"))


async def test_a_project_is_opened_without_its_manifests(tmp_path: Path) -> None:
    """They may be broken; what is recorded is received for all the same."""
    root = project(tmp_path / "project")
    (root / "webhooks" / "broken.yaml").write_text("graph: [")
    async with open_ingress(Inputs(directory=root, files=(), environment={}), silent, ["library"]) as opened:
        assert opened.webhooks.find(ID) is not None
        assert (opened.prefix, opened.former()) == ("", ())
        assert opened.ports().inbox.next_due("acme") is None


async def test_the_paths_of_former_base_urls_are_known(tmp_path: Path) -> None:
    """The base URL moved to another path: webhooks that were registered under the old one are still received there."""
    root = project(tmp_path / "project")
    file = root / "reconciler.yaml"
    file.write_text(file.read_text().replace("https://hooks.example.com", "https://hooks.example.com/new/"))
    async with open_ingress(Inputs(directory=root, files=(), environment={}), silent, ["library"]) as opened:
        assert (opened.prefix, opened.former()) == ("/new", ("",))


async def test_no_state_and_no_definition_is_made_up(tmp_path: Path) -> None:
    """Both are told before anything is served."""
    (tmp_path / "reconciler.yaml").write_text("version: 1\nscope: acme\nmanifests: []\n")
    inputs = Inputs(directory=tmp_path, files=(), environment={})
    with pytest.raises(StateError):
        async with open_ingress(inputs, silent):
            pass
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "mine.yaml").write_text("version: 2\n")
    (tmp_path / "reconciler.yaml").write_text("version: 1\nscope: acme\nmanifests: []\nproviders: [own]\n")
    with pytest.raises(ConfigError, match=r"mine\.yaml"):
        async with open_ingress(inputs, silent):
            pass


# -- fetches -----------------------------------------------------------------------------------------------------------

ASKING = {
    "version": 1,
    "name": "asking",
    "title": "Asking",
    "api": {"url": "https://api.example.com/v1"},
    "auth": {"scheme": "bearer"},
    "types": {"thing": {"title": "a thing", "path": "/things", "resource": {"schema": {"type": "string"}}}},
    "events": {"catalogue": {"happened": "It happened."}},
    "secret": {"origin": "none"},
    "verify": {"scheme": "remote", "path": "/verify", "payload": "event", "genuine": "ok", "forged": "!ok"},
    "delivery": {"event": {"from": "constant", "name": "happened"}},
}


class Wire:
    """A transport that remembers its calls, and answers or fails as it is told."""

    def __init__(self, outcome: Reply | Exception) -> None:
        self.outcome = outcome
        self.calls: list[Call] = []

    async def send(self, call: Call) -> Reply:
        self.calls.append(call)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def fetcher(wire: Wire, unresolved: frozenset[str] = frozenset()) -> HttpFetch:
    """A fetch over a wire, for a provider that is asked itself."""
    definitions: Mapping[str, Definition] = {"asking": definition(ASKING)}
    known: dict[str, Credentials] = {"main": credentials("main", "asking")}
    outbound = Outbound(wire, lambda _: True, frozenset())
    return HttpFetch(wire, outbound, definitions, FixedCredentials(known, unresolved), VirtualClock(5.0))


ASKED = webhook(key=webhook().key._replace(provider="asking"))


async def test_keys_are_fetched_without_credentials() -> None:
    """From the URL that the scheme names."""
    wire = Wire(Reply(status=200, body=b"{}"))

    assert await fetcher(wire)(KEYS, ASKED) == Fetched(status=200, body=b"{}", at=5.0)
    assert [(call.method, call.url, dict(call.headers)) for call in wire.calls] == [("GET", KEYS.url, {})]


async def test_a_providers_own_word_is_asked_for_with_the_webhooks_credentials() -> None:
    """At the root of its API."""
    wire = Wire(Reply(status=200, body=b"{}"))
    await fetcher(wire)(ANSWER, ASKED)
    (call,) = wire.calls

    assert (call.method, call.url, call.body) == ("POST", "https://api.example.com/v1/verify", b"{}")
    assert call.headers["Authorization"] == "Bearer token-of-main"
    assert call.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "error", [TransportError("lost", sent=True), OversizedReplyError(), TransportError("no connection", sent=False)]
)
async def test_a_fetch_that_fails_is_nothing(error: Exception) -> None:
    """Nothing is decided by it."""
    assert await fetcher(Wire(error))(KEYS, ASKED) == Fetched(status=0)


@pytest.mark.parametrize(
    "url",
    ["http://example.com/keys", "https://user@example.com/keys", "https://example.com:8443/keys", "file:///etc/passwd"],
)
async def test_only_https_at_its_port_is_fetched(url: str) -> None:
    """Whatever a definition says."""
    wire = Wire(Reply(status=200))

    assert await fetcher(wire)(Need(kind=NeedKind.KEYS, url=url), ASKED) == Fetched(status=0)
    assert wire.calls == []


@pytest.mark.parametrize(
    ("address", "trusted", "allowed", "fetched"),
    [
        ("93.184.215.14", False, "", True),
        ("10.0.0.7", False, "", False),
        ("127.0.0.1", False, "", False),
        ("169.254.169.254", False, "keys.example.com", False),
        ("10.0.0.7", False, "keys.example.com", True),
        ("10.0.0.7", False, "other.example.com", False),
        ("10.0.0.7", True, "", True),
    ],
)
async def test_keys_of_a_projects_own_definition_are_fetched_from_the_public_internet(
    address: str, trusted: bool, allowed: str, fetched: bool
) -> None:
    """What a pull request can edit does not reach into the network; internal hosts by leave of the operator."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        return [address]

    wire = Wire(Reply(status=200, body=b"{}"))
    outbound = Outbound(wire, lambda _: trusted, frozenset({allowed}), resolve)
    need = Need(kind=NeedKind.KEYS, url="https://keys.example.com/jwks")
    made = HttpFetch(wire, outbound, {}, FixedCredentials({}, frozenset()), VirtualClock(5.0))

    assert (await made(need, ASKED)).ok is fetched
    assert all(isinstance(call, PinnedCall) is not trusted for call in wire.calls)
    assert len(wire.calls) == fetched


def test_what_comes_with_us_is_told_from_what_a_project_brought(tmp_path: Path) -> None:
    """By where a definition was found."""
    (tmp_path / "mine.yaml").write_text("version: 1\nname: mine\n")
    known = known_definitions([tmp_path])

    assert [known.comes_with_us(name) for name in ("github", "mine", "nobodys")] == [True, False, False]


@pytest.mark.parametrize(
    ("key", "unresolved"),
    [
        (ASKED.key._replace(credentials=""), frozenset[str]()),
        (ASKED.key, frozenset({"main"})),
    ],
)
async def test_without_credentials_nobody_is_asked(key: object, unresolved: frozenset[str]) -> None:
    """A webhook that a person pasted has none; a secret may be gone."""
    wire = Wire(Reply(status=200))

    assert await fetcher(wire, unresolved)(ANSWER, webhook(key=key)) == Fetched(status=0)
    assert wire.calls == []


async def test_a_further_scope_without_a_record_is_warned_of(tmp_path: Path) -> None:
    """It may come yet; more often it is a slip, so the nearest is told."""
    root = project(tmp_path / "project")
    record(root, webhook(), SECRET)
    told: list[str] = []

    def progress(event: str, /, **details: Any) -> None:
        if event == "scope_unknown":
            told.append(details["message"])

    async with open_ingress(Inputs(directory=root, environment={}), progress, ["acmee", "acme"]):
        pass
    assert told == ["--also-scope acmee: nothing was ever recorded in it (did you mean 'acme'?)"]
