"""What a reviewer works with: plans in a pull request, saved plans, explanations, pictures, capabilities."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from reconciler.core.errors import ReconcilerError
from reconciler.documents.packaged import providers_folder, schemas_folder
from reconciler.render.plan_file import checksum
from reconciler.testing.contract import CASES
from reconciler.testing.faults import Fault
from reconciler.wiring.plan_saving import write_plan
from tests.cli.support import CANARIES, Project, serving
from tests.docs.pages import blocks
from tests.render.xml import parsed

pytestmark = pytest.mark.journeys

ADDRESS = "github/repo/acme/api@acme-github"
TRIED = len(CASES) - 1
"""All but the one that is about missed deliveries: nobody can tell a stand-in of somebody's to miss one."""


def save(project: Project, *arguments: str) -> Path:
    """A plan of the project, written with --out."""
    file = project.root / "plan.json"
    assert project.run("plan", "--out", str(file), *arguments).code in {0, 3}
    return file


def doctor(file: Path, **changes: Any) -> None:
    """Edit a saved plan, and mend its checksum as a forger would."""
    body = json.loads(file.read_text()) | changes
    file.write_text(json.dumps(body | {"checksum": checksum(body)}))


def hooks(project: Project) -> list[tuple[str, ...]]:
    """The events of each webhook that the GitHub stand-in holds."""
    return [subscription.events for subscription in project.sandbox.github.webhooks()]


# -- markdown ----------------------------------------------------------------------------------------------------------


def test_a_plan_may_be_markdown(project: Project) -> None:
    """`plan` and a dry run print the page, with the calls that were counted while the providers were asked."""
    project.manifest("issues.opened", "push")
    for arguments in (["plan"], ["--dry-run"]):
        done = project.run(*arguments, "--format", "markdown")
        assert done.code == 0
        assert done.out.startswith("## Webhooks of `acme`: 1 create\n")
        assert "| github | 1 | 1 | 2 |" in done.out
        assert f"<code>{ADDRESS}</code>" in done.out


def test_a_pass_may_report_in_markdown(project: Project) -> None:
    """The report is one page, which holds the plan; --target selects in it as elsewhere."""
    project.manifest("push")
    project.manifest("push", resource="acme/web", name="builds")
    done = project.run("--format", "markdown", "--target", "graph:builds")
    assert done.out.startswith("## Webhooks of `acme`: 1 done\n")
    assert "acme/web" in done.out
    assert "acme/api" not in done.out
    assert done.out.count("## ") == 1


def test_a_terminal_is_asked_with_the_plan_in_words(project: Project) -> None:
    """Markdown goes to stdout alone; whoever is asked reads the plan on stderr."""
    project.manifest("push")
    done = project.at_terminal("n\n", "--format", "markdown")
    assert done.code == 1
    assert "declared" in done.err
    assert "Apply these changes?" in done.err
    assert hooks(project) == []


# -- saved plans -------------------------------------------------------------------------------------------------------


def test_a_saved_plan_is_applied_once(project: Project) -> None:
    """It does what it says without asking; the same file again is refused, and says when it was applied."""
    project.manifest("push")
    file = save(project)
    done = project.run("apply", str(file))
    assert done.code == 0
    assert "Applied: 1 done." in done.out
    assert hooks(project) == [("push",)]
    again = project.run("apply", str(file))
    assert again.code == 5
    assert "was applied already, at 20" in again.err
    assert "make a new plan" in again.err


def test_a_plan_with_a_supplied_secret_is_applied_where_there_was_no_state(project: Project) -> None:
    """What is known of secrets is of a state, and that is made by applying."""
    project.environment["PASTED"] = "canary-pasted-0123456789abcdef"
    project.write(
        "webhooks/triage.yaml",
        "graph: triage-bot\ntriggers:\n  - {provider: slack, events: [message], secret: env/PASTED}\n",
    )
    file = save(project)
    done = project.run("apply", str(file))
    assert (done.code, "Applied: 1 done." in done.out) == (0, True)


def test_a_plan_is_not_applied_again_when_everything_is_as_it_was(project: Project) -> None:
    """Even where a plan made now has the same digest; but a new plan of that digest is another plan."""
    project.manifest("push")
    file = save(project)
    first = json.loads(file.read_text())
    assert project.run("apply", str(file)).code == 0
    text = (project.root / "webhooks" / "triage.yaml").read_text()
    (project.root / "webhooks" / "triage.yaml").unlink()
    assert project.run("--allow-destroy", "100%").code == 0
    project.write("webhooks/triage.yaml", text)
    assert project.run("apply", str(file)).code == 5
    assert hooks(project) == []
    assert json.loads(save(project).read_text())["digest"] == first["digest"]
    assert project.run("apply", str(file)).code == 0
    assert hooks(project) == [("push",)]


