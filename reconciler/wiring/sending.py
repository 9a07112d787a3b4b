"""A delivery that we make and sign as the provider would, to try a flow: to the ingress of a project."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit, urlunsplit

from reconciler.core.errors import ConfigError, Problem
from reconciler.core.ingress_url import ingress_url, is_shaped_like_ours
from reconciler.core.model import Phase, Recorded, Secret
from reconciler.core.ports import Clock, Entropy, Progress
from reconciler.documents.nearest import quoted, suggestion
from reconciler.manifests.project import Project
from reconciler.providers.catalogue import Definitions, known_definitions
from reconciler.providers.client import HttpTransport
from reconciler.providers.definition import Definition
from reconciler.providers.delivered import delivery_rules, scheme
from reconciler.providers.transport import Call, OversizedReplyError, TransportError
from reconciler.settings.urls import host, is_loopback, target_url
from reconciler.store.opening import open_for_reading
from reconciler.verify.body import DeliveryError, parse_form, parse_json
from reconciler.verify.delivery import DeliveryRules, Form, HeaderEvent, HeaderId
from reconciler.verify.kinds import Scheme, Unverified, keyless
from reconciler.verify.request import Facts, Request, UnsignableError
from reconciler.verify.schemes import sign
from reconciler.verify.token import BodyTokenScheme, QueryTokenScheme, token_holders
from reconciler.verify.words import FORM
from reconciler.wiring.inputs import Inputs
from reconciler.wiring.loading import load_project_of
from reconciler.wiring.records import Records
from reconciler.wiring.session import announce, key_source

JSON = "application/json"

_LIVE = frozenset({Phase.REGISTERED, Phase.MANUAL, Phase.PENDING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What is to be sent before it is signed: headers that the vendor sends beside its proof, and the body."""

    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressee:
    """The webhook that a delivery is for, where it goes, and how it is signed."""

    record: Recorded
    definition: Definition
    url: str
    secret: Secret | None = field(repr=False)

    @property
    def scheme(self) -> Scheme:
        """How the provider proves its deliveries."""
        return scheme(self.definition)

    @property
    def rules(self) -> DeliveryRules:
        """Where a delivery says what it is."""
        return delivery_rules(self.definition, self.record.key.type)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What came of it. `status` is None where there was no answer; then `error` says why. `seconds` is the latency."""

    url: str
    webhook_id: str
    status: int | None
    seconds: float
    error: str = ""

    @property
    def accepted(self) -> bool:
        """Whether it was taken."""
        return self.status is not None and 200 <= self.status < 300


@contextmanager
def addressee_of(inputs: Inputs, progress: Progress, provider: str, webhook: str, url: str) -> Iterator[Addressee]:
    """The webhook that is meant, from the state opened to read only. Raises `ConfigError` and `StateError`.

    `webhook` is its id, the beginning of that, or its address; `url` an ingress URL, or an origin that takes the place
    of the recorded one. Neither: the only webhook of the provider.
    """
    project = load_project_of(inputs)
    definitions = known_definitions(project.providers)
    if provider not in definitions:
        raise _refused(f"there is no provider {quoted(provider)}", suggestion(provider, definitions))
    with open_for_reading(project.state, key_source(project)) as store:
        announce(store, project.scope, progress)
        records = Records(store, project.scope, project.default_user)
        record = _record(records, provider, webhook, url)
        destination = _destination(record, url, project, definitions)
        secrets = store.secrets(record.id)
        yield Addressee(
            record=record,
            definition=definitions[provider],
            url=destination,
            secret=secrets[0] if secrets else None,
        )


def _record(records: Records, provider: str, webhook: str, url: str) -> Recorded:
    mine = [record for record in records.all() if record.key.provider == provider and record.phase in _LIVE]
    if webhook and "/" in webhook:
        record = records.at(webhook)
        if record.key.provider != provider:
            raise _refused(f"{webhook} is not a webhook of {provider}", "")
        return record
    named = webhook or (url.rpartition("/")[2] if is_shaped_like_ours(url) else "")
    found = [record for record in mine if record.id.startswith(named)]
    if len(found) == 1:
        return found[0]
    if not found:
        what = f"{provider} webhook {named}".rstrip()
        raise _refused(f"nothing is recorded of a {what}", "see `reconcile state list`")
    names = ", ".join(records.address(record) for record in found[:5])
    raise _refused(f"{len(found)} webhooks are meant, such as {names}", "say which one with --webhook")


def _destination(record: Recorded, url: str, project: Project, definitions: Definitions) -> str:
    """Where to send it: what proves it, perhaps the secret itself, goes to the ingress and nowhere else."""
    if not url:
        return record.url
    try:
        target_url(url)
    except ValueError as error:
        raise _refused(f"--url: {error}", "") from None
    known = {host(project.base_url or ""), host(record.url), *project.settings.allowed_hosts}
    name = host(url)
    if name not in known and not is_loopback(name):
        hint = "the operator can list it in RECONCILER_ALLOWED_HOSTS"
        raise _refused(f"--url: the host {name!r} is not that of the ingress, and is not on loopback", hint)
    if is_shaped_like_ours(url):
        return url
    parts = urlsplit(url)
    if parts.path in {"", "/"}:
        own = urlsplit(record.url)
        return urlunsplit((parts.scheme, parts.netloc, own.path, "", ""))
    return ingress_url(url, record.key.provider, record.id)


def bare(addressee: Addressee, event: str, body: bytes, delivery_id: str) -> Draft:
    """A delivery of a body that somebody wrote, with the headers in which the vendor names event and id.

    Raises `ConfigError` where the vendor sends JSON and forms, and the body is neither.
    """
    rules = addressee.rules
    headers = [("Content-Type", _media_type(rules, body))]
    if isinstance(rules.event, HeaderEvent):
        headers.append((rules.event.header, _delivered_name(rules.event, event)))
    for rule in rules.ids:
        if isinstance(rule, HeaderId):
            headers.append((rule.header, delivery_id))
            break
    return Draft(headers=tuple(headers), body=body)


def _media_type(rules: DeliveryRules, body: bytes) -> str:
    """What the body is sent as; where the vendor sends JSON and forms, whichever it is."""
    if rules.form is None:
        return next(iter(sorted(rules.content_types)), JSON)
    known = sorted(rules.content_types or {JSON, FORM}, key=lambda each: (each == FORM, each))  # JSON may look like one
    for media_type in known:
        if _reads_as_form(rules.form, body) if media_type == FORM else _reads_as_json(body):
            return media_type
    raise _refused(f"--payload: the body can be read as nothing that the provider sends: {', '.join(known)}", "")


def _reads_as_json(body: bytes) -> bool:
    try:
        parse_json(body)
    except DeliveryError:
        return False
    return True


def _reads_as_form(form: Form, body: bytes) -> bool:
    """Nearly anything is a form; where one field holds the payload, that must be there."""
    try:
        found = parse_form(body)
    except DeliveryError:
        return False
    return not form.field or form.field in found


def signed(addressee: Addressee, draft: Draft, now: float) -> Call:
    """The request as the provider would send it. Raises `ConfigError` where only the provider can sign."""
    url, query, secret = addressee.url, "", addressee.secret
    how = addressee.scheme
    headers = dict(draft.headers)
    if not isinstance(how, Unverified):
        if keyless(how) or secret is None:
            why = "only the provider can sign its deliveries" if keyless(how) else "its webhook has no secret yet"
            raise _refused(f"it cannot be signed here: {why}", "have the provider send one: `reconcile ping`")
        if isinstance(how, BodyTokenScheme):
            draft = replace(draft, body=_with_token(how, draft.body, secret))
        if isinstance(how, QueryTokenScheme):
            query = f"{how.parameter}={secret.reveal()}"
        told = Request(method="POST", url=addressee.record.url, query=query, headers=draft.headers, body=draft.body)
        facts = Facts(resource=addressee.record.resource, provider_id=addressee.record.remote_id)
        try:
            proof = sign(how, secret, draft.body, now, told, facts)
        except UnsignableError as error:
            raise _refused(str(error), "have the provider send one: `reconcile ping`") from None
        proving = {name.lower() for name, _ in proof}
        headers = {name: value for name, value in headers.items() if name.lower() not in proving} | dict(proof)
    return Call(method="POST", url=f"{url}?{query}" if query else url, headers=headers, body=draft.body)


async def send(addressee: Addressee, draft: Draft, clock: Clock) -> Sent:
    """Sign it, send it, and tell what came of it; raises nothing for what the ingress does."""
    call = signed(addressee, draft, clock.now())
    began = clock.now()
    status, error = None, ""
    async with HttpTransport() as transport:
        try:
            status = (await transport.send(call)).status
        except TransportError as failure:
            error = str(failure)
        except OversizedReplyError:
            error = "its answer is too long"
    seconds = max(0.0, clock.now() - began)
    return Sent(url=addressee.url, webhook_id=addressee.record.id, status=status, seconds=seconds, error=error)


def _with_token(how: BodyTokenScheme, body: bytes, secret: Secret) -> bytes:
    """The body with the secret where the vendor puts it; as it is where there is no place for one."""
    try:
        payload = parse_json(body)
    except DeliveryError:
        return body
    holders = [holder for holder in token_holders(how, payload) if isinstance(holder, dict)]
    for holder in holders:
        holder[how.key] = secret.reveal()
    end = body[len(body.rstrip()) :]
    return json.dumps(payload, separators=(",", ":")).encode() + end if holders else body


def fresh_id(entropy: Entropy) -> str:
    """A delivery id that no other delivery has."""
    return entropy.webhook_id()


def _delivered_name(rule: HeaderEvent, event: str) -> str:
    """The name with which the vendor delivers an event; of a finer one, that of what is subscribed to."""
    names: Mapping[str, str] = {registered: delivered for delivered, registered in rule.names.items()}
    name = event.partition(rule.separator)[0] if rule.separator and rule.detail else event
    return names.get(name, name)


def _refused(message: str, hint: str) -> ConfigError:
    return ConfigError((Problem("send", message, hint=hint),))
