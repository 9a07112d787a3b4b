"""Every way in which vendors say no becomes one of our errors, with their words and without our secrets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.errors import ErrorKind, ProviderError, RetryableError, TerminalError
from reconciler.providers.transport import OversizedReplyError, Reply, TransportError
from tests.providers.support import SECRET, TOKENS, provider, registration, reply, target

KINDS = {"github": "repo", "gitlab": "project", "stripe": "account", "telegram": "bot"}
TYPES = KINDS | {"calendly": "group", "linear": "team", "airtable": "base"}
DATE = "Tue, 24 Nov 2026 12:00:00 GMT"


def stripe(message: str, **fields: str) -> dict[str, Any]:
    """An error body of Stripe."""
    return {"error": {"message": message, "type": "invalid_request_error"} | fields}


def telegram(code: int, description: str, **parameters: int) -> dict[str, Any]:
    """An error body of Telegram."""
    return {"ok": False, "error_code": code, "description": description, "parameters": parameters}


def github(*errors: dict[str, str]) -> dict[str, Any]:
    """A validation error of GitHub."""
    return {"message": "Validation Failed", "errors": list(errors), "documentation_url": "https://docs.github.com/rest"}


async def create_fails(name: str, answer: Reply | Exception) -> ProviderError:
    """The error that a create ends in."""
    engine, _ = provider(name, answer)  # type: ignore[arg-type]  # one helper for replies and both errors
    with pytest.raises(ProviderError) as caught:
        await engine.create(target(name, TYPES[name]), registration("push"))
    return caught.value


TERMINAL = [
    ("github", 401, {"message": "Bad credentials"}, ErrorKind.AUTH, "Bad credentials (401)"),
    ("github", 403, {"message": "Resource not accessible by personal access token"}, ErrorKind.FORBIDDEN, "accessible"),
    ("github", 404, {"message": "Not Found"}, ErrorKind.NOT_FOUND, "Not Found (404)"),
    (
        "github",
        422,
        github({"code": "missing"}, {"message": "Hook already exists on this repository", "code": "custom"}),
        ErrorKind.EXISTS,
        "Validation Failed (422)",
    ),
    (
        "github",
        422,
        github({"message": "Hook already exists on this organization", "code": "custom"}),
        ErrorKind.EXISTS,
        "Validation Failed: Hook already exists on this organization (422)",
    ),
    (
        "github",
        422,
        github({"message": 'The "push" event cannot have more than 20 hooks', "code": "custom"}),
        ErrorKind.LIMIT,
        "more than 20 hooks",
    ),
    ("github", 422, github({"field": "url", "code": "invalid"}), ErrorKind.INVALID, "Validation Failed (422)"),
    ("github", 422, {"message": "no", "errors": ["text"]}, ErrorKind.INVALID, "no (422)"),
    ("gitlab", 401, {"message": "401 Unauthorized"}, ErrorKind.AUTH, "401 Unauthorized"),
    ("gitlab", 403, {"message": "403 Forbidden"}, ErrorKind.FORBIDDEN, "403 Forbidden"),
    ("gitlab", 404, {"message": "404 Project Not Found"}, ErrorKind.NOT_FOUND, "404 Project Not Found"),
    ("gitlab", 400, {"error": "url is missing"}, ErrorKind.INVALID, "url is missing"),
    ("gitlab", 422, {"message": {"url": ["is blocked"]}}, ErrorKind.INVALID, '{"url": ["is blocked"]}'),
    (
        "gitlab",
        422,
        {"message": {"base": ["Maximum number of project hooks (100) exceeded"]}},
        ErrorKind.LIMIT,
        "Maximum number",
    ),
    ("stripe", 400, stripe("Invalid URL: must be publicly accessible"), ErrorKind.INVALID, "Invalid URL"),
    (
        "stripe",
        400,
        stripe("You have reached the maximum of 16 test webhook endpoints."),
        ErrorKind.LIMIT,
        "maximum of 16",
    ),
    ("stripe", 401, stripe("Invalid API Key provided: sk_test_********oken"), ErrorKind.AUTH, "Invalid API Key"),
    ("stripe", 403, stripe("The provided key does not have the required permissions"), ErrorKind.FORBIDDEN, "key"),
    (
        "stripe",
        404,
        stripe("No such webhook endpoint: 'we_1'", code="resource_missing"),
        ErrorKind.NOT_FOUND,
        "No such",
    ),
    ("telegram", 401, telegram(401, "Unauthorized"), ErrorKind.AUTH, "Unauthorized (401)"),
    ("telegram", 404, telegram(404, "Not Found"), ErrorKind.AUTH, "Not Found (404)"),
    ("telegram", 421, telegram(421, "Misdirected Request: unallowed token specified"), ErrorKind.AUTH, "unallowed"),
    (
        "telegram",
        400,
        telegram(400, "Bad Request: bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443"),
        ErrorKind.INVALID,
        "only on ports",
    ),
    ("telegram", 200, telegram(401, "Unauthorized"), ErrorKind.AUTH, "Unauthorized (401)"),
    ("telegram", 200, {"ok": False}, ErrorKind.INVALID, "OK (200)"),
    ("telegram", 200, {"ok": False, "error_code": "401", "description": 7}, ErrorKind.INVALID, "7 (200)"),
    ("github", 405, {}, ErrorKind.UNSUPPORTED, "Method Not Allowed (405)"),
    ("github", 410, {}, ErrorKind.NOT_FOUND, "Gone (410)"),
    ("github", 402, {}, ErrorKind.LIMIT, "Payment Required (402)"),
    ("github", 499, [], ErrorKind.INVALID, "an error (499)"),
    ("github", 202, {"id": 1}, ErrorKind.BAD_ANSWER, "unexpected status 202"),
]


@pytest.mark.parametrize(("name", "status", "body", "kind", "words"), TERMINAL)
async def test_a_refusal_has_its_kind(name: str, status: int, body: Any, kind: ErrorKind, words: str) -> None:
    """What the vendors document for each refusal becomes one kind, told in their words."""
    error = await create_fails(name, reply(body, status))

    assert isinstance(error, TerminalError)
    assert error.kind is kind
    assert words in str(error)
    assert str(error).startswith(f"cannot create a webhook for {name}/{KINDS[name]}/")


RETRYABLE = [
    ("github", reply({"message": "slow down"}, 429, retry_after="7"), 7.0, False),
    ("github", reply({"message": "secondary rate limit"}, 403, retry_after="60"), 60.0, False),
    ("github", reply({"message": "You have exceeded a secondary rate limit"}, 403), 60.0, False),
    (
        "github",
        reply({}, 403, x_ratelimit_remaining="0", x_ratelimit_reset="1795521700", date=DATE),
        100.0,
        False,
    ),
    ("github", reply({}, 429, x_ratelimit_reset="1795521500", date=DATE), 0.0, False),
    ("github", reply({}, 429, x_ratelimit_reset="soon", date=DATE), None, False),
    ("github", reply({}, 429, x_ratelimit_reset="1790003600"), 3600.0, False),
    ("github", reply({}, 429, x_ratelimit_remaining="7", x_ratelimit_reset="1790003600"), None, False),
    ("github", reply({}, 502, x_ratelimit_remaining="0", x_ratelimit_reset="1790003600"), None, True),
    ("calendly", reply({}, 429, x_ratelimit_remaining="0", x_ratelimit_reset="60"), 60.0, False),
    (
        "linear",
        reply(
            {"errors": [{"message": "slow", "extensions": {"code": "RATELIMITED"}}]},
            400,
            x_ratelimit_requests_remaining="0",
            x_ratelimit_requests_reset="1790000030500",
        ),
        30.5,
        False,
    ),
    ("github", reply({}, 503, retry_after="Tue, 24 Nov 2026 12:00:30 GMT", date=DATE), 30.0, True),
    ("github", reply({}, 503, retry_after="-5"), None, True),
    ("github", reply({}, 503, retry_after="\u0663"), None, True),
    ("github", reply(b"<html>Bad gateway</html>", 502), None, True),
    ("gitlab", reply({"message": {"error": "This endpoint has been requested too many times."}}, 429), None, False),
    ("stripe", reply(stripe("Too many requests"), 429), None, False),
    ("stripe", reply(stripe("conflicts with another request"), 409), None, False),
    ("stripe", reply(stripe("An error occurred"), 500), None, True),
    ("telegram", reply(telegram(429, "Too Many Requests: retry after 5", retry_after=5), 429), 5.0, False),
    ("telegram", reply(telegram(429, "Too Many Requests: retry after 5", retry_after=5), 200), 5.0, False),
    ("telegram", reply(telegram(500, "Internal Server Error"), 500), None, True),
    ("github", reply(b"\xff", 408), None, False),
]


@pytest.mark.parametrize(("name", "answer", "after", "uncertain"), RETRYABLE)
async def test_what_may_work_later_says_when(name: str, answer: Reply, after: float | None, uncertain: bool) -> None:
    """Rate limits and outages are retryable, after what the provider asks for; an outage leaves a doubt."""
    error = await create_fails(name, answer)

    assert isinstance(error, RetryableError)
    assert error.after == after
    assert error.uncertain is uncertain


THROTTLED = [
    ("github", reply({"message": "slow down"}, 429), True),
    ("github", reply({"message": "slow down"}, 403, retry_after="7"), True),
    ("github", reply({"message": "API rate limit exceeded"}, 403, x_ratelimit_remaining="0"), True),
    ("github", reply({"message": "You have exceeded a secondary rate limit"}, 403), True),
    ("github", reply({"message": "unavailable"}, 503, retry_after="7"), False),
    ("gitlab", reply(b"Retry later", 429, retry_after="30"), True),
    ("gitlab", reply({"message": {"error": "This endpoint has been requested too many times."}}, 429), False),
    ("stripe", reply(stripe("Too many requests", code="rate_limit"), 429), True),
    ("stripe", reply(stripe("This object cannot be accessed right now", code="lock_timeout"), 429), False),
    ("telegram", reply(telegram(429, "Too Many Requests: retry after 5", retry_after=5), 200), True),
    ("linear", reply({"errors": [{"message": "slow", "extensions": {"type": "ratelimited"}}]}, 400), True),
    ("airtable", reply({"error": "Rate limit exceeded"}, 429), True),
]


@pytest.mark.parametrize(("name", "answer", "throttled"), THROTTLED)
async def test_a_rate_limit_is_told_from_other_failures_that_pass(name: str, answer: Reply, throttled: bool) -> None:
    """What refuses for the rate of all calls is throttled; a busy object, a busy endpoint and an outage are not."""
    error = await create_fails(name, answer)

    assert isinstance(error, RetryableError)
    assert error.throttled is throttled


@pytest.mark.parametrize("sent", [True, False])
async def test_a_lost_answer_leaves_a_doubt_only_where_something_was_sent(sent: bool) -> None:
    """A create whose answer was lost may have worked; one that never left has not."""
    error = await create_fails("github", TransportError("the connection was lost", sent=sent))

    assert isinstance(error, RetryableError)
    assert error.uncertain is sent
    assert "the connection was lost" in str(error)


async def test_reading_leaves_no_doubt() -> None:
    """A list that failed changed nothing, however it failed."""
    for answer in (TransportError("it did not answer in time", sent=True), reply({}, 500)):
        engine, _ = provider("github", answer)
        with pytest.raises(RetryableError) as caught:
            await engine.list(target("github", "repo"))
        assert not caught.value.uncertain


async def test_an_oversized_answer_is_a_bad_answer() -> None:
    """An answer beyond all measure is not waited for again."""
    error = await create_fails("github", OversizedReplyError())

    assert isinstance(error, TerminalError)
    assert error.kind is ErrorKind.BAD_ANSWER


@pytest.mark.parametrize("name", KINDS)
async def test_no_secret_is_in_a_message(name: str) -> None:
    """A vendor that echoes token or secret, plain or encoded, does not bring them into our messages."""
    token = TOKENS[name]
    encoded = token.replace(":", "%3A")
    echo = f"no {token} nor {encoded} nor {SECRET.reveal()}"
    body = {"message": echo, "description": echo, "error": {"message": echo}}
    for answer in (reply(body, 400), reply(body, 500), TransportError(echo, sent=True)):
        error = await create_fails(name, answer)
        assert token not in repr(error)
        assert encoded not in repr(error)
        assert SECRET.reveal() not in repr(error)
        assert "********" in str(error)


async def test_a_vendors_text_is_tamed() -> None:
    """Control characters and length of a vendor's text do no harm to terminals and logs."""
    error = await create_fails("github", reply({"message": "a\x1b[31m\r\nb" + "x" * 1000}, 400))

    assert "a [31m b" in str(error)
    assert len(str(error)) < 500
    assert str(error).isprintable()


