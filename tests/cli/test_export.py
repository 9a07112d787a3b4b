"""Manifests of what exists at a provider."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reconciler.manifests.starting import MANIFEST_SCHEMA
from reconciler.testing.faults import Fault
from tests.cli.adoption_support import at_github, at_stripe, at_telegram, commands
from tests.cli.support import CANARIES, Outcome, Project

pytestmark = pytest.mark.journeys

ADDRESS = "github/repo/acme/api@acme-github"


def export(project: Project, *arguments: str) -> Outcome:
    """Export what GitHub has on acme/api."""
    return project.run("export", "github", "--resource", "acme/api", *arguments)


def with_schema(project: Project) -> None:
    """Put the schema where `init` does."""
    path = project.root / MANIFEST_SCHEMA
    path.parent.mkdir()
    path.write_text("{}")


def test_a_manifest_is_written_with_comments(project: Project) -> None:
    """The schema for editors, the provider's id, whose URL, whether active, and the command that adopts it."""
    with_schema(project)
    remote_id = at_github(project, "https://ci.acme.dev/github?token=t0ps3cret", "push", "issues")
    done = export(project)
    assert done.code == 0
    assert done.out == (
        "# yaml-language-server: $schema=../schemas/manifest.schema.json\n"
        "# What GitHub has, seen with the credentials acme-github. Commit this, then run the commands in it.\n"
        "graph: exported\n"
        "triggers:\n"
        f"  # Webhook {remote_id} to https://ci.acme.dev/github?..., active:\n"
        f"  #   reconcile adopt {ADDRESS} --id {remote_id}\n"
        "  - provider: github\n"
        "    type: repo\n"
        "    resource: acme/api\n"
        "    events: [issues, push]\n"
    )
    assert done.err.endswith("1 webhook on 1 resource\n")


def test_a_schema_that_is_not_there_is_not_named(project: Project) -> None:
    """`init` makes it: without it an editor would complain."""
    at_github(project, "https://ci.acme.dev/github", "push")
    assert export(project).out.startswith("# What GitHub has")


def test_a_file_is_written_over_nothing(project: Project, tmp_path: Path) -> None:
    """With --out the file is new, and names the schema as seen from there; a file that exists stays as it is."""
    with_schema(project)
    at_github(project, "https://ci.acme.dev/github", "push")
    path = project.root / "webhooks" / "github" / "api.yaml"
    done = export(project, "--out", str(path))
    assert (done.code, done.out) == (0, f"wrote  {path}\n")
    assert "$schema=../../schemas/manifest.schema.json" in path.read_text()
    before = path.read_bytes()
    refused = export(project, "--out", str(path))
    assert refused.code == 7
    assert "is there already" in refused.err
    assert path.read_bytes() == before
    (tmp_path / "file").write_text("")
    assert export(project, "--out", str(tmp_path / "file" / "x.yaml")).code == 1


def test_only_what_differs_from_the_defaults_is_written(project: Project) -> None:
    """Options at their default are left out; user and credentials are said where the project has other defaults."""
    at_github(project, "https://ci.acme.dev/github", "push", insecure_ssl="1")
    done = export(project, "--user", "alice", "--preset", "nightly build")
    assert 'preset: "nightly build"\nuser: alice\ntriggers:\n' in done.out
    assert done.out.endswith('    events: [push]\n    options:\n      insecure_ssl: "1"\n')
    assert commands(done.out)[0][1] == f"alice:{ADDRESS}"
    text = (project.root / "reconciler.yaml").read_text()
    project.write("reconciler.yaml", text.replace("github: acme-github, ", ""))
    assert "    credentials: acme-github\n" in export(project).out


def test_the_wildcard_swallows_other_events(project: Project) -> None:
    """Events are written as the registration API spells them, the vendor's wildcard alone where it is there."""
    at_github(project, "https://ci.acme.dev/github", "*", "push")
    assert '    events: ["*"]\n' in export(project).out


