"""Webhooks that somebody else made at the stand-ins."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

import httpx2 as httpx

from tests.cli.support import CANARIES, Outcome, Project

OLD_SECRET = "whsec_canary-of-the-old-webhook"


def at_github(project: Project, url: str, *events: str, resource: str = "acme/api", **config: str) -> str:
    """A webhook of a repository; returns its id."""
    body = {"events": events, "config": {"url": url, "content_type": "json", "secret": OLD_SECRET, **config}}
    return str(_post(project, f"/github/repos/{resource}/hooks", "GITHUB_TOKEN", json=body)["id"])


def at_gitlab(project: Project, url: str, *flags: str) -> str:
    """A webhook of the project acme/api; GitLab switches push_events on where they are not said."""
    body = {"url": url, "push_events": False} | dict.fromkeys(flags, True)
    return str(_post(project, "/gitlab/api/v4/projects/acme%2Fapi/hooks", "GITLAB_TOKEN", json=body)["id"])


def at_stripe(project: Project, url: str, event: str) -> tuple[str, str]:
    """An endpoint of the account; returns its id and the secret that is told once."""
    answer = _post(
        project, "/stripe/v1/webhook_endpoints", "STRIPE_TOKEN", data={"url": url, "enabled_events[0]": event}
    )
    return str(answer["id"]), str(answer["secret"])


def at_telegram(project: Project, url: str, *updates: str) -> None:
    """The bot's only webhook."""
    body = {"url": url, "allowed_updates": updates}
    _post(project, f"/telegram/bot{CANARIES['TELEGRAM_TOKEN']}/setWebhook", "TELEGRAM_TOKEN", json=body)


def commands(text: str) -> list[list[str]]:
    """The arguments of each `reconcile` command in the comments of an exported manifest."""
    return [shlex.split(line)[1:] for line in re.findall(r"^ *# +(reconcile .*)$", text, re.MULTILINE)]


def in_sync(project: Project) -> Outcome:
    """What a plan says that finds nothing to do."""
    planned = project.run("plan", "--detailed-exitcode")
    assert planned.code == 0, planned.out + planned.err
    assert planned.out.startswith("In sync: ")
    return planned


def _post(project: Project, path: str, variable: str, **body: object) -> Mapping[str, object]:
    token = project.environment[variable]
    headers = {"Authorization": f"Bearer {token}", "PRIVATE-TOKEN": token}
    answer = httpx.post(f"{project.origin}{path}", headers=headers, **body)  # type: ignore[arg-type] # one body of two
    assert answer.is_success, answer.text
    document: Mapping[str, object] = answer.json()
    return document
