"""What was left at a provider: shown with all that is known, settled by command, warned of until it is."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from reconciler.engine.context import Stop, silent
from reconciler.engine.resolving import Settlement
from reconciler.testing.faults import Fault
from reconciler.wiring.inputs import Inputs
from reconciler.wiring.leftovers import settle_all
from reconciler.wiring.loading import load
from reconciler.wiring.session import amending
from tests.cli.state_support import hold, opened
from tests.cli.support import Outcome, Project, project_file
from tests.store.samples import lease

pytestmark = pytest.mark.journeys

WEB = "github/repo/acme/web@acme-github"
HOOKS = "/github/repos/acme/web/hooks"
BLIND = "slant3d/orders/self@orders"
WARNING = "warning: 1 orphan at the providers: see `reconcile orphans`"


def left(project: Project) -> dict[str, Any]:
    """A webhook whose deregistration was refused; returns its orphan."""
    project.manifest("push")
    project.manifest("push", resource="acme/web", name="builds")
    assert project.run().code == 0
    (project.root / "webhooks" / "builds.yaml").unlink()
    project.sandbox.faults.add(Fault(path=f"{HOOKS}/*", method="DELETE", status=403))
    assert project.run().code == 4
    project.sandbox.faults.clear()
    return the_orphan(project)


def doubtful(project: Project) -> dict[str, Any]:
    """The answer to a create was lost, at a provider that cannot list; returns its orphan."""
    file = project_file(project.origin, "allow_unverified: [slant3d]")
    own = f"  orders: {{provider: slant3d, token: env/SLANT_KEY, api_url: {project.origin}/slant3d/api}}\ndefaults:"
    project.write("reconciler.yaml", file.replace("defaults:", own))
    project.environment["SLANT_KEY"] = "sl-canary0005"
    trigger = "{provider: slant3d, events: [order.shipped], credentials: orders}"
    project.write("webhooks/orders.yaml", f"graph: prints\ntriggers:\n  - {trigger}\n")
    project.sandbox.faults.add(Fault(path="/slant3d/*", method="POST", drop_after=True, count=1))
    assert project.run().code == 4
    second = project.run()
    assert (second.code, the_orphan(project)["provider"]) == (4, "slant3d")
    assert "left at the provider" in second.out
    return the_orphan(project)


def the_orphan(project: Project) -> dict[str, Any]:
    """The only orphan, as JSON has it."""
    (orphan,) = orphans(project)
    return orphan


def orphans(project: Project) -> list[dict[str, Any]]:
    """All orphans, as JSON has them."""
    told: list[dict[str, Any]] = project.run("orphans", "--format", "json").document["orphans"]
    return told


def hooks(project: Project) -> int:
    """How many webhooks the provider has in the repository that was left behind."""
    return sum(held.resource == "acme/web" for held in project.sandbox.github.webhooks())


def test_an_orphan_is_shown_with_all_that_is_known_and_what_to_type(project: Project) -> None:
    """Ids, address, URL, reason, since when, and the next command."""
    orphan = left(project)

    shown = project.run("orphans").out

    assert orphan["address"] == WEB
    assert orphan["next"] == f"reconcile orphans resolve {orphan['id']}"
    for name in ("id", "webhook_id", "address", "remote_id", "url", "reason", "created_at", "next"):
        assert orphan[name]
        assert orphan[name] in shown


def test_what_can_be_deleted_now_is_settled(project: Project) -> None:
    """The object goes and the orphan with it; the log of what was done tells of it."""
    orphan = left(project)
    assert hooks(project) == 1

    done = project.run("orphans", "resolve", orphan["id"][:8], "--yes")

    assert (done.code, done.out) == (0, f"{WEB}: deleted at the provider\nSettled 1 orphan.\n")
    assert (hooks(project), orphans(project)) == (0, [])
    [entry, *_] = project.run("history", "--format", "json").document["entries"]
    assert (entry["action"], entry["address"], entry["outcome"]) == ("resolve", WEB, "done")


def test_what_is_gone_is_settled_without_a_call_that_changes_anything(project: Project) -> None:
    """Somebody removed it by hand."""
    left(project)
    remove_by_hand(project)

    done = project.run("orphans", "resolve", "--all", "--yes", "--format", "json")

    assert done.code == 0
    assert [(item["verdict"], item["settled"]) for item in done.document["orphans"]] == [("gone", True)]
    assert orphans(project) == []


def remove_by_hand(project: Project) -> None:
    """The repository has no webhook any more."""
    project.sandbox.reset()


def test_what_is_still_refused_stays_and_says_what_to_do(project: Project) -> None:
    """Exit 3 with the way out; `--gone` does not settle what the provider still lists."""
    orphan = left(project)
    project.sandbox.faults.add(Fault(path=f"{HOOKS}/*", method="DELETE", status=403))

    for more in ([], ["--gone"]):
        done = project.run("orphans", "resolve", orphan["id"], "--yes", *more)
        assert done.code == 3
        assert f"remove it at github, then run `reconcile orphans resolve {orphan['id']}` again" in done.out
        assert done.out.endswith("Settled 0 orphans, 1 left.\n")
    assert the_orphan(project)["id"] == orphan["id"]


def test_a_provider_that_does_not_answer_is_an_error_that_may_pass(project: Project) -> None:
    """Exit 1, or 4 where another orphan was settled; the rest goes on."""
    orphan = left(project)
    project.sandbox.faults.add(Fault(path=HOOKS, method="GET", status=503, headers={"Retry-After": "3600"}))
    alone = project.run("orphans", "resolve", orphan["id"], "--yes")
    assert alone.code == 1
    assert f"try again later; if nothing answers there any more, `reconcile state rm {orphan['id']}`" in alone.out
    assert project.run("orphans", "resolve", "--all", "--gone", "--yes").code == 1, "an outage is no reason to forget"
    assert the_orphan(project)["id"] == orphan["id"]
    add_another(project, group={"resource": "acme/api"})

    both = project.run("orphans", "resolve", "--all", "--yes")

    assert both.code == 4
    assert both.out.endswith("Settled 1 orphan, 1 left.\n")


def add_another(project: Project, number: int = 2, **changes: Any) -> str:
    """One more orphan, like the one that is there; returns its id."""
    with opened(project) as store:
        (first, *_) = store.orphans("acme")
        group = first.group._replace(**changes.pop("group", {}))
        other = replace(first, id=f"{first.id[:8]}-{number}", webhook_id=f"w-{number}", remote_id="0", **changes)
        held = lease(store, "acme", "a test")
        store.add_orphan(held, replace(other, group=group, url="https://elsewhere.example"))
        store.release(held)
    return other.id


def test_without_credentials_a_persons_word_settles_it(project: Project) -> None:
    """The credentials are gone from the project: exit 3 names `--gone`, which needs no provider."""
    orphan = left(project)
    (project.root / "webhooks" / "triage.yaml").unlink()
    text = (project.root / "reconciler.yaml").read_text()
    project.write("reconciler.yaml", text.replace("acme-github", "renamed"))
    assert the_orphan(project)["next"].endswith(" --gone")

    refused = project.run("orphans", "resolve", orphan["id"], "--yes")
    assert refused.code == 3
    assert "the credentials acme-github are not declared any more" in refused.out
    assert f"say so with `reconcile orphans resolve {orphan['id']} --gone`" in refused.out

    done = project.run("orphans", "resolve", orphan["id"], "--gone", "--yes", "--format", "json")
    assert (done.code, done.document["orphans"][0]["verdict"]) == (0, "declared")
    assert orphans(project) == []


def test_a_doubtful_object_becomes_an_orphan_that_is_warned_of_until_it_is_settled(project: Project) -> None:
    """Where nobody can list: the pass that left it exits 4, later ones warn, and a person's word settles it."""
    orphan = doubtful(project)
    assert (orphan["address"], orphan["remote_id"], len(orphan["webhook_id"])) == (BLIND, None, 8)
    assert orphan["url"] == f"https://hooks.example.com/webhooks/slant3d/{orphan['webhook_id']}"
    assert f"remove it at slant3d, then {orphan['next']}" in project.run("orphans").out
    assert "unknown; look for the URL" in project.run("orphans").out

    for verb in ([], ["plan"], ["--dry-run"], ["--no-refresh"]):
        later = project.run(*verb)
        assert later.code == 0
        assert WARNING in later.err

    refused = project.run("orphans", "resolve", orphan["id"], "--yes")
    assert refused.code == 3
    assert "slant3d has no call to list what is there" in refused.out
    assert project.run("orphans", "resolve", orphan["id"], "--gone", "--yes").code == 0
    after = project.run()
    assert (after.code, "orphan" in after.err + after.out, orphans(project)) == (0, False, [])


