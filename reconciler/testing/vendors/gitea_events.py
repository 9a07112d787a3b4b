"""Gitea's webhook events: the groups that a subscription stands for, and what deliveries say.

Written from Gitea's "Webhooks" and from the event types and the API handlers in its source.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from reconciler.core.model import Json
from reconciler.testing.vendors.base import names


class Kind(NamedTuple):
    """How deliveries of one type are marked: the `X-Gitea-Event` header, and the body's usual `action`."""

    header: str
    action: str


KINDS: Mapping[str, Kind] = {
    "create": Kind("create", ""),
    "delete": Kind("delete", ""),
    "fork": Kind("fork", ""),
    "push": Kind("push", ""),
    "issues": Kind("issues", "opened"),
    "issue_assign": Kind("issues", "assigned"),
    "issue_label": Kind("issues", "label_updated"),
    "issue_milestone": Kind("issues", "milestoned"),
    "issue_comment": Kind("issue_comment", "created"),
    "pull_request": Kind("pull_request", "opened"),
    "pull_request_assign": Kind("pull_request", "assigned"),
    "pull_request_label": Kind("pull_request", "label_updated"),
    "pull_request_milestone": Kind("pull_request", "milestoned"),
    "pull_request_comment": Kind("issue_comment", "created"),
    "pull_request_review_approved": Kind("pull_request_approved", "reviewed"),
    "pull_request_review_rejected": Kind("pull_request_rejected", "reviewed"),
    "pull_request_review_comment": Kind("pull_request_comment", "reviewed"),
    "pull_request_review_request": Kind("pull_request", "review_requested"),
    "pull_request_sync": Kind("pull_request", "synchronized"),
    "wiki": Kind("wiki", "created"),
    "repository": Kind("repository", "created"),
    "release": Kind("release", "published"),
    "package": Kind("package", "created"),
    "status": Kind("status", ""),
    "workflow_run": Kind("workflow_run", "completed"),
    "workflow_job": Kind("workflow_job", "completed"),
}
"""Every type of event that something can be, and how its deliveries are marked."""

_PLAIN = names(
    "create delete fork push wiki repository release package status workflow_run workflow_job"
    " issue_assign issue_label issue_milestone issue_comment"
    " pull_request_assign pull_request_label pull_request_milestone pull_request_comment"
    " pull_request_review pull_request_review_request pull_request_sync"
)
_GROUPS = {
    "issues": names("issues issue_assign issue_label issue_milestone issue_comment"),
    "issues_only": names("issues"),
    "pull_request": names(
        "pull_request pull_request_assign pull_request_label pull_request_milestone pull_request_comment"
        " pull_request_review pull_request_review_request pull_request_sync"
    ),
    "pull_request_only": names("pull_request"),
}


def subscribed(asked: Iterable[str]) -> tuple[str, ...]:
    """What a webhook with these `events` is subscribed to, as the API shows it.

    `issues` and `pull_request` stand for their whole groups; a name that Gitea does not know is dropped without a word;
    no name at all is `push`.
    """
    wanted = [name.lower() for name in asked] or ["push"]
    found: set[str] = set()
    for name in wanted:
        found |= _GROUPS.get(name, frozenset({name}) & _PLAIN)
    return tuple(sorted(found))


def wants(events: Iterable[str], kind: str) -> bool:
    """Whether a webhook that shows `events` is told of something of `kind`."""
    reviewed = kind in {f"pull_request_review_{verdict}" for verdict in ("approved", "rejected", "comment")}
    return ("pull_request_review" if reviewed else kind) in set(events)


def body(kind: str, action: str, full_name: str, root: str) -> dict[str, Json]:
    """The body of a delivery for something in the repository `full_name`; `root` is the instance's own URL."""
    owner, _, name = full_name.partition("/")
    user: dict[str, Json] = {"id": 1, "login": "gitea", "full_name": "", "email": "gitea@example.com"}
    repository: dict[str, Json] = {
        "id": 140,
        "owner": {**user, "login": owner},
        "name": name,
        "full_name": full_name,
        "private": False,
        "html_url": f"{root}/{full_name}",
        "clone_url": f"{root}/{full_name}.git",
        "default_branch": "main",
    }
    content = {"action": action} if action else {}
    return {**content, **_subject(kind, repository, user), "repository": repository, "sender": user}


def _subject(kind: str, repository: Mapping[str, Json], user: Json) -> dict[str, Json]:
    family = KINDS[kind].header
    numbered: dict[str, Json] = {"id": 9, "number": 7, "title": "Found a bug", "state": "open", "user": user}
    if kind == "push":
        return _push(repository, user)
    if family in {"create", "delete"}:
        return {"sha": "a" * 40, "ref": "topic", "ref_type": "branch"}
    if family == "issues":
        return {"number": 7, "issue": numbered}
    if family == "issue_comment":
        comment = {"id": 3, "body": "Me too", "user": user}
        return {"issue": numbered, "comment": comment, "is_pull": kind.startswith("pull_request")}
    if family.startswith("pull_request"):
        branches = {"base": {"ref": "main"}, "head": {"ref": "topic", "sha": "a" * 40}, "merged": False}
        review = {"type": kind, "content": "Looks good"} if kind.startswith("pull_request_review_") else None
        return {"number": 7, "pull_request": {**numbered, **branches}, "review": review}
    others: dict[str, dict[str, Json]] = {
        "fork": {"forkee": {"full_name": f"someone/{repository['name']}"}},
        "wiki": {"page": "Home", "comment": ""},
        "repository": {"organization": repository["owner"]},
    }
    return others.get(family, {family: {"id": 5, "name": "v1.0.0", "tag_name": "v1.0.0", "state": "success"}})


def _push(repository: Mapping[str, Json], user: Json) -> dict[str, Json]:
    person = {"name": "Gitea", "email": "gitea@example.com", "username": "gitea"}
    commit: dict[str, Json] = {
        "id": "a" * 40,
        "message": "Mend it\n",
        "url": f"{repository['html_url']}/commit/{'a' * 40}",
        "author": person,
        "committer": person,
        "timestamp": "2026-01-01T00:00:00Z",
        "added": [],
        "removed": [],
        "modified": ["README.md"],
    }
    return {
        "ref": "refs/heads/main",
        "before": "b" * 40,
        "after": "a" * 40,
        "compare_url": f"{repository['html_url']}/compare/{'b' * 40}...{'a' * 40}",
        "commits": [commit],
        "total_commits": 1,
        "head_commit": commit,
        "pusher": user,
    }
