"""A stand-in of Telegram's Bot API, as far as it is about webhooks: one slot per bot.

Written from "Telegram Bot API" (setWebhook, deleteWebhook, getWebhookInfo, getMe, Update) and the behaviour of the open
Bot API server: an error answer carries its `error_code` as HTTP status too, and a refused setWebhook has already taken
the previous webhook away.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reconciler.core.model import Json
from reconciler.testing.vendors import forms, telegram_updates
from reconciler.testing.vendors.base import (
    Access,
    Delivery,
    Outcome,
    Refusal,
    Subscription,
    Surroundings,
    UnknownEventError,
    refused,
)

PORTS = frozenset({443, 80, 88, 8443})
_TOKEN = re.compile(r"[1-9][0-9]{0,16}:[^/]+")
_SECRET = re.compile(r"[A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Slot:
    """The webhook of a bot; an empty `url` means that there is none."""

    url: str = ""
    secret_token: str = field(default="", repr=False)
    max_connections: int = 0
    ip_address: str = ""
    has_certificate: bool = False


@dataclass(slots=True)
class Bot:
    """A bot as Telegram keeps it: which updates it wants outlives its webhook. `allowed` None is the default set."""

    id: str
    slot: Slot = Slot()
    allowed: tuple[str, ...] | None = None
    pending: int = 0
    next_update: int = 100_000_001
    last_error_date: int = 0
    last_error_message: str = ""


class Telegram:
    """The stand-in. Any well-formed bot token is known, unless `access` says otherwise."""

    name = "telegram"

    def __init__(self, surroundings: Surroundings, access: Access) -> None:
        self._around = surroundings
        self._access = access
        self._bots: dict[str, Bot] = {}
        self._methods = {
            "setwebhook": self._set,
            "deletewebhook": self._delete,
            "getwebhookinfo": self._info,
            "getme": self._me,
        }
        self.app = Starlette(
            routes=[Route("/bot{token}/{method}", self._call, methods=["GET", "POST"])],
            exception_handlers={Refusal: refused, HTTPException: _no_such_route},
        )

    # -- what the sandbox asks ---------------------------------------------------------------------------------------

    def webhooks(self) -> Sequence[Subscription]:
        return [
            Subscription(
                id=bot.id,
                resource=bot.id,
                url=bot.slot.url,
                events=telegram_updates.DEFAULT if bot.allowed is None else bot.allowed,
                active=True,
                detail=self._shown(bot),
            )
            for bot in self._bots.values()
            if bot.slot.url
        ]

    def deliveries(self, event: str, resource: str | None, payload: Mapping[str, Json] | None) -> Sequence[Delivery]:
        kind = event.partition(".")[0]
        if kind not in telegram_updates.KINDS:
            raise UnknownEventError(f"Telegram has no update {kind!r}")
        wanted = [
            bot
            for bot in self._bots.values()
            if bot.slot.url
            and kind in (telegram_updates.DEFAULT if bot.allowed is None else bot.allowed)
            and resource in {None, "", bot.id}
        ]
        return [self._signed(bot, event, payload) for bot in wanted]

    def delivered(self, outcome: Outcome) -> None:
        bot = next((bot for bot in self._bots.values() if bot.id == outcome.delivery.webhook_id), None)
        if bot is not None and not outcome.accepted:
            bot.pending += 1
            bot.last_error_date = int(self._around.now())
            bot.last_error_message = (
                f"Wrong response from the webhook: {outcome.status}" if outcome.status else "Connection refused"
            )

    def reset(self) -> None:
        self._bots.clear()

    # -- the API -----------------------------------------------------------------------------------------------------

    async def _call(self, request: Request) -> Response:
        token = request.path_params["token"]
        if not _TOKEN.fullmatch(token) or len(token) > 80:
            raise _refusal(401, "Unauthorized: invalid token specified")
        if not self._access.token(token):
            raise _refusal(401, "Unauthorized")
        method = self._methods.get(request.path_params["method"].lower())
        if method is None:
            raise _refusal(404, "Not Found: method not found")
        try:
            arguments = dict(await forms.fields_of(request))
        except ValueError:
            raise _refusal(400, "Bad Request: can't parse the request body") from None
        bot = self._bots.setdefault(token, Bot(token.partition(":")[0]))
        return JSONResponse({"ok": True, **method(bot, arguments)})

    def _set(self, bot: Bot, arguments: Mapping[str, str]) -> dict[str, Json]:
        if not arguments.get("url"):
            return self._delete(bot, arguments)
        asked = Slot(
            url=arguments["url"],
            secret_token=arguments.get("secret_token", ""),
            max_connections=_clamped(arguments.get("max_connections")),
            ip_address=arguments.get("ip_address", ""),
            has_certificate=bool(arguments.get("certificate")),
        )
        if asked == bot.slot and not asked.has_certificate and not _true(arguments, "drop_pending_updates"):
            self._allow(bot, arguments)
            return {"result": True, "description": "Webhook is already set"}
        bot.slot = Slot()  # the old webhook is closed before the new one is looked at
        if _true(arguments, "drop_pending_updates"):
            bot.pending = 0
        _check(asked)
        bot.slot, bot.last_error_date, bot.last_error_message = asked, 0, ""
        self._allow(bot, arguments)
        return {"result": True, "description": "Webhook was set"}

    def _delete(self, bot: Bot, arguments: Mapping[str, str]) -> dict[str, Json]:
        existed, bot.slot = bool(bot.slot.url), Slot()
        bot.last_error_date, bot.last_error_message = 0, ""
        if _true(arguments, "drop_pending_updates"):
            bot.pending = 0
        return {"result": True, "description": "Webhook was deleted" if existed else "Webhook is already deleted"}

    def _info(self, bot: Bot, _arguments: Mapping[str, str]) -> dict[str, Json]:
        return {"result": self._shown(bot)}

    def _me(self, bot: Bot, _arguments: Mapping[str, str]) -> dict[str, Json]:
        return {
            "result": {
                "id": int(bot.id),
                "is_bot": True,
                "first_name": "Sandbox",
                "username": f"sandbox_{bot.id}_bot",
                "can_join_groups": True,
                "can_read_all_group_messages": False,
                "supports_inline_queries": False,
            }
        }

    # -- rules -------------------------------------------------------------------------------------------------------

    def _allow(self, bot: Bot, arguments: Mapping[str, str]) -> None:
        """Left out, or not a list: as before. An empty list, or one of unknown names: the default set."""
        try:
            asked = json.loads(arguments.get("allowed_updates") or "null")
        except ValueError:
            return
        if not isinstance(asked, list) or not all(isinstance(kind, str) for kind in asked):
            return
        wanted = {kind.lower() for kind in asked}
        chosen = tuple(kind for kind in telegram_updates.KINDS if kind in wanted)
        bot.allowed = None if not chosen or chosen == telegram_updates.DEFAULT else chosen

    def _shown(self, bot: Bot) -> dict[str, Json]:
        info: dict[str, Json] = {
            "url": bot.slot.url,
            "has_custom_certificate": bot.slot.has_certificate,
            "pending_update_count": bot.pending,
        }
        if bot.last_error_date:
            info |= {"last_error_date": bot.last_error_date, "last_error_message": bot.last_error_message}
        if bot.slot.url:
            info["max_connections"] = bot.slot.max_connections
            info["ip_address"] = bot.slot.ip_address or "<unknown>"
        if bot.allowed is not None:
            info["allowed_updates"] = list(bot.allowed)
        return info

    def _signed(self, bot: Bot, event: str, payload: Mapping[str, Json] | None) -> Delivery:
        update: dict[str, Json] = {"update_id": bot.next_update}
        update |= telegram_updates.body(event, int(bot.id), int(self._around.now())) | dict(payload or {})
        bot.next_update += 1
        headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip, deflate"}
        if bot.slot.secret_token:
            headers["X-Telegram-Bot-Api-Secret-Token"] = bot.slot.secret_token
        return Delivery(
            provider=self.name,
            webhook_id=bot.id,
            event=event,
            url=bot.slot.url,
            headers=headers,
            body=self._around.unlike(update),
        )


def _check(asked: Slot) -> None:
    parts = urlsplit(asked.url if "://" in asked.url else f"https://{asked.url}")
    try:
        port = parts.port or (80 if parts.scheme == "http" else 443)
    except ValueError:
        port = -1
    if not parts.hostname or port < 0 or parts.scheme not in {"http", "https"}:
        raise _refusal(400, "Bad Request: invalid webhook URL specified")
    if len(asked.secret_token) > 256:
        raise _refusal(400, "Bad Request: secret token is too long")
    if not _SECRET.fullmatch(asked.secret_token):
        raise _refusal(400, "Bad Request: secret token contains unallowed characters")
    if parts.scheme != "https":
        raise _refusal(400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook")
    if port not in PORTS:
        raise _refusal(400, "Bad Request: bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")


def _clamped(text: str | None) -> int:
    number = int(text) if text and re.fullmatch(r"-?[0-9]{1,9}", text) else 40
    return max(1, min(number, 100))


def _true(arguments: Mapping[str, str], key: str) -> bool:
    return arguments.get(key, "").lower() in {"true", "yes", "1"}


def _refusal(code: int, description: str) -> Refusal:
    return Refusal(code, {"ok": False, "error_code": code, "description": description})


async def _no_such_route(_request: Request, _error: Exception) -> Response:
    return JSONResponse({"ok": False, "error_code": 404, "description": "Not Found"}, 404)