def test_a_plan_whose_calls_failed_is_used_up(project: Project) -> None:
    """It was begun: going on needs a new look, though nothing was made."""
    project.manifest("push")
    file = save(project)
    project.sandbox.faults.add(Fault(path="*", status=403, method="POST"))
    assert project.run("apply", str(file)).code == 4
    project.sandbox.faults.clear()
    assert project.run("apply", str(file)).code == 5


def test_a_stale_plan_is_refused(project: Project) -> None:
    """A manifest, a record or the provider changed since: nothing is done, and both digests are named."""
    project.manifest("push")
    file = save(project)
    project.manifest("push", "issues")
    done = project.run("apply", str(file))
    assert done.code == 5
    assert f"its digest is {json.loads(file.read_text())['digest'][:8]}" in done.err
    assert hooks(project) == []


def test_a_plan_that_became_empty_is_stale(project: Project) -> None:
    """Where somebody did it meanwhile there is nothing to approve, and still it is not the plan of now."""
    project.manifest("push")
    file = save(project)
    assert project.run().code == 0
    assert project.run("apply", str(file)).code == 5


def test_the_plans_own_options_are_used(project: Project) -> None:
    """What the plan was made with is what it is applied with: targets, --no-prune, allowances."""
    project.manifest("push")
    project.manifest("push", resource="acme/web", name="builds")
    file = save(project, "--target", "graph:builds", "--no-refresh", "--allow-change", "40%")
    assert json.loads(file.read_text())["options"]["targets"] == ["graph:builds"]
    assert project.run("apply", str(file), "--format", "json").document["applied"]["done"] == 1
    assert len(hooks(project)) == 1


def test_guards_hold_back_what_they_held_back(project: Project) -> None:
    """A plan with a refused part is applied without that part; when the guards judge otherwise by now it is stale."""
    project.manifest("push", extra="    protect: true\n")
    project.manifest("push", resource="acme/web", name="builds")
    project.run()
    (project.root / "webhooks" / "triage.yaml").unlink()
    project.manifest("issues", resource="acme/web", name="builds")
    file = save(project)
    assert json.loads(file.read_text())["guards"][0]["guard"] == "protect"
    doctored = project.root / "doctored.json"
    doctored.write_text(file.read_text())
    doctor(doctored, guards=[])
    assert project.run("apply", str(doctored)).code == 5
    done = project.run("apply", str(file))
    assert done.code == 3
    assert sorted(hooks(project)) == [("issues",), ("push",)]


def test_an_overlay_belongs_to_the_command(project: Project) -> None:
    """The project files of the plan are given again; a plan of one scope is not applied in another."""
    project.manifest("push")
    project.write("staging.yaml", "scope: staging\n")
    overlay = ["-f", "reconciler.yaml", "-f", "staging.yaml"]
    file = project.root / "plan.json"
    assert project.run(*overlay, "plan", "--out", str(file)).code == 0
    refused = project.run("apply", str(file))
    assert refused.code == 5
    assert "a plan of the scope 'staging', and this project's is 'acme'" in refused.err
    assert project.run(*overlay, "apply", str(file)).code == 0
    assert len(hooks(project)) == 1


@pytest.mark.parametrize(
    ("changes", "code", "sentence"),
    [
        ({"version": 2}, 5, "a plan of version 2"),
        ({"version": "1"}, 5, "a plan of version unknown"),
        ({"digest": "0" * 64}, 5, "its digest is 00000000"),
        ({"digest": "x"}, 7, "`digest` or `serial`"),
        ({"serial": -1}, 7, "`digest` or `serial`"),
        ({"serial": 2**70}, 7, "`digest` or `serial`"),
        ({"serial": None}, 7, "`serial` is missing"),
        ({"actions": []}, 5, "does not say what its digest stands for"),
        ({"actions": [1]}, 7, "of another shape"),
        ({"options": {}}, 7, "of another shape"),
    ],
    ids=str,
)
def test_an_edited_plan_is_refused(project: Project, changes: dict[str, Any], code: int, sentence: str) -> None:
    """Also by somebody who knows how to mend the checksum: what was reviewed is compared, not only its digest."""
    project.manifest("push")
    file = save(project)
    doctor(file, **changes)
    done = project.run("apply", str(file))
    assert (done.code, hooks(project)) == (code, [])
    assert sentence in done.err