async def test_a_redirect_is_told_and_not_followed() -> None:
    """Wherever a provider points, nothing is sent there; the message names the place without its query."""
    location = f"https://user:{TOKENS['telegram']}@evil.example/bot{TOKENS['telegram']}/setWebhook?x=1"
    error = await create_fails("telegram", reply({}, 307, location=location))

    assert isinstance(error, TerminalError)
    assert "redirects to evil.example/bot********/setWebhook;" in str(error)


@pytest.mark.parametrize("location", ["", "https://[bad"])
async def test_a_redirect_to_nowhere_is_told(location: str) -> None:
    """A redirect without a usable target is an error like the others."""
    error = await create_fails("github", reply({}, 301, location=location))

    assert "redirects to an address that it does not tell" in str(error)


async def test_deleting_what_is_gone_is_not_found() -> None:
    """A 404 of a delete is told as such: what it means is for the engine to decide."""
    engine, _ = provider("github", reply({"message": "Not Found"}, 404))

    with pytest.raises(TerminalError) as caught:
        await engine.delete(target("github", "repo"), "7")

    assert caught.value.kind is ErrorKind.NOT_FOUND


def test_a_reply_shows_no_body() -> None:
    """Values that travel inside the engine can be logged by accident without harm."""
    assert SECRET.reveal() not in repr(replace(reply({"secret": SECRET.reveal()}), status=200))
