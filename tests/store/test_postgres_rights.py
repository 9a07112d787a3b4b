"""What a role that only runs the ingress must be granted in PostgreSQL: no more and no less than the page says."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from reconciler.core.errors import StateError
from reconciler.core.inbox import Arrival, DispatchState, Retention
from reconciler.core.model import Phase, Secret
from reconciler.core.ports import Write
from reconciler.store.inboxes import inbox_of
from reconciler.store.opening import open_existing, open_for_writing
from tests.docs.pages import blocks
from tests.store.inbox_samples import LATER, arrival, claimed, delivery, dispatch, ended
from tests.store.samples import BASE_URL, KEY, SCOPE, lease, recorded, source
from tests.support.postgres import Postgres

pytestmark = pytest.mark.processes

_ROLE = "ingress"
_SECRET = Secret("f" * 64)
_GRANT = re.compile(r"GRANT (?P<rights>[A-Z, ]+) ON (?P<what>(?:SEQUENCE )?)(?P<names>[a-z_, ]+) TO ingress;")


@dataclass(frozen=True)
class Right:
    """One privilege on one object."""

    name: str
    what: str

    def __str__(self) -> str:
        return f"{self.name} ON {self.what}"


def _rights() -> list[Right]:
    """What the page grants, each by itself."""
    text = next(block.text for block in blocks("how-to/postgres", "text") if "GRANT" in block.text)
    found = [
        Right(name, f"{match['what']}{what}")
        for match in _GRANT.finditer(text)
        for name in match["rights"].split(", ")
        for what in match["names"].split(", ")
    ]
    assert len(_GRANT.findall(text)) == text.count("GRANT")
    return found


@pytest.fixture
def role(postgres: str, postgres_server: Postgres) -> Iterator[str]:
    """The state URL of the role, which may look into the schema alone; the state holds a webhook without a secret."""
    with open_for_writing(postgres, source(KEY)) as store:
        held = lease(store)
        store.write(held, [Write(record=recorded(), secret=_SECRET), Write(record=recorded(2, phase=Phase.PENDING))])
        store.release(held)
    admin = postgres_server.admin
    schema = postgres_server.rows(postgres, "SELECT current_schema()")[0][0]
    admin.execute(f"CREATE ROLE {_ROLE} LOGIN")
    admin.execute(f"GRANT USAGE ON SCHEMA {schema} TO {_ROLE}")
    yield postgres_server.url(schema, user=_ROLE)
    admin.execute(f"DROP OWNED BY {_ROLE}")
    admin.execute(f"DROP ROLE {_ROLE}")


def _grant(server: Postgres, postgres: str, *rights: Right) -> None:
    server.rows(postgres, "; ".join(f"GRANT {right} TO {_ROLE}" for right in dict.fromkeys(rights)))


def _work(url: str) -> None:
    """All that an ingress does with its state."""
    with open_existing(url, source(KEY)) as store:
        assert store.scopes() == (SCOPE,)
        assert (len(store.records(SCOPE)), store.base_urls(SCOPE)) == (2, {BASE_URL})
        assert store.record(SCOPE, recorded().id) == recorded()
        assert store.secrets(recorded().id) == (_SECRET,)
        assert store.capture(SCOPE, recorded(2).id, _SECRET)
        inbox = inbox_of(store)
        inbox.accept([arrival(1), arrival(2), arrival(3)])
        assert inbox.accept([arrival(4, "id guid-1", "digest 1")]) == [arrival(1).delivery.id]
        again = dispatch(delivery(5), id=dispatch(delivery(3)).id)
        inbox.accept([Arrival(delivery=delivery(5), keys=("id guid-5",), dispatches=(again,))])
        inbox.settle("worker-1", [ended(job) for job in claimed(inbox)][:2])
        inbox.settle("worker-1", [ended(job, DispatchState.DEAD) for job in claimed(inbox, now=2 * LATER)])
        assert inbox.next_due(SCOPE) is None
        assert inbox.backlog(SCOPE).count == 0
        assert inbox.expire(SCOPE, Retention(seconds=1.0, key_seconds=1.0), LATER) == 4


def test_what_the_page_grants_is_enough(role: str, postgres: str, postgres_server: Postgres) -> None:
    """To find webhooks and their secrets, capture one, accept, claim, settle and expire."""
    _grant(postgres_server, postgres, *_rights())

    _work(role)


@pytest.mark.parametrize("right", _rights(), ids=str)
def test_nothing_is_granted_for_nothing(right: Right, role: str, postgres: str, postgres_server: Postgres) -> None:
    """Without any one of them something is refused, and told as a right that is lacking."""
    _grant(postgres_server, postgres, *(each for each in _rights() if each != right))

    with pytest.raises(StateError, match="lacks a right"):
        _work(role)


def test_the_driver_prints_nothing_of_its_own() -> None:
    """It warns of a connection that a refusal ended; what it says is in our error, and on no stream beside that."""
    code = "import logging, reconciler.store.postgres; logging.getLogger('psycopg').warning('error ignored')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - our own interpreter
    assert (done.stdout, done.stderr) == ("", "")
