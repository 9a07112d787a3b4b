"""The project file: every key, overlays, the environment, and all problems at once."""

from __future__ import annotations

import pytest

from reconciler.core.errors import ConfigError, Location
from reconciler.core.guard import Limits
from reconciler.settings.secrets import SecretReference
from tests.manifests.support import Folder

FULL = """\
version: 1
scope: acme-platform
base_url: https://hooks.acme.dev/
state: sqlite:///.reconciler/state.db
manifests: [webhooks]
providers: [providers.d]
credentials:
  acme: {provider: forge, token: env/FORGE_TOKEN}
  ghe:
    {provider: forge, token: file//run/secrets/ghe, app_id: env/A, api_url: https://ghe.acme.dev/v3/, users: [alice]}
defaults: {user: platform, credentials: {forge: acme}}
guards: {max_prune_percent: 20, max_change_percent: 40, min_existing: 5}
allow_unverified: [naked]
"""


def test_every_key_of_the_project_file_is_read(folder: Folder) -> None:
    """The whole project file becomes one frozen value, with absolute paths."""
    folder.write("reconciler.yaml", FULL)
    (folder.root / "providers.d").mkdir()
    project = folder.load()
    assert (project.scope, project.base_url) == ("acme-platform", "https://hooks.acme.dev")
    assert project.state == f"sqlite:///{folder.root}/.reconciler/state.db"
    assert project.key_file == folder.root / ".reconciler/key"
    assert (project.root, project.manifests) == (folder.root, ("webhooks",))
    assert project.providers == (folder.root / "providers.d",)
    ghe = project.credentials["ghe"]
    assert ghe.fields == {
        "token": SecretReference("file", "/run/secrets/ghe"),
        "app_id": SecretReference("env", "A"),
    }
    assert (ghe.api_url, ghe.users) == ("https://ghe.acme.dev/v3", frozenset({"alice"}))
    assert ghe.location == Location("reconciler.yaml", 10, 5)
    assert project.credentials["acme"].users is None
    assert (project.default_user, project.default_credentials) == ("platform", {"forge": "acme"})
    assert project.limits == Limits(max_prune_percent=20, max_change_percent=40, min_existing=5)
    assert project.allow_unverified == {"naked"}


def test_what_is_left_out_has_its_default(folder: Folder) -> None:
    """Only version, scope and manifests are needed; a missing base URL is no problem yet."""
    folder.write("reconciler.yaml", "version: 1\nscope: s\nmanifests: []\n")
    project = folder.load()
    assert project.base_url is None
    assert project.state == f"sqlite:///{folder.root}/.reconciler/state.db"
    assert project.limits == Limits(max_prune_percent=30, max_change_percent=50, min_existing=10)
    assert (project.default_user, project.credentials, project.allow_unverified) == ("", {}, frozenset())


def test_the_environment_goes_before_the_file(folder: Folder) -> None:
    """RECONCILER_BASE_URL and RECONCILER_STATE replace what the file says."""
    folder.environment = {"RECONCILER_BASE_URL": "https://other.dev", "RECONCILER_STATE": "postgresql+psycopg://h/d"}
    project = folder.load()
    assert (project.base_url, project.state) == ("https://other.dev", "postgresql+psycopg://h/d")
    assert project.key_file == folder.root / ".reconciler/key"


def test_an_absolute_state_path_stays(folder: Folder) -> None:
    """The key file lies beside an SQLite store."""
    folder.environment = {"RECONCILER_STATE": "sqlite:////var/lib/r/state.db"}
    project = folder.load()
    assert project.state == "sqlite:////var/lib/r/state.db"
    assert project.key_file.as_posix() == "/var/lib/r/key"


def test_later_files_overlay_earlier_ones(folder: Folder) -> None:
    """Mappings merge deep, lists and scalars are replaced, paths stay relative to the first file."""
    folder.write(
        "env/prod.yaml",
        """\
        base_url: https://prod.acme.dev
        state: sqlite:///prod.db
        credentials: {main: {token: env/PROD_TOKEN}}
        defaults: {credentials: {chat: bot}}
        manifests: [prod]
        """,
    )
    (folder.root / "prod").mkdir()
    project = folder.load("reconciler.yaml", "env/prod.yaml")
    assert project.base_url == "https://prod.acme.dev"
    assert project.state == f"sqlite:///{folder.root}/prod.db"
    assert project.manifests == ("prod",)
    assert project.credentials["main"].fields == {"token": SecretReference("env", "PROD_TOKEN")}
    assert set(project.credentials) == {"main", "alices", "bot"}
    assert (project.default_user, project.default_credentials["forge"]) == ("platform", "main")


