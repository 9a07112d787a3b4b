"""Amazon SNS and PayPal: what has to be fetched before there is a verdict, and where from."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from reconciler.verify.request import NOTHING, Facts, Fetched, Need, NeedKind, Request, Verdict
from reconciler.verify.schemes import verify
from reconciler.verify.sns import sns_host
from tests.verify.blocks import PAYPAL
from tests.verify.cases import BODY, CERTIFICATE_URL, TOPIC, certificate, notification, paypal, sns_facts, subscription
from tests.verify.support import NOW, proof, request

SNS = proof({"scheme": "sns"}, origin="none")
OLD = proof({"scheme": "sns", "versions": ["1", "2"]}, origin="none")
ASKED = proof(PAYPAL, origin="none")
KNOWN = Facts(provider_id="1JE4291016473214C")


def of(message: Any) -> Request:
    """A request with this message."""
    return request(json.dumps(message).encode())


def judged(message: Any, facts: Facts | None = None, now: float = NOW) -> Verdict | Need:
    """What is said of a message of SNS."""
    return verify(SNS, (), of(message), now, sns_facts() if facts is None else facts)


# -- Amazon SNS --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message", [notification(), notification(Subject=...), subscription()], ids=["whole", "no subject", "asks"]
)
def test_a_message_of_our_topic_is_accepted(message: Any) -> None:
    """Notifications with and without a subject, and the question whether to subscribe."""
    assert judged(message)
    assert judged(message | {"UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe"})


def test_a_subject_that_is_null_is_none() -> None:
    """It is not signed."""
    assert judged(notification(Subject=...) | {"Subject": None})


def test_the_certificate_is_fetched_from_sns_alone() -> None:
    """First it is needed; the host is that of the region of our topic."""
    found = judged(notification(), Facts(resource=TOPIC))
    assert found == Need(kind=NeedKind.CERTIFICATE, url=CERTIFICATE_URL)
    assert not found


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-7ff5.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-7ff5.pem",
        "https://evil.s3.amazonaws.com/SimpleNotificationService-7ff5.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-7ff5.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/SimpleNotificationService-7ff5.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-7ff5.pem",
        "https://sns.eu-west-1.amazonaws.com/../SimpleNotificationService-7ff5.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-7ff5.pem?x=1",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-7ff5.pem\n",
        "https://sns.eu-west-1.amazonaws.com/evil.pem",
        "",
        None,
        7,
    ],
)
def test_a_certificate_elsewhere_is_not_fetched(url: Any) -> None:
    """The sender does not choose where we look."""
    for facts in (sns_facts(), Facts(resource=TOPIC)):
        found = judged(notification() | {"SigningCertURL": url}, facts)
        assert found == Verdict(False, "the certificate is not at the SNS of the topic's region")


def test_another_topic_is_refused_though_amazon_signed() -> None:
    """Anybody may have SNS sign for a topic of their own."""
    assert judged(notification(TopicArn=TOPIC.replace("builds", "other"))).reason == "the message is of another topic"
    assert judged(notification(TopicArn=...)).reason == "the message is of another topic"


@pytest.mark.parametrize("resource", ["", "builds", "arn:aws:sqs:eu-west-1:123456789012:builds", TOPIC + ":sub"])
def test_without_a_topic_of_our_own_nothing_is_decided(resource: str) -> None:
    """That is our fault, not the sender's."""
    found = judged(notification(), replace(sns_facts(), resource=resource))
    assert isinstance(found, Verdict)
    assert found.unknown


@pytest.mark.parametrize(
    ("topic", "host"),
    [
        (TOPIC, "sns.eu-west-1.amazonaws.com"),
        ("arn:aws-cn:sns:cn-north-1:123456789012:a.fifo", "sns.cn-north-1.amazonaws.com.cn"),
        ("arn:aws-us-gov:sns:us-gov-west-1:123456789012:a", "sns.us-gov-west-1.amazonaws.com"),
        ("arn:aws:sns:evil.example/:123456789012:a", ""),
    ],
)
def test_a_topic_tells_its_host(topic: str, host: str) -> None:
    """Each partition has its own domain."""
    assert sns_host(topic) == host


@pytest.mark.parametrize(
    "facts",
    [
        sns_facts(b"", 0),
        sns_facts(certificate(), 404),
        sns_facts(b"<html>"),
        sns_facts(certificate(NOW - 200, NOW - 100)),
        sns_facts(certificate(NOW + 100, NOW + 200)),
    ],
    ids=["no answer", "404", "no certificate", "expired", "not yet"],
)
def test_a_certificate_that_could_not_be_had_decides_nothing(facts: Facts) -> None:
    """Neither genuine nor forged."""
    found = judged(notification(), facts)
    assert isinstance(found, Verdict)
    assert (found.ok, found.unknown) == (False, True)


def test_the_signature_version_is_the_definitions_choice() -> None:
    """SHA-1 counts only where the definition says so; a version that does not exist never."""
    old = notification("1")
    assert judged(old).reason == "the message is not signed as it must be"
    assert verify(OLD, (), of(old), NOW, sns_facts())
    assert verify(OLD, (), of(notification()), NOW, sns_facts())
    assert not verify(OLD, (), of(old | {"SignatureVersion": "2"}), NOW, sns_facts())
    for version in ("3", 2, None, ["2"]):
        assert not judged(notification() | {"SignatureVersion": version})


