"""Projects whose processes die, at stand-ins of providers of every shape."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2 as httpx

from reconciler.core.model import Orphan, Recorded, Secret
from reconciler.core.ports import Entry
from reconciler.providers.catalogue import known_definitions
from reconciler.providers.delivered import scheme
from reconciler.store.opening import open_for_reading
from reconciler.system import SystemClock
from reconciler.testing.sandbox import ROOTS
from reconciler.testing.vendors.base import Subscription, Vendor
from reconciler.verify.request import Request
from reconciler.verify.schemes import verify
from reconciler.wiring.inputs import Inputs
from reconciler.wiring.loading import load
from reconciler.wiring.session import key_source
from tests.cli.support import Project, process_environment

DYING = Path(__file__).with_name("dying.py")


@dataclass(frozen=True, slots=True)
class Shape:
    """A provider, what is wanted there, and two events of it."""

    provider: str
    type: str
    resource: str
    events: tuple[str, str]


SHAPES = {
    "listable": Shape("github", "repo", "acme/api", ("push", "issues")),
    "secret returned once": Shape("stripe", "account", "self", ("charge.succeeded", "invoice.paid")),
    "single slot": Shape("telegram", "bot", "self", ("message", "callback_query")),
    "id chosen by the caller": Shape("typeform", "form", "u6nXL7", ("form_response", "form_response_partial")),
    "no update": Shape("calendly", "user", "self", ("invitee.created", "invitee.canceled")),
    "lease": Shape("microsoft-graph", "outlook", "me/mailFolders('Inbox')/messages", ("created", "updated")),
    "no list": Shape("slant3d", "orders", "self", ("order.shipped", "order.shipped")),
}


@dataclass(frozen=True, slots=True)
class State:
    """What a store holds."""

    records: Sequence[Recorded]
    orphans: Sequence[Orphan]
    secrets: dict[str, tuple[Secret, ...]]
    history: dict[str, Entry]


class Place:
    """A project at one provider, and what is done to it."""

    def __init__(self, project: Project, shape: Shape) -> None:
        self.project = project
        self.shape = shape
        self.base_url = "https://hooks.example.com"
        token = {"telegram": "424242:canary0003"}.get(shape.provider, "canary0001")
        project.environment.update(TOKEN=token)

    def renew(self) -> None:
        """Everything as new: no state, an empty provider, no manifests."""
        shutil.rmtree(self.project.root)
        (self.project.root / "webhooks").mkdir(parents=True)
        self.project.sandbox.reset()
        self.move("https://hooks.example.com")

    def move(self, base_url: str) -> None:
        """Write the project file, with this base URL."""
        self.base_url = base_url
        shape = self.shape
        api = self.project.origin + ROOTS[shape.provider]
        self.project.write(
            "reconciler.yaml",
            f"version: 1\nscope: acme\nbase_url: {base_url}\nmanifests: [webhooks]\n"
            f"credentials:\n  main: {{provider: {shape.provider}, token: env/TOKEN, api_url: {api}}}\n"
            f"defaults: {{user: alice, credentials: {{{shape.provider}: main}}}}\n"
            f"allow_unverified: [slant3d]\n",
        )

    def want(self, *numbers: int, graph: str = "triage", user: str = "alice", manual: bool = False) -> None:
        """Declare a webhook for the first, or the second event, or both."""
        shape = self.shape
        events = ", ".join(f'"{shape.events[number]}"' for number in numbers)
        where = "manual: true" if manual else f'resource: "{shape.resource}"'
        self.project.write(
            f"webhooks/{graph}.yaml",
            f"graph: {graph}\nuser: {user}\ntriggers:\n  - provider: {shape.provider}\n    type: {shape.type}\n"
            f"    {where}\n    events: [{events}]\n",
        )

    def want_nothing(self) -> None:
        """Declare nothing any more."""
        for file in (self.project.root / "webhooks").iterdir():
            file.unlink()

    def apply(self) -> None:
        """An earlier pass, in this process, that went well."""
        done = self.project.run("--yes", "--allow-destroy", "100%")
        assert done.code in {0, 4}, done.err

    def die(self, when: str, ago: float = 60.0) -> str:
        """A pass that kills itself; where, or nothing if it came to its end."""
        process = self.begin(when, ago, signal.SIGKILL)
        out, err = process.communicate(timeout=60)
        assert process.returncode in {0, -signal.SIGKILL}, err
        return out.splitlines()[-1] if process.returncode else ""

    def begin(self, when: str, ago: float, end: signal.Signals) -> subprocess.Popen[str]:
        """Start a pass that kills, or halts, itself."""
        return subprocess.Popen(  # noqa: S603 # our own script
            [sys.executable, str(DYING), str(self.project.root), when, str(ago), end.name],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=process_environment(self.project.environment),
        )

    def recover(self) -> None:
        """The next pass, as a process: it waits for nobody."""
        process = self.project.spawn("--yes", "--allow-destroy", "100%", "--lock-timeout", "0")
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0 or "orphan" in err, err

    def shorten_lease(self, hours: int) -> None:
        """Somebody asks Graph for an earlier end of the one subscription."""
        (found,) = self.objects()
        end = datetime.fromtimestamp(SystemClock().now(), UTC) + timedelta(hours=hours)
        answer = httpx.patch(
            f"{self.project.origin}{ROOTS['microsoft-graph']}/subscriptions/{found.id}",
            headers={"authorization": "Bearer canary0001"},
            json={"expirationDateTime": end.strftime("%Y-%m-%dT%H:%M:%SZ")},
        )
        assert answer.status_code == 200, answer.text

    @property
    def vendor(self) -> Vendor:
        """The stand-in."""
        return self.project.sandbox.vendors[self.shape.provider]

    def objects(self) -> Sequence[Subscription]:
        """What the provider holds."""
        return self.vendor.webhooks()

    def state(self) -> State:
        """What the store holds."""
        loaded = load(Inputs(directory=self.project.root, environment=self.project.environment))
        store = open_for_reading(loaded.project.state, key_source(loaded.project))
        try:
            records = store.records("acme")
            return State(
                records=records,
                orphans=store.orphans("acme"),
                secrets={record.id: store.secrets(record.id) for record in records},
                history={entry.id: entry for entry in store.history("acme")},
            )
        finally:
            store.close()

    def assert_secrets(self, state: State) -> None:
        """What the provider sends is proved by the secret that is stored."""
        rules = scheme(known_definitions(())[self.shape.provider])
        ids = {record.url: record.id for record in state.records}
        for event in self.shape.events:
            for sent in self.vendor.deliveries(event, None, None):
                request = Request(method=sent.method, url=sent.url, headers=tuple(sent.headers.items()), body=sent.body)
                newest = state.secrets[ids[sent.url]][:1]
                assert verify(rules, newest, request, SystemClock().now()), f"{event}: another secret is in force"