def test_an_edit_that_touches_no_action_is_seen_as_well(project: Project) -> None:
    """A summary or reason that lies to the reviewer breaks the checksum."""
    project.manifest("push")
    file = save(project)
    file.write_text(file.read_text().replace('"reason": "declared"', '"reason": "drifted"'))
    done = project.run("apply", str(file))
    assert done.code == 5
    assert "was edited after it was written" in done.err


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "1", '{"version": 1, "version": 1}', "[" * 100_000, '{"version": NaN}', "\xff"], ids=len
)
def test_what_is_no_plan_is_told_by_its_place(project: Project, text: str) -> None:
    """Files that are empty, truncated, too deep, ambiguous or no JSON are invalid usage, never a crash."""
    file = project.root / "plan.json"
    file.write_bytes(text.encode("latin-1"))
    done = project.run("apply", str(file))
    assert done.code in {5, 7}
    assert str(file) in done.err
    assert "bug" not in done.err


@pytest.mark.parametrize("kind", ["missing", "folder", "fifo"])
def test_a_plan_is_read_from_a_regular_file_only(project: Project, kind: str) -> None:
    """What is no file is refused at once; a pipe is not waited for."""
    file = project.root / "plan.json"
    if kind == "folder":
        file.mkdir()
    if kind == "fifo":
        os.mkfifo(file)
    done = project.run("apply", str(file))
    assert done.code == 7
    assert str(file) in done.err


def test_a_plan_file_is_the_json_plan_and_holds_no_secret(project: Project) -> None:
    """What `--format json` prints is what `--out` writes; it meets the schema, and no token is in it."""
    project.manifest("push")
    project.write("webhooks/pay.yaml", "graph: pay\ntriggers:\n  - {provider: stripe, events: [charge.succeeded]}\n")
    file = project.root / "plan.json"
    done = project.run("plan", "--format", "json", "--out", str(file))
    assert file.read_text() == done.out
    schema = json.loads((schemas_folder() / "plan.schema.json").read_text())
    jsonschema.validate(done.document, schema)
    for canary in CANARIES.values():
        assert canary not in file.read_text()


def test_a_plan_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """It takes the place of a file at once, with the mode that the umask leaves; what is no file is not replaced."""
    file, link = tmp_path / "plan.json", tmp_path / "link.json"
    before = os.umask(0o027)
    try:
        write_plan(file, {"version": 1})
        link.symlink_to(file)
        write_plan(link, {"version": "\ud800"})
    finally:
        os.umask(before)
    assert json.loads(file.read_text()) == {"version": "\ud800"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.json", "plan.json"]
    assert link.is_symlink()
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "folder", tmp_path / "nowhere" / "plan.json"):
        with pytest.raises(ReconcilerError, match="cannot write the plan"):
            write_plan(path, {})


def test_an_applied_plan_is_known_to_the_store_alone(project: Project) -> None:
    """Another store knows nothing of it, and finds the webhook unrecorded: nothing is doubled."""
    project.manifest("push")
    file = save(project)
    assert project.run("apply", str(file)).code == 0
    project.environment["RECONCILER_STATE"] = f"sqlite:///{project.root}/other/state.db"
    assert project.run("apply", str(file)).code == 5
    assert len(hooks(project)) == 1


# -- explain -----------------------------------------------------------------------------------------------------------


def test_explain_tells_who_asked_what_is_recorded_and_what_would_change(project: Project) -> None:
    """From the manifest's line to the last change; without --refresh no provider is asked."""
    project.manifest("issues.opened", "push")
    project.run()
    project.manifest("issues.opened")
    project.sandbox.log.clear()
    done = project.run("explain", ADDRESS)
    assert done.code == 0
    for words in ("it exists because 1 trigger asks for it", "webhooks/triage.yaml:3  graph:triage  issues.opened"):
        assert words in done.out
    assert "update (manifest_changed): events -push" in done.out
    assert project.sandbox.log.total == 0
    told = project.run("explain", ADDRESS, "--refresh", "--format", "json").document
    assert told["union"]["events"] == {"issues": ["webhooks/triage.yaml:3"]}
    assert (told["now"]["action"], told["now"]["asked_providers"]) == ("update", True)
    assert told["recorded"]["events"] == ["issues", "push"]
    assert told["last_change"]


