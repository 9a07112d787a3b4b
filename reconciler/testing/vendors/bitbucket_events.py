"""The events of Bitbucket Cloud's webhooks, and short bodies of them.

Written from "Event payloads" and the OpenAPI description of the webhook resource.
"""

from __future__ import annotations

from reconciler.core.model import Json
from reconciler.testing.vendors.base import names

KEYS = names(
    "repo:push repo:fork repo:updated repo:transfer repo:created repo:deleted repo:imported"
    " repo:commit_comment_created repo:commit_status_created repo:commit_status_updated"
    " issue:created issue:updated issue:comment_created project:updated"
    " pullrequest:created pullrequest:updated pullrequest:push pullrequest:approved pullrequest:unapproved"
    " pullrequest:fulfilled pullrequest:rejected"
    " pullrequest:changes_request_created pullrequest:changes_request_removed"
    " pullrequest:comment_created pullrequest:comment_updated pullrequest:comment_deleted"
    " pullrequest:comment_resolved pullrequest:comment_reopened"
)
WORKSPACE_ONLY = names("repo:created repo:deleted repo:imported project:updated")
"""Events that happen to a workspace, so that no repository has webhooks for them."""


def body(key: str, full_name: str) -> dict[str, Json]:
    """The body of a delivery for `key` in the repository `full_name`."""
    workspace, _, name = full_name.partition("/")
    actor: dict[str, Json] = {
        "type": "user",
        "display_name": "Emma",
        "uuid": "{b7b3b1b0-0000-4000-8000-000000000001}",
        "nickname": "emma",
    }
    if key == "project:updated":
        return {"actor": actor, "project": {"type": "project", "key": "PROJ", "name": "Project"}}
    repository: dict[str, Json] = {
        "type": "repository",
        "uuid": "{673a6070-3421-46c9-9d48-90745f7bfe8e}",
        "name": name,
        "full_name": full_name,
        "workspace": {"type": "workspace", "slug": workspace, "name": workspace},
        "is_private": True,
        "scm": "git",
    }
    return {"actor": actor, "repository": repository, **_subject(key, actor)}


def _subject(key: str, actor: Json) -> dict[str, Json]:
    family, _, happening = key.partition(":")
    comment = {"comment": {"id": 17, "content": {"raw": "Comment text"}, "user": actor}}
    added = comment if "comment" in happening else {}
    if family == "pullrequest":
        branches = {"source": {"branch": {"name": "topic"}}, "destination": {"branch": {"name": "main"}}}
        return {
            "pullrequest": {"type": "pullrequest", "id": 1, "title": "Mend it", "state": "OPEN", **branches},
            **added,
        }
    if family == "issue":
        return {"issue": {"type": "issue", "id": 1, "title": "Found a bug", "state": "new"}, **added}
    if happening == "push":
        target = {"type": "commit", "hash": "a" * 40, "message": "Mend it\n"}
        change = {"new": {"type": "branch", "name": "main", "target": target}, "old": None, "created": True}
        return {"push": {"changes": [{**change, "forced": False, "closed": False, "commits": [target]}]}}
    if happening.startswith("commit_status"):
        return {"commit_status": {"type": "build", "key": "build", "state": "SUCCESSFUL", "name": "Unit tests"}}
    return added
