"""Verbs that look: validate, status, show, urls, orphans, ping, schema."""

from __future__ import annotations

import json

import pytest

from reconciler.testing.faults import Fault
from tests.cli.support import Project

pytestmark = pytest.mark.journeys

ADDRESS = "github/repo/acme/api@acme-github"
MANUAL = "graph: intake\ntriggers:\n  - {provider: generic, events: [plain], manual: true, name: form}\n"


def test_validate_counts_what_is_valid(project: Project) -> None:
    """Offline: no provider is asked, no state is looked at."""
    project.manifest("push", "issues")
    done = project.run("validate")
    assert (done.code, done.out) == (0, "Valid: 1 trigger for 1 webhook.\n")
    assert project.run("validate", "--format", "json").document == {"valid": True, "problems": []}
    assert len(project.sandbox.log) == 0


def test_validate_lists_problems_on_stdout(project: Project) -> None:
    """Here the problems are the result: text or JSON on stdout, and exit 7."""
    project.manifest("isues")
    done = project.run("validate")
    assert done.code == 7
    assert done.out.startswith("webhooks/triage.yaml:6:14: triggers[0].events[0]: ")
    assert done.out.endswith("1 problem\n")
    told = project.run("validate", "--format", "json")
    assert told.code == 7
    assert told.document["problems"][0]["line"] == 6


def test_status_counts_phases_and_pending_changes(project: Project) -> None:
    """Before a pass everything is pending, afterwards it is registered; nobody is asked."""
    project.manifest("push")
    project.write("webhooks/intake.yaml", MANUAL)
    assert project.run("status", "--format", "json").document["pending"]["create"] == 2
    project.run()
    project.sandbox.log.clear()
    told = project.run("status", "--format", "json").document
    assert (told["webhooks"]["registered"], told["webhooks"]["manual"], told["in_sync"]) == (1, 1, 2)
    assert "1 registered, 1 manual" in project.run("status").out
    assert len(project.sandbox.log) == 0


def test_status_names_unverified_providers(project: Project) -> None:
    """A provider whose deliveries carry no proof is named loudly."""
    text = (project.root / "reconciler.yaml").read_text()
    project.write("reconciler.yaml", f"{text}allow_unverified: [compass]\n")
    manifest = "graph: notes\ntriggers:\n  - {provider: compass, events: [transcription], manual: true}\n"
    project.write("webhooks/notes.yaml", manifest)
    assert "UNVERIFIED: deliveries of compass carry no proof" in project.run("status").out


def test_show_tells_one_webhook_in_full(project: Project) -> None:
    """By its address, in text and JSON; the nearest address for a typo."""
    project.manifest("push")
    project.run()
    told = project.run("show", ADDRESS, "--format", "json").document
    assert told["url"] == f"https://hooks.example.com/webhooks/github/{told['id']}"
    assert told["triggers"] == [{"graph": "triage", "events": ["push"]}]
    assert "phase               registered" in project.run("show", ADDRESS).out
    typo = project.run("show", ADDRESS.replace("api", "apy"))
    assert typo.code == 7
    assert f"did you mean {ADDRESS}?" in typo.err


def test_what_is_recorded_can_be_seen_with_broken_manifests(project: Project) -> None:
    """URLs, orphans and records do not depend on the manifests."""
    project.write("webhooks/intake.yaml", MANUAL)
    project.run()
    project.write("webhooks/intake.yaml", "graph: [\n")
    assert "https://hooks.example.com/webhooks/generic/" in project.run("urls").out
    assert project.run("orphans").code == 0
    assert project.run("show", "generic/plain/graph:intake/form").code == 0
    assert project.run("plan").code == 7


def test_urls_are_for_pasting(project: Project) -> None:
    """A manual webhook has a URL and a secret of ours, shown on request; both outlive every later pass."""
    project.write("webhooks/intake.yaml", MANUAL)
    assert "1 manual webhook to paste" in project.run().out
    [first] = project.run("urls", "--show-secrets", "--format", "json").document["webhooks"]
    assert len(first["secret"]) == 64
    assert first["secret"] not in project.run("urls").out
    assert first["secret"] in project.run("urls", "--show-secrets").out
    project.run()
    assert project.run("urls", "--show-secrets", "--format", "json").document["webhooks"] == [first]