def test_explain_tells_of_drift_only_when_it_looked(project: Project) -> None:
    """What somebody did at the provider shows with --refresh."""
    project.manifest("push")
    project.run()
    project.sandbox.github.reset()
    assert "in sync (the providers were not asked" in project.run("explain", ADDRESS).out
    assert "register (deleted_at_provider)" in project.run("explain", ADDRESS, "--refresh").out


def test_explain_knows_what_nobody_wants_any_more(project: Project) -> None:
    """A dangling record is explained by itself, with the guard that keeps it."""
    project.manifest("push")
    project.run()
    (project.root / "webhooks" / "triage.yaml").unlink()
    done = project.run("explain", ADDRESS)
    assert "no trigger asks for it any more: it is dangling" in done.out
    assert "held back by the guard empty_wish" in done.out


def test_explain_suggests_the_nearest_address(project: Project) -> None:
    """An address that neither a manifest nor the store knows is invalid usage."""
    project.manifest("push")
    done = project.run("explain", "github/repo/acme/apj@acme-github")
    assert done.code == 7
    assert f"did you mean {ADDRESS}?" in done.err


# -- diagram -----------------------------------------------------------------------------------------------------------


def test_a_diagram_needs_the_manifests_alone(project: Project) -> None:
    """Mermaid unless said otherwise; no store is made and no provider asked; --target chooses."""
    project.manifest("push")
    project.manifest("push", resource="acme/web", name="builds")
    done = project.run("diagram", "--target", "graph:builds")
    assert done.out.startswith('flowchart LR\n  s0(["graph:builds"])\n')
    assert "triage" not in done.out
    assert "1 subscriber, 1 webhook, 1 provider" in done.err
    assert project.run("diagram", "--format", "dot").out.startswith("digraph webhooks {")
    assert parsed(project.run("diagram", "--format", "svg").out).tag.endswith("svg")
    assert project.run("diagram", "--target", "graph:nobody").code == 7
    assert project.sandbox.log.total == 0
    assert not (project.root / ".reconciler").exists()


def test_a_diagram_that_mermaid_would_not_draw_says_so(project: Project) -> None:
    """Beyond 500 edges there is a warning with the ways out."""
    resources = ", ".join(f"acme/r{number}" for number in range(251))
    trigger = f"{{provider: github, type: repo, resources: [{resources}], events: [push]}}"
    project.write("webhooks/many.yaml", f"graph: many\ntriggers:\n  - {trigger}\n")
    assert "Mermaid draws 500 edges at most" in project.run("diagram").err
    assert "Mermaid" not in project.run("diagram", "--format", "svg").err


# -- providers ---------------------------------------------------------------------------------------------------------


def test_providers_are_listed_without_a_project(project: Project, tmp_path: Path) -> None:
    """Every built-in definition and each of its types has a line."""
    (project.root / "reconciler.yaml").unlink()
    done = project.run("providers")
    assert done.code == 0
    names = {line.split()[0] for line in done.out.splitlines()[1:]}
    assert names == {path.stem for path in providers_folder().glob("*.yaml")}
    matrix = project.run("providers", "--format", "markdown").out.splitlines()
    assert matrix[0] == "| provider | type | operations | in place | secret | verify | lease | pages | limits |"
    assert len(matrix) == len(done.out.splitlines()) + 1


@pytest.mark.parametrize(
    ("provider", "words"),
    [
        ("github", "made here, and sent with every create and update"),
        ("airtable", "made by the provider, and told once"),
        ("asana", "told to the ingress while create is in flight"),
        ("sendgrid", "asked for after every create and update"),
        ("slack", "copied by a person"),
        ("compass", "there is none"),
    ],
)
def test_where_a_secret_comes_from_is_a_sentence(project: Project, provider: str, words: str) -> None:
    """Of every origin that a definition can name."""
    [line] = [line for line in project.run("providers", provider).out.splitlines() if line.startswith("secret ")]
    assert words in line


def test_capabilities_are_what_the_definition_says(project: Project) -> None:
    """Operations, fields that change in place, who makes the secret, how deliveries are proved, pages, limits."""
    (told,) = project.run("providers", "github", "--format", "json").document["providers"]
    assert (told["builtin"], told["auth"], told["secret_origin"], told["pagination"]) == (
        True,
        "bearer",
        "caller",
        "link",
    )
    assert told["verify"] == "hmac sha256 X-Hub-Signature-256"
    assert told["limits"] == ["20 per event"]
    repo = told["types"][0]
    assert repo["operations"] == ["create", "list", "update", "delete", "ping"]
    assert {"url", "events", "secret"} <= set(repo["in_place"])
    assert repo["events"]["push"]
    (manual,) = project.run("providers", "generic", "--format", "json").document["providers"]
    assert manual["types"][0]["manual_only"] is True
    text = project.run("providers", "telegram").out
    assert "one webhook per resource" in text
    assert "message" in text
    assert "## `telegram` `Telegram" in project.run("providers", "telegram", "--format", "markdown").out


