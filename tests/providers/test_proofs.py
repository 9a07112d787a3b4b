"""A `verify` block that could not prove a delivery, or not all of it, is refused when the definition is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from reconciler.providers.blocks.proofs import Proof, Verify
from reconciler.providers.catalogue import known_definitions
from reconciler.providers.definition import definition
from reconciler.providers.delivered import refusal, scheme
from reconciler.providers.proving import scheme_of
from reconciler.providers.soundness import is_keyless
from reconciler.verify.kinds import keyless
from tests.providers.support import shipped, values

Path = tuple[str | int, ...]
HMAC: dict[str, Any] = {"scheme": "hmac", "header": "X-Signature", "algorithm": "sha256"}
ED25519: dict[str, Any] = {"scheme": "ed25519", "header": "X-Signature", "key": "hex"}
JWT: dict[str, Any] = {"scheme": "jwt", "algorithm": "RS256"}
JWKS: dict[str, Any] = JWT | {"jwks": "https://keys.acme.dev/jwks", "issuer": "acme", "audience": "${url}"}
REMOTE: dict[str, Any] = {
    "scheme": "remote",
    "path": "/verify",
    "payload": "event",
    "genuine": "status == 'SUCCESS'",
    "forged": "status == 'FAILURE'",
}
TOKEN: dict[str, Any] = {"scheme": "token"}


def document(verify: Mapping[str, Any], origin: str = "vendor") -> dict[str, Any]:
    """The values of a definition with this proof."""
    return values("generic") | {"verify": verify, "secret": {"origin": origin}}


def problems(verify: Mapping[str, Any], origin: str = "vendor") -> dict[Path, str]:
    """Each problem by where it is, without the variant's name in its path."""
    with pytest.raises(ValidationError) as refused:
        definition(document(verify, origin))
    found = {}
    for error in refused.value.errors():
        path = tuple(part for part in error["loc"] if part != verify["scheme"])
        found[path] = error["msg"].removeprefix("Value error, ")
    return found


@pytest.mark.parametrize(
    ("verify", "where", "problem"),
    [
        (HMAC | {"message": "${timestamp}.${body}"}, ("message",), "nothing fills ${timestamp} here"),
        (HMAC | {"message": "${nonsense}${body}"}, ("message",), "nothing fills ${nonsense} here; known are ${body}"),
        (HMAC | {"message": "${url}"}, ("message",), "must hold ${body}"),
        (HMAC | {"timestamp": {"header": "X-Time"}}, ("message",), "must hold ${timestamp}"),
        (HMAC | {"list": {"signature": "v1", "timestamp": "t"}}, ("message",), "must hold ${timestamp}"),
        (HMAC | {"timestamp": {"query": "t"}}, ("message",), "must hold ${timestamp}"),
        (
            HMAC
            | {
                "message": "${timestamp}${body}",
                "list": {"signature": "v1", "timestamp": "t"},
                "timestamp": {"header": "T"},
            },
            ("timestamp",),
            "is in the `list` already",
        ),
        (HMAC | {"values": {"id": {"header": "X-Id"}}}, ("values", "id"), "the message does not hold it"),
        (
            HMAC | {"message": "${body}${method}", "values": {"method": {"header": "X-Id"}}},
            ("values", "method"),
            "is another kind of placeholder",
        ),
        (
            HMAC | {"message": "${url}", "digest": {"query": "sha"}},
            ("digest",),
            "at a place that the message does not hold",
        ),
        (HMAC | {"values": {"id": {}}}, ("values", "id"), "give one of `header`, `query` and `body`"),
        (HMAC | {"values": {"id": {"header": "A", "query": "b"}}}, ("values", "id"), "give one of"),
        (
            HMAC | {"timestamp": {"header": "T", "tolerance": 100_000}},
            ("timestamp", "tolerance"),
            "less than or equal to",
        ),
        (HMAC | {"timestamp": {"header": "T", "unit": "h"}}, ("timestamp", "unit"), "'s', 'ms' or 'iso'"),
        (HMAC | {"algorithm": "md5"}, ("algorithm",), "'sha1', 'sha256' or 'sha512'"),
        (ED25519 | {"scheme": "rsa"}, (), "write `key: base64` or `key: pem`"),
        (ED25519 | {"scheme": "ecdsa"}, (), "write `key: base64` or `key: pem`"),
        (ED25519 | {"key": "text"}, ("key",), "'hex', 'base64' or 'pem'"),
        (TOKEN, (), "a token is in a `header`, in the `query` or in the `body`"),
        (TOKEN | {"header": "X", "query": "y"}, (), "a token is in a `header`"),
        (TOKEN | {"query": "y", "prefix": "Bearer "}, (), "a `prefix` stands in a `header`"),
        ({"scheme": "basic", "username": "a:b"}, ("username",), "pattern"),
        ({"scheme": "standard_webhooks", "prefix": "svix"}, ("prefix",), "pattern"),
        (JWT | {"algorithm": "none"}, ("algorithm",), "'RS256', 'ES256', 'HS256' or 'HS512'"),
        (JWKS | {"algorithm": "HS256"}, (), "they prove no HMAC"),
        (JWT | {"jwks": "https://keys.acme.dev/jwks"}, (), "say `issuer` and `audience`"),
        (JWKS | {"jwks": "http://keys.acme.dev/jwks"}, ("jwks",), "pattern"),
        (JWKS | {"jwks": "https://u:p@keys.acme.dev/jwks"}, ("jwks",), "pattern"),
        (JWT | {"expires": False}, (), "needs a `max_age`"),
        (JWT | {"audience": "${nobody}"}, ("audience",), "nothing fills ${nobody}"),
        (JWT | {"digests": [{"claim": "hash", "of": "${nobody}"}]}, ("digests", 0, "of"), "nothing fills ${nobody}"),
        (REMOTE | {"fields": {"id": "${nobody}"}}, ("fields", "id"), "nothing fills ${nobody}"),
        (REMOTE | {"fields": {"event": "x"}}, ("payload",), "is one of `fields` already"),
        (REMOTE | {"path": "https://evil.example/"}, ("path",), "pattern"),
        (REMOTE | {"genuine": "]"}, ("genuine",), "not a JMESPath expression"),
        ({"scheme": "sns", "versions": []}, ("versions",), "at least 1 item"),
        ({"scheme": "sns", "versions": ["3"]}, ("versions", 0), "'1' or '2'"),
        ({"scheme": "hook"}, (), "is reserved"),
    ],
)
def test_what_could_not_prove_a_delivery_is_refused(verify: Mapping[str, Any], where: Path, problem: str) -> None:
    """With where it stands, and what is to be written instead."""
    keyless = verify["scheme"] in {"sns", "remote"} or "jwks" in verify
    found = problems(verify, "none" if keyless else "vendor")
    assert problem in found["verify", *where], found


