"""A definition that could not work is refused when it is loaded, with the place and the reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from reconciler.core.model import SecretOrigin
from reconciler.providers.definition import definition
from reconciler.providers.traits import provider_traits
from tests.providers.support import NAMES, changed, values

Path = tuple[str | int, ...]


def problems(document: Any) -> dict[Path, str]:
    """What is refused in a document, by place."""
    with pytest.raises(ValidationError) as caught:
        definition(document)
    return {error["loc"]: error["msg"].removeprefix("Value error, ") for error in caught.value.errors()}


def refused(name: str, changes: Mapping[Path, Any]) -> dict[Path, str]:
    """What is refused in a shipped definition once some of it is changed."""
    return problems(changed(name, changes))


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_definition_loads_and_cites(name: str) -> None:
    """What we ship is accepted, and says where its facts come from."""
    loaded = definition(values(name))

    assert loaded.name == name
    assert loaded.sources


@pytest.mark.parametrize(
    "path",
    [
        ("colour",),
        ("api", "colour"),
        ("auth", "colour"),
        ("types", "repo", "colour"),
        ("types", "repo", "resource", "colour"),
        ("operations", "colour"),
        ("operations", "create", "body", "colour"),
        ("pagination", "colour"),
        ("identity", "colour"),
        ("events", "colour"),
        ("fields", "colour"),
        ("secret", "colour"),
        ("verify", "colour"),
        ("delivery", "event", "colour"),
        ("lifecycle", "colour"),
        ("limits", "colour"),
        ("errors", "rules", 0, "colour"),
    ],
)
def test_an_unknown_key_is_refused(path: Path) -> None:
    """Every block is closed: a typo is not silently without effect."""
    (message,) = refused("github", {path: "red"}).values()

    assert "Extra inputs are not permitted" in message


@pytest.mark.parametrize("path", [("hooks",), ("lifecycle", "activation"), ("operations", "rotate")])
def test_a_reserved_block_is_refused_as_such(path: Path) -> None:
    """What has its place and is not built is told apart from what does not exist."""
    assert refused("github", {path: {}})[path].endswith("is reserved: this version does not support it yet")


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        (("auth",), "scheme", "oauth2"),
        (("pagination",), "kind", "offset"),
        (("events", "encoder"), "encoder", "table"),
        (("secret", "origin"), "origin", "credential"),
        (("verify",), "scheme", "hook"),
        (("operations", "create", "body", "format"), "format", "multipart"),
    ],
)
def test_a_reserved_variant_is_refused_as_such(path: Path, key: str, value: str) -> None:
    """A variant that the format will have is named as reserved."""
    document = {path: value if path[-1] == key or key in {"encoder", "origin", "format"} else {key: value}}

    assert f"{key} {value!r} is reserved" in refused("github", document)[path]


@pytest.mark.parametrize("value", ["maybe", {}, {"scheme": "md5"}, 3, [], {"scheme": ["hmac"]}])
def test_an_unknown_scheme_is_refused(value: Any) -> None:
    """`verify` is `none` or one of the schemes."""
    assert refused("github", {("verify",): value})["verify",] == (
        "must be `none`, or hold a `scheme`: "
        "hmac, token, basic, standard_webhooks, ed25519, ecdsa, rsa, jwt, sns or remote"
    )


def test_a_list_of_steps_is_reserved() -> None:
    """Operations of several steps have their place, and are refused."""
    found = refused("github", {("operations", "delete"): [{"method": "DELETE", "path": "/"}]})

    assert "a list of steps is reserved" in found["operations", "delete"]


def test_a_definition_without_verify_is_refused() -> None:
    """How deliveries are proved is never left open."""
    assert refused("github", {("verify",): ...})["verify",] == "Field required"


def test_no_proof_must_be_written_out() -> None:
    """An empty `verify:` is not `none`: the message says what to write."""
    assert "write `verify: none`" in refused("compass", {("verify",): None})["verify",]


@pytest.mark.parametrize(
    ("name", "changes"),
    [("compass", {("secret", "origin"): "caller"}), ("generic", {("secret", "origin"): "none"})],
)
def test_a_secret_and_a_proof_belong_together(name: str, changes: Mapping[Path, Any]) -> None:
    """A secret that nothing is verified with, or a scheme without a secret, is a contradiction."""
    assert "belong together" in refused(name, changes)["verify",]


@pytest.mark.parametrize(
    ("path", "template", "unknown"),
    [
        (("types", "repo", "path"), "/repos/${owner}", "${owner}"),
        (("operations", "list", "path"), "${path}/${id}", "${id}"),
        (("operations", "list", "query"), {"after": "${cursor}"}, "${cursor}"),
        (("operations", "create", "path"), "${path}/${id}", "${id}"),
        (("operations", "create", "body", "fields", "name"), "for ${graph}", "${graph}"),
        (("operations", "create", "body", "fields", "config", "secret"), "${options.colour}", "${options.colour}"),
        (("operations", "update", "headers"), {"X-Token": "${token}"}, "${token}"),
        (("operations", "delete", "path"), "${path}/${url}", "${url}"),
        (("operations", "ping", "path"), "${path}/${options.insecure_ssl}", "${options.insecure_ssl}"),
    ],
)
def test_a_placeholder_that_nothing_fills_is_refused(path: Path, template: Any, unknown: str) -> None:
    """Every placeholder belongs to the vocabulary of its operation; the message lists it."""
    messages = set(refused("github", {path: template}).values())

    assert all(message.startswith(f"nothing fills {unknown} here; known are ${{") for message in messages)
    assert messages


@pytest.mark.parametrize("text", ["${", "${ id }", "${Id}", "$${x", "${a.b.c}", "${}"])
def test_a_malformed_placeholder_is_refused(text: str) -> None:
    """`${` always opens a placeholder."""
    assert "malformed placeholder" in refused("github", {("types", "repo", "path"): text})["types", "repo", "path"]


def test_a_list_does_not_stand_inside_text() -> None:
    """Events are a list: they stand alone, or the load fails."""
    found = refused("github", {("operations", "create", "body", "fields", "events"): "all: ${events}"})

    assert "stands alone" in found["operations", "create"]


@pytest.mark.parametrize(
    "path",
    [
        ("identity", "id"),
        ("identity", "url"),
        ("events", "path"),
        ("pagination", "rows"),
        ("lifecycle", "active"),
        ("errors", "message"),
        ("errors", "rules", 3, "body"),
        ("options", "insecure_ssl", "path"),
        ("delivery", "event", "detail"),
    ],
)
def test_an_expression_that_does_not_compile_is_refused(path: Path) -> None:
    """JMESPath is compiled at load, so that no pass fails on it later."""
    found = refused("github", {path: "a..b"})

    (message,) = found.values()
    assert "not a JMESPath expression" in message


@pytest.mark.parametrize(
    ("name", "changes", "place"),
    [
        ("telegram", {("events", "absent", "all_but"): ["massage"]}, ("events", "absent", "all_but", 0)),
        ("gitlab", {("delivery", "event", "names", "Push Hook"): "push"}, ("delivery", "event", "names", "Push Hook")),
        ("generic", {("delivery", "event", "name"): "other"}, ("delivery", "event", "name")),
    ],
)
def test_an_event_that_is_not_listed_is_refused(name: str, changes: Mapping[Path, Any], place: Path) -> None:
    """Rules refer to events of the catalogue only."""
    assert refused(name, changes)[place].endswith("is not in the catalogue")


@pytest.mark.parametrize("block", ["api", "auth", "identity", "pagination"])
def test_operations_need_their_blocks(block: str) -> None:
    """Operations without an API, credentials, identity or pages could not run."""
    assert f"operations need the block `{block}`" in refused("github", {(block,): ...}).values()


def test_a_list_needs_to_know_where_events_are() -> None:
    """The encoder `list` reads events at a path."""
    assert "needs the `path`" in refused("github", {("events", "path"): ...})["events",]


@pytest.mark.parametrize("changes", [{("identity", "slot"): {"before": ":"}}, {("identity", "id"): ...}])
def test_identity_is_an_id_or_a_slot(changes: Mapping[Path, Any]) -> None:
    """Objects have ids, or there is one place, or a constant stands for the id: one of them, and no more."""
    assert refused("github", changes)["identity",] == "give one of `id`, `slot` and `constant`"


def test_a_field_that_does_not_exist_cannot_be_updated() -> None:
    """`fields` names known fields and options."""
    found = refused("github", {("fields", "updatable"): ["url", "colour"]})

    assert found["fields", "updatable", 1].startswith("'colour' is neither an option nor one of")


def test_an_update_keeps_inseparable_fields_together() -> None:
    """Where a vendor resets the secret with the URL, an update that sends one of them is refused at load."""
    found = refused("gitlab", {("operations", "update", "body", "fields", "token"): ...})

    assert found["operations", "update", "body", "fields"] == "must send url and secret together (`fields.together`)"


@pytest.mark.parametrize(
    "changes", [{("secret", "path"): ...}, {("secret", "origin"): "caller"}], ids=["no path", "path of ours"]
)
def test_a_returned_secret_needs_a_path(changes: Mapping[Path, Any]) -> None:
    """`path` and the origins that are told in an answer belong to each other."""
    assert "belongs to the origins `response` and `fetch`" in refused("stripe", changes)["secret",]


CAPTURE = {"when": {"header": "X-Told"}, "proved": False, "capture": {"header": "X-Told"}, "reply": {}}
ASKED = {"origin": "fetch", "path": "key", "step": {"method": "GET", "path": "${path}/${id}/key"}}


def test_a_secret_of_a_handshake_needs_one_that_tells_it() -> None:
    """And what is captured is the secret; a handshake only tells one while something is created."""
    told: dict[Path, Any] = {("secret",): {"origin": "handshake"}, ("handshakes",): [CAPTURE]}
    assert definition(changed("github", told)).secret.origin is SecretOrigin.HANDSHAKE
    assert "nothing else tells the secret" in refused("github", {("secret",): {"origin": "handshake"}})["secret",]
    assert "write `origin: handshake`" in refused("github", {("handshakes",): [CAPTURE]})["handshakes", 0, "capture"]
    assert "is told after a `create`" in refused("slack", told)["types", "app"]


def test_a_secret_that_can_be_asked_for_needs_the_call() -> None:
    """With what a call has that is made once the object is there."""
    assert definition(changed("github", {("secret",): ASKED})).secret.step
    assert (
        "belongs to `origin: fetch`" in refused("github", {("secret",): {"origin": "fetch", "path": "key"}})["secret",]
    )
    step = {"method": "GET", "path": "${path}/${url}"}
    assert (
        "nothing fills ${url} here"
        in refused("github", {("secret",): ASKED | {"step": step}})["secret", "step", "path"]
    )
    traits = provider_traits(definition(changed("github", {("secret",): ASKED, ("fields", "updatable"): ["url"]})))
    assert "secret" in traits.types["repo"].updatable


def test_what_a_form_is_read_as_goes_with_its_media_type() -> None:
    """Neither is of use without the other; without any media type both are taken."""
    form = "application/x-www-form-urlencoded"
    where: Path = ("delivery", "content_types")
    assert "say in `form`" in refused("slack", {where: [form]})[where]
    assert "not among `content_types`" in refused("slack", {("delivery", "form"): "fields"})["delivery", "form"]
    assert definition(changed("slack", {where: [form], ("delivery", "form"): "fields"})).delivery.form == "fields"
    assert definition(changed("slack", {where: ..., ("delivery", "form"): {"json": "payload"}})).delivery.form


def test_ids_of_parts_need_parts() -> None:
    """A delivery that is one thing has an id of its own."""
    found = refused("slack", {("delivery", "part_id"): "id"})
    assert found["delivery", "part_id"] == "parts are those of a `batch`"


def test_objects_are_made_of_listed_names_with_a_part_for_each_key() -> None:
    """No object could be made of another name."""
    objects: dict[Path, Any] = {("events", "encoder"): "objects"}
    assert "belong to the encoder `objects`" in refused("slack", objects)["events",]
    assert "belong to the encoder `objects`" in refused("slack", {("events", "keys"): ["a"]})["events",]
    found = refused("slack", objects | {("events", "keys"): ["a", "b"], ("events", "open"): True})
    assert "must have a part for each of the `keys`" in found["events", "catalogue"]
    assert "names that are listed" in found["events", "open"]


@pytest.mark.parametrize(
    ("name", "changes", "reason"),
    [
        ("github", {("secret", "shown", "flag"): "secret_set"}, "give one of `flag` and `mask`"),
        ("github", {("secret", "shown", "mask"): ...}, "give one of `flag` and `mask`"),
        ("stripe", {("secret", "shown"): {"flag": "secret_set"}}, "takes `origin: caller`"),
    ],
)
def test_what_tells_of_a_secret_is_one_place_and_can_be_acted_on(
    name: str, changes: Mapping[Path, Any], reason: str
) -> None:
    """One of flag and mask, and only where we can set the secret again."""
    assert reason in refused(name, changes)["secret", "shown"]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("${timestamp}", "must hold ${body}"),
        ("${body}", "must hold ${timestamp}"),
        ("${id}.${timestamp}.${body}", "nothing fills ${id} here"),
    ],
)
def test_a_signature_must_cover_what_it_proves(message: str, reason: str) -> None:
    """A scheme that signs neither body nor timestamp would prove nothing."""
    with pytest.raises(ValidationError, match=reason.replace("$", r"\$").replace("{", r"\{")):
        definition(changed("stripe", {("verify", "message"): message}))


def test_an_error_rule_needs_a_condition() -> None:
    """A rule without one would swallow every error."""
    found = refused("github", {("errors", "rules", 0): {"kind": "auth"}})

    assert "needs at least one of status, body, header" in found["errors", "rules", 0]


@pytest.mark.parametrize(
    "url", ["http://api.github.com", "https://api.github.com/", "https://me@api.github.com", "api"]
)
def test_an_api_is_an_https_root(url: str) -> None:
    """The shipped root is HTTPS, without user, query or final slash."""
    assert ("api", "url") in refused("github", {("api", "url"): url})


def test_every_problem_comes_at_once() -> None:
    """All refusals of a document are told together."""
    found = refused("github", {("verify",): ..., ("hooks",): {}, ("api", "url"): "x", ("colour",): 1})

    assert set(found) == {("verify",), ("hooks",), ("api", "url"), ("colour",)}


@pytest.mark.parametrize("document", [None, [], "text", 3, {}])
def test_what_is_no_definition_is_refused(document: Any) -> None:
    """Any YAML value is either a definition or a problem."""
    assert problems(document)
