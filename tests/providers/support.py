"""What the tests of this folder share: the shipped definitions, and a transport that answers from a script."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from reconciler.core.model import Secret
from reconciler.core.ports import Credentials, Registration, Target
from reconciler.providers.definition import Definition, definition
from reconciler.providers.http import HttpProvider
from reconciler.providers.transport import Call, OversizedReplyError, Reply, TransportError

FOLDER = Path(__file__).parents[2] / "providers.d"
NAMES = (
    "airtable",
    "asana",
    "bitbucket",
    "calendly",
    "compass",
    "exa",
    "generic",
    "gitea",
    "github",
    "gitlab",
    "hubspot",
    "linear",
    "microsoft-graph",
    "sendgrid",
    "slack",
    "slant3d",
    "stripe",
    "telegram",
    "typeform",
    "vercel",
)
TOKENS = {"telegram": "4242:AAE-bot_token", "gitlab": "glpat-token", "github": "ghp_token", "stripe": "sk_test_token"}
RESOURCES = {
    ("github", "repo"): "Acme/api",
    ("github", "org"): "acme",
    ("gitlab", "project"): "acme/tools/api",
    ("gitlab", "group"): "acme",
    ("stripe", "account"): "self",
    ("telegram", "bot"): "self",
    ("gitea", "repo"): "Acme/api",
    ("gitea", "org"): "acme",
    ("bitbucket", "repository"): "acme/api",
    ("bitbucket", "workspace"): "acme",
    ("typeform", "form"): "u6nXL7",
    ("linear", "team"): "9cfb482a-81e3-4154-b5b9-2c805e70a02d",
    ("linear", "all_public_teams"): "self",
    ("vercel", "team"): "team_acme",
    ("vercel", "project"): "team_acme/prj_12HKQaOmR5t5Uy6vdcQsNIiZgHGB",
    ("calendly", "user"): "self",
    ("calendly", "organization"): "self",
    ("calendly", "group"): "4a1b6f0e",
    ("exa", "account"): "self",
    ("airtable", "base"): "app00000000000000",
    ("microsoft-graph", "outlook"): "me/mailFolders('Inbox')/messages",
    ("slant3d", "orders"): "self",
    ("asana", "resource"): "1331/51648",
    ("sendgrid", "account"): "self",
}
NOW = 1_790_000_000.0
URL = "https://hooks.acme.dev/webhooks/p/6f1c1a52-6f0e-4a27-9d2a-3c52a4f1d0aa"
SECRET = Secret("5ec4e7" * 10)


def values(name: str) -> dict[str, Any]:
    """The parsed YAML of a shipped definition, fresh, for a test to change."""
    text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.load(text, yaml.CSafeLoader)
    return loaded


def shipped(name: str) -> Definition:
    """A shipped definition."""
    return definition(values(name))


def credentials(name: str, **fields: str) -> Credentials:
    """Credentials of a provider, with a token that has its form."""
    secrets = {"token": TOKENS.get(name, "token")} | fields
    return Credentials(name="main", provider=name, fields={key: Secret(text) for key, text in secrets.items()})


def target(name: str, kind: str, resource: str = "") -> Target:
    """A resource of a provider, with credentials."""
    return Target(type=kind, resource=resource or RESOURCES[name, kind], credentials=credentials(name))


def registration(*events: str, **options: Any) -> Registration:
    """What a webhook is to be."""
    return Registration(webhook_id="6f1c1a52", url=URL, events=frozenset(events), secret=SECRET, options=options)


def reply(body: Any = None, status: int = 200, **headers: str) -> Reply:
    """A JSON reply; header names are given with underscores."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return Reply(status=status, headers={"content-type": "application/json"} | named, body=content)


class Script:
    """A transport that gives these replies in order, raises those that are errors, and keeps the calls."""

    def __init__(self, *replies: Reply | TransportError | OversizedReplyError) -> None:
        self.calls: list[Call] = []
        self._replies = list(replies)

    async def send(self, call: Call) -> Reply:
        self.calls.append(call)
        answer = self._replies.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def call(self) -> Call:
        """The only call."""
        (call,) = self.calls
        return call

    def sent(self) -> Any:
        """The JSON body of the only call."""
        return json.loads(self.call.body)


def provider(name: str, *replies: Reply | TransportError | OversizedReplyError) -> tuple[HttpProvider, Script]:
    """A shipped provider that is answered from a script."""
    script = Script(*replies)
    return HttpProvider(shipped(name), script, lambda: NOW), script


def changed(name: str, changes: Mapping[Sequence[str | int], Any]) -> dict[str, Any]:
    """The values of a shipped definition with some replaced (or, by `...`, removed), each by its path."""
    document = values(name)
    for path, value in changes.items():
        place: Any = document
        for key in path[:-1]:
            place = place[key]
        if value is ...:
            del place[path[-1]]
        else:
            place[path[-1]] = value
    return document
