"""The kinds of Telegram updates, and short bodies of them. Written from "Telegram Bot API", object Update."""

from __future__ import annotations

from reconciler.core.model import Json

KINDS = (
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "inline_query",
    "chosen_inline_result",
    "callback_query",
    "shipping_query",
    "pre_checkout_query",
    "poll",
    "poll_answer",
    "my_chat_member",
    "chat_member",
    "chat_join_request",
    "chat_boost",
    "removed_chat_boost",
    "message_reaction",
    "message_reaction_count",
    "business_connection",
    "business_message",
    "edited_business_message",
    "deleted_business_messages",
    "purchased_paid_media",
)
"""Every kind, in the order in which the API lists them."""

ASKED_FOR_ONLY = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
"""Kinds that a bot gets only when it names them."""

DEFAULT = tuple(kind for kind in KINDS if kind not in ASKED_FOR_ONLY)

_MESSAGES = frozenset(
    {
        "message",
        "edited_message",
        "channel_post",
        "edited_channel_post",
        "business_message",
        "edited_business_message",
    }
)


def body(event: str, bot: int, now: int) -> dict[str, Json]:
    """The part of an update that names its kind; `message.photo` is a message that holds a photo instead of text."""
    kind, _, part = event.partition(".")
    person = {"id": 1001, "is_bot": False, "first_name": "Ada", "username": "ada", "language_code": "en"}
    chat = {"id": 1001, "type": "private", "first_name": "Ada", "username": "ada"}
    if kind in _MESSAGES:
        message: dict[str, Json] = {"message_id": 1, "from": person, "chat": chat, "date": now}
        if kind.startswith("edited"):
            message["edit_date"] = now
        message[part or "text"] = "Hello" if part in {"", "text", "caption"} else _part(part)
        return {kind: message}
    if kind == "callback_query":
        return {kind: {"id": "1", "from": person, "chat_instance": "1", "data": "pressed"}}
    if kind == "inline_query":
        return {kind: {"id": "1", "from": person, "query": "hello", "offset": ""}}
    if kind == "poll_answer":
        return {kind: {"poll_id": "1", "user": person, "option_ids": [0]}}
    if kind in {"my_chat_member", "chat_member"}:
        members = {"old_chat_member": {"status": "left", "user": person}}
        members["new_chat_member"] = {"status": "member", "user": {"id": bot, "is_bot": True, "first_name": "Sandbox"}}
        return {kind: {"chat": chat, "from": person, "date": now, **members}}
    if kind == "message_reaction":
        reaction = {"old_reaction": [], "new_reaction": [{"type": "emoji", "emoji": "\N{THUMBS UP SIGN}"}]}
        return {kind: {"chat": chat, "message_id": 1, "user": person, "date": now, **reaction}}
    return {kind: {"id": "1", "from": person, "chat": chat, "date": now}}


def _part(part: str) -> Json:
    file = {"file_id": "f1", "file_unique_id": "u1", "file_size": 1024}
    return [{**file, "width": 90, "height": 90}] if part == "photo" else file
