"""A project's own provider definitions, and secrets that a vendor minted."""

from __future__ import annotations

import pytest

from reconciler.documents.packaged import providers_folder
from tests.cli.support import Project

MANIFEST = "graph: forms\ntriggers:\n  - {provider: forms, events: [plain], manual: true, secret: env/FORMS_SECRET}\n"


def define(project: Project) -> None:
    """A provider whose vendor mints the secret."""
    text = (providers_folder() / "generic.yaml").read_text()
    text = text.replace("name: generic", "name: forms").replace("{origin: caller}", "{origin: vendor}")
    project.write("own/forms.yaml", text)
    file = (project.root / "reconciler.yaml").read_text()
    project.write("reconciler.yaml", f"{file}providers: [own]\n")


def test_a_vendor_minted_secret_is_kept_and_compared_but_never_shown(project: Project) -> None:
    """It is recorded with the webhook; another value is an update; plans show fingerprints only."""
    define(project)
    project.write("webhooks/forms.yaml", MANIFEST)
    project.environment["FORMS_SECRET"] = "canary-first"
    first = project.run()
    assert first.code == 0
    assert project.run("plan").out == "In sync: 1 webhook, nothing to do.\n"
    assert project.run("urls", "--show-secrets", "--format", "json").document["webhooks"][0]["secret"] == "canary-first"
    project.environment["FORMS_SECRET"] = "canary-second"
    changed = project.run("plan")
    assert "secret_changed" in changed.out
    assert project.run().code == 0
    assert project.run("plan").out == "In sync: 1 webhook, nothing to do.\n"
    assert "canary" not in first.out + first.err + changed.out + changed.err


@pytest.mark.parametrize(
    ("secret", "problem"),
    [("", "the environment variable FORMS_SECRET is empty"), ("no base64!", "env/FORMS_SECRET is not a key in base64")],
)
@pytest.mark.parametrize("verb", ["validate", "plan", ""])
def test_a_secret_that_would_refuse_every_delivery_is_refused_first(
    project: Project, verb: str, secret: str, problem: str
) -> None:
    """Empty, or no key of the vendor's: told with its place before anything is written down."""
    define(project)
    scheme = "verify: {scheme: hmac, header: X-Signature, algorithm: sha256, key: base64}"
    text = (project.root / "own/forms.yaml").read_text()
    project.write("own/forms.yaml", text.replace("verify: {scheme: token, header: X-Webhook-Secret}", scheme))
    project.write("webhooks/forms.yaml", MANIFEST)
    project.environment["FORMS_SECRET"] = secret

    done = project.run(*verb.split())

    assert done.code == 7
    assert f"webhooks/forms.yaml:3:62: triggers[0].secret: {problem}" in done.out + done.err
    assert not secret or secret not in done.out + done.err


def test_a_broken_definition_refuses_the_pass_together_with_the_manifests(project: Project) -> None:
    """Problems of definitions and manifests come in one run."""
    define(project)
    project.write("own/broken.yaml", "version: 1\nname: broken\n")
    project.manifest("isues")
    done = project.run("validate")
    assert done.code == 7
    assert "own/broken.yaml:" in done.out
    assert "webhooks/triage.yaml:6:14" in done.out
    project.manifest("push")
    assert "own/broken.yaml:" in project.run("validate").out


def test_triggers_that_share_a_webhook_must_agree(project: Project) -> None:
    """Two values of one option are a problem that names both places."""
    project.manifest("push", extra='    options: {insecure_ssl: "1"}\n')
    project.manifest("push", name="other", extra='    options: {insecure_ssl: "0"}\n')
    done = project.run("validate")
    assert done.code == 7
    assert "webhooks/other.yaml" in done.out
    assert "webhooks/triage.yaml:" in done.out


def test_the_schema_of_a_projects_manifests_knows_its_providers(project: Project) -> None:
    """With `-C` the own definitions are in it, and a definition that is broken is told."""
    define(project)
    done = project.run("schema", "manifest")
    assert done.code == 0
    assert "forms.plain.events" in done.document["$defs"]
    project.write("own/broken.yaml", "version: 1\nname: broken\n")
    assert project.run("schema", "manifest").code == 7
