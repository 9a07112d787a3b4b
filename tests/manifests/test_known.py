"""What manifest files were compiled to, remembered as text."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.errors import Location
from reconciler.core.model import NOTHING, Secret, Subscriber, SubscriberKind, Trigger
from reconciler.manifests.compile import Wished
from reconciler.manifests.gather import Source, digest_of_files
from reconciler.manifests.known import Decoder, basis, encode
from reconciler.manifests.load import Loaded, load_triggers
from tests.manifests.support import CATALOGUE, Folder

FULL = Trigger(
    user="alice",
    subscriber=Subscriber(SubscriberKind.PRESET, "P"),
    provider="forge",
    type="repo",
    resource="A/B",
    canonical="a/b",
    events=frozenset({"push", "issue"}),
    credentials="main",
    manual=True,
    name="n",
    options={"x": [1, 2.5, None, True, {"y": "ü"}]},
    protect=False,
    moved=("graph:old",),
    location=Location("webhooks/a.yaml", 3, 5),
)

texts = st.text(max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts, st.lists, max_leaves=4
)
triggers = st.builds(
    Trigger,
    user=texts,
    subscriber=st.builds(Subscriber, st.sampled_from(SubscriberKind), texts),
    provider=texts,
    type=texts,
    resource=texts,
    canonical=texts,
    events=st.frozensets(texts, max_size=3),
    credentials=texts,
    manual=st.booleans(),
    name=texts,
    options=st.dictionaries(texts, values, max_size=2),
    protect=st.none() | st.booleans(),
    moved=st.lists(texts, max_size=2).map(tuple),
    location=st.builds(Location, st.just("f.yaml"), st.integers(1, 99), st.integers(1, 99)),
)


class Memory:
    """Remembers in a dict; tells what was asked for and found."""

    def __init__(self) -> None:
        self.texts: dict[tuple[str, str], str] = {}
        self.found: list[str] = []
        self.learnt: list[str] = []

    def get(self, source: Source) -> str | None:
        text = self.texts.get((source.name, source.digest))
        if text is not None:
            self.found.append(source.name)
        return text

    def put(self, source: Source, text: str) -> None:
        self.learnt.append(source.name)
        self.texts[source.name, source.digest] = text


def load(folder: Folder, memory: Memory | None) -> Loaded:
    """The project's triggers, with a memory; of a secret the fingerprint tells its length."""
    memory = memory or Memory()
    memory.found.clear()
    memory.learnt.clear()
    return load_triggers(folder.load(), CATALOGUE, lambda secret: f"digest of {len(secret.reveal())}", known=memory)


def test_a_secret_that_became_none_is_told_though_the_file_was_known(folder: Folder) -> None:
    """What was compiled is remembered, secrets are looked at anew."""
    folder.environment["SIGNING"] = "canary"
    folder.manifest("graph: G\ntriggers: [{provider: paper, name: n, events: [sent], secret: env/SIGNING}]\n")
    memory = Memory()

    assert folder.judged(lambda *_: "", memory).problems == ()
    assert len(folder.judged(lambda *_: "is no key", memory).problems) == 1
    assert memory.found == ["webhooks/a.yaml"]


@given(st.lists(st.builds(Wished, triggers, texts), max_size=5))
def test_what_is_read_back_is_what_was_written(found: list[Wished]) -> None:
    """All fields of all triggers, and the references to secrets; the fingerprint of a secret is never written."""
    assert Decoder().decode(encode(found), "f.yaml") == tuple(found)


def test_every_field_of_a_trigger_is_remembered() -> None:
    """None has been forgotten but the secret, whose reference stands beside the trigger."""
    silent = {item.name for item in fields(Trigger) if getattr(FULL, item.name) in ("", NOTHING, (), None)}
    assert silent == {"secret"}
    written = encode([Wished(replace(FULL, secret="fingerprint"), "env/SIGNING")])
    assert Decoder().decode(written, "webhooks/a.yaml") == (Wished(FULL, "env/SIGNING"),)
    assert "fingerprint" not in written


def test_what_triggers_have_alike_is_one_object() -> None:
    """Equal sets of events and equal words are shared over files, so that many webhooks take little room."""
    decoder = Decoder()
    one = decoder.decode(encode([Wished(FULL)]), "a.yaml")
    two = decoder.decode(encode([Wished(FULL)]), "b.yaml")
    assert one
    assert two
    assert one[0].trigger.events is two[0].trigger.events
    assert one[0].trigger.user is two[0].trigger.user


def damaged() -> list[str]:
    """Texts that no version of this program wrote."""
    alike, rows = json.loads(encode([Wished(FULL, "env/A")]))
    made: list[Any] = [None, 3, [], [1], [1, 2], {}, [alike], [alike, [[]]], [alike, [[9, 1, 1, "a"]]], [[[]], rows]]
    made += [[alike, [["0", 1, 1, "a"]]], [alike, [[0, "1", 1, "a"]]], [alike, [[0, 1, 1, 7]]], [alike, [[0, 1, 1]]]]
    made += [[alike, [[0, 1, 1, "a", "b", "c"]]], [alike, [[True, 1, 1, "a"]]]]
    for place in range(len(alike[0])):
        made.append([[[*alike[0][:place], {}, *alike[0][place + 1 :]]], rows])
    return ["", "{", "[" * 100_000, *map(json.dumps, made)]


@pytest.mark.parametrize("text", damaged(), ids=lambda text: text[:60])
def test_what_has_another_shape_is_unknown(text: str) -> None:
    """A damaged or foreign text is no trigger, and no traceback."""
    assert Decoder().decode(text, "a.yaml") is None


