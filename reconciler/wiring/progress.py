"""What the engine reports, in words."""

from __future__ import annotations

from reconciler.core.model import Group, Json
from reconciler.core.plan import Step
from reconciler.core.ports import Progress
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
            case "listed", {"group": group, "number": number}:
                text = f"{_name(group)}: {counted(number, 'webhook')} at the provider"
                progress(event, level="debug", message=text, number=number)
            case "list_failed", {"group": group, "reason": reason}:
                progress(event, level="warning", message=f"{_name(group)}: cannot be listed: {reason}")
            case _:
                progress(event, **details)

    return tell


def _name(group: Group) -> str:
    return f"{group.provider}/{group.type}/{group.resource}@{group.credentials}"
