"""Firing for Slack: a person enters the URL in the settings of an app, so the caller says where the delivery goes.

Written from Slack's "Verifying requests from Slack", "Using the Events API" (HTTP request URLs), "url_verification" and
"Event object". Not made: `apps.manifest.update`, which could set the URL, deliveries that are sent again
(`X-Slack-Retry-Num`), and slash commands and interactions, which come as forms.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from reconciler.core.model import Json
from reconciler.testing.vendors.base import Delivery, Surroundings, UnknownEventError, names

HANDSHAKE = "url_verification"
MESSAGES: Mapping[str, str] = {
    "message.app_home": "app_home",
    "message.channels": "channel",
    "message.groups": "group",
    "message.im": "im",
    "message.mpim": "mpim",
}
"""The events that are all delivered as `message`, told apart by their `channel_type`; immutable in use."""
EVENTS = names(
    """
    app_deleted app_home_opened app_installed app_mention app_requested app_uninstalled app_uninstalled_team
    assistant_thread_context_changed assistant_thread_started call_rejected
    channel_archive channel_created channel_deleted channel_history_changed channel_id_changed channel_left
    channel_rename channel_shared channel_unarchive channel_unshared
    dnd_updated dnd_updated_user email_domain_changed emoji_changed
    file_change file_comment_added file_comment_deleted file_comment_edited file_created file_deleted file_public
    file_shared file_unshared function_executed grid_migration_finished grid_migration_started
    group_archive group_close group_deleted group_history_changed group_left group_open group_rename group_unarchive
    im_close im_created im_history_changed im_open invite_requested link_shared
    member_joined_channel member_left_channel message pin_added pin_removed reaction_added reaction_removed
    shared_channel_invite_accepted shared_channel_invite_approved shared_channel_invite_declined
    shared_channel_invite_received shared_channel_invite_requested star_added star_removed
    subteam_created subteam_members_changed subteam_self_added subteam_self_removed subteam_updated
    team_domain_change team_join team_rename tokens_revoked user_change
    """
) | set(MESSAGES)


class Slack:
    """What sends Slack's events; it keeps nothing."""

    name = "slack"

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings

    def delivery(self, url: str, event: str, secret: str, payload: Mapping[str, Json] | None) -> Delivery:
        """The request that Slack makes to `url`, signed with the app's signing `secret`; unsigned where it is empty.

        `payload` replaces the body's top-level fields. The event is `app_mention` unless said. A receiver accepts
        `url_verification` by answering with its challenge. Raises `UnknownEventError` where Slack has no such event.
        """
        kind = event or "app_mention"
        if kind not in EVENTS | {HANDSHAKE}:
            raise UnknownEventError(f"Slack has no event {event!r}")
        now = int(self._around.now())
        content = {**(self._challenge() if kind == HANDSHAKE else self._callback(kind, now)), **(payload or {})}
        body = self._around.unlike(content)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "X-Slack-Request-Timestamp": str(now),
        }
        if secret:
            headers["X-Slack-Signature"] = signature(secret, now, body)
        return Delivery(
            provider=self.name,
            webhook_id="",
            event=kind,
            url=url,
            headers=headers,
            body=body,
            echo=str(content["challenge"]) if kind == HANDSHAKE else "",
        )

    def _challenge(self) -> dict[str, Json]:
        return {"token": self._around.hex(24), "challenge": self._around.hex(52), "type": HANDSHAKE}

    def _callback(self, kind: str, now: int) -> dict[str, Json]:
        stamp = f"{now}.000100"
        inner: dict[str, Json] = {"type": kind, "event_ts": stamp, "user": "U00000001"}
        if kind in MESSAGES or kind in {"message", "app_mention"}:
            inner |= {"type": kind.partition(".")[0], "text": "Hello", "ts": stamp, "channel": "C00000001"}
            inner |= {"channel_type": MESSAGES[kind]} if kind in MESSAGES else {}
        return {
            "token": self._around.hex(24),
            "team_id": "T00000001",
            "api_app_id": "A00000001",
            "event": inner,
            "type": "event_callback",
            "authed_users": ["U00000002"],
            "event_id": f"Ev{self._around.hex(8).upper()}",
            "event_time": now,
        }


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """The `X-Slack-Signature` of a delivery: an HMAC over version, time and body, joined by colons."""
    digest = hmac.new(secret.encode(), f"v0:{timestamp}:".encode() + body, hashlib.sha256).hexdigest()
    return f"v0={digest}"
