"""`send`: a signed delivery to try a flow, and what came of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.cli.ingress_support import ingress_of
from tests.cli.state_support import AUTO, MANUAL, fill
from tests.cli.support import Project, process_environment
from tests.cli.test_deliveries import listed

pytestmark = pytest.mark.journeys


@pytest.fixture
def ingress(project: Project) -> Iterator[str]:
    """The origin of a running ingress."""
    fill(project)
    with ingress_of(project, dispatch=False) as origin:
        yield origin


def test_status_and_latency_are_told(project: Project, ingress: str) -> None:
    """An origin takes the place of the ingress URL's own."""
    done = project.run("send", "github", "push", "--webhook", AUTO, "--url", ingress, "--format", "json")
    told = done.document
    assert (told["version"], told["status"], told["accepted"], told["error"]) == (1, 200, True, None)
    assert told["url"].startswith(f"{ingress}/webhooks/github/")
    assert 0.0 <= told["seconds"] < 30.0


def test_the_whole_url_says_which_webhook(project: Project, ingress: str) -> None:
    """As it stands in the plan, on loopback."""
    url = project.run("show", MANUAL, "--format", "json").document["url"]
    local = url.replace("https://hooks.example.com", ingress)
    assert project.run("send", "github", "push", "--url", local).code == 0
    assert listed(project)[0]["address"] == MANUAL


def test_a_payload_is_sent_byte_for_byte(project: Project, ingress: str) -> None:
    """With the name of the event, and a proof of ours."""
    project.write("body.json", '{"ref":  "refs/heads/main"}')
    path = str(project.root / "body.json")
    done = project.run("send", "github", "push", "--webhook", AUTO, "--url", ingress, "--payload", path)
    assert done.code == 0
    [told] = listed(project)
    assert (told["bytes"], told["events"]) == (27, ["push"])


def test_what_is_not_taken_is_an_error(project: Project, ingress: str) -> None:
    """Its status is told, or that nobody answered; exit 1."""
    project.write("body", "payload=no+json")
    path = str(project.root / "body")
    refused = project.run("send", "github", "push", "--webhook", AUTO, "--url", ingress, "--payload", path)
    assert (refused.code, "200" in refused.out) == (1, False)
    unheard = project.run("send", "github", "push", "--webhook", AUTO, "--url", "http://127.0.0.1:1")
    assert (unheard.code, "no answer: no connection could be made" in unheard.out) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nobody", "push"], "there is no provider 'nobody'"),
        (["stripe", "charge.succeeded"], "nothing is recorded of a stripe webhook"),
        (["github", "push"], "2 webhooks are meant"),
        (["github", "push", "--webhook", "0000"], "nothing is recorded of a github webhook 0000"),
        (["gitlab", "push_events", "--webhook", AUTO], "is not a webhook of gitlab"),
        (["github", "push", "--webhook", AUTO, "--url", "https://elsewhere.dev"], "is not that of the ingress"),
        (["github", "push", "--webhook", AUTO, "--url", "no url"], "--url: "),
        (["github", "push", "--webhook", AUTO, "--payload", "/nowhere/at/all"], "cannot be read"),
        (
            ["github", "push", "--webhook", AUTO, "--payload", __file__],
            "can be read as nothing that the provider sends",
        ),
        (["github", "no_such", "--webhook", AUTO], "--payload FILE"),
    ],
    ids=str,
)
def test_what_is_meant_must_be_clear(project: Project, arguments: list[str], words: str) -> None:
    """Exit 7 with the way out; nothing is sent, least of all a secret to a host that is not ours."""
    fill(project)
    done = project.run("send", *arguments)
    assert (done.code, words in done.err) == (7, True), done.err


def test_a_body_that_is_too_long_is_not_read(project: Project) -> None:
    """No provider sends more."""
    fill(project)
    (project.root / "big").write_bytes(b" " * (25 * 1024 * 1024 + 1))
    done = project.run("send", "github", "push", "--webhook", AUTO, "--payload", str(project.root / "big"))
    assert (done.code, "larger than 25 MiB" in done.err) == (7, True)


def test_a_base_url_with_a_path_is_kept(project: Project) -> None:
    """An ingress below a path is named with it."""
    fill(project)
    done = project.run(
        "send", "github", "push", "--webhook", AUTO, "--url", "http://127.0.0.1:1/hooks", "--format", "json"
    )
    assert done.document["url"].startswith("http://127.0.0.1:1/hooks/webhooks/github/")


CODE = """
import sys
sys.modules["starlette"] = None
from reconciler.cli import lazy
from reconciler.core.errors import ReconcilerError
import reconciler.cli.verbs.send
try:
    lazy.realistic()
except ReconcilerError as error:
    print(error)
"""


def test_without_the_sandbox_only_a_payload_can_be_sent() -> None:
    """The verb itself needs no extra; the message says what does."""
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=True, env=process_environment({})
    )
    assert "pip install 'webhook-reconciler[sandbox]', or give --payload" in done.stdout
    assert json.dumps(done.stderr) == '""'