def test_a_url_that_is_the_secret_is_shown_nowhere(project: Project) -> None:
    """Deliveries carry no other proof there: not in a report, a log, the list of orphans or the history."""
    orphan = doubtful(project)
    with opened(project) as store:
        (kept,) = store.orphans("acme")
        add = [record.id for record in store.records("acme")]
    outputs: list[Outcome] = [
        project.run(*verb)
        for verb in (
            ["--format", "json"],
            ["--format", "markdown"],
            ["orphans"],
            ["history"],
            ["history", "--format", "json"],
            ["orphans", "resolve", orphan["id"], "--yes"],
            ["orphans", "resolve", orphan["id"], "--gone", "--yes", "--format", "json"],
        )
    ]
    for done in outputs:
        for webhook_id in (kept.webhook_id, *add):
            assert webhook_id not in done.out + done.err


@pytest.mark.parametrize("answer", ["y\n", "n\n"])
def test_it_asks_at_a_terminal(project: Project, answer: str) -> None:
    """What is to be settled is named; a no changes nothing and is exit 1."""
    orphan = left(project)

    done = project.at_terminal(answer, "orphans", "resolve", "--all")

    assert f"{WEB} ({orphan['id']})" in done.err
    assert "Look up 1 orphan and delete what is still there? [y/N]" in done.err
    assert (done.code, len(orphans(project))) == ((0, 0) if answer == "y\n" else (1, 1))


