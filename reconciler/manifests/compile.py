"""Manifests, the project and the known providers to triggers, or every problem of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from reconciler.core.errors import ConfigError, Location, Problem
from reconciler.core.model import (
    NOTHING,
    Catalogue,
    ProviderTraits,
    Secret,
    SecretOrigin,
    Subscriber,
    SubscriberKind,
    Trigger,
    canonical_json,
)
from reconciler.documents.compose import Document
from reconciler.documents.nearest import quoted, suggestion
from reconciler.documents.positions import NodePath, path_text
from reconciler.manifests.choices import CredentialsChooser
from reconciler.manifests.gather import Shaped
from reconciler.manifests.lookup import RuleBook
from reconciler.manifests.models import TriggerSpec
from reconciler.manifests.project import Project
from reconciler.manifests.rules import TypeRules, canonical
from reconciler.manifests.salvage import Doubts
from reconciler.settings.secrets import parse_reference

Fingerprint = Callable[[Secret], str]

SecretJudge = Callable[[str, Secret], str]
"""Tells why a secret proves nothing at a provider; empty where it does."""


def no_judge(_provider: str, _secret: Secret) -> str:
    """For whoever knows no schemes."""
    return ""


class Wished(NamedTuple):
    """A trigger, and the reference to its secret: empty where it has none."""

    trigger: Trigger
    reference: str = ""


@dataclass(slots=True)
class _Place:
    """The trigger that is being compiled, and the problems found in it.

    `user` is empty where it is not known; `settled` tells that user and subscriber are known, and that nothing in the
    trigger is in `doubts`.
    """

    document: Document
    index: int
    spec: TriggerSpec
    user: str
    subscriber: Subscriber
    moved: tuple[str, ...]
    problems: list[Problem]
    doubts: Doubts
    settled: bool

    def doubtful(self, *path: str | int) -> bool:
        """Whether the value at `path` inside the trigger is in doubt."""
        return not self.settled and self.doubts.about("triggers", self.index, *path)

    def complain(self, code: str, message: str, path: NodePath = (), hint: str = "") -> None:
        """A problem with the value at `path` inside the trigger."""
        full = ("triggers", self.index, *path)
        self.problems.append(Problem(code, message, self.document.locate(full), path_text(full), hint))

    def complain_of_key(self, code: str, message: str, path: NodePath, hint: str = "") -> None:
        """A problem with the key that `path` ends in."""
        full = ("triggers", self.index, *path)
        self.problems.append(Problem(code, message, self.document.locate_key(full), path_text(full), hint))

    @property
    def location(self) -> Location:
        """Where the trigger begins."""
        return self.document.locate(("triggers", self.index))


class Compiler:
    """Compiles the manifests of a project, file after file.

    `triggers` are those in which nothing is wrong or in doubt, in the order of files; `secrets` what manual triggers
    refer to, by reference.
    """

    def __init__(
        self, project: Project, catalogue: Catalogue, fingerprint: Fingerprint, judge: SecretJudge = no_judge
    ) -> None:
        self.triggers: list[Trigger] = []
        self.secrets: dict[str, Secret] = {}
        self._file: list[Wished] = []
        self._problems: list[Problem] = []
        self._project = project
        self._fingerprint = fingerprint
        self._judge = judge
        self._book = RuleBook(catalogue)
        self._chooser = CredentialsChooser(project, catalogue)
        self._event_sets: dict[tuple[str, ...], frozenset[str]] = {}
        self._first: dict[tuple[Any, ...], Location] = {}

    def all_problems(self) -> Iterator[Problem]:
        """The problems of the manifests and of provider definitions that were needed and could not be read."""
        yield from self._problems
        yield from self._book.problems

    def file(self, manifests: Iterable[Shaped]) -> tuple[Wished, ...]:
        """Compile all manifests of one file. What is returned is whole only where no problem came up."""
        self._file = []
        for shaped in manifests:
            self._take(shaped)
        return tuple(self._file)

    def again(self, found: Sequence[Wished]) -> bool:
        """Take what a file without problems was compiled to before.

        False, and nothing is taken, where the file must be compiled anew to tell what is wrong by now: a secret that
        is not there, or a trigger that another file has too.
        """
        identities = [_identity(wished.trigger) for wished in found]
        if not self._first.keys().isdisjoint(identities):
            return False
        try:
            secrets = {
                item.reference: self._read(item.trigger.provider, item.reference) for item in found if item.reference
            }
        except ConfigError:
            return False
        for identity, (trigger, text) in zip(identities, found, strict=True):
            self._first[identity] = trigger.location
            self.triggers.append(replace(trigger, secret=self._supply(text, secrets[text])) if text else trigger)
        return True

    def _take(self, shaped: Shaped) -> None:
        manifest, document, doubts = shaped.manifest, shaped.document, shaped.doubts
        user = self._user(shaped)
        subscriber = self._subscriber(shaped)
        settled = user is not None and subscriber is not None
        subscriber = subscriber or Subscriber(SubscriberKind.GRAPH, "")
        moved = () if doubts.about("moved") else tuple(manifest.moved)
        for index, spec in enumerate(manifest.triggers):
            certain = settled and not doubts.inside("triggers", index)
            place = _Place(document, index, spec, user or "", subscriber, moved, [], doubts, certain)
            self._trigger(place)
            self._problems += place.problems

    def _user(self, shaped: Shaped) -> str | None:
        """The user; empty where the project has a default that is in doubt, None where nobody knows."""
        if shaped.doubts.about("user"):
            return None
        user = shaped.manifest.user or self._project.default_user
        if user or self._project.doubts.about("defaults", "user"):
            return user
        hint = "say it here or in defaults.user of the project file"
        message = "the key 'user' is missing"
        self._problems.append(Problem("missing_key", message, shaped.document.locate(), "", hint))
        return None

    def _subscriber(self, shaped: Shaped) -> Subscriber | None:
        """The graph or preset, or None where it is not known."""
        graph, preset, document = shaped.manifest.graph, shaped.manifest.preset, shaped.document
        if shaped.doubts.about("graph") or shaped.doubts.about("preset"):
            return None
        if graph and preset:
            where = max(document.locate_key(("graph",)), document.locate_key(("preset",)))
            self._problems.append(Problem("subscriber", "expected 'graph' or 'preset', not both", where))
            return None
        if not graph and not preset:
            message = "the key 'graph' or 'preset' is missing"
            self._problems.append(Problem("missing_key", message, document.locate()))
            return None
        return Subscriber(SubscriberKind.PRESET, preset) if preset else Subscriber(SubscriberKind.GRAPH, graph or "")

    def _trigger(self, place: _Place) -> None:
        rules = self._rules(place)
        if rules is None:
            return
        self._check_events(place, rules)
        manual = self._manual(place, rules)
        credentials = self._credentials(place, manual=manual)
        self._check_options(place, rules)
        secret = self._secret(place, rules, manual)
        resources = tuple(self._resources(place, rules, manual))
        if place.problems or not place.settled:
            return
        location = place.location
        for path, resource in resources:
            compared = canonical(resource, rules.traits.canonical)
            trigger = Trigger(
                user=place.user,
                subscriber=place.subscriber,
                provider=rules.provider.name,
                type=rules.traits.name,
                resource=resource,
                canonical=resource if compared == resource else compared,
                events=self._events(place.spec.events),
                credentials=credentials,
                manual=manual,
                name=place.spec.name,
                options=place.spec.options or NOTHING,
                secret=secret,
                protect=place.spec.protect,
                moved=place.moved if manual else (),
                location=location,
            )
            self._add(trigger, place, path)

    def _add(self, trigger: Trigger, place: _Place, path: NodePath) -> None:
        key = _identity(trigger)
        if (first := self._first.get(key)) is not None:
            place.complain("duplicate_trigger", f"this trigger is declared twice, first at {first}", path)
            return
        self._first[key] = trigger.location
        self.triggers.append(trigger)
        self._file.append(Wished(trigger, place.spec.secret or ""))

    def _rules(self, place: _Place) -> TypeRules | None:
        """The checks of the trigger's type; where that is not known, what can be checked without it is checked here."""
        spec = place.spec
        provider = self._book.provider(spec.provider)
        if provider is None:
            self._unknown_provider(place)
            self._check_credentials(place, "")
            return None
        self._check_verified(place, provider)
        kind = next(iter(provider.types)) if spec.type is None and len(provider.types) == 1 else spec.type
        if kind is not None and kind in provider.types:
            return self._book.rules(provider, kind)
        self._unknown_type(place, provider)
        self._check_credentials(place, provider.name)
        return None

    def _unknown_provider(self, place: _Place) -> None:
        name = place.spec.provider
        known = self._book.broken(name) or place.doubtful("provider")
        if not known and not self._project.doubts.inside("providers"):
            hint = self._book.provider_hint(name)
            place.complain("unknown_provider", f"unknown provider {quoted(name)}", ("provider",), hint)

    def _unknown_type(self, place: _Place, provider: ProviderTraits) -> None:
        name = place.spec.type
        if name is not None:
            message = f"{provider.name} has no type {quoted(name)}"
            place.complain("unknown_type", message, ("type",), suggestion(name, provider.types))
        elif not place.doubtful("type"):
            names = ", ".join(sorted(provider.types))
            place.complain("missing_key", f"the key 'type' is missing: {provider.name} has {names}")

    def _check_verified(self, place: _Place, provider: ProviderTraits) -> None:
        name = provider.name
        if provider.verified or name in self._project.allow_unverified:
            return
        if not self._project.doubts.about("allow_unverified", name):
            message = f"deliveries of {name} carry no proof of their sender"
            hint = f"to accept them all the same, add {name} to allow_unverified in the project file"
            place.complain("unverified", message, ("provider",), hint)

    def _check_events(self, place: _Place, rules: TypeRules) -> None:
        for number, event in enumerate(place.spec.events):
            if not rules.knows(event) and not place.doubtful("events", number):
                message = f"{rules.provider.name}/{rules.traits.name} has no event {quoted(event)}"
                place.complain("unknown_event", message, ("events", number), rules.event_hint(event))

    def _events(self, names: list[str]) -> frozenset[str]:
        """One set for all triggers that ask for the same."""
        key = tuple(names)
        events = self._event_sets.get(key)
        if events is None:
            events = self._event_sets[key] = frozenset(names)
        return events

    def _manual(self, place: _Place, rules: TypeRules) -> bool:
        if rules.traits.manual_only and place.spec.manual is False:
            message = f"{rules.provider.name}/{rules.traits.name} has no API: its webhooks are always manual"
            place.complain("manual_only", message, ("manual",), "leave the key out, or write manual: true")
        if rules.provider.secret_origin is SecretOrigin.HANDSHAKE and place.spec.manual:
            message = f"{rules.provider.name} tells its secret while we register: its webhooks are never manual"
            place.complain("auto_only", message, ("manual",), "leave the key out, and name credentials")
        return rules.traits.manual_only or bool(place.spec.manual)

    def _credentials(self, place: _Place, *, manual: bool) -> str:
        """The name of the credentials, empty where there are none."""
        spec = place.spec
        if spec.credentials is not None:
            self._check_credentials(place, spec.provider)
            return spec.credentials
        if place.doubtful("credentials") or place.doubtful("manual"):
            return ""
        name = "" if manual else self._chooser.default(spec.provider)
        if name is None:
            if not self._chooser.may_have_default(spec.provider):
                message = f"no credentials: name some, or declare a default for {spec.provider}"
                place.complain("missing_credentials", message, (), "or write manual: true and paste the URL yourself")
            return ""
        refusal = self._chooser.refusal(name, spec.provider, place.user) if name else None
        if refusal is not None and not refusal.in_project:
            place.complain(refusal.code, refusal.message, (), refusal.hint)
        return name

    def _check_credentials(self, place: _Place, provider: str) -> None:
        """Whether the credentials that the trigger names are there for it; an empty provider is not known."""
        written = place.spec.credentials
        refusal = None if written is None else self._chooser.refusal(written, provider, place.user)
        if refusal is not None:
            place.complain(refusal.code, refusal.message, ("credentials",), refusal.hint)

    def _check_options(self, place: _Place, rules: TypeRules) -> None:
        if place.doubtful("options"):
            return
        for problem in rules.option_problems(place.spec.options):
            complain = place.complain_of_key if problem.on_key else place.complain
            complain("options", problem.message, ("options", *problem.path), problem.hint)

    def _secret(self, place: _Place, rules: TypeRules, manual: bool) -> str:
        reference = place.spec.secret
        if reference is None:
            return ""
        if not manual and place.doubtful("manual"):
            return ""
        elif not manual:
            place.complain("secret", "only a manual trigger has a secret of its own: leave it out", ("secret",))
        elif rules.provider.secret_origin is SecretOrigin.NONE:
            place.complain("secret", f"deliveries of {rules.provider.name} are not verified with a secret", ("secret",))
        else:
            return self._resolved(place, rules.provider.name, reference)
        return ""

    def _resolved(self, place: _Place, provider: str, reference: str) -> str:
        try:
            secret = self._read(provider, reference)
        except ConfigError as error:
            place.complain("secret", error.problems[0].message, ("secret",))
            return ""
        return self._supply(reference, secret)

    def _read(self, provider: str, reference: str) -> Secret:
        """What a reference refers to now; raises `ConfigError`, also for what would refuse every delivery."""
        secret = self._project.secrets.read(parse_reference(reference))
        if wrong := self._judge(provider, secret):
            raise ConfigError((Problem("secret", f"{reference} {wrong}"),))
        return secret

    def _supply(self, reference: str, secret: Secret) -> str:
        """Note a secret; returns its fingerprint."""
        self.secrets[reference] = secret
        return self._fingerprint(secret)

    def _resources(self, place: _Place, rules: TypeRules, manual: bool) -> Iterator[tuple[NodePath, str]]:
        """The resources with their paths inside the trigger."""
        spec = place.spec
        if spec.resource is not None and spec.resources is not None:
            place.complain_of_key("resource", "expected 'resource' or 'resources', not both", ("resources",))
            return
        written: list[tuple[NodePath, str]] = []
        if spec.resource is not None:
            written = [(("resource",), spec.resource)]
        elif spec.resources is not None:
            written = [(("resources", number), text) for number, text in enumerate(spec.resources)]
        elif manual or rules.traits.default_resource:
            yield (), "" if manual else rules.traits.default_resource
        elif not any(place.doubtful(key) for key in ("resource", "resources", "manual")):
            place.complain("missing_key", "the key 'resource' (or 'resources') is missing")
        for path, text in written:
            wrong = rules.resource_problem(text)
            if wrong is not None and not place.doubtful(*path):
                place.complain("resource", wrong[0], path, wrong[1])
            yield path, text


def _identity(trigger: Trigger) -> tuple[Any, ...]:
    """What makes two triggers the same wish."""
    return (
        trigger.user,
        trigger.subscriber,
        trigger.provider,
        trigger.type,
        trigger.canonical,
        trigger.events,
        trigger.credentials,
        trigger.name,
        trigger.manual,
        canonical_json(trigger.options) if trigger.options else "",
    )
