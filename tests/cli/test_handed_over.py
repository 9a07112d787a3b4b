"""A provider that tells its secret to the receiver: a pass and an ingress, on one state, over sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from reconciler.store.opening import open_for_reading
from reconciler.testing.sandbox import ROOTS, FireOrder, Sandbox
from reconciler.wiring.inputs import Inputs
from reconciler.wiring.loading import load_project_of
from reconciler.wiring.session import key_source
from tests.cli.ingress_support import ingress_of
from tests.cli.support import Project, project_file, serving

pytestmark = pytest.mark.journeys

TASKS = "graph: tasks\ntriggers:\n  - {provider: asana, resource: 1331/51648, events: [task.added]}\n"


@pytest.fixture
def state(project: Project) -> Project:
    """A project that has a state already: an ingress makes none."""
    project.environment["ASANA_TOKEN"] = "1/canary0005"
    project.write("webhooks/notes.yaml", "graph: notes\ntriggers:\n  - {provider: generic, events: [plain]}\n")
    assert project.run().code == 0
    return project


def lead_to(project: Project, origin: str) -> None:
    """Let the project's credentials lead to a sandbox."""
    asana = f"  acme-asana: {{provider: asana, token: env/ASANA_TOKEN, api_url: {origin}{ROOTS['asana']}}}\n"
    text = project_file(origin).replace("credentials:\n", f"credentials:\n{asana}", 1)
    project.write("reconciler.yaml", text.replace("credentials: {", "credentials: {asana: acme-asana, "))


@pytest.fixture
def reached(state: Project) -> Iterator[Sandbox]:
    """Stand-ins whose deliveries arrive at the project's own ingress."""
    with ingress_of(state, dispatch=False) as ingress, serving(ingress) as (origin, sandbox):
        lead_to(state, origin)
        yield sandbox


def secrets_of(project: Project) -> tuple[str, ...]:
    """The secrets that the state holds of the one webhook at Asana."""
    loaded = load_project_of(Inputs(directory=project.root, environment=project.environment))
    with open_for_reading(loaded.state, key_source(loaded)) as store:
        (record,) = [record for record in store.records("acme") if record.key.provider == "asana"]
        return tuple(secret.reveal() for secret in store.secrets(record.id))


def test_the_ingress_keeps_the_secret_that_the_pass_waits_for(state: Project, reached: Sandbox) -> None:
    """Create, repair and removal leave nothing to do; what is delivered is proved with it, and none of it is shown."""
    state.write("webhooks/tasks.yaml", TASKS)
    first = state.run()
    assert (first.code, state.run("plan").out) == (0, "In sync: 2 webhooks, nothing to do.\n"), first.err
    (handshake,) = reached.outcomes
    assert secrets_of(state) == (handshake.delivery.echo,)
    (outcome,) = asyncio.run(reached.fire(FireOrder(provider="asana", event="task.added")))
    assert outcome.status == 200
    reached.outcomes.pop()
    reached.vendors["asana"].reset()
    assert "deleted_at_provider" in state.run("plan").out
    again = state.run()
    assert (again.code, state.run("plan").out) == (0, "In sync: 2 webhooks, nothing to do.\n"), again.err
    (_, second) = reached.outcomes
    assert secrets_of(state) == (second.delivery.echo,)
    assert handshake.delivery.echo not in first.out + first.err + again.out + again.err


def test_without_an_ingress_the_pass_says_what_is_missing(state: Project) -> None:
    """The sandbox answers for nobody, so no secret is kept: the webhook is not registered, and made anew later."""
    state.write("webhooks/tasks.yaml", TASKS)
    with serving() as (origin, sandbox):
        lead_to(state, origin)
        failed = state.run()
        assert failed.code == 4
        assert "an ingress on this state must be reached at the base URL" in failed.out + failed.err
        assert len(sandbox.vendors["asana"].webhooks()) == 1
        assert "secret_lost" in state.run("plan").out
        assert secrets_of(state) == ()
