"""`targets:` of the project file: what is accepted, what is refused, and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.core.errors import ConfigError
from reconciler.manifests.project import Project, load_project, read_project
from reconciler.settings.environment import read_settings
from reconciler.settings.targets import TO_THE_LOG, HttpDeclaration, LogDeclaration, PythonDeclaration

HEAD = "version: 1\nscope: acme\nmanifests: []\ntargets:\n"


def load(folder: Path, targets: str, **environment: str) -> Project:
    """A project with these targets."""
    (folder / "reconciler.yaml").write_text(HEAD + targets)
    return load_project([folder / "reconciler.yaml"], read_settings(environment))


def problems(folder: Path, targets: str, **environment: str) -> list[str]:
    """What is wrong with them."""
    with pytest.raises(ConfigError) as raised:
        load(folder, targets, **environment)
    return [str(problem) for problem in raised.value.problems]


def test_targets_are_read_in_their_order(tmp_path: Path) -> None:
    """Each kind, with what is said and what holds otherwise."""
    first, second, third = load(
        tmp_path,
        "  - match: 'graph:*'\n"
        "    http: {url: 'https://flows.acme.dev/in', secret: env/SIGNING}\n"
        "    ordered: true\n"
        "    retry: {attempts: 3}\n"
        "  - {match: 'preset:a?', python: flows, concurrency: 4}\n"
        "  - log: {}\n",
    ).targets
    assert isinstance(first.to, HttpDeclaration)
    assert (first.to.url, str(first.to.secret), first.match) == ("https://flows.acme.dev/in", "env/SIGNING", "graph:*")
    assert (first.ordered, first.attempts, first.first, first.longest, first.timeout) == (True, 3, 5.0, 3600.0, 30.0)
    assert (second.to, second.concurrency) == (PythonDeclaration(name="flows"), 4)
    assert (third.to, third.match, third.ordered) == (LogDeclaration(), "*", False)
    assert str(second.location).endswith("reconciler.yaml:9:5")


def test_without_targets_there_is_the_log(tmp_path: Path) -> None:
    """Nothing is handed on anywhere unless somebody says so."""
    (tmp_path / "reconciler.yaml").write_text("version: 1\nscope: acme\nmanifests: []\n")
    assert load_project([tmp_path / "reconciler.yaml"], read_settings({})).targets == (TO_THE_LOG,)


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        ("  - {}\n", "5:5: targets[0]: a target is exactly one of http, python, log"),
        ("  - {log: {}, python: x}\n", "5:5: targets[0]: a target is exactly one of http, python, log, not"),
        ("  - {htp: {}}\n", "5:6: targets[0].htp: unknown key 'htp' (did you mean 'http'?)"),
        ("  - http: {secret: env/X}\n", "targets[0].http: the key 'url' is missing"),
        ("  - http: {url: 'https://a.dev'}\n", "targets[0].http: the key 'secret' is missing"),
        ("  - http: {url: 'https://a.dev', secret: canary}\n", "expected a reference such as env/NAME"),
        ("  - http: {url: 'https://a.dev', secret: exec/canary}\n", "reserved"),
        ("  - http: {url: 'https://a.dev', secret: file//etc/passwd}\n", "lies outside /run/secrets and the project"),
        ("  - http: {url: 'ftp://a.dev', secret: env/X}\n", "begins with https:// or http://"),
        ("  - http: {url: 'https://u:canary@a.dev', secret: env/X}\n", "a user name or password"),
        ("  - http: {url: 'https://a.dev?token=canary', secret: env/X}\n", "must not have a query"),
        ("  - http: {url: 'http://a.dev', secret: env/X}\n", "5:17: targets[0].http.url: "),
        ("  - http: {url: 'https://10.1.2.3', secret: env/X}\n", "'10.1.2.3' is not on the public internet"),
        ("  - http: {url: 'http://localhost', secret: env/X}\n", "only where `allow` lists 'localhost'"),
        ("  - http: {url: 'http://a.dev', secret: env/X, allow: [a.dev]}\n", "list 'a.dev' in RECONCILER"),
        ("  - http: {url: 'https://a.dev', secret: env/X, allow: ['https://a.dev']}\n", "expected a host"),
        ("  - http: {url: 'https://a.dev', secret: env/X, allow: ['*.a.dev']}\n", "expected a host"),
        ("  - http: x\n", "targets[0].http: expected a mapping, found text"),
        ("  - log\n", "targets[0]: expected a mapping, found text"),
        ("  - {log: {file: ../x.jsonl}}\n", "targets[0].log.file: does not have the expected form"),
        ("  - {log: {file: key}}\n", "targets[0].log.file: does not have the expected form"),
        ("  - {python: 'os:system'}\n", "targets[0].python: does not have the expected form"),
        ("  - {log: {}, match: acme}\n", "targets[0].match: does not have the expected form"),
        ("  - {log: {}, concurrency: 0}\n", "must be at least 1"),
        ("  - {log: {}, timeout: 0}\n", "must be greater than 0"),
        ("  - {log: {}, retry: {attempts: 0}}\n", "must be at least 1"),
        ("  - {log: {}, retry: {first: 60, longest: 5}}\n", "targets[0].retry.longest: the longest pause is shorter"),
        ("  - {log: {}, retry: {first: 3601}}\n", "must be at most 3600"),
        ("  - {log: {}, retry: {longest: 1}}\n", "targets[0].retry.longest: the longest pause is shorter"),
        ("  - log: {}\n  - python: x\n", "6:5: targets[1]: nothing gets here: targets[0] takes all"),
        ("  {}\n", "targets: expected a list, found a mapping"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, targets: str, expected: str) -> None:
    """File, line and column, and never a value that may be a secret."""
    [told] = problems(tmp_path, targets)
    assert expected in told
    assert told.startswith("reconciler.yaml:")
    assert "canary" not in told


def test_the_operator_opens_an_internal_host(tmp_path: Path) -> None:
    """Outside the repository; the project file alone does not, nor does the operator alone."""
    text = "  - http: {url: 'http://flows.internal/in', secret: env/X, allow: [flows.internal]}\n"
    [target] = load(tmp_path, text, RECONCILER_ALLOWED_HOSTS="flows.internal").targets
    assert isinstance(target.to, HttpDeclaration)
    assert target.to.allow == {"flows.internal"}
    assert len(problems(tmp_path, text)) == 1
    without = text.replace(", allow: [flows.internal]", "")
    assert len(problems(tmp_path, without, RECONCILER_ALLOWED_HOSTS="flows.internal")) == 1


def test_one_wrong_target_hides_no_other(tmp_path: Path) -> None:
    """All problems of all of them at once; what is right is read all the same."""
    text = (
        "  - {match: 'graph:a', htp: {}}\n  - {match: 'graph:b', log: {fil: x}}\n"
        "  - {match: 'graph:c', timeout: x, log: {}}\n"
        "  - {match: 'graph:d', http: {url: 1, secret: 2, allow: [3]}}\n  - {match: 'graph:e', python: x, log: {}}\n"
        "  - {match: 'graph:f', python: y}\n"
    )
    found = problems(tmp_path, text)
    assert [told.partition(": ")[0] for told in found] == [
        *(f"reconciler.yaml:{place}" for place in ("5:24", "6:30", "7:33", "8:36", "8:47", "8:58", "9:5")),
    ]
    reading = read_project([tmp_path / "reconciler.yaml"], read_settings({}))
    assert reading.project is not None
    assert [target.to for target in reading.project.targets] == [PythonDeclaration(name="y")]