@pytest.mark.parametrize(
    "verify",
    [
        HMAC | {"message": "${url}${query}", "digest": {"query": "sha"}},
        HMAC | {"message": "${url}${id}", "values": {"id": {"header": "X-Digest"}}, "digest": {"header": "X-Digest"}},
        HMAC | {"timestamp": {"body": "sent_at", "unit": "ms"}},
        HMAC | {"message": "${query}${body}", "timestamp": {"query": "t"}},
        HMAC | {"message": "${at}${body}", "values": {"at": {"header": "T"}}, "timestamp": {"header": "T"}},
        HMAC | {"message": "${url}${query}${form}"},
        ED25519 | {"key": "pem"},
        ED25519 | {"scheme": "rsa", "key": "pem", "algorithm": "sha512"},
        JWT | {"algorithm": "HS512"},
    ],
)
def test_what_proves_it_all_is_accepted(verify: Mapping[str, Any]) -> None:
    """A timestamp or a digest that is signed somewhere else than in the message's own words."""
    assert definition(document(verify)).verify != "none"


@pytest.mark.parametrize("verify", [{"scheme": "sns"}, REMOTE, JWKS], ids=["sns", "remote", "jwks"])
def test_where_the_providers_own_keys_prove_there_is_no_secret(verify: Mapping[str, Any]) -> None:
    """None is minted, asked for or kept."""
    assert definition(document(verify, "none"))
    assert "write `secret: {origin: none}`" in problems(verify)["secret",]


@pytest.mark.parametrize("verify", [HMAC, TOKEN | {"header": "X"}, {"scheme": "basic"}, JWT, ED25519])
def test_where_a_secret_proves_there_is_one(verify: Mapping[str, Any]) -> None:
    """Without it nothing would be verified."""
    assert "belong together" in problems(verify, "none")["verify",]


def test_the_status_of_a_refusal_is_the_definitions() -> None:
    """404 unless the vendor wants another: Discord and Xero look for a 401."""
    plain = document(HMAC)
    assert refusal(definition(plain)) == 404
    assert refusal(definition(plain | {"delivery": plain["delivery"] | {"refusal": 401}})) == 401
    with pytest.raises(ValidationError):
        definition(plain | {"delivery": plain["delivery"] | {"refusal": 200}})


@pytest.mark.parametrize("name", sorted(known_definitions()))
def test_who_proves_deliveries_alone_is_told_alike(name: str) -> None:
    """What a definition's blocks tell of keys and secrets is what its scheme tells."""
    found = shipped(name)
    if found.verify != "none":
        assert is_keyless(found.verify) == keyless(scheme(found))


@pytest.mark.parametrize(
    "proof", [HMAC, ED25519, JWT, JWKS, REMOTE, {"scheme": "sns"}, {"scheme": "token", "header": "X"}]
)
def test_each_proof_is_told_alike(proof: dict[str, Any]) -> None:
    """The same, for what no shipped definition has."""
    found: Proof = TypeAdapter[Any](Verify).validate_python(proof)
    assert is_keyless(found) == keyless(scheme_of(found))
