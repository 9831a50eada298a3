"""`ecsauth env`: the environments, the file that they are from, and what to write if there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from ecsauth.cli import environments
from program import run_here

if TYPE_CHECKING:
    from pathlib import Path

    from program import Ended

KEY = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
PROD = f'[env.prod]\nuri = "s3://fleet/prod/ecs.config"\nkms_key = "{KEY}"\nregion = "eu-west-1"\n'
STAGE = '[env.stage]\nuri = "s3://fleet/stage/ecs.config"\nbucket_owner = "111122223333"\nprofile = "a b"\n'


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def env(here: Path, *arguments: str, text: str | None = None) -> Ended:
    """Run the command, with that text in ecsauth.toml."""
    if text is not None:
        (here / "ecsauth.toml").write_text(text)
    return run_here("env", *arguments, env={"HOME": str(here)})


def test_table(here: Path) -> None:
    """Each environment is a line of a table, and the file is named beside it."""
    done = env(here, text=PROD + STAGE)
    assert done.status == 0
    assert done.out.splitlines() == [
        "name   uri                          region     bucket_owner  profile  kms_key",
        f"prod   s3://fleet/prod/ecs.config   eu-west-1  -             -        {KEY}",
        "stage  s3://fleet/stage/ecs.config  -          111122223333  a b      -",
    ]
    assert done.err == f"ecsauth: from {here}/ecsauth.toml\n"


def test_one(here: Path) -> None:
    """One environment is shown as it is written in the file."""
    done = env(here, "prod", text=PROD + STAGE)
    assert (done.status, done.out) == (0, PROD)


def test_json(here: Path) -> None:
    """Programs get the same, with null for each key that is not there."""
    document = env(here, "--format=json", text=PROD + STAGE).document
    prod = {"name": "prod", "uri": "s3://fleet/prod/ecs.config", "kms_key": KEY, "bucket_owner": None}
    prod |= {"region": "eu-west-1", "profile": None}
    assert document["file"] == f"{here}/ecsauth.toml"
    assert document["environments"][0] == prod
    assert [one["name"] for one in document["environments"]] == ["prod", "stage"]
    assert env(here, "prod", "--format=json").document["environments"] == [prod]


def test_no_file(here: Path) -> None:
    """Without a file there are none: the places of the search are told, and an example."""
    done = env(here)
    assert (done.status, done.out) == (0, "")
    assert f"it is searched for here: {here}/ecsauth.toml and in each folder above; " in done.err
    assert f"then {here}/.config/ecsauth/ecsauth.toml\n" in done.err
    assert "or $ECSAUTH_CONFIG names it\n" in done.err
    assert done.err.endswith(environments.EXAMPLE)
    assert env(here, "--format=json").document == {"schema": 1, "file": None, "environments": []}


def test_empty_file(here: Path) -> None:
    """A file without environments is told apart from none."""
    done = env(here, text="# nothing\n")
    assert (done.status, done.out) == (0, "")
    assert done.err.startswith(f"ecsauth: {here}/ecsauth.toml has no environments\n")
    assert done.err.endswith(environments.EXAMPLE)


@pytest.mark.parametrize(
    ("text", "arguments", "said"),
    [
        (None, ("prod",), "there is no ecsauth.toml, so there are no environments"),
        (PROD, ("prd",), "/ecsauth.toml; there are: prod\necsauth: hint: did you mean prod?\n"),
        ("[env.prod]\nuri = 'canary'", (), "/ecsauth.toml:2: uri of [env.prod] is not valid"),
    ],
)
def test_faults(here: Path, text: str | None, arguments: tuple[str, ...], said: str) -> None:
    """An unknown name and a file with a fault are usage faults, also as JSON."""
    done = env(here, *arguments, "--format=json", text=text)
    assert (done.status, done.document["status"]) == (2, 2)
    assert said in done.err
    assert "canary" not in done.out + done.err
