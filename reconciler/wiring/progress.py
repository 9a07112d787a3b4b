"""What the engine reports, in words."""

from __future__ import annotations

from collections import Counter

from reconciler.core.model import Group, Json
from reconciler.core.plan import Step
from reconciler.core.ports import Progress
from reconciler.engine.pacing import clock_time
from reconciler.engine.unit import Result
from reconciler.render.painter import counted


def worded(progress: Progress, default_user: str) -> Progress:
    """A `Progress` for the engine that hands its events on to `progress` with a level and a message, as plain JSON."""

    def tell(event: str, /, **details: Json) -> None:
        match event, details:
            case "applied", {"step": Step() as step, "result": result, "message": message}:
                address = step.key.address(default_user)
                level = "error" if result is Result.FAILED else "info" if result is Result.DONE else "warning"
                text = f"{step.action} {address}: {result}" + (f": {message}" if message else "")
                progress(event, level=level, message=text, address=address, action=str(step.action), result=str(result))
            case "listing", {"number": number}:
                progress(event, level="debug", message=f"asking for {counted(number, 'list')}", number=number)
            case "listed", {"group": group, "number": number}:
                text = f"{_name(group)}: {counted(number, 'webhook')} at the provider"
                progress(event, level="debug", message=text, number=number, provider=group.provider)
            case "list_failed", {"group": group, "reason": reason}:
                text = f"{_name(group)}: cannot be listed: {reason}"
                progress(event, level="warning", message=text, provider=group.provider)
            case "rate_limited", {"provider": provider, "credentials": credentials, "until": until, "left": left}:
                text = f"{provider} limits {credentials} until {clock_time(until)}; {left} left to do, others go on"
                told = {"provider": provider, "credentials": credentials, "until": round(until), "left": left}
                progress(event, level="warning", message=text, **told)
            case "permission_unknown", {"provider": provider, "credentials": credentials, "reason": reason}:
                text = f"what {credentials} may do at {provider} is not known, and left to the calls: {reason}"
                progress(event, level="debug", message=text, provider=provider, credentials=credentials)
            case _:
                progress(event, **details)

    return tell


def _name(group: Group) -> str:
    return f"{group.provider}/{group.type}/{group.resource}@{group.credentials}"


class ListTally:
    """A `Progress` that counts the lists which were read, by provider, and hands every event on."""

    def __init__(self, progress: Progress) -> None:
        self.listed: Counter[str] = Counter()
        self._progress = progress

    def __call__(self, event: str, /, **details: Json) -> None:
        """Note a list, whether or not it could be read."""
        if event in {"listed", "list_failed"}:
            self.listed[str(details.get("provider"))] += 1
        self._progress(event, **details)