def test_a_projects_own_provider_is_listed(project: Project) -> None:
    """Beside the built-in ones, and told apart from them; a name that is not there has a neighbour."""
    project.write("own/forge.yaml", definition())
    project.write("reconciler.yaml", f"{(project.root / 'reconciler.yaml').read_text()}providers: [own]\n")
    assert "the project's own" in project.run("providers", "forge").out
    done = project.run("providers", "forgee")
    assert done.code == 7
    assert "did you mean forge?" in done.err
    project.write("own/forge.yaml", "version: 1\n")
    assert project.run("providers").code == 7


def test_a_name_and_a_verb_may_have_flags_on_both_sides() -> None:
    """`providers NAME` and `providers test FILE` are told apart by the first word that is no flag."""
    with serving() as (origin, sandbox):
        project = Project(root=Path(), origin=origin, sandbox=sandbox)
        for arguments in (["--format", "json", "gitlab"], ["gitlab", "--format", "json"], ["-v", "gitlab", "-v"]):
            assert "gitlab" in project.run("providers", *arguments).out
        refused = project.run("providers", "--format", "json", "test", "x.yaml")
        assert refused.code == 7
        assert "--format belongs after the verb" in refused.err
        assert project.run("providers", "gitlab", "github").code == 7


# -- providers test ----------------------------------------------------------------------------------------------------


def definition() -> str:
    """The worked example of the documentation."""
    (block,) = blocks("provider-format", "yaml provider")
    return block.text


def test_a_definition_is_tried_against_a_stand_in_made_from_it(project: Project) -> None:
    """Every case is named, and so is what this does not show."""
    project.write("forge.yaml", definition())
    done = project.run("providers", "test", str(project.root / "forge.yaml"))
    assert done.code == 0, done.out
    assert "forge: the definition is valid." in done.out
    *cases, last = done.out.splitlines()
    assert last == f"{TRIED} promises kept, 0 broken."
    assert all(line.endswith(".") for line in cases if line.startswith("kept"))
    assert "the stand-in puts them where the definition looks" in done.out
    told = project.run("providers", "test", str(project.root / "forge.yaml"), "--format", "json").document
    assert told["kept"] is True
    assert told["types"][0]["address"] == "forge/repo/acme/api"


@pytest.mark.parametrize(
    ("old", "new", "case"),
    [
        ("        active: true\n        events: ${events}\n", "        active: true\n", "widens_and_shrinks"),
        ('path: "${path}/hooks/${id}"}', 'path: "${path}/hooks"}', "prunes"),
        (
            '        config: {url: "${url}", secret: "${secret}", verify_tls',
            "        config: {verify_tls",
            "creates_one",
        ),
    ],
    ids=["update without events", "delete without id", "create without url"],
)
def test_a_definition_that_contradicts_itself_breaks_a_promise(project: Project, old: str, new: str, case: str) -> None:
    """The case says what is wrong, and the exit code is 1."""
    text = definition()
    assert old in text
    project.write("forge.yaml", text.replace(old, new))
    done = project.run("providers", "test", str(project.root / "forge.yaml"), "--format", "json")
    broken = {case["case"] for case in done.document["types"][0]["cases"] if not case["kept"]}
    assert (done.code, case in broken) == (1, True), broken


def test_all_problems_of_a_definition_come_first(project: Project) -> None:
    """A definition that does not load is told like any other file: every problem, by its place."""
    file = project.root / "forge.yaml"
    project.write("forge.yaml", definition().replace("kind: link", "kind: lnk").replace("origin: caller", "origin: me"))
    done = project.run("providers", "test", str(file))
    assert done.code == 7
    assert done.err.count(f"{file}:") == 2
    for name, text in (("missing.yaml", None), ("forge.json", "{}"), ("github.yaml", definition())):
        if text:
            project.write(name, text)
        assert project.run("providers", "test", str(project.root / name)).code == 7


