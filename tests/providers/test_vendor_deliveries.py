"""Deliveries of Gitea, Bitbucket, Typeform, Linear, Vercel, Calendly and Exa: proved, and read, as each documents them.

The digests are test case 2 of RFC 4231 and RFC 2202, and, for signed timestamps, what `openssl dgst` makes of them.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from reconciler.core.model import Secret
from reconciler.providers.client import HttpTransport
from reconciler.providers.delivered import delivery_rules, scheme
from reconciler.providers.http import HttpProvider
from reconciler.testing.sandbox import ROOTS, FireOrder, SandboxConfig, create_sandbox
from reconciler.verify.delivery import Delivery, read_delivery
from reconciler.verify.request import Request
from reconciler.verify.schemes import verify
from tests.providers.support import SECRET, credentials, registration, shipped, target
from tests.support.sandboxes import NOW, ORIGIN, Clock, Receiver, counting_bytes

KEY, TEXT, SIGNED_AT = Secret("Jefe"), b"what do ya want for nothing?", 1_790_000_000.0
SHA256 = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
SHA1 = "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
TIMED = "79368d676f0012602ea15029a7cad98cbcca320c179f8dfbfb27122c189b86d4"
VECTORS = {
    "gitea": ("X-Gitea-Signature", SHA256),
    "bitbucket": ("X-Hub-Signature", f"sha256={SHA256}"),
    "typeform": ("Typeform-Signature", "sha256=W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="),
    "linear": ("Linear-Signature", SHA256),
    "vercel": ("x-vercel-signature", SHA1),
    "calendly": ("Calendly-Webhook-Signature", f"t=1790000000,v1={TIMED}"),
    "exa": ("Exa-Signature", f"t=1790000000,v1={TIMED}"),
}
vectors = pytest.mark.parametrize(("name", "header"), VECTORS.items())


@vectors
def test_the_documented_signature_is_accepted(name: str, header: tuple[str, str]) -> None:
    """The header that the vendor documents, with a digest that others computed, proves the body."""
    assert verify(scheme(shipped(name)), [KEY], Request(headers=(header,), body=TEXT), SIGNED_AT)


@vectors
def test_another_body_secret_or_header_is_refused(name: str, header: tuple[str, str]) -> None:
    """The signature is for this body, with this secret, in this header."""
    proof = scheme(shipped(name))

    assert not verify(proof, [KEY], Request(headers=(header,), body=TEXT + b" "), SIGNED_AT)
    assert not verify(proof, [Secret("jefe")], Request(headers=(header,), body=TEXT), SIGNED_AT)
    assert not verify(proof, [KEY], Request(headers=(("X-Signature", header[1]),), body=TEXT), SIGNED_AT)
    assert not verify(proof, [KEY], Request(body=TEXT), SIGNED_AT)


@pytest.mark.parametrize(("name", "seconds"), [("calendly", 180), ("exa", 300)])
def test_an_old_delivery_is_refused(name: str, seconds: int) -> None:
    """A signed time that is further off than the vendor says is a replay."""
    request = Request(headers=(VECTORS[name],), body=TEXT)

    assert verify(scheme(shipped(name)), [KEY], request, SIGNED_AT + seconds)
    assert not verify(scheme(shipped(name)), [KEY], request, SIGNED_AT + seconds + 1)


class Read(NamedTuple):
    """A delivery by the vendor's documents, and the event and id that it tells."""

    provider: str
    type: str
    headers: dict[str, str]
    body: dict[str, Any]
    event: str
    id: str


@pytest.mark.parametrize(
    "case",
    [
        Read("gitea", "repo", {"X-Gitea-Event-Type": "push", "X-Gitea-Delivery": "a"}, {}, "push", "a"),
        Read("gitea", "repo", {"X-Gitea-Event-Type": "issues"}, {"action": "opened"}, "issues.opened", ""),
        Read(
            "gitea",
            "repo",
            {"X-Gitea-Event-Type": "issue_label"},
            {"action": "label_updated"},
            "issues.label_updated",
            "",
        ),
        Read("gitea", "org", {"X-Gitea-Event-Type": "pull_request_comment"}, {}, "pull_request_comment", ""),
        Read("gitea", "org", {"X-Gitea-Event-Type": "pull_request_review_rejected"}, {}, "pull_request_review", ""),
        Read("bitbucket", "repository", {"X-Event-Key": "repo:push", "X-Request-UUID": "b"}, {}, "repo:push", "b"),
        Read("typeform", "form", {}, {"event_id": "01E", "event_type": "form_response"}, "form_response", "01E"),
        Read("linear", "team", {"Linear-Delivery": "c"}, {"type": "Issue", "action": "update"}, "Issue.update", "c"),
        Read("linear", "team", {}, {"type": "Issue"}, "Issue", ""),
        Read("vercel", "team", {}, {"id": "d", "type": "deployment.created"}, "deployment.created", "d"),
        Read("calendly", "user", {}, {"event": "invitee.created", "payload": {}}, "invitee.created", ""),
        Read("exa", "account", {}, {"id": "event_1", "type": "webset.idle", "data": {}}, "webset.idle", "event_1"),
    ],
    ids=str,
)
def test_event_and_id_are_where_the_vendor_says(case: Read) -> None:
    """Each delivery tells its event by the name that a manifest declares, and its id where it has one."""
    headers = (("Content-Type", "application/json"), *case.headers.items())
    request = Request(headers=headers, body=json.dumps(case.body).encode())

    found = read_delivery(delivery_rules(shipped(case.provider), case.type), request)

    assert found == Delivery(case.body, case.event, case.id)


@pytest.mark.parametrize(
    ("name", "kind", "event", "told"),
    [
        ("gitea", "repo", "issues", "issues.opened"),
        ("gitea", "repo", "pull_request_review", "pull_request_review.reviewed"),
        ("bitbucket", "repository", "pullrequest:created", "pullrequest:created"),
        ("typeform", "form", "form_response", "form_response"),
        ("linear", "team", "Issue", "Issue.create"),
        ("vercel", "project", "deployment.created", "deployment.created"),
        ("calendly", "organization", "invitee.canceled", "invitee.canceled"),
        ("exa", "account", "webset.created", "webset.created"),
    ],
)
async def test_what_is_registered_is_delivered_and_proved(name: str, kind: str, event: str, told: str) -> None:
    """From the registration to a delivery that the secret of that very registration proves."""
    receiver = Receiver()
    config = SandboxConfig(now=Clock(), random_bytes=counting_bytes(), forward_to="http://r.test", receiver=receiver)
    sandbox, definition = create_sandbox(config), shipped(name)
    place = replace(target(name, kind), credentials=replace(credentials(name), api_url=ORIGIN + ROOTS[name]))
    async with HttpTransport(sandbox) as transport:
        answer = await HttpProvider(definition, transport).create(place, registration(event))
    fired = {"pull_request_review": "pull_request_review_approved"}.get(event, event)

    (outcome,) = await sandbox.fire(FireOrder(provider=name, event=fired))

    assert outcome.accepted
    ((_, headers, body),) = receiver.requests
    request = Request(headers=tuple(headers.items()), body=body)
    assert verify(scheme(definition), [answer.secret or SECRET], request, NOW)
    assert read_delivery(delivery_rules(definition, kind), request).event == told
