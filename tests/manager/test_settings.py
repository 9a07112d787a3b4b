"""Where a manager finds its settings, and what importing the library costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import reconciler
from reconciler.core.errors import ConfigError
from reconciler.core.model import Secret
from reconciler.manager.manager import WebhookManager
from reconciler.manager.settings import DEFAULT_STATE, ManagerSettings
from tests.manager.support import Platform

KEY = "6b" * 32


def test_the_environment_of_the_command_is_read() -> None:
    """The same variables mean the same to the library."""
    settings = ManagerSettings.from_environment(
        {
            "RECONCILER_BASE_URL": "https://hooks.acme.dev/",
            "RECONCILER_STATE": "sqlite:////var/lib/acme/state.db",
            "RECONCILER_KEY": KEY,
            "RECONCILER_ALLOWED_HOSTS": "ghe.acme.dev",
        }
    )
    assert settings.base_url == "https://hooks.acme.dev"
    assert settings.state == "sqlite:////var/lib/acme/state.db"
    assert settings.key == Secret(KEY)
    assert settings.allowed_hosts == {"ghe.acme.dev"}


def test_a_silent_environment_leaves_the_defaults() -> None:
    """No base URL, a store in the working directory, the scope `library`, nothing unverified."""
    settings = ManagerSettings.from_environment({"PLATFORM_BASE_URL": "https://platform.acme.dev"})
    assert settings == ManagerSettings(base_url="https://platform.acme.dev")
    assert (settings.state, settings.scope) == (DEFAULT_STATE, "library")
    assert settings.key is None
    assert not settings.allow_unverified


def test_a_manager_reads_the_environment_when_nothing_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """`WebhookManager("github")` is enough where the variables are set."""
    monkeypatch.setenv("RECONCILER_BASE_URL", "https://hooks.acme.dev")
    url = WebhookManager("github").webhook_ingress_url("github", "some-id")
    assert url == "https://hooks.acme.dev/webhooks/github/some-id"


@pytest.mark.parametrize("base_url", ["hooks.acme.dev", "ftp://hooks.acme.dev", "https://hooks.acme.dev?x=1"])
def test_what_is_no_base_url_is_refused(base_url: str) -> None:
    """A base URL that no provider could call is told at once, given or from the environment."""
    with pytest.raises(ConfigError, match="URL"):
        WebhookManager("github", ManagerSettings(base_url=base_url))
    with pytest.raises(ConfigError, match="RECONCILER_BASE_URL"):
        ManagerSettings.from_environment({"RECONCILER_BASE_URL": base_url})


def test_settings_show_neither_key_nor_state() -> None:
    """The key is a secret, and a state URL may hold a password."""
    settings = ManagerSettings(key=Secret(KEY), state="postgresql+psycopg://platform:hunter2@db/state")
    assert KEY not in repr(settings)
    assert "hunter2" not in repr(settings)


def test_own_definitions_are_found_and_their_faults_told(tmp_path: Path) -> None:
    """A folder of further definitions serves managers too; a file that is wrong is refused by place."""
    (tmp_path / "acme.yaml").write_text("version: 1\nname: acme\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"acme\.yaml"):
        WebhookManager("acme", ManagerSettings(providers=(tmp_path,)))
    with pytest.raises(ConfigError, match="does not exist"):
        WebhookManager("github", ManagerSettings(providers=(tmp_path / "nowhere",)))


async def test_closing_a_manager_closes_its_outside() -> None:
    """`async with` lets go of connections and store."""
    platform = Platform()
    async with platform.manager() as manager:
        assert await manager.get_suitable_auto_webhook("alice", platform.credentials, "repo", "acme/api", ["push"])
        assert not platform.closed
    assert platform.closed


def test_everything_public_can_be_imported_from_the_package() -> None:
    """Each name of `__all__` exists, and a name that is not there is an `AttributeError`."""
    assert set(reconciler.__all__) <= set(dir(reconciler))
    assert reconciler.WebhookManager is WebhookManager
    assert all(getattr(reconciler, name).__name__ == name for name in reconciler.__all__)
    with pytest.raises(AttributeError, match="no attribute 'WebhookManger'"):
        _ = reconciler.WebhookManger


def test_importing_the_package_loads_nothing() -> None:
    """What the facade names is loaded when it is first asked for."""
    code = "import sys, reconciler; print(*sorted(name for name in sys.modules if name.startswith('reconciler')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - our own code
    assert done.stdout.split() == ["reconciler"]