def test_known_files_are_not_compiled_again(folder: Folder) -> None:
    """The triggers are the same, in the same order, and so is the digest; a changed file alone is read anew."""
    folder.manifest("graph: A\ntriggers:\n- {provider: forge, type: repo, resource: A/B, events: [push]}\n")
    folder.manifest(
        "graph: B\ntriggers:\n- {provider: forge, type: repo, resource: a/c, events: [push]}\n", "webhooks/b.yaml"
    )
    memory = Memory()
    first = load(folder, memory)
    assert memory.learnt == ["webhooks/a.yaml", "webhooks/b.yaml"]
    again = load(folder, memory)
    assert (memory.found, memory.learnt) == (["webhooks/a.yaml", "webhooks/b.yaml"], [])
    assert again == first
    folder.manifest(
        "graph: B\ntriggers:\n- {provider: forge, type: repo, resource: a/d, events: [push]}\n", "webhooks/b.yaml"
    )
    changed = load(folder, memory)
    assert (memory.found, memory.learnt) == (["webhooks/a.yaml"], ["webhooks/b.yaml"])
    assert [trigger.resource for trigger in changed.triggers] == ["A/B", "a/d"]
    assert changed.digest != first.digest


def test_the_digest_of_files_is_that_of_loading(folder: Folder) -> None:
    """Looking at files alone gives what loading them gave, or nothing where one of them cannot be found."""
    folder.manifest("graph: A\ntriggers: []\n")
    assert digest_of_files(folder.load()) == load(folder, None).digest
    folder.write("reconciler.yaml", (folder.root / "reconciler.yaml").read_text().replace("[webhooks]", "[gone.yaml]"))
    assert digest_of_files(folder.load()) is None


def test_a_file_that_cannot_be_read_has_no_digest(folder: Folder) -> None:
    """What is too large to be read is not passed over."""
    folder.manifest("graph: A\n")
    with (folder.root / "webhooks" / "a.yaml").open("r+b") as file:
        file.truncate(1024**3)
    assert digest_of_files(folder.load()) is None
    assert "larger" in str(load(folder, None).problems[0])


def test_the_secret_of_a_known_file_is_resolved_anew(folder: Folder) -> None:
    """A reference is remembered and never what it refers to; where that is gone, the problem names its place."""
    folder.environment = {"SIGNING": "one"}
    folder.manifest("graph: G\ntriggers:\n- {provider: paper, events: [sent], secret: env/SIGNING}\n")
    memory = Memory()
    load(folder, memory)
    assert "digest of" not in "".join(memory.texts.values())
    folder.environment = {"SIGNING": "three"}
    again = load(folder, memory)
    assert memory.found
    assert [trigger.secret for trigger in again.triggers] == ["digest of 5"]
    assert again.secrets == {"env/SIGNING": Secret("three")}
    folder.environment = {}
    gone = load(folder, memory)
    assert str(gone.problems[0]).startswith("webhooks/a.yaml:3:45: triggers[0].secret: the environment variable")


def test_a_trigger_that_a_known_file_has_too_is_told(folder: Folder) -> None:
    """Between a known and a new file, either way round, with the place of the second."""
    trigger = "triggers:\n- {provider: forge, type: repo, resource: a/b, events: [push]}\n"
    folder.manifest(f"graph: G\n{trigger}", "webhooks/b.yaml")
    memory = Memory()
    load(folder, memory)
    for name, second in (("webhooks/c.yaml", "webhooks/c.yaml"), ("webhooks/a.yaml", "webhooks/b.yaml")):
        path = folder.manifest(f"graph: G\n{trigger}", name)
        told = load(folder, memory).problems
        assert [problem.code for problem in told] == ["duplicate_trigger"]
        assert told[0].location is not None
        assert told[0].location.file == second
        path.unlink()


def test_a_file_with_a_problem_is_not_remembered(folder: Folder) -> None:
    """Neither with one of its text nor with one of its triggers; nor is what comes after it."""
    right = "graph: A\ntriggers:\n- {provider: forge, type: repo, resource: a/b, events: [push]}\n"
    for wrong in (
        "graph: [",
        "graph: B\ntriggers:\n- {provider: forge, type: repo, resource: a/c, events: [nothing]}\n",
    ):
        folder.manifest(right, "webhooks/a.yaml")
        folder.manifest(wrong, "webhooks/b.yaml")
        memory = Memory()
        load(folder, memory)
        assert memory.learnt == ["webhooks/a.yaml"]


def test_with_a_doubt_in_the_project_nothing_is_known(folder: Folder) -> None:
    """What a trigger is may depend on what is wrong there."""
    folder.manifest("graph: A\ntriggers:\n- {provider: forge, type: repo, resource: a/b, events: [push]}\n")
    memory = Memory()
    load(folder, memory)
    text = (folder.root / "reconciler.yaml").read_text()
    folder.write("reconciler.yaml", text.replace("forge: main", "forgery: main"))
    load(folder, memory)
    assert (memory.found, memory.learnt) == ([], [])


def test_everything_that_compiling_depends_on_is_in_the_basis(folder: Folder) -> None:
    """Definitions, credentials with their users, defaults, and who may do without proof; not where deliveries go."""
    before = (folder.root / "reconciler.yaml").read_text()
    known = basis(folder.load(), "d")
    assert basis(folder.load(), "e") != known
    for old, new in (
        ("users: [alice]", "users: [bob]"),
        ("bot: {provider: chat", "bot: {provider: forge"),
        ("user: platform", "user: other"),
        ("chat: bot", "chat: main"),
        ("scope: acme", "scope: acme\nallow_unverified: [naked]"),
    ):
        folder.write("reconciler.yaml", before.replace(old, new))
        assert basis(folder.load(), "d") != known, new
    folder.write("reconciler.yaml", before.replace("hooks.acme.dev", "other.acme.dev"))
    assert basis(folder.load(), "d") == known
