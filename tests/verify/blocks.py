"""`verify` blocks as definitions of these vendors would hold them."""

from __future__ import annotations

from typing import Any

JWKS = "https://keys.vendor.example/jwks.json"
ISSUER = "https://vendor.example"

STANDARD = {"scheme": "standard_webhooks"}
TWILIO: dict[str, Any] = {
    "scheme": "hmac",
    "header": "X-Twilio-Signature",
    "algorithm": "sha1",
    "encoding": "base64",
    "message": "${url}${query}${form}",
    "digest": {"query": "bodySHA256"},
}
TWITCH: dict[str, Any] = {
    "scheme": "hmac",
    "header": "Twitch-Eventsub-Message-Signature",
    "algorithm": "sha256",
    "prefix": "sha256=",
    "message": "${message_id}${timestamp}${body}",
    "values": {"message_id": {"header": "Twitch-Eventsub-Message-Id"}},
    "timestamp": {"header": "Twitch-Eventsub-Message-Timestamp", "unit": "iso", "tolerance": 600},
}
HUBSPOT: dict[str, Any] = {
    "scheme": "hmac",
    "header": "X-HubSpot-Signature-v3",
    "algorithm": "sha256",
    "encoding": "base64",
    "message": "${method}${url}${query}${body}${timestamp}",
    "timestamp": {"header": "X-HubSpot-Request-Timestamp", "unit": "ms"},
}
PADDLE: dict[str, Any] = {
    "scheme": "hmac",
    "header": "Paddle-Signature",
    "algorithm": "sha256",
    "message": "${timestamp}:${body}",
    "list": {"signature": "h1", "timestamp": "ts", "separator": ";"},
}
GITHUB = {"scheme": "hmac", "header": "X-Hub-Signature-256", "algorithm": "sha256", "prefix": "sha256="}
LINEAR: dict[str, Any] = {
    "scheme": "hmac",
    "header": "Linear-Signature",
    "algorithm": "sha256",
    "timestamp": {"body": "webhookTimestamp", "unit": "ms", "tolerance": 60},
}
DISCORD: dict[str, Any] = {
    "scheme": "ed25519",
    "header": "X-Signature-Ed25519",
    "message": "${timestamp}${body}",
    "timestamp": {"header": "X-Signature-Timestamp"},
    "key": "hex",
}
SENDGRID: dict[str, Any] = {
    "scheme": "ecdsa",
    "header": "X-Twilio-Email-Event-Webhook-Signature",
    "encoding": "base64",
    "message": "${timestamp}${body}",
    "timestamp": {"header": "X-Twilio-Email-Event-Webhook-Timestamp"},
    "key": "base64",
}
RSA = {"scheme": "rsa", "header": "X-Signature", "encoding": "base64", "key": "pem"}
PUBSUB: dict[str, Any] = {
    "scheme": "jwt",
    "algorithm": "RS256",
    "jwks": JWKS,
    "issuer": ISSUER,
    "audience": "${url}",
    "claims": {"email_verified": True},
}
MESSAGEBIRD: dict[str, Any] = {
    "scheme": "jwt",
    "place": {"header": "MessageBird-Signature-JWT"},
    "prefix": "",
    "algorithm": "HS256",
    "issuer": "MessageBird",
    "digests": [{"claim": "payload_hash"}, {"claim": "url_hash", "of": "${url}${query}"}],
}
PLAID: dict[str, Any] = {
    "scheme": "jwt",
    "place": {"header": "Plaid-Verification"},
    "prefix": "",
    "algorithm": "ES256",
    "expires": False,
    "max_age": 300,
    "digests": [{"claim": "request_body_sha256"}],
}
PAYPAL: dict[str, Any] = {
    "scheme": "remote",
    "path": "/v1/notifications/verify-webhook-signature",
    "values": {
        "algorithm": {"header": "PayPal-Auth-Algo"},
        "certificate": {"header": "PayPal-Cert-Url"},
        "transmission": {"header": "PayPal-Transmission-Id"},
        "signature": {"header": "PayPal-Transmission-Sig"},
        "time": {"header": "PayPal-Transmission-Time"},
    },
    "fields": {
        "auth_algo": "${algorithm}",
        "cert_url": "${certificate}",
        "transmission_id": "${transmission}",
        "transmission_sig": "${signature}",
        "transmission_time": "${time}",
        "webhook_id": "${provider_id}",
    },
    "payload": "webhook_event",
    "genuine": "verification_status == 'SUCCESS'",
    "forged": "verification_status == 'FAILURE'",
}
