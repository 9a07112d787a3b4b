"""Bodies of GitHub deliveries: short, with the fields that receivers read.

Written from GitHub's "Webhook events and payloads"; the events by where they can be subscribed to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from reconciler.core.model import Json
from reconciler.testing.vendors.base import names

REPOSITORY_EVENTS = names(
    """branch_protection_configuration branch_protection_rule check_run check_suite code_scanning_alert commit_comment
    create custom_property_values delete dependabot_alert deploy_key deployment deployment_status discussion
    discussion_comment fork gollum issue_comment issue_dependencies issues label member merge_group meta milestone
    package page_build project project_card project_column public pull_request pull_request_review
    pull_request_review_comment pull_request_review_thread push registry_package release repository
    repository_advisory repository_import repository_ruleset repository_vulnerability_alert secret_scanning_alert
    secret_scanning_alert_location secret_scanning_scan security_and_analysis star status sub_issues team_add watch
    workflow_job workflow_run"""
)
ORGANIZATION_EVENTS = REPOSITORY_EVENTS | names(
    """custom_property membership org_block organization personal_access_token_request projects_v2 projects_v2_item
    projects_v2_status_update team"""
)

_ACTIONS: Mapping[str, str] = {
    "check_run": "completed",
    "check_suite": "completed",
    "deploy_key": "created",
    "deployment_status": "created",
    "discussion_comment": "created",
    "issue_comment": "created",
    "label": "created",
    "member": "added",
    "membership": "added",
    "organization": "member_added",
    "package": "published",
    "pull_request_review": "submitted",
    "pull_request_review_comment": "created",
    "registry_package": "published",
    "release": "published",
    "repository": "created",
    "star": "created",
    "team": "created",
    "watch": "started",
    "workflow_job": "completed",
    "workflow_run": "completed",
}
_WITHOUT_ACTION = frozenset(
    ["push", "create", "delete", "fork", "gollum", "page_build", "public", "status", "ping", "team_add"]
)


def number_of(name: str) -> int:
    """A stable number for a name: the numeric id that the vendor would have given it."""
    return int(hashlib.sha256(name.lower().encode()).hexdigest()[:7], 16)


def user(login: str, kind: str = "User") -> dict[str, Json]:
    """An account as it stands in a payload."""
    return {
        "login": login,
        "id": number_of(login),
        "type": kind,
        "site_admin": False,
        "html_url": f"https://github.com/{login}",
        "url": f"https://api.github.com/users/{login}",
    }


def repository(full_name: str) -> dict[str, Json]:
    """A repository as it stands in a payload."""
    owner, _, name = full_name.partition("/")
    return {
        "id": number_of(full_name),
        "name": name,
        "full_name": full_name,
        "private": False,
        "owner": user(owner, "Organization"),
        "html_url": f"https://github.com/{full_name}",
        "url": f"https://api.github.com/repos/{full_name}",
        "default_branch": "main",
    }


def body(event: str, action: str, full_name: str, organization: str) -> dict[str, Json]:
    """The body of `event` in a repository, or in the organisation alone where `full_name` is empty."""
    content: dict[str, Json] = {}
    action = action or ("" if event in _WITHOUT_ACTION else _ACTIONS.get(event, "created"))
    if action:
        content["action"] = action
    content |= _subject(event, action, full_name)
    if full_name:
        content["repository"] = repository(full_name)
    if organization:
        content["organization"] = {"login": organization, "id": number_of(organization)}
    content["sender"] = user("octocat")
    return content


def default_action(event: str) -> str:
    """The action of `event` where the caller names none; issues and pull requests are opened."""
    return "opened" if event in {"issues", "pull_request"} else ""


def _subject(event: str, action: str, full_name: str) -> dict[str, Json]:
    if event == "push":
        return _push(full_name)
    if event in {"issues", "issue_comment"}:
        subject: dict[str, Json] = {"issue": _thread(full_name, "issues", action)}
        if event == "issue_comment":
            subject["comment"] = {"id": 1, "body": "Me too.", "user": user("octocat")}
        return subject
    if event.startswith("pull_request"):
        thread = _thread(full_name, "pull", action)
        thread |= {"head": {"ref": "topic", "sha": "a" * 40}, "base": {"ref": "main", "sha": "b" * 40}, "merged": False}
        return {"number": thread["number"], "pull_request": thread}
    if event == "release":
        return {"release": {"id": 1, "tag_name": "v1.0.0", "name": "v1.0.0", "draft": False, "prerelease": False}}
    if event in {"workflow_run", "workflow_job", "check_run", "check_suite"}:
        return {event: {"id": 1, "name": "CI", "status": "completed", "conclusion": "success", "head_sha": "a" * 40}}
    return {}


def _push(full_name: str) -> dict[str, Json]:
    commit = {
        "id": "a" * 40,
        "message": "Mend it",
        "timestamp": "2026-01-01T00:00:00Z",
        "author": {"name": "Mona Lisa", "email": "octocat@github.com", "username": "octocat"},
        "added": [],
        "removed": [],
        "modified": ["README.md"],
        "url": f"https://github.com/{full_name}/commit/{'a' * 40}",
    }
    return {
        "ref": "refs/heads/main",
        "before": "b" * 40,
        "after": "a" * 40,
        "created": False,
        "deleted": False,
        "forced": False,
        "compare": f"https://github.com/{full_name}/compare/{'b' * 12}...{'a' * 12}",
        "commits": [commit],
        "head_commit": commit,
        "pusher": {"name": "octocat", "email": "octocat@github.com"},
    }


def _thread(full_name: str, kind: str, action: str) -> dict[str, Json]:
    return {
        "id": number_of(f"{full_name}#1347"),
        "number": 1347,
        "title": "Found a bug",
        "body": "It does not work.",
        "state": "closed" if action == "closed" else "open",
        "user": user("octocat"),
        "labels": [],
        "html_url": f"https://github.com/{full_name}/{kind}/1347",
        "url": f"https://api.github.com/repos/{full_name}/{'pulls' if kind == 'pull' else kind}/1347",
    }
