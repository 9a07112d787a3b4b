"""Which credentials a trigger uses, and whether it may."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.model import Catalogue
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

    def __init__(self, project: Project, catalogue: Catalogue) -> None:
        self._project = project
        self._catalogue = catalogue
        self._refusals: dict[tuple[str, str, str], Refusal | None] = {}

    def default(self, provider: str) -> str | None:
        """The name of the credentials of triggers that name none."""
        return self._project.default_credentials.get(provider)

    def may_have_default(self, provider: str) -> bool:
        """Whether a mistake in the project file may be why the provider has no default."""
        return self._project.doubts.about("defaults", "credentials", provider)

    def refusal(self, name: str, provider: str, user: str) -> Refusal | None:
        """Why `user` may not use the credentials `name` at `provider`; None where that is fine.

        A user or provider that is not known is empty, and not judged.
        """
        key = (name, provider, user)
        if key not in self._refusals:
            self._refusals[key] = self._judge(name, provider, user)
        return self._refusals[key]

    def _judge(self, name: str, provider: str, user: str) -> Refusal | None:
        declared = self._project.credentials.get(name)
        if declared is None:
            if self._project.doubts.about("credentials", name):
                return None
            # The name is not shown: it may be a token that somebody wrote here by mistake.
            hint = suggestion(name, self._project.credentials)
            return Refusal("unknown_credentials", "no credentials of this name are declared", hint, in_project=True)
        if provider and declared.provider != provider and declared.provider in self._catalogue:
            message = f"the credentials {quoted(name)} are for {declared.provider}, not for {provider}"
            return Refusal("credentials", message, in_project=True)
        if user and declared.users is not None and user not in declared.users:
            message = f"the user {quoted(user)} may not use the credentials {quoted(name)}"
            return Refusal("credentials_user", message, "add the user to the list 'users' of these credentials")
        return None
