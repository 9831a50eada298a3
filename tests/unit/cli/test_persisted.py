"""The arguments of `boot --persist` on disk, and what `boot --as-persisted` makes of them."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from ecsauth.cli import persist, persisted
from ecsauth.cli.commands import boot
from ecsauth.cli.options import Parser
from ecsauth.cli.persisted import Persisted
from ecsauth.errors import LocalError, UsageError

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

KEY = "arn:aws:kms:eu-west-1:111122223333:key/1"
KEPT = Persisted(
    ("s3://bucket/prod/ecs.config", "--kms-key", KEY, "--set", "ECS_CLUSTER=prod", "--launch", "docker"),
    (("NO_PROXY", "10.0.0.1, x"),),
)


@pytest.fixture
def place(tmp_path: Path) -> str:
    """Give a state directory in which these arguments are kept."""
    directory = str(tmp_path / "ecsauth")
    persisted.write(directory, KEPT)
    return directory


def resolved(place: str, *words: str) -> argparse.Namespace:
    """Return what `boot` makes of its arguments."""
    parser = Parser(prog="ecsauth boot")
    boot.add_arguments(parser)
    parser.set_defaults(command="boot", run=boot.run)
    arguments = parser.parse_args(["--as-persisted", "--state-dir", place, *words])
    return persisted.resolved(arguments, boot.add_arguments)


def test_what_is_kept_comes_back(place: str) -> None:
    """The file is 0600 and says the same again; another content is not the same."""
    assert persisted.read(place) == KEPT
    assert os.stat(persisted.path(place)).st_mode & 0o777 == 0o600
    assert persisted.is_kept(place, KEPT)
    assert not persisted.is_kept(place, KEPT._replace(environment=()))


def test_arguments_are_those_that_are_kept(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Object, key, settings and launch mode come from the file, the version from the command line."""
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.delenv("NO_PROXY")
    found = resolved(place, "--candidate", "v2", "--candidate-for", "2h")
    assert (str(found.uri), found.kms_key, found.set, found.launch) == (
        KEPT.arguments[0],
        [KEY],
        [KEPT.arguments[4]],
        "docker",
    )
    assert (found.candidate, found.candidate_for, found.command) == ("v2", 7200.0, "boot")
    assert os.environ["NO_PROXY"] == "10.0.0.1, x"


def test_the_environment_of_this_run_counts(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that a drop-in of the unit sets is not replaced."""
    monkeypatch.setenv("NO_PROXY", "own")
    resolved(place)
    assert os.environ["NO_PROXY"] == "own"


def test_a_unit_names_its_launch_mode(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The unit that only fetches says so."""
    monkeypatch.setenv("NO_PROXY", "own")
    assert resolved(place, "--launch", "none").launch == "none"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("s3://other/ecs.config",), "takes no S3URI:"),
        (("--kms-key", KEY), "takes no --kms-key"),
        (("--set", "A=b"), "takes no --set"),
        (("--bucket-owner", "111122223333"), "takes no --bucket-owner"),
        (("--image", "agent:2"), "takes no --image"),
        (("--allow-older",), "takes no --allow-older"),
        (("--persist",), "takes no --persist"),
        (("--file", "/srv/x"), "takes no --file"),
    ],
)
def test_nothing_else_can_be_chosen(place: str, words: tuple[str, ...], said: str) -> None:
    """Everything but a version is root's choice, made before."""
    with pytest.raises(UsageError, match=said):
        resolved(place, *words)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"{}",
        b'{"schema":2,"arguments":[],"environment":{}}',
        b'{"schema":1,"arguments":"x","environment":[]}',
        b'{"schema":1,"arguments":[1],"environment":{}}',
        b'{"schema":1,"arguments":["a\\u0000"],"environment":{}}',
        b'{"schema":1,"arguments":[],"environment":{"A":1}}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_damaged(place: str, document: bytes) -> None:
    """A file that is not as ecsauth wrote it is not guessed at."""
    persisted_file = persisted.path(place)
    with open(persisted_file, "wb") as file:
        file.write(document)
    with pytest.raises(LocalError, match="is damaged"):
        persisted.read(place)


def test_missing(tmp_path: Path) -> None:
    """Without the file there is nothing to run."""
    with pytest.raises(LocalError, match="boot --persist has not run here"):
        persisted.read(str(tmp_path))


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o601])
def test_readable_by_others(place: str, mode: int) -> None:
    """A file that was opened to others is not trusted."""
    os.chmod(persisted.path(place), mode)
    with pytest.raises(LocalError, match="other users can read"):
        persisted.read(place)


@pytest.mark.parametrize("mode", [0o400, 0o700])
def test_other_modes_of_root(place: str, mode: int) -> None:
    """A mode that lets nobody else in is none to complain of."""
    os.chmod(persisted.path(place), mode)
    assert persisted.read(place) == KEPT


def test_kept_by_another_version(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Arguments of an ecsauth with other options are told as that, not as a mistake of the command line."""
    persisted.write(place, KEPT._replace(arguments=(*KEPT.arguments, "--option-of-tomorrow")))
    with pytest.raises(LocalError, match="another version has kept them") as caught:
        resolved(place)
    assert persisted.path(place) in caught.value.message
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("chosen", ["text", "json"])
def test_the_format_of_the_log_is_kept(place: str, chosen: str) -> None:
    """A pipeline that counts the runs of the units gets a line from each."""
    parser = Parser(prog="ecsauth boot")
    boot.add_arguments(parser)
    words = tuple(persist.kept_words(parser.parse_args([*KEPT.arguments, "--log-format", chosen])))
    persisted.write(place, KEPT._replace(arguments=words))
    assert resolved(place).log_format == chosen
    assert resolved(place, "--log-format", "json").log_format == "json"


def test_removed(place: str) -> None:
    """The file goes with the units."""
    assert persisted.remove(place)
    assert not persisted.remove(place)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_SECRET_ACCESS_KEY", "canary"),
        ("AWS_SESSION_TOKEN", "canary"),
        ("ECS_ENGINE_AUTH_DATA", "canary"),
        ("db_password", "canary"),
        ("HTTPS_PROXY", "http://user:canary@proxy:3128"),
        ("HTTPS_PROXY", "user:canary@proxy:3128"),
        ("HTTPS_PROXY", "http://user:can/ary@proxy:3128"),
        ("https_proxy", "//canary@proxy"),
    ],
)
def test_secrets_are_not_kept(name: str, value: str) -> None:
    """No secret but the env-file is written to the disk; the value is not in the message either."""
    with pytest.raises(UsageError, match=name) as caught:
        persisted.refuse_secrets(((name, value),))
    assert "canary" not in " ".join((caught.value.message, *caught.value.hints))


@pytest.mark.parametrize(
    ("name", "value"),
    [("AWS_CA_BUNDLE", "/etc/ssl/x.pem"), ("HTTPS_PROXY", "http://proxy:3128"), ("AWS_USE_FIPS_ENDPOINT", "true")],
)
def test_settings_are_kept(name: str, value: str) -> None:
    """What a later run needs as this one did."""
    persisted.refuse_secrets(((name, value),))


def test_the_file_is_json(place: str) -> None:
    """An engineer can read it."""
    with open(persisted.path(place), encoding="utf-8") as file:
        document: dict[str, Any] = json.load(file)
    assert document["arguments"][0] == KEPT.arguments[0]
