"""The log of deliveries: what came, what became of it, and how it is handed on once more."""

from __future__ import annotations

import io
import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.flags import Format
from reconciler.cli.flags_deliveries import ListFlags
from reconciler.cli.output import Output, Streams
from reconciler.cli.verbs.deliveries_list import Follower
from reconciler.core.deliveries import Delivery, Provenance
from reconciler.core.inbox import Arrival, Attempt, Dispatch, DispatchState
from reconciler.core.model import Subscriber, SubscriberKind
from reconciler.render.deliveries import Content, Told, delivery_rows, delivery_text
from reconciler.render.painter import PLAIN, Painter
from reconciler.store.inboxes import inbox_of
from reconciler.wiring.deliveries import deliveries_of
from reconciler.wiring.inputs import Inputs
from tests.cli.ingress_support import ingress_of
from tests.cli.state_support import AUTO, fill, opened
from tests.cli.support import Project, project_file

pytestmark = pytest.mark.journeys

TO_A_FILE = "targets:\n  - log: {file: out.jsonl, payload: true}\n"


@pytest.fixture
def filled(project: Project) -> Project:
    """A project with webhooks, whose dispatches go to a file."""
    project.write("reconciler.yaml", project_file(project.origin, TO_A_FILE))
    return fill(project)


def listed(project: Project, *arguments: str) -> list[dict[str, Any]]:
    """The deliveries as JSON has them."""
    document = project.run("deliveries", "list", "--format", "json", *arguments).document
    assert document["version"] == 1
    told: list[dict[str, Any]] = document["deliveries"]
    return told


def eventually(happened: Callable[[], Any]) -> Any:
    """What is true in the end: another thread is at work on it."""
    for _ in range(200):
        if found := happened():
            return found
        time.sleep(0.05)
    raise AssertionError("it never happened")


def handed_on(project: Project) -> list[dict[str, Any]]:
    """What the target was given."""
    path = project.root / ".reconciler" / "out.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def put(project: Project, number: int = 1, **changes: Any) -> str:
    """A delivery in the inbox, to the graph `triage`, that no ingress has received."""
    with opened(project) as store:
        webhook = next(record for record in store.records("acme") if not record.key.manual)
        values: dict[str, Any] = {
            "id": f"{number:032x}",
            "scope": "acme",
            "webhook_id": webhook.id,
            "provider": "github",
            "received_at": project.now(),
            "provenance": Provenance.RECEIVED,
            "method": "POST",
            "url": webhook.url,
            "query": "canary=of-a-query",
            "headers": (
                ("Content-Type", "application/json"),
                ("X-GitHub-Event", "push"),
                ("Authorization", "canary-of-a-header"),
            ),
            "body": b'{"note": "canary-of-a-body"}',
            "events": ("push",),
        }
        delivery = Delivery(**{**values, **changes})
        dispatch = Dispatch(
            id=f"a{number:031x}",
            delivery_id=delivery.id,
            part=0,
            subscriber=Subscriber(SubscriberKind.GRAPH, "triage"),
            events=delivery.events,
        )
        inbox_of(store).accept([Arrival(delivery=delivery, keys=(), dispatches=(dispatch,))])
    return delivery.id


def end(project: Project, number: int, state: DispatchState = DispatchState.DEAD) -> None:
    """Its dispatch ends so."""
    with opened(project) as store:
        inbox, now = inbox_of(store), project.now()
        inbox.claim("acme", "test", now + 1, 1.0, 10)
        dispatch = f"a{number:031x}"
        inbox.settle("test", [Attempt(dispatch_id=dispatch, state=state, at=now, seconds=0.5, error="it answered 500")])


# -- the whole way -----------------------------------------------------------------------------------------------------


