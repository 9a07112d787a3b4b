"""The project file and the manifest as they are written; the JSON Schemas are generated from these models."""

from __future__ import annotations

from pathlib import PurePath
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, StringConstraints, ValidationInfo

from reconciler.core.errors import ConfigError
from reconciler.documents.validation import LINE_PATTERN
from reconciler.settings.secrets import REFERENCE_PATTERN, SecretReader, parse_reference
from reconciler.settings.urls import api_url, base_url, host_name, target_url

RESERVED_KEYS = frozenset({"manage", "schedule", "git", "notify"})

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"

SUBSCRIBER_PATTERN = r"^(graph|preset):[^\x00-\x1f\x7f]+$"

MATCH_PATTERN = r"^(\*|(graph|preset|\*):[^\x00-\x1f\x7f]+)$"

LOG_FILE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]*\.(jsonl|log)$"

_STATES = ("sqlite:///", "postgresql://", "postgresql+psycopg://")


def checked_state(text: str) -> str:
    """The URL of a store; raises `ValueError` without repeating it, it may hold a password."""
    if not text.startswith(_STATES) or text in _STATES:
        raise ValueError("expected sqlite:///PATH or postgresql+psycopg://USER@HOST/DATABASE")
    path = text.removeprefix(_STATES[0])
    if path != text and (path == ":memory:" or "?" in path or not PurePath(path).name):
        raise ValueError("expected sqlite:///PATH with the path of a file, without parameters")
    return text


def _checked_file_state(text: str) -> str:
    """The URL of a store as a file may say it: what many can read holds no password."""
    parts = urlsplit(checked_state(text))
    user, at, _ = parts.netloc.rpartition("@")
    if (at and ":" in user) or "password" in parse_qs(parts.query):
        raise ValueError("no password in a file: give it in PGPASSWORD or PGPASSFILE, or the whole in RECONCILER_STATE")
    return text


def _checked_reference(text: str, info: ValidationInfo) -> str:
    """Refuse what is no reference and, where the context is a `SecretReader`, a place that is not allowed."""
    try:
        reference = parse_reference(text)
        if isinstance(info.context, SecretReader):
            info.context.check(reference)
    except ConfigError as error:
        raise ValueError(error.problems[0].message) from None
    return text


def _one_part(text: str) -> str:
    if "/" in text:
        raise ValueError("a name must not hold '/': it would read as a further part of the webhook's address")
    return text


Line = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=LINE_PATTERN)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=NAME_PATTERN)]
Reference = Annotated[str, AfterValidator(_checked_reference), Field(json_schema_extra={"pattern": REFERENCE_PATTERN})]
"""A reference to a secret; no refusal repeats the text."""

BaseUrl = Annotated[Line, AfterValidator(base_url)]
ApiUrl = Annotated[Line, AfterValidator(api_url)]
TargetUrl = Annotated[Line, AfterValidator(target_url)]
HostName = Annotated[Line, AfterValidator(host_name)]
StateUrl = Annotated[Line, AfterValidator(_checked_file_state)]


class _Spec(BaseModel):
    # Built at first use: most are parts of another, and need no validator of their own.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


