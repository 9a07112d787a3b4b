"""Manifests, the project and the known providers to triggers, or every problem of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.core.errors import ConfigError, Location, Problem
from reconciler.core.model import (
    NOTHING,
    Catalogue,
    Secret,
    SecretOrigin,
    Subscriber,
    SubscriberKind,
    Trigger,
    WebhookKey,
    canonical_json,
)
from reconciler.documents.compose import Document
from reconciler.documents.nearest import quoted, suggestion
from reconciler.documents.positions import NodePath, path_text
from reconciler.manifests.choices import CredentialsChooser
from reconciler.manifests.lookup import RuleBook
from reconciler.manifests.models import Manifest, TriggerSpec
from reconciler.manifests.project import Project
from reconciler.manifests.rules import TypeRules, canonical
from reconciler.settings.secrets import parse_reference

Fingerprint = Callable[[Secret], str]


@dataclass(frozen=True, slots=True)
class Compiled:
    """The triggers in the order of files, what is wrong, and the secrets that manual triggers refer to, by webhook."""

    triggers: tuple[Trigger, ...]
    problems: tuple[Problem, ...]
    secrets: Mapping[WebhookKey, Secret]


def compile_manifests(
    manifests: Iterable[tuple[Manifest, Document]], project: Project, catalogue: Catalogue, fingerprint: Fingerprint
) -> Compiled:
    """Compile; with any problem the triggers are incomplete and of no use."""
    compiler = _Compiler(project, catalogue, fingerprint)
    for manifest, document in manifests:
        compiler.take(manifest, document)
    return Compiled(tuple(compiler.triggers), tuple(compiler.all_problems()), compiler.secrets)


@dataclass(slots=True)
class _Place:
    """The trigger that is being compiled, and the problems found in it."""

    document: Document
    index: int
    spec: TriggerSpec
    user: str
    subscriber: Subscriber
    problems: list[Problem]

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


class _Compiler:
    def __init__(self, project: Project, catalogue: Catalogue, fingerprint: Fingerprint) -> None:
        self.triggers: list[Trigger] = []
        self.secrets: dict[WebhookKey, Secret] = {}
        self._problems: list[Problem] = []
        self._project = project
        self._fingerprint = fingerprint
        self._book = RuleBook(catalogue)
        self._chooser = CredentialsChooser(project)
        self._event_sets: dict[tuple[str, ...], frozenset[str]] = {}
        self._first: dict[tuple[Any, ...], Location] = {}

    def all_problems(self) -> Iterator[Problem]:
        """The problems of the manifests and of provider definitions that were needed and could not be read."""
        yield from self._problems
        yield from self._book.problems

    def take(self, manifest: Manifest, document: Document) -> None:
        """Compile one manifest."""
        user = manifest.user or self._project.default_user
        if not user:
            hint = "say it here or in defaults.user of the project file"
            self._problems.append(Problem("missing_key", "the key 'user' is missing", document.locate(), "", hint))
        subscriber = self._subscriber(manifest, document)
        for index, spec in enumerate(manifest.triggers):
            place = _Place(document, index, spec, user, subscriber, [])
            self._trigger(place)
            self._problems += place.problems

    def _subscriber(self, manifest: Manifest, document: Document) -> Subscriber:
        graph, preset = manifest.graph, manifest.preset
        if graph and preset:
            where = max(document.locate_key(("graph",)), document.locate_key(("preset",)))
            self._problems.append(Problem("subscriber", "expected 'graph' or 'preset', not both", where))
        elif not graph and not preset:
            message = "the key 'graph' or 'preset' is missing"
            self._problems.append(Problem("missing_key", message, document.locate()))
        return Subscriber(SubscriberKind.PRESET, preset) if preset else Subscriber(SubscriberKind.GRAPH, graph or "")

    def _trigger(self, place: _Place) -> None:
        rules = self._rules(place)
        if rules is None:
            return
        self._check_verified(place, rules)
        self._check_events(place, rules)
        manual = self._manual(place, rules)
        credentials = self._credentials(place, manual)
        self._check_options(place, rules)
        secret = self._secret(place, rules, manual)
        resources = tuple(self._resources(place, rules, manual))
        if place.problems:
            return
        location = place.location
        for path, resource in resources:
            trigger = Trigger(
                user=place.user,
                subscriber=place.subscriber,
                provider=rules.provider.name,
                type=rules.traits.name,
                resource=resource,
                canonical=canonical(resource, rules.traits.canonical),
                events=self._events(place.spec.events),
                credentials=credentials,
                manual=manual,
                name=place.spec.name,
                options=place.spec.options or NOTHING,
                secret=secret,
                protect=place.spec.protect,
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

    def _rules(self, place: _Place) -> TypeRules | None:
        spec = place.spec
        provider = self._book.provider(spec.provider)
        if provider is None:
            if not self._book.broken(spec.provider):
                message = f"unknown provider {quoted(spec.provider)}"
                place.complain("unknown_provider", message, ("provider",), self._book.provider_hint(spec.provider))
            return None
        if spec.type is None:
            if len(provider.types) > 1:
                names = ", ".join(sorted(provider.types))
                place.complain("missing_key", f"the key 'type' is missing: {provider.name} has {names}")
                return None
            return self._book.rules(provider, next(iter(provider.types)))
        if spec.type not in provider.types:
            message = f"{provider.name} has no type {quoted(spec.type)}"
            place.complain("unknown_type", message, ("type",), suggestion(spec.type, provider.types))
            return None
        return self._book.rules(provider, spec.type)

    def _check_verified(self, place: _Place, rules: TypeRules) -> None:
        name = rules.provider.name
        if not rules.provider.verified and name not in self._project.allow_unverified:
            message = f"deliveries of {name} carry no proof of their sender"
            hint = f"to accept them all the same, add {name} to allow_unverified in the project file"
            place.complain("unverified", message, ("provider",), hint)

    def _check_events(self, place: _Place, rules: TypeRules) -> None:
        for number, event in enumerate(place.spec.events):
            if not rules.knows(event):
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
        return rules.traits.manual_only or bool(place.spec.manual)

    def _credentials(self, place: _Place, manual: bool) -> str:
        spec = place.spec
        name = self._chooser.name(spec.credentials, spec.provider, manual=manual)
        if name is None:
            message = f"no credentials: name some, or declare a default for {spec.provider}"
            place.complain("missing_credentials", message, (), "or write manual: true and paste the URL yourself")
            return ""
        refusal = self._chooser.refusal(name, spec.provider, place.user) if name else None
        if refusal is not None and (spec.credentials is not None or not refusal.in_project):
            path: NodePath = ("credentials",) if spec.credentials is not None else ()
            place.complain(refusal.code, refusal.message, path, refusal.hint)
        return name

    def _check_options(self, place: _Place, rules: TypeRules) -> None:
        for problem in rules.option_problems(place.spec.options):
            complain = place.complain_of_key if problem.on_key else place.complain
            complain("options", problem.message, ("options", *problem.path), problem.hint)

    def _secret(self, place: _Place, rules: TypeRules, manual: bool) -> str:
        reference = place.spec.secret
        if reference is None:
            return ""
        if not manual:
            place.complain("secret", "only a manual trigger has a secret of its own: leave it out", ("secret",))
        elif rules.provider.secret_origin is SecretOrigin.NONE:
            place.complain("secret", f"deliveries of {rules.provider.name} are not verified with a secret", ("secret",))
        else:
            return self._resolved(place, rules, reference)
        return ""

    def _resolved(self, place: _Place, rules: TypeRules, reference: str) -> str:
        try:
            secret = self._project.secrets.read(parse_reference(reference))
        except ConfigError as error:
            place.complain("secret", error.problems[0].message, ("secret",))
            return ""
        key = WebhookKey(
            place.user,
            rules.provider.name,
            rules.traits.name,
            manual=True,
            subscriber=str(place.subscriber),
            name=place.spec.name,
        )
        self.secrets.setdefault(key, secret)
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
        else:
            place.complain("missing_key", "the key 'resource' (or 'resources') is missing")
        for path, text in written:
            wrong = rules.resource_problem(text)
            if wrong is not None:
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