def test_a_delivery_goes_all_the_way(filled: Project) -> None:
    """Sent, verified, stored, handed on; listed with its outcome and latency; replayed with the same id."""
    with ingress_of(filled) as origin:
        sent = filled.run("send", "github", "push", "--webhook", AUTO, "--url", origin)
        assert (sent.code, f"{origin}/webhooks/github/" in sent.out, ": 200 in " in sent.out) == (0, True, True)
        [event] = eventually(lambda: handed_on(filled))
        [told] = eventually(lambda: [each for each in listed(filled) if each["outcome"] == "done"])
        assert (event["id"], event["subject"]) == (told["dispatches"][0]["id"], "graph:triage")
        assert (told["provider"], told["events"], told["address"]) == ("github", ["push"], AUTO)
        assert 0.0 <= told["latency"] < 60.0

        replayed = filled.run("deliveries", "replay", told["id"], "--yes")
        assert (replayed.code, "1 delivery, 1 dispatch to 1 subscriber" in replayed.out) == (0, True)
        again = eventually(lambda: handed_on(filled)[1:])[0]
    assert (again["id"], again["provenance"], again["data"]) == (event["id"], "replayed", event["data"])
    newer, older = listed(filled)
    assert [each["provenance"] for each in (newer, older)] == ["replayed", "received"]
    assert (older["outcome"], older["replayed_as"], newer["replayed_as"]) == ("replayed", newer["id"], None)
    shown = filled.run("deliveries", "show", older["id"]).out
    assert f"replayed as    {newer['id']}" in shown
    text = filled.run("deliveries", "list").out
    assert "github  push  github/repo/acme/api@acme-github" in text
    assert [line.endswith("a replay") for line in text.splitlines()] == [True, False]


# -- list and show -----------------------------------------------------------------------------------------------------


def test_nothing_came_yet(project: Project) -> None:
    """Also where there is no state at all."""
    assert project.run("deliveries", "list").out == "No deliveries.\n"
    assert project.run("deliveries", "dead").out == "No dead letters.\n"
    assert listed(project) == []


def test_deliveries_are_chosen(filled: Project) -> None:
    """By webhook, provider, event and time; only dead ones; so many."""
    first, second = put(filled, 1), put(filled, 2, events=("issues.opened",), received_at=filled.now() - 7200)
    end(filled, 2)
    webhook = listed(filled)[0]["webhook_id"]
    for arguments, expected in {
        (): [second, first],
        ("--limit", "1"): [second],
        ("--since", "1h"): [first],
        ("--until", "1h"): [second],
        ("--event", "push"): [first],
        ("--provider", "stripe"): [],
        ("--webhook", AUTO): [second, first],
        ("--webhook", webhook): [second, first],
        ("--webhook", webhook[:8]): [second, first],
        ("--dead",): [second],
    }.items():
        assert [each["id"] for each in listed(filled, *arguments)] == expected, arguments
    refused = filled.run("deliveries", "list", "--webhook", "github/repo/nobody@x")
    assert (refused.code, "no webhook is recorded at" in refused.err) == (7, True)
    assert filled.run("deliveries", "list", "--webhook", "0" * 8).code == 7
    assert filled.run("deliveries", "list", "--webhook", "").code == 0
    assert filled.run("deliveries", "list", "--since", "yesterday").code == 7


def test_a_beginning_that_several_webhooks_have_is_refused(filled: Project) -> None:
    """Say more of it."""
    with opened(filled) as store:
        ids = [record.id for record in store.records("acme")]
    for digit in "0123456789abcdef":
        many = sum(each.startswith(digit) for each in ids) > 1
        assert (
            "webhook_ambiguous" in filled.run("deliveries", "list", "--webhook", digit, "--log-format", "json").err
        ) is many


def test_nothing_of_what_was_in_it_is_shown_unasked(filled: Project) -> None:
    """No body, header, query or secret; with `--body` the payload, and no header that could be a proof."""
    name = put(filled)
    for arguments in (
        ["list"],
        ["list", "--format", "json"],
        ["show", name],
        ["show", name, "--format", "json"],
        ["dead"],
    ):
        assert "canary" not in filled.run("deliveries", *arguments).out
    shown = filled.run("deliveries", "show", name, "--body").out
    assert '"note": "canary-of-a-body"' in shown
    assert "X-GitHub-Event: push\nAuthorization: ********" in shown
    assert "canary-of-a-query" not in shown
    assert "/webhooks/github/" in shown
    document = filled.run("deliveries", "show", name, "--body", "--format", "json").document
    assert document["payload"] == {"note": "canary-of-a-body"}
    assert document["headers"] == [
        ["Content-Type", "application/json"],
        ["X-GitHub-Event", "push"],
        ["Authorization", "********"],
    ]


