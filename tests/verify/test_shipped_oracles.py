"""The vendors' own libraries, and the definitions that are shipped for them: both say the same of every delivery."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.hashes import SHA256
from hubspot.utils.signature import Signature
from hypothesis import given, settings
from hypothesis import strategies as st
from sendgrid.helpers.eventwebhook import EventWebhook

from reconciler.core.model import Secret
from reconciler.documents.packaged import providers_folder
from reconciler.providers.catalogue import definitions_in
from reconciler.providers.delivered import scheme
from reconciler.system import SystemClock
from reconciler.verify.request import Request
from reconciler.verify.schemes import sign, verify
from tests.verify.support import NOW, URL, der, ec_key, request

SHIPPED = definitions_in(providers_folder())
CLIENT_SECRET = Secret("2f4b0b0e-7a3c-4f7e-8f0e-3d9a1c1b7d11")
RETRIED = 24 * 3600.0


@given(body=st.text(), other=st.text())
@settings(deadline=None)
def test_hubspot_accepts_what_our_signer_signs(body: str, other: str) -> None:
    """Signature v3: the library takes ours, and we take what it makes, for the same bodies."""
    now, proof = SystemClock().now(), scheme(SHIPPED["hubspot"])
    signed = dict(sign(proof, CLIENT_SECRET, body.encode(), now, Request(url=URL)))
    stamp = signed["X-HubSpot-Request-Timestamp"]
    told = signed["X-HubSpot-Signature-v3"]
    theirs = Signature.get_signature(CLIENT_SECRET.reveal(), body, "v3", URL, "POST", stamp)
    assert told == theirs
    for payload in (body, other):
        received = Request(url=URL, headers=tuple(signed.items()), body=payload.encode())
        agreed = Signature.is_valid(told, CLIENT_SECRET.reveal(), payload, URL, "POST", "v3", stamp)
        assert bool(verify(proof, [CLIENT_SECRET], received, now)) == agreed == (payload == body)


@given(body=st.text(), other=st.text())
@settings(deadline=None)
def test_sendgrid_accepts_what_its_library_accepts(body: str, other: str) -> None:
    """Timestamp and body, with the public key as the API tells it; also when the vendor tries again hours later."""
    stamp, proof = str(int(NOW)), scheme(SHIPPED["sendgrid"])
    told = base64.b64encode(ec_key().sign((stamp + body).encode(), ECDSA(SHA256()))).decode()
    library = EventWebhook(der(ec_key()).reveal())
    for payload in (body, other):
        received = request(
            payload.encode(),
            X_Twilio_Email_Event_Webhook_Signature=told,
            X_Twilio_Email_Event_Webhook_Timestamp=stamp,
        )
        agreed = library.verify_signature(payload, told, stamp)
        assert bool(verify(proof, [der(ec_key())], received, NOW + RETRIED)) == agreed == (payload == body)
