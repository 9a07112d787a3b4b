"""Which credentials a trigger uses, and whether it may."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.documents.nearest import quoted, suggestion
from reconciler.manifests.project import Project


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a trigger may not use credentials; `in_project` where a default is wrong for every trigger alike."""

    code: str
    message: str
    hint: str = ""
    in_project: bool = False


class CredentialsChooser:
    """Answers for a project, each question once."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._refusals: dict[tuple[str, str, str], Refusal | None] = {}

    def name(self, written: str | None, provider: str, *, manual: bool) -> str | None:
        """The name that is written, else the default's; a manual trigger needs none. None where nothing says it."""
        if written is not None:
            return written
        return "" if manual else self._project.default_credentials.get(provider)

    def refusal(self, name: str, provider: str, user: str) -> Refusal | None:
        """Why `user` may not use the credentials `name` at `provider`; None where that is fine."""
        key = (name, provider, user)
        if key not in self._refusals:
            self._refusals[key] = self._judge(name, provider, user)
        return self._refusals[key]

    def _judge(self, name: str, provider: str, user: str) -> Refusal | None:
        declared = self._project.credentials.get(name)
        if declared is None:
            # The name is not shown: it may be a token that somebody wrote here by mistake.
            hint = suggestion(name, self._project.credentials)
            return Refusal("unknown_credentials", "no credentials of this name are declared", hint, in_project=True)
        if declared.provider != provider:
            message = f"the credentials {quoted(name)} are for {declared.provider}, not for {provider}"
            return Refusal("credentials", message, in_project=True)
        if declared.users is not None and user not in declared.users:
            message = f"the user {quoted(user)} may not use the credentials {quoted(name)}"
            return Refusal("credentials_user", message, "add the user to the list 'users' of these credentials")
        return None