def test_a_persons_word_is_asked_for_at_a_terminal(project: Project) -> None:
    """With `--gone` the question says what the yes means."""
    left(project)

    assert (
        "take your word that it is gone? [y/N]"
        in project.at_terminal("n\n", "orphans", "resolve", "--all", "--gone").err
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name the orphans to settle, or say --all"),
        (["ID", "--all"], "expected ids or --all, not both"),
        (["zzz", "--yes"], "there is no orphan zzz"),
        (["ID"], "no terminal to ask at"),
    ],
)
def test_usage_is_checked(project: Project, words: list[str], message: str) -> None:
    """Exit 7, and nothing is settled."""
    orphan = left(project)

    done = project.run("orphans", "resolve", *(orphan["id"] if word == "ID" else word for word in words))

    assert done.code == 7
    assert message in done.err
    assert len(orphans(project)) == 1


def test_the_beginning_of_an_id_must_mean_one(project: Project) -> None:
    """An ambiguous one is refused with the ids; a whole id is always good."""
    orphan = left(project)
    other = add_another(project)

    done = project.run("orphans", "resolve", orphan["id"][:8], "--yes")

    assert done.code == 7
    assert orphan["id"] in done.err
    assert other in done.err
    assert project.run("orphans", "resolve", other, other, "--yes").out.endswith("Settled 1 orphan.\n")


def test_nothing_left_is_nothing_to_settle(project: Project) -> None:
    """Exit 0 without a question; no state is made where none is."""
    assert project.run("orphans", "resolve", "--all").code == 1
    assert not (project.root / ".reconciler").exists()
    project.manifest("push")
    project.run()
    done = project.run("orphans", "resolve", "--all")
    assert (done.code, done.out) == (0, "No orphans.\n")
    assert project.run("orphans").out == "No orphans.\n"


def test_a_signal_ends_it_between_two(project: Project) -> None:
    """What was not begun stays as it was, and is told."""
    left(project)

    settlements = asyncio.run(stopped(project))

    assert [(item.settled, item.message) for item in settlements] == [(False, "not begun: asked to stop")]
    assert len(orphans(project)) == 1


async def stopped(project: Project) -> list[Settlement]:
    """Settle all orphans, asked to stop before the first."""
    loaded = load(Inputs(directory=project.root, files=(), environment=project.environment))
    stop = Stop()
    stop.request()
    async with amending(loaded, silent, 5.0) as session, session.reconciler.holding() as holding:
        return await settle_all(session.store.orphans("acme"), session, holding, stop, declared=True)


def test_it_waits_for_a_pass_at_work(project: Project) -> None:
    """One writer per scope: exit 6 while another holds it."""
    left(project)
    hold(project, 3600)

    assert project.run("orphans", "resolve", "--all", "--yes", "--lock-timeout", "0").code == 6


def test_orphans_are_shown_with_broken_definitions(project: Project) -> None:
    """What cannot be told from a definition is told carefully: ids shortened, and a person's word as the way out."""
    orphan = left(project)
    with opened(project) as store:
        (kept,) = store.orphans("acme")
        held = lease(store, "acme", "a test")
        for number, provider in enumerate(("broken", "unheard-of")):
            group = kept.group._replace(provider=provider)
            store.add_orphan(held, replace(kept, id=f"more-{number}", group=group))
    project.write("own/broken.yaml", "version: 1\nname: broken\n")
    text = (project.root / "reconciler.yaml").read_text()
    project.write("reconciler.yaml", f"{text}providers: [own]\n")

    first, *others = orphans(project)

    assert first["webhook_id"] == orphan["webhook_id"]
    for other in others:
        assert other["webhook_id"] == orphan["webhook_id"][:8]
        assert other["next"].endswith(" --gone")