def test_one_resource_has_one_webhook_of_ours(project: Project) -> None:
    """Of several objects on a resource one is written, an active one first; the others stay comments."""
    first = at_github(project, "https://ci.acme.dev/github", "push")
    second = at_github(project, "https://chat.acme.dev/in/T0K3NT0K3N", "fork", insecure_ssl="1")
    done = export(project)
    assert done.out.count("  - provider: github\n") == 1
    assert '  # Its events: fork\n  # Its options: {"insecure_ssl": "1"}\n' in done.out
    assert "https://chat.acme.dev/in/T0K3..., active" in done.out
    assert "T0K3NT0K3N" not in done.out + done.err
    assert [command[-1] for command in commands(done.out)] == [first, second]


def test_what_is_ours_is_told_and_left_out(project: Project) -> None:
    """A recorded webhook is not exported again; without anything else there is nothing to write, and no file."""
    project.manifest("push")
    project.run()
    path = project.root / "webhooks" / "new.yaml"
    done = project.run("export", "github", "--out", str(path))
    assert (done.code, done.out) == (0, "")
    assert "0 webhooks on 1 resource, 1 more is ours: nothing to write" in done.err
    assert not path.exists()
    at_github(project, "https://ci.acme.dev/github", "push", resource="acme/web")
    done = project.run("export", "github", "--resource", "acme/api", "--resource", "acme/web")
    assert f"# Ours already: {ADDRESS} (id " in done.out


def test_what_is_ours_and_not_recorded_names_its_own_command(project: Project) -> None:
    """After manifests and state were lost, both come back: the manifest by export, the record by adopt --unrecorded."""
    project.manifest("push")
    project.run()
    for path in (project.root / ".reconciler").iterdir():
        path.unlink()
    (project.root / "webhooks" / "triage.yaml").unlink()
    done = export(project)
    assert "ours though no record explains it" in done.out
    assert commands(done.out) == [["adopt", "--unrecorded", "--target", ADDRESS]]
    project.write("webhooks/exported.yaml", done.out)
    assert project.run(*commands(done.out)[0]).code == 0
    assert project.run("plan", "--detailed-exitcode").code == 0


def test_what_is_declared_is_not_written_twice(project: Project) -> None:
    """A webhook that a manifest asks for already is told with its place; only the command is needed."""
    remote_id = at_github(project, "https://ci.acme.dev/github", "push")
    project.manifest("push")
    done = project.run("export", "github")
    assert "# Declared already, in webhooks/triage.yaml:3:\n" in done.out
    assert done.out.endswith("graph: exported\ntriggers: []\n")
    assert commands(done.out) == [["adopt", ADDRESS, "--id", remote_id]]
    project.write("webhooks/exported.yaml", done.out)
    assert project.run("validate").code == 0


def test_events_that_are_not_known_are_told(project: Project) -> None:
    """An event that the definition lacks is left out with a comment; without any other no trigger is written."""
    for number, hook in enumerate(["https://ci.acme.dev/github", "https://chat.acme.dev/github"]):
        at_github(project, hook, *(["push"] if number else []), "fork", resource=f"acme/r{number}")
    project.write("providers.d/forge.yaml", _without_fork())
    text = (project.root / "reconciler.yaml").read_text()
    text = text.replace("credentials:\n", f"providers: [providers.d]\ncredentials:\n{_forge(project)}", 1)
    project.write("reconciler.yaml", text)
    done = project.run("export", "forge", "--resource", "acme/r0", "--resource", "acme/r1")
    assert done.code == 0, done.err
    assert "# No trigger is written for this, for no event of it is known:\n" in done.out
    assert done.out.count("# Left out, for no such event is known: fork\n") == 2
    assert done.out.endswith("    resource: acme/r1\n    events: [push]\n    credentials: forge\n")


def _without_fork() -> str:
    text = (Path(__file__).parents[2] / "providers.d" / "github.yaml").read_text()
    lines = [line for line in text.splitlines() if not line.startswith(("# yaml", "    fork:"))]
    return "\n".join(lines).replace("name: github\n", "name: forge\n") + "\n"


def _without_proof() -> str:
    head, _, rest = _without_fork().partition("verify:\n")
    head = re.sub(r"origin: caller\n  shown: .*\n", "origin: none\n", head)
    return f"{head}verify: none\n\n{rest[rest.index('delivery:') :]}"