def test_a_problem_in_an_overlay_is_told_where_it_stands(folder: Folder) -> None:
    """Each value is located in the last file that says it."""
    folder.write("prod.yaml", "guards: {max_prune_percent: 200}\nbase_url: 5\n")
    assert folder.refusal("reconciler.yaml", "prod.yaml") == [
        "prod.yaml:1:29: guards.max_prune_percent: must be at most 100",
        "prod.yaml:2:11: base_url: expected text, found a number (put it in quotes if it is text)",
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("versio: 1", "10:1: versio: unknown key 'versio' (did you mean 'version'?)"),
        ("schedule: {}", "10:1: schedule: the key 'schedule' is reserved for a later version"),
        ("moved: []", "unknown key 'moved'"),
        ("manage: x", "reserved for a later version"),
        ("git: x", "reserved for a later version"),
        ("notify: x", "reserved for a later version"),
        ("state: mysql://canary@h/d", "10:8: state: expected sqlite:///PATH or postgresql+psycopg://"),
        ("state: 'sqlite:///'", "expected sqlite:///PATH"),
        ("state: 'sqlite:////'", "10:8: state: expected sqlite:///PATH with the path of a file, without parameters"),
        ("state: 'sqlite:///:memory:'", "with the path of a file, without parameters"),
        ("state: 'sqlite:///a.db?mode=ro'", "with the path of a file, without parameters"),
        ("state: 'postgresql+psycopg://u:canary@h/d'", "10:8: state: no password in a file: give it in PGPASSWORD"),
        ("state: 'postgresql://h/d?user=u&password=canary'", "10:8: state: no password in a file"),
        ("guards: {min_existing: -1}", "guards.min_existing: must be at least 0"),
        ("guards: {max_prune: 1}", "unknown key 'max_prune' (did you mean 'max_prune_percent'?)"),
        ("providers: [nowhere]", "10:13: providers[0]: there is no folder 'nowhere' beside the project file"),
        ("providers: [../x]", "provider definitions are read from the project's folder only"),
        ("allow_unverified: naked", "expected a list, found text"),
    ],
)
def test_a_wrong_key_of_the_project_file_is_told(folder: Folder, line: str, expected: str) -> None:
    """Unknown, reserved and wrong keys are problems with place and way out."""
    path = folder.root / "reconciler.yaml"
    path.write_text(path.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")
    (told,) = folder.refusal()
    assert told.startswith("reconciler.yaml:10:")
    assert expected in told
    assert "canary" not in told


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("{provider: forge, token: ghp_canary}", "credentials.x.token: expected a reference such as env/NAME"),
        ("{provider: forge, token: [ghp_canary]}", "expected text, found a list"),
        ("{provider: forge, token:ghp_canary}", "credentials.x['token:...']: expected text, found nothing"),
        ("{provider: forge, app_key: abc/canary+def}", "never the secret itself"),
        ("{provider: forge, token: exec/cat canary}", "'exec/' are reserved: this version does not support them"),
        ("{provider: forge, token: vault/kv/canary}", "'vault/' are reserved: this version does not support them"),
        ("{provider: forge, token: file//etc/passwd}", "can allow its folder in RECONCILER_SECRET_DIRS"),
        ("{provider: forge, token: file/../x}", "can allow its folder in RECONCILER_SECRET_DIRS"),
        ("{provider: forge, api_ur: https://canary.dev}", "(did you mean the key 'api_url'?)"),
        ("{provider: forge, api_url: 'https://u:canary@h'}", "user name or password"),
        ("{provder: forge}", "the key 'provider' is missing"),
        ("{provider: forge, users: alice}", "credentials.x.users: expected a list"),
    ],
)
def test_wrong_credentials_are_told_without_their_values(folder: Folder, entry: str, expected: str) -> None:
    """A literal in the place of a reference is refused and never repeated, neither in text nor in repr."""
    folder.write("reconciler.yaml", f"version: 1\nscope: s\nmanifests: []\ncredentials:\n  x: {entry}\n")
    with pytest.raises(ConfigError) as caught:
        folder.load()
    assert expected in str(caught.value)
    assert "canary" not in f"{caught.value} {caught.value.problems!r} {caught.value!r}"


def test_a_wrong_base_url_in_the_file_is_a_problem_even_when_replaced(folder: Folder) -> None:
    """Any problem in any project file refuses the pass."""
    folder.write("prod.yaml", "base_url: hooks.acme.dev\n")
    folder.environment = {"RECONCILER_BASE_URL": "https://ok.dev"}
    assert folder.refusal("reconciler.yaml", "prod.yaml") == [
        "prod.yaml:1:11: base_url: expected a URL that begins with https:// or http://"
    ]


def test_a_wrong_state_in_the_environment_names_the_variable(folder: Folder) -> None:
    """The URL may hold a password and is not repeated."""
    folder.environment = {"RECONCILER_STATE": "mysql://u:canary@h/d"}
    (told,) = folder.refusal()
    assert told.startswith("RECONCILER_STATE: expected sqlite:///PATH")
    assert "canary" not in told


def test_project_files_that_cannot_be_read_are_all_told(folder: Folder) -> None:
    """Missing files, broken files and files of several documents come in one run."""
    folder.write("two.yaml", "scope: a\n---\nscope: b\n")
    folder.write("broken.yaml", "a: [\n")
    told = folder.refusal("reconciler.yaml", "gone.yaml", "two.yaml", "broken.yaml")
    assert [line.split(":")[0] for line in told] == ["broken.yaml", "gone.yaml", "two.yaml"]
    assert "two.yaml:3:1: a project file holds one document only" in told


def test_a_missing_project_file_tells_where_it_was_looked_for(folder: Folder) -> None:
    """The folder is shown, whether it is there or not, and the commands to go on with."""
    root = folder.root.resolve()
    (told,) = folder.refusal("gone.yaml")
    assert told.startswith(f"gone.yaml:1:1: there is no project file 'gone.yaml' in the folder {root} (")
    assert "`reconcile -C FOLDER validate`" in told
    assert "`reconcile init` starts a project" in told
    (told,) = folder.refusal("gone/reconciler.yaml")
    assert f"there is no folder {root}/gone, where the project file was looked for" in told


def test_a_project_does_not_show_secrets(folder: Folder) -> None:
    """Neither the state URL nor the environment is in the text form."""
    folder.environment = {"RECONCILER_STATE": "postgresql://u:canary@h/d", "X": "canary", "RECONCILER_KEY": "canary"}
    assert "canary" not in repr(folder.load())
