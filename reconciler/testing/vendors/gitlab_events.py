"""GitLab's webhook events: the flag that subscribes, and what a delivery then says.

Written from GitLab's "Webhook events", "Project webhooks API" and "Group webhooks API".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from reconciler.core.model import Json


class Kind(NamedTuple):
    """How deliveries of one flag are marked: the `X-Gitlab-Event` header, and `object_kind` (or `event_name`)."""

    header: str
    object_kind: str


PROJECT_KINDS: Mapping[str, Kind] = {
    "push_events": Kind("Push Hook", "push"),
    "tag_push_events": Kind("Tag Push Hook", "tag_push"),
    "issues_events": Kind("Issue Hook", "issue"),
    "confidential_issues_events": Kind("Confidential Issue Hook", "issue"),
    "note_events": Kind("Note Hook", "note"),
    "confidential_note_events": Kind("Confidential Note Hook", "note"),
    "merge_requests_events": Kind("Merge Request Hook", "merge_request"),
    "job_events": Kind("Job Hook", "build"),
    "pipeline_events": Kind("Pipeline Hook", "pipeline"),
    "wiki_page_events": Kind("Wiki Page Hook", "wiki_page"),
    "deployment_events": Kind("Deployment Hook", "deployment"),
    "feature_flag_events": Kind("Feature Flag Hook", "feature_flag"),
    "releases_events": Kind("Release Hook", "release"),
    "emoji_events": Kind("Emoji Hook", "emoji"),
    "resource_access_token_events": Kind("Resource Access Token Hook", "access_token"),
    "milestone_events": Kind("Milestone Hook", "milestone"),
    "vulnerability_events": Kind("Vulnerability Hook", "vulnerability"),
}
GROUP_KINDS: Mapping[str, Kind] = {
    **PROJECT_KINDS,
    "member_events": Kind("Member Hook", ""),
    "subgroup_events": Kind("Subgroup Hook", ""),
    "project_events": Kind("Project Hook", ""),
}
_EVENT_NAMES = {
    "member_events": "user_add_to_group",
    "subgroup_events": "subgroup_create",
    "project_events": "project_create",
}
_ACTIONS = {
    "issue": "open",
    "merge_request": "open",
    "milestone": "create",
    "release": "create",
    "wiki_page": "create",
    "note": "create",
}


def body(flag: str, path: str, number: int, root: str) -> dict[str, Json]:
    """The body of a delivery for `flag` in the project `path`; `root` is the instance's own URL."""
    kind = GROUP_KINDS[flag]
    if flag in _EVENT_NAMES:
        return {"event_name": _EVENT_NAMES[flag], "group_path": path, "group_id": number, "user_username": "root"}
    user = {"id": 1, "name": "Administrator", "username": "root", "avatar_url": None}
    name = path.rpartition("/")[2]
    project: dict[str, Json] = {
        "id": number,
        "name": name,
        "description": "",
        "web_url": f"{root}/{path}",
        "git_http_url": f"{root}/{path}.git",
        "namespace": path.rpartition("/")[0],
        "visibility_level": 0,
        "path_with_namespace": path,
        "default_branch": "main",
        "homepage": f"{root}/{path}",
    }
    content: dict[str, Json] = {"object_kind": kind.object_kind, "event_name": kind.object_kind, "project": project}
    content["repository"] = {"name": name, "url": project["git_http_url"], "homepage": project["homepage"]}
    if kind.object_kind in {"push", "tag_push"}:
        return content | _push(kind.object_kind, number, project["web_url"])
    content["user"] = user
    content["object_attributes"] = {
        "id": 301,
        "iid": 23,
        "title": "Found a bug",
        "state": "opened",
        "action": _ACTIONS.get(kind.object_kind, "create"),
        "url": f"{project['web_url']}/-/issues/23",
        "confidential": flag.startswith("confidential"),
    }
    return content


def _push(kind: str, number: int, web_url: str) -> dict[str, Json]:
    commit = {
        "id": "a" * 40,
        "message": "Mend it\n",
        "title": "Mend it",
        "timestamp": "2026-01-01T00:00:00+00:00",
        "url": f"{web_url}/-/commit/{'a' * 40}",
        "author": {"name": "Administrator", "email": "root@example.com"},
        "added": [],
        "modified": ["README.md"],
        "removed": [],
    }
    return {
        "before": "b" * 40,
        "after": "a" * 40,
        "ref": "refs/heads/main" if kind == "push" else "refs/tags/v1.0.0",
        "checkout_sha": "a" * 40,
        "user_id": 1,
        "user_name": "Administrator",
        "user_username": "root",
        "project_id": number,
        "commits": [commit],
        "total_commits_count": 1,
    }