def _forge(project: Project) -> str:
    return f"  forge: {{provider: forge, token: env/GITHUB_TOKEN, api_url: {project.origin}/github}}\n"


def test_an_account_needs_no_resource(project: Project) -> None:
    """Where the credentials say which resource is meant, none is asked for, and none is written."""
    remote_id, secret = at_stripe(project, "https://ci.acme.dev/stripe", "charge.succeeded")
    done = project.run("export", "stripe")
    assert "resource:" not in done.out
    assert commands(done.out)[0][-4:] == ["--id", remote_id, "--secret", "env/STRIPE_SIGNING_SECRET"]
    at_telegram(project, "https://ci.acme.dev/telegram", "message")
    bot = project.run("export", "telegram")
    assert "  # The webhook to https://ci.acme.dev/telegram:\n" in bot.out
    for canary in (*CANARIES.values(), secret):
        assert canary not in done.out + done.err + bot.out + bot.err


def test_a_list_that_fails_is_told_and_the_rest_is_written(project: Project) -> None:
    """What could not be listed is named on stderr and in the file; exit 1."""
    at_github(project, "https://ci.acme.dev/github", "push")
    project.sandbox.faults.add(Fault(path="/github/repos/acme/web/hooks", status=404, body={"message": "Not Found"}))
    failed = export(project, "--resource", "acme/web")
    assert failed.code == 1
    assert "error: github/repo/acme/web@acme-github: cannot list the webhooks" in failed.err
    assert "# Could not be listed, so what is there is missing here: github/repo/acme/web@acme-github\n" in failed.out
    assert "    resource: acme/api\n" in failed.out


def test_providers_whose_deliveries_carry_no_proof_must_be_allowed(project: Project) -> None:
    """As for manifests: otherwise what is written would be refused."""
    project.write("providers.d/forge.yaml", _without_proof())
    text = (project.root / "reconciler.yaml").read_text()
    text = text.replace("credentials:\n", f"providers: [providers.d]\ncredentials:\n{_forge(project)}", 1)
    project.write("reconciler.yaml", text)
    refused = project.run("export", "forge", "--resource", "acme/api")
    assert refused.code == 7
    assert "add forge to allow_unverified" in refused.err


def test_no_trace_is_left(project: Project) -> None:
    """Export makes no store, key or lock, and sends nothing but lists."""
    at_github(project, "https://ci.acme.dev/github", "push")
    project.sandbox.log.clear()
    export(project)
    assert {entry.method for entry in project.sandbox.log} == {"GET"}
    assert not (project.root / ".reconciler").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["githu"], "did you mean 'github'?"),
        (["generic"], "generic has no API that lists webhooks"),
        (["github", "--credentials", "acme-githb"], "did you mean 'acme-github'?"),
        (["github", "--credentials", "acme-gitlab"], "are for gitlab, not for github"),
        (["github", "--type", "rep"], "github has no type 'rep'"),
        (["github"], "name some: --resource"),
        (["github", "--resource", "not a repository"], "--resource 'not a repository'"),
        (["gitlab", "--resource", "acme/api"], "--type takes one of project, group"),
        (["github", "--resource", "a/b", "--graph", "x", "--preset", "y"], "--graph or --preset, not both"),
        (["linear"], "no credentials are the default for linear"),
    ],
)
def test_usage_that_cannot_be_meant(project: Project, arguments: list[str], words: str) -> None:
    """It is exit 7 with the way out, and no provider is called."""
    refused = project.run("export", *arguments)
    assert refused.code == 7
    assert words in refused.err
    assert list(project.sandbox.log) == []


def test_a_user_must_be_known(project: Project) -> None:
    """Without a default user, and where the credentials are not the user's, a manifest could not be valid."""
    text = (project.root / "reconciler.yaml").read_text()
    project.write("reconciler.yaml", text.replace("user: platform, ", ""))
    assert "add --user" in export(project).err
    project.write("reconciler.yaml", text.replace("{provider: github, ", "{provider: github, users: [alice], "))
    assert "the user 'platform' may not use the credentials 'acme-github'" in export(project).err
    assert export(project, "--user", "alice").code == 0