def test_orphans_are_what_could_not_be_removed(project: Project) -> None:
    """A refused deregistration leaves an orphan: exit 4 once, and visible from then on."""
    project.manifest("push")
    project.manifest("push", resource="acme/web", name="builds")
    project.run()
    (project.root / "webhooks" / "builds.yaml").unlink()
    project.sandbox.faults.add(Fault(path="/github/repos/acme/web/hooks/*", method="DELETE", status=403))
    assert project.run().code == 4
    done = project.run("orphans", "--detailed-exitcode")
    assert done.code == 2
    assert "github/repo/acme/web@acme-github" in done.out
    assert len(project.run("orphans", "--format", "json").document["orphans"]) == 1
    assert project.run("status", "--detailed-exitcode").code == 2


def test_ping_asks_the_provider(project: Project) -> None:
    """GitHub sends a test delivery; Stripe has no such call, and a manual webhook is nobody's to ping."""
    project.manifest("push")
    text = "graph: pay\ntriggers:\n  - {provider: stripe, events: [charge.succeeded]}\n"
    project.write("webhooks/pay.yaml", text)
    project.write("webhooks/intake.yaml", MANUAL)
    project.run()
    assert project.run("ping", ADDRESS).code == 0
    assert any(entry.path.endswith("/pings") for entry in project.sandbox.log)
    refused = project.run("ping", "stripe/account/self@acme-stripe")
    assert refused.code == 1
    assert "no such operation" in refused.err
    assert project.run("ping", "generic/plain/graph:intake/form").code == 1


@pytest.mark.parametrize("name", ["project", "manifest", "provider", "plan"])
def test_schemas_are_printed(project: Project, name: str) -> None:
    """Each packaged schema comes out as it is."""
    done = project.run("schema", name)
    assert done.code == 0
    assert json.loads(done.out)["$schema"].startswith("https://json-schema.org/draft/2020-12")


def test_the_sandbox_fires_and_tells(project: Project) -> None:
    """`sandbox fire` and `sandbox requests` speak to a running sandbox."""
    project.manifest("push")
    project.run()
    url = ["--url", project.origin]
    fired = project.run("sandbox", "fire", "github", "push", *url, "--format", "json")
    assert [delivery["event"] for delivery in fired.document["deliveries"]] == ["push"]
    shown = project.run("sandbox", "fire", "github", "push", *url)
    assert shown.code == 1
    assert "not delivered: " in shown.out
    assert shown.out.endswith("1 webhook subscribed.\n")
    told = project.run("sandbox", "requests", *url, "--format", "json").document["requests"]
    assert {request["path"] for request in told} == {"/github/user", "/github/repos/acme/api/hooks"}
    assert "POST  /github/repos/acme/api/hooks" in project.run("sandbox", "requests", *url).out
    assert project.run("sandbox", "requests", "--provider", "stripe", *url).out == "0 requests\n"
    assert project.run("sandbox", "fire", "github", "no_such_event", *url).code != 0


def test_no_sandbox_no_traceback(project: Project) -> None:
    """Where nothing listens, the message says how to start one."""
    done = project.run("sandbox", "requests", "--url", "http://127.0.0.1:9")
    assert done.code in {1, 7}
    assert "reconcile sandbox" in done.err
    assert "Traceback" not in done.err


def test_the_sandbox_serves_until_a_signal(project: Project) -> None:
    """It says where it listens, and ends with 143 on SIGTERM."""
    process = project.spawn("sandbox", "--port", "0")
    try:
        assert process.stderr is not None
        origin = process.stderr.readline().split()[-1]
        assert project.run("sandbox", "requests", "--url", origin).out == "0 requests\n"
    finally:
        process.terminate()
        out, err = process.communicate(timeout=20)
    assert process.returncode == 143
    assert out == ""
    assert "exit 143: terminated" in err
