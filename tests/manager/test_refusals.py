"""What is wrong with a call is said before anybody is called and anything is written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from reconciler.core.errors import ConfigError, MissingConfigError, ReconcilerError, ScopeBoundError
from tests.manager.support import SCOPE, Platform, other


async def ask(
    platform: Platform,
    credentials: Any = ...,
    webhook_type: str = "repo",
    resource: str = "acme/api",
    events: Iterable[str] = ("push",),
    user: str = "alice",
) -> None:
    """A call that is refused for one argument."""
    credentials = platform.credentials if credentials is ... else credentials
    await platform.manager().get_suitable_auto_webhook(user, credentials, webhook_type, resource, events)


async def test_a_missing_base_url_is_refused() -> None:
    """Without a base URL no webhook can be made, and no URL told."""
    platform = Platform()
    manager = platform.manager(base_url="")
    with pytest.raises(MissingConfigError, match="RECONCILER_BASE_URL"):
        await manager.get_suitable_auto_webhook("alice", platform.credentials, "repo", "acme/api", ["push"])
    with pytest.raises(MissingConfigError):
        manager.webhook_ingress_url("acme", "some-id")
    assert platform.untouched()


@pytest.mark.parametrize("credentials", [None, "ghp_text", {"token": "ghp_text"}])
async def test_registering_needs_credentials(credentials: object) -> None:
    """What is no `Credentials` is refused, and not shown."""
    platform = Platform()
    with pytest.raises(TypeError, match="credentials") as refusal:
        await ask(platform, credentials=credentials)
    assert "ghp_text" not in str(refusal.value)
    assert platform.untouched()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"webhook_type": "rpo"}, "did you mean 'repo'"),
        ({"events": ["pull_requst"]}, "did you mean 'pull_request'"),
        ({"events": ["push", "xyz"]}, "known: issues, pull_request, push, release"),
        ({"events": []}, "at least one event"),
        ({"resource": ""}, "needs a resource"),
        ({"user": ""}, "user_id"),
        ({"credentials": other("main", "elsewhere")}, "are for elsewhere, not for acme"),
        ({"credentials": other("")}, "need a name"),
        ({"credentials": other("main", api_url="https://evil.example")}, "RECONCILER_ALLOWED_HOSTS"),
        ({"credentials": other("main", api_url="http://api.acme.example")}, "https only"),
    ],
)
async def test_wrong_arguments_are_refused_with_the_way_out(arguments: dict[str, Any], message: str) -> None:
    """Each refusal names what is wrong and, for a typo, the nearest valid name."""
    platform = Platform()
    with pytest.raises(ConfigError, match=message):
        await ask(platform, **arguments)
    assert platform.untouched()


async def test_one_text_is_no_collection_of_events() -> None:
    """`"push"` instead of `["push"]` is a mistake, not four events."""
    platform = Platform()
    with pytest.raises(TypeError, match="collection"):
        await ask(platform, events="push")
    with pytest.raises(TypeError, match="collection"):
        await platform.manager().attach("some-id", "alice", graph_id="triage", events="push")
    assert platform.untouched()


async def test_a_manual_only_provider_has_no_auto_webhooks() -> None:
    """The message names the operation to use instead."""
    platform = Platform("paper")
    with pytest.raises(ConfigError, match="get_manual_webhook"):
        await ask(platform)
    assert platform.untouched()


async def test_the_operator_may_allow_an_api_host() -> None:
    """A host in the settings may be sent credentials."""
    platform = Platform()
    manager = platform.manager(allowed_hosts=frozenset({"ghe.acme.dev"}))
    credentials = other("main", api_url="https://ghe.acme.dev/api/v3")
    assert await manager.get_suitable_auto_webhook("alice", credentials, "repo", "acme/api", ["push"])


async def test_a_projects_scope_is_left_alone() -> None:
    """A scope that a project's manifests own is neither read nor written."""
    platform = Platform()
    platform.store.bind(SCOPE, "https://git.example/acme#reconciler.yaml")
    with pytest.raises(ScopeBoundError, match="choose another"):
        await ask(platform)
    assert platform.provider.calls == []


async def test_no_public_value_shows_a_secret() -> None:
    """Neither credentials, nor settings, nor webhooks, nor managers, nor refusals."""
    platform = Platform()
    webhook = await platform.suitable()
    manager = platform.manager()
    with pytest.raises(ReconcilerError) as refusal:
        await manager.get(platform.secret(webhook).reveal()[:8])
    shown = repr((platform.credentials, webhook, manager, manager.provider, platform.settings, refusal.value))
    assert platform.secret(webhook).reveal() not in shown
    assert "token-of-main" not in shown