def test_a_delivery_may_be_named_by_the_beginning_of_its_id(filled: Project) -> None:
    """Where one id begins so; where several do, they are named, and a whole id is never several."""
    first, second = put(filled, 1), put(filled, 2)
    assert filled.run("deliveries", "show", second[:-1] + "2").code == 0
    assert filled.run("deliveries", "replay", second[:-1] + "2", "--dry-run").code == 0
    several = filled.run("deliveries", "show", first[:-1])
    assert (several.code, f"say more of it: {second}, {first}" in several.err) == (7, True)
    longer = put(filled, 3, id=f"{first}00")
    assert filled.run("deliveries", "show", longer[:-1]).out.startswith(f"delivery       {longer}")
    assert filled.run("deliveries", "show", first).out.startswith(f"delivery       {first}\n")
    assert filled.run("deliveries", "show", "").code == 7


def test_many_that_a_beginning_may_mean_are_not_all_told(filled: Project) -> None:
    """Five, and that there are more."""
    for number in range(1, 8):
        put(filled, number)
    told = filled.run("deliveries", "show", "0").err
    assert told.count(f"{0:024x}") == 5
    assert ", ..." in told


def test_a_delivery_that_is_not_there(filled: Project) -> None:
    """Exit 7, with the next step."""
    done = filled.run("deliveries", "show", "f" * 32)
    assert (done.code, "reconcile deliveries list" in done.err) == (7, True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"body": b"canary"}, "the body cannot be shown: the body is not JSON"),
        ({"provider": "gone"}, "the body cannot be shown: no definition tells where it holds a secret"),
    ],
)
def test_a_body_that_cannot_be_read(filled: Project, changes: dict[str, Any], words: str) -> None:
    """It is not shown raw: nobody could say what in it is secret. Its URL may be a secret, so it is shortened."""
    name = put(filled, **changes)
    shown = filled.run("deliveries", "show", name, "--body").out
    assert words in shown
    assert "canary" not in shown
    if changes.get("provider"):
        assert filled.run("deliveries", "list").out.count("-") < 5


def test_the_secret_of_a_webhook_is_taken_out_of_the_body(project: Project) -> None:
    """Where a vendor puts it into the body, as the definition says."""
    project.write("reconciler.yaml", project_file(project.origin))
    fill(project)
    name = put(project, provider="microsoft-graph", body=b'{"value": [{"clientState": "canary", "resource": "x"}]}')
    shown = project.run("deliveries", "show", name, "--body").out
    assert '"resource": "x"' in shown
    assert "canary" not in shown


def test_what_is_told_of_one_delivery() -> None:
    """Batches, nodes, several outcomes; control characters are spelled out."""
    delivery = Delivery(
        id="d1", scope="s", webhook_id="w", provider="forge", received_at=0.0, provenance=Provenance.RECEIVED,
        method="POST", url="https://h/webhooks/forge/w", query="", headers=(), body=b"",
    )  # fmt: skip
    told = Told(delivery=delivery, handed=(), webhook="w", url=delivery.url, content=Content(headers=(("a\x1b", "b"),)))
    assert (told.outcome, told.over, told.latency) == ("no dispatch", True, None)
    assert "a\\x1b: b\n\nnull" in delivery_text(told, PLAIN)
    assert delivery_rows([told], Painter(colour=True))[0].startswith("1970-01-01T00:00:00Z  d1  forge  -  w")


# -- follow ------------------------------------------------------------------------------------------------------------


def follower(project: Project, stdout: io.StringIO, **flags: Any) -> tuple[Any, Follower]:
    """One that has not looked yet, and what it looks into."""
    streams = Streams(stdin=io.StringIO(), stdout=stdout, stderr=io.StringIO(), environment={}, now=project.now)
    output = Output(streams)
    inputs = Inputs(directory=project.root, environment=project.environment)
    opening = deliveries_of(inputs, output)
    return opening, Follower(ListFlags(follow=True, **flags), opening.__enter__(), output)