class CredentialsSpec(_Spec):
    """One set of credentials for a provider; every further key is a reference to a secret, such as `token`."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Reference] = Field(init=False)

    provider: Line = Field(description="The provider that these credentials are for.")
    api_url: ApiUrl | None = Field(
        default=None, description="The API's root with its version prefix, for a self-hosted server."
    )
    users: list[Line] | None = Field(default=None, description="The users who may use them; everybody where left out.")

    @property
    def references(self) -> dict[str, str]:
        """The references to secrets by the name of their field."""
        return self.__pydantic_extra__


class DefaultsSpec(_Spec):
    """What manifests need not repeat."""

    user: Line | None = Field(default=None, description="The user of manifests that name none.")
    credentials: dict[Line, Line] = Field(
        default_factory=dict, description="For each provider, the credentials of triggers that name none."
    )


class GuardsSpec(_Spec):
    """Limits on what one pass may do without being told so by a flag."""

    max_prune_percent: int = Field(default=30, ge=0, le=100, description="Share of webhooks that a pass may remove.")
    max_change_percent: int = Field(default=50, ge=0, le=100, description="Share of webhooks that a pass may change.")
    min_existing: int = Field(default=10, ge=0, description="Shares are judged from this number of webhooks on.")


class HttpTargetSpec(_Spec):
    """A target over HTTP: CloudEvents in JSON, signed as Standard Webhooks asks."""

    url: TargetUrl = Field(description="Where each delivery is posted to, by https.")
    secret: Reference = Field(
        description="Reference to the secret that signs, as Standard Webhooks has it: whsec_ and base64."
    )
    allow: list[HostName] = Field(
        default_factory=list,
        description="Hosts that need not be on the public internet: localhost, or what RECONCILER_ALLOWED_HOSTS lists "
        "as well.",
    )


class LogTargetSpec(_Spec):
    """A target that only writes down: a line of JSON for each."""

    file: Annotated[str, StringConstraints(max_length=100, pattern=LOG_FILE_PATTERN)] | None = Field(
        default=None, description="A file in the state folder, NAME.jsonl or NAME.log; standard output where left out."
    )
    payload: bool = Field(default=False, description="True to write down what deliveries hold, too.")


class RetrySpec(_Spec):
    """How often, and how soon, a delivery that could not be handed on is tried again."""

    attempts: int = Field(default=20, ge=1, le=100, description="Tries in all; then it goes to the dead letters.")
    first: float = Field(default=5.0, gt=0, le=3600, description="Seconds before the second try, at most.")
    longest: float = Field(
        default=3600.0, gt=0, le=86400, description="The longest pause in seconds: pauses double until then."
    )


def _one_kind(schema: dict[str, Any]) -> None:
    schema["oneOf"] = [{"required": [kind]} for kind in TARGET_KINDS]


TARGET_KINDS = ("http", "python", "log")


class TargetSpec(_Spec):
    """Where deliveries are handed on to; of several, the first that matches."""

    model_config = ConfigDict(json_schema_extra=_one_kind)

    match: Annotated[str, StringConstraints(max_length=1000, pattern=MATCH_PATTERN)] = Field(
        default="*", description="Whose: a glob over graph:ID and preset:ID."
    )
    http: HttpTargetSpec | None = Field(default=None, description="Post them to a URL.")
    python: Name | None = Field(
        default=None, description="Give them to a callable: an entry point in the group reconciler.targets."
    )
    log: LogTargetSpec | None = Field(default=None, description="Write them down, and nothing else.")
    ordered: bool = Field(
        default=False, description="True to hand those of a graph or preset on one after another, as they arrived."
    )
    concurrency: int = Field(default=16, ge=1, le=64, description="How many at a time.")
    timeout: float = Field(default=30.0, gt=0, le=900, description="Seconds that one may take.")
    retry: RetrySpec = Field(default_factory=RetrySpec, description="How often, and how soon, one is tried again.")


class ProjectFile(_Spec):
    """The project file, `reconciler.yaml`."""

    version: Literal[1] = Field(description="The version of this format.")
    scope: Name = Field(description="Ownership label: only webhooks recorded under it are ever changed or pruned.")
    base_url: BaseUrl | None = Field(
        default=None, description="Where deliveries arrive; RECONCILER_BASE_URL or PLATFORM_BASE_URL go before it."
    )
    state: StateUrl = Field(
        default="sqlite:///.reconciler/state.db",
        description="URL of the store: sqlite:///PATH, relative to this file, or "
        "postgresql+psycopg://USER@HOST/DATABASE; RECONCILER_STATE goes before it.",
    )
    manifests: list[Line] = Field(
        description="Files, folders and globs with manifests, relative to this file and never outside its folder."
    )
    providers: list[Line] = Field(
        default_factory=list, description="Folders with further provider definitions, relative to this file."
    )
    credentials: dict[Name, CredentialsSpec] = Field(default_factory=dict, description="Credentials by name.")
    defaults: DefaultsSpec = Field(default_factory=DefaultsSpec, description="What manifests need not repeat.")
    guards: GuardsSpec = Field(default_factory=GuardsSpec, description="Limits on what one pass may do.")
    allow_unverified: list[Line] = Field(
        default_factory=list, description="Providers that may be used although their deliveries carry no proof."
    )
    targets: list[TargetSpec] = Field(
        default_factory=list,
        description="Where the ingress hands deliveries on to, the first that matches; the log where left out.",
    )


def _one_of_two(schema: dict[str, Any]) -> None:
    schema["oneOf"] = [{"required": ["graph"]}, {"required": ["preset"]}]


def _not_both(schema: dict[str, Any]) -> None:
    schema["not"] = {"required": ["resource", "resources"]}


class TriggerSpec(_Spec):
    """One trigger: which events of which resource at which provider start the graph or preset."""

    model_config = ConfigDict(json_schema_extra=_not_both)

    provider: Line = Field(description="The provider by its name.")
    type: Line | None = Field(default=None, description="The type of resource; optional where there is only one.")
    resource: Line | None = Field(default=None, description="The resource that the events are of.")
    resources: list[Line] | None = Field(
        default=None, min_length=1, description="Several resources; each makes a trigger."
    )
    events: list[Line] = Field(min_length=1, description="Event names exactly as the provider writes them.")
    credentials: Line | None = Field(
        default=None, description="Credentials by name; else those of defaults.credentials."
    )
    manual: bool | None = Field(
        default=None, description="True where a person pastes the URL: nothing is registered at the provider."
    )
    name: Annotated[str, AfterValidator(_one_part)] = Field(
        default="",
        max_length=200,
        pattern=f"^$|{LINE_PATTERN}",
        json_schema_extra={"not": {"pattern": "/"}},
        description="Tells several manual webhooks of one graph or preset and type apart.",
    )
    secret: Reference | None = Field(
        default=None, description="Reference to the secret that the vendor minted for a manual webhook."
    )
    options: dict[str, JsonValue] = Field(default_factory=dict, description="Options of the provider.")
    protect: bool | None = Field(
        default=None,
        description="True where the webhook must not be removed, false to lift that; left out, it stays as recorded.",
    )


class Manifest(_Spec):
    """The triggers of one graph or one preset."""

    model_config = ConfigDict(json_schema_extra=_one_of_two)

    graph: Line | None = Field(default=None, description="The graph that the triggers start.")
    preset: Line | None = Field(default=None, description="The preset that the triggers start.")
    user: Line | None = Field(default=None, description="The user of the graph or preset; else that of the defaults.")
    moved: list[Annotated[str, StringConstraints(pattern=SUBSCRIBER_PATTERN, max_length=1000)]] = Field(
        default_factory=list,
        description="Former names of this graph or preset (graph:ID, preset:ID): its manual webhooks keep their URLs.",
    )
    triggers: list[TriggerSpec] = Field(description="The triggers.")