def test_what_cannot_be_tried_says_why(project: Project) -> None:
    """Manual types, shapes that no generic stand-in has, resources and tokens that we cannot guess."""
    done = project.run("providers", "test", str(providers_folder() / "generic.yaml"))
    assert "generic/plain\n    not tested: it has no operations" in done.out
    assert (done.code, "NOTHING WAS TESTED: every type is manual" in done.out) == (0, True)
    slot = project.run("providers", "test", str(providers_folder() / "telegram.yaml"))
    assert (slot.code, "run your own, and name it with --api-url" in slot.out) == (1, True)
    odd = definition().replace('"^[a-z0-9-]+/[a-z0-9-]+$"', '"^x-[0-9]{9}$"')
    project.write("forge.yaml", odd)
    file = str(project.root / "forge.yaml")
    assert "give one with --resource repo=RESOURCE" in project.run("providers", "test", file).out
    assert project.run("providers", "test", file, "--resource", "repo=x-123456789").out.endswith("0 broken.\n")
    for wrong in ("repo=nope", "rope=x-123456789", "x-123456789"):
        assert project.run("providers", "test", file, "--resource", wrong).code == 7
    project.write("forge.yaml", definition().replace("{scheme: bearer}", "{scheme: path, pattern: '[0-9]{20}'}"))
    assert "give one with --token env/NAME" in project.run("providers", "test", file).out


def test_what_was_not_tried_is_no_pass(project: Project) -> None:
    """Where no type could be tried the output says so, and what to do next, and the exit code is 1."""
    file = str(providers_folder() / "linear.yaml")
    done = project.run("providers", "test", file)
    assert done.code == 1
    assert "bodies of the format `graphql`" in done.out
    assert "NOTHING WAS TESTED, and this is no pass" in done.out
    assert done.out.splitlines()[-1].endswith("a stand-in of your own on loopback, and name it with --api-url URL.")
    told = project.run("providers", "test", file, "--format", "json")
    assert (told.code, told.document["tested"], told.document["kept"]) == (1, False, True)
    unlisted = str(providers_folder() / "slant3d.yaml")
    done = project.run("providers", "test", unlisted, "--api-url", project.origin)
    assert (done.code, "without the operation list, delete" in done.out) == (1, True)
    assert "--api-url" not in done.out


@pytest.mark.parametrize("file", sorted(providers_folder().glob("*.yaml")), ids=lambda file: file.stem)
def test_no_shipped_definition_contradicts_itself(project: Project, file: Path) -> None:
    """Each keeps every promise against the stand-in made from it, or says that nothing of it could be tried."""
    done = project.run("providers", "test", str(file), "--format", "json")
    types = done.document["types"]
    assert [case for told in types for case in told["cases"] if not case["kept"]] == []
    untested = {told["address"].split("/")[0] for told in types if told["untested"]}
    assert untested <= {"compass", "generic", "hubspot", "linear", "sendgrid", "slack", "telegram"}
    assert done.code == (1 if file.stem in {"linear", "sendgrid", "telegram"} else 0)


def test_a_client_may_choose_the_id_of_its_webhook(project: Project) -> None:
    """Create and update may be one request, or differ in their bodies: the object of that id is made, or changed."""
    text = (providers_folder() / "typeform.yaml").read_text().replace("name: typeform", "name: forms")
    before, _, after = text.rpartition("        event_types: ${events}\n")
    for changed, code in ((text, 0), (before + after, 1)):
        project.write("forms.yaml", changed)
        done = project.run("providers", "test", str(project.root / "forms.yaml"), "--format", "json")
        broken = {case["case"] for case in done.document["types"][0]["cases"] if not case["kept"]}
        assert (done.code, "widens_and_shrinks" in broken) == (code, bool(code))


def test_a_stand_in_of_ones_own_is_called_over_http(project: Project) -> None:
    """With --api-url the cases run there, on a resource that they empty first, and only on loopback."""
    project.manifest("push")
    project.run()
    file = str(providers_folder() / "stripe.yaml")
    root = f"{project.origin}/stripe/v1"
    done = project.run("providers", "test", file, "--api-url", root, "--token", "env/STRIPE_TOKEN")
    assert done.code == 0, done.out
    assert done.out.endswith(f"{TRIED} promises kept, 0 broken.\n")
    assert "the stand-in puts them" not in done.out
    assert CANARIES["STRIPE_TOKEN"] not in done.out + done.err
    for url in ("https://api.github.com", "http://127.0.0.1.evil.example", "file:///etc", "x"):
        refused = project.run("providers", "test", file, "--api-url", url)
        assert (refused.code, "on loopback" in refused.err) == (7, True)
    assert project.run("providers", "test", file, "--token", "ghp_literal").code == 7