def test_following_shows_what_comes_and_what_becomes_of_it(filled: Project) -> None:
    """Nothing from before; a line when it comes, one more when its outcome changes."""
    put(filled, 1)
    stdout = io.StringIO()
    opening, following = follower(filled, stdout)
    following.look()
    assert stdout.getvalue() == ""
    put(filled, 2)
    following.look()
    following.look()
    assert [line.split()[-1] for line in stdout.getvalue().splitlines()] == ["pending"]
    end(filled, 2, DispatchState.DONE)
    following.look()
    following.look()
    assert stdout.getvalue().splitlines()[1].split()[-2] == "done"
    assert len(stdout.getvalue().splitlines()) == 2
    opening.__exit__(None, None, None)


def test_following_as_json_is_a_document_a_line(filled: Project) -> None:
    """Made for programs that read as it comes; the filter holds too."""
    stdout = io.StringIO()
    opening, following = follower(filled, stdout, format=Format.JSON, event="push")
    put(filled, 1)
    put(filled, 2, events=("issues.opened",))
    following.look()
    [line] = stdout.getvalue().splitlines()
    assert json.loads(line)["outcome"] == "pending"
    opening.__exit__(None, None, None)


@pytest.mark.processes
def test_following_ends_with_a_signal(filled: Project) -> None:
    """Until then it shows what comes; nothing is in flight that would have to be finished."""
    process = filled.spawn("deliveries", "list", "--follow")
    assert process.stderr is not None
    assert process.stdout is not None
    process.stderr.readline()
    time.sleep(0.5)
    put(filled, 1)
    assert "pending" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=20)
    assert process.returncode == 130
    assert ("SIGINT: stopped" in told, "in flight" in told) == (True, False)


# -- dead letters ------------------------------------------------------------------------------------------------------


def test_dead_letters_are_listed_and_retried(filled: Project) -> None:
    """With the reason and the tries; by their id, by that of the delivery, or all."""
    for number in (1, 2, 3):
        put(filled, number)
        end(filled, number)
    text = filled.run("deliveries", "dead").out
    assert text.count("it answered 500") == 3
    assert "graph:triage  1 try" in text
    document = filled.run("deliveries", "dead", "--format", "json", "--provider", "github", "--since", "1h").document
    assert [each["state"] for each in document["dead"]] == ["dead"] * 3
    assert document["dead"][0]["delivery_id"] == f"{3:032x}"

    assert filled.run("deliveries", "retry", f"a{1:031x}").out.startswith("Due once more: 1 dead letter;")
    assert filled.run("deliveries", "retry", f"{2:032x}", "--format", "json").document == {"version": 1, "retried": 1}
    assert [each["outcome"] for each in listed(filled)] == ["dead", "pending", "pending"]
    assert filled.run("deliveries", "retry", "--all").code == 7
    assert filled.at_terminal("n\n", "deliveries", "retry", "--all").code == 1
    assert filled.run("deliveries", "retry", "--all", "--yes").code == 0
    assert {each["outcome"] for each in listed(filled)} == {"pending"}
    assert filled.run("deliveries", "retry", "--all", "--yes", "--format", "json").document == {
        "version": 1,
        "retried": 0,
    }


def test_what_to_retry_must_be_said(filled: Project) -> None:
    """Neither nothing nor both; a name that means nothing is refused before anything is done."""
    put(filled, 1)
    end(filled, 1)
    assert filled.run("deliveries", "retry").code == 7
    assert filled.run("deliveries", "retry", "x", "--all").code == 7
    refused = filled.run("deliveries", "retry", f"a{1:031x}", "nobody")
    assert (refused.code, "there is no dead letter nobody" in refused.err) == (7, True)
    assert listed(filled)[0]["outcome"] == "dead"


def test_a_dead_letter_may_be_named_by_the_beginning_of_an_id(filled: Project) -> None:
    """Its own or its delivery's, where one begins so; where several do, they are named, and nothing is done."""
    for number in (1, 2):
        put(filled, number)
        end(filled, number)
    several = filled.run("deliveries", "retry", "a0")
    assert (several.code, f"say more of it: a{2:031x}, a{1:031x}" in several.err) == (7, True)
    assert filled.run("deliveries", "retry", "").code == 7
    put(filled, 3, id="b" * 32)
    end(filled, 3)
    assert filled.run("deliveries", "retry", "bb", "--format", "json").document == {"version": 1, "retried": 1}
    assert sorted(each["outcome"] for each in listed(filled)) == ["dead", "dead", "pending"]