@pytest.mark.parametrize("name", ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type", "Signature"])
@pytest.mark.parametrize("value", ["other", "", 7, None, ["x"]])
def test_a_changed_field_is_refused(name: str, value: Any) -> None:
    """Every one that is signed, whatever is put in its place; so is one that is left out."""
    assert not judged(notification() | {name: value})
    assert not judged({key: each for key, each in notification().items() if key != name})


@pytest.mark.parametrize("name", ["Token", "SubscribeURL"])
def test_a_changed_question_is_refused(name: str) -> None:
    """The token and the URL of a subscription are signed, too."""
    assert not judged(subscription() | {name: "other"})
    assert not judged(subscription() | {"Type": "UnsubscribeConfirmation"})


def test_a_field_that_is_there_twice_is_refused() -> None:
    """What is verified is what is read."""
    body = json.dumps(notification())
    assert not verify(SNS, (), request(body.replace("{", '{"Message": "first", ', 1).encode()), NOW, sns_facts())


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"Type": "Other"}', b'{"Type": ["Notification"]}', b"Hello", b"\xff"]
)
def test_what_is_no_message_is_refused(body: bytes) -> None:
    """Raw deliveries among them: those carry no proof."""
    assert verify(SNS, (), request(body), NOW, sns_facts()).reason == "the body is no message of SNS"


@pytest.mark.parametrize(("offset", "good"), [(3890, True), (3910, False), (-3890, True), (-3910, False)])
def test_an_old_message_is_refused(offset: int, good: bool) -> None:
    """SNS tries for an hour."""
    assert bool(judged(notification(), now=NOW + offset)) == good


# -- PayPal ------------------------------------------------------------------------------------------------------------


def answered(said: Any, status: int = 200) -> Verdict | Need:
    """The verdict after the provider said this."""
    question = verify(ASKED, (), paypal(), NOW, KNOWN)
    assert isinstance(question, Need)
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    return verify(ASKED, (), paypal(), NOW, KNOWN.given(question, Fetched(status=status, body=body)))


def test_the_provider_is_asked_with_the_body_as_it_came() -> None:
    """Headers, its own id of the webhook, and the delivered bytes; at its API, with the webhook's credentials."""
    question = verify(ASKED, (), paypal(), NOW, KNOWN)
    assert isinstance(question, Need)
    assert (question.kind, question.method, question.of_api) == (NeedKind.ANSWER, "POST", True)
    assert (question.url, question.media_type) == ("/v1/notifications/verify-webhook-signature", "application/json")
    assert BODY in question.body
    assert json.loads(question.body) == {
        "auth_algo": "SHA256withRSA",
        "cert_url": "https://api.paypal.com/v1/notifications/certs/CERT-360caa42",
        "transmission_id": "69cd13f0-d67a-11e5-baa3-778b53f4ae55",
        "transmission_sig": "lmI95Jx3Y9nhR5SJWlHVIWpg4AgFk7n9bCHSRxbrd8A9zrhdu2rMyFrmz==",
        "transmission_time": "2016-02-18T20:01:35Z",
        "webhook_id": "1JE4291016473214C",
        "webhook_event": json.loads(BODY),
    }


def test_what_the_provider_says_counts() -> None:
    """Yes, or no."""
    assert answered({"verification_status": "SUCCESS"}) == Verdict(True)
    assert answered({"verification_status": "FAILURE"}) == Verdict(False, "the provider says that it did not send this")


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"verification_status": "SUCCESS"}, 500),
        ({"verification_status": "SUCCESS"}, 0),
        ({}, 200),
        ([], 200),
        (b"", 200),
    ],
)
def test_whatever_else_it_says_decides_nothing(said: Any, status: int) -> None:
    """An error, an answer of another shape, or none."""
    found = answered(said, status)
    assert isinstance(found, Verdict)
    assert (found.ok, found.unknown) == (False, True)


def test_nothing_is_asked_about_what_cannot_be_genuine() -> None:
    """A header that is missing, or a body that is no JSON and could end the question early."""
    assert (
        verify(ASKED, (), replace(paypal(), headers=()), NOW, KNOWN).reason == "the PayPal-Auth-Algo header is missing"
    )
    for body in (b"", b'{"a": 1}, "webhook_id": "other"', b"}"):
        assert verify(ASKED, (), replace(paypal(), body=body), NOW, KNOWN).reason == "the body is not JSON in UTF-8"


def test_without_the_providers_id_nothing_is_decided() -> None:
    """While a create is in flight it is not known yet."""
    found = verify(ASKED, (), paypal(), NOW, NOTHING)
    assert isinstance(found, Verdict)
    assert found.unknown


def test_a_question_may_demand_a_time() -> None:
    """Where the definition says how old a delivery may be."""
    block = PAYPAL | {"timestamp": {"header": "PayPal-Transmission-Time", "unit": "iso", "tolerance": 300}}
    asked = proof(block, origin="none")
    signed_at = 1455825695.0
    assert isinstance(verify(asked, (), paypal(), signed_at + 300, KNOWN), Need)
    assert "away from now" in verify(asked, (), paypal(), signed_at + 301, KNOWN).reason
    assert "missing" in verify(asked, (), request(BODY), NOW, KNOWN).reason
    plain = proof(PAYPAL | {"fields": {}, "values": {}}, origin="none")
    question = verify(plain, (), request(BODY), NOW)
    assert isinstance(question, Need)
    assert json.loads(question.body) == {"webhook_event": json.loads(BODY)}