# -- replay ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def received(filled: Project) -> Project:
    """Three deliveries that the ingress took, and nobody has handed on."""
    with ingress_of(filled, dispatch=False) as origin:
        for _ in range(3):
            assert filled.run("send", "github", "push", "--webhook", AUTO, "--url", origin).code == 0
    return filled


def test_a_bulk_replay_is_shown_first(received: Project) -> None:
    """How many deliveries, to which triggers; a dry run changes nothing, and nobody is asked without a terminal."""
    planned = received.run("deliveries", "replay", "--since", "1h", "--dry-run")
    assert planned.out == "3 deliveries, 3 dispatches to 1 subscriber\n  graph:triage  3\n"
    assert received.run("deliveries", "replay", "--since", "1h").code == 7
    assert received.at_terminal("n\n", "deliveries", "replay", "--since", "1h").code == 1
    assert len(listed(received)) == 3
    done = received.run("deliveries", "replay", "--since", "1h", "--yes", "--format", "json").document
    assert (done["deliveries"], done["dispatched"], done["triggers"]) == (3, 3, {"graph:triage": 3})
    assert [each["provenance"] for each in listed(received)] == ["replayed"] * 3 + ["received"] * 3


def test_a_replay_of_a_replay_is_one(received: Project) -> None:
    """A delivery and its replay are the same dispatches, whose ids do not change."""
    before = {each["dispatches"][0]["id"] for each in listed(received)}
    assert received.run("deliveries", "replay", "--since", "1h", "--yes").code == 0
    done = received.run("deliveries", "replay", "--since", "1h", "--yes", "--format", "json").document
    assert done["dispatches"] == 3
    after = [dispatch["id"] for each in listed(received) for dispatch in each["dispatches"]]
    assert sorted(after) == sorted(before)


def test_a_replay_goes_to_who_asks_now(received: Project) -> None:
    """A graph that was added since gets it too, one that is gone does not."""
    received.manifest("push", name="newcomer")
    received.manifest("issues", name="triage")
    assert received.run().code == 0
    planned = received.run("deliveries", "replay", "--since", "1h", "--dry-run", "--format", "json").document
    assert (planned["triggers"], planned["dispatched"]) == ({"graph:newcomer": 3}, None)


def test_what_no_secret_of_now_proves_is_said(filled: Project) -> None:
    """It was proved when it came; it is handed on all the same."""
    name = put(filled, 1)
    planned = filled.run("deliveries", "replay", name, "--dry-run")
    assert "not proved by a secret of now: 1 (the X-Hub-Signature-256 header is missing)" in planned.out
    assert filled.run("deliveries", "replay", name, "--yes").code == 0


def test_a_replay_after_the_webhook_is_gone(filled: Project) -> None:
    """It goes to those that it went to before."""
    name = put(filled, 1)
    assert filled.run("state", "rm", AUTO, "--yes").code == 0
    planned = filled.run("deliveries", "replay", name, "--dry-run").out
    assert "1 delivery, 1 dispatch to 1 subscriber" in planned
    assert "its webhook is recorded no more" in planned
    unknown = put_unknown(filled)
    assert "no definition tells how" in filled.run("deliveries", "replay", unknown, "--dry-run").out


def put_unknown(project: Project) -> str:
    """A delivery of a provider that nobody knows any more."""
    project.manifest("push", resource="acme/web")
    assert project.run("--allow-destroy", "100%").code == 0
    return put(project, 9, provider="gone")


def test_what_cannot_be_read_cannot_be_replayed(filled: Project) -> None:
    """The others are; alone it is an error."""
    bad = put(filled, 1, body=b"canary")
    alone = filled.run("deliveries", "replay", bad, "--yes")
    assert (alone.code, "cannot be replayed" in alone.out, "canary" in alone.out) == (1, True, False)
    good = put(filled, 2)
    both = filled.run("deliveries", "replay", bad, good, "--yes")
    assert both.code == 4
    assert filled.run("deliveries", "replay", "--provider", "stripe", "--yes").out == "No deliveries to replay.\n"


def test_what_to_replay_must_be_said(filled: Project) -> None:
    """Neither nothing nor both."""
    assert filled.run("deliveries", "replay").code == 7
    assert filled.run("deliveries", "replay", "x", "--since", "1h").code == 7
    assert Path(filled.root).is_dir()
