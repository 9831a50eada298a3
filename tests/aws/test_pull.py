"""`ecsauth pull`: masked for people, the bytes only where they were asked for, and in private."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest
import s3_faults as faults
from program import run, run_here
from pseudo_terminal import PseudoTerminal
from pushing import CHANGED, FILE, URI

if TYPE_CHECKING:
    from pathlib import Path

    from program import Ended
    from pushing import Operator

MASKED = (
    "ECS_CLUSTER=prod\nECS_ENGINE_AUTH_TYPE=docker\n"
    'ECS_ENGINE_AUTH_DATA={"registry.example.com":{"username":"***","password":"***"}}\n'
)


def pull(operator: Operator, *options: str, uri: str = URI) -> Ended:
    """Pull the object."""
    return run_here("pull", uri, *options, env=operator.env)


def test_masked(operator: Operator) -> None:
    """Without an option the file is shown masked, terminal or not; who, when and which version is told."""
    operator.push()
    (version,) = operator.bucket.versions()
    done = pull(operator)
    assert (done.status, done.out) == (0, MASKED)
    assert done.err.startswith(f"ecsauth: {URI}: version {version}, 20")
    assert done.err.endswith("Z, by arn:aws:sts::123456789012:user/moto\n")


def test_masked_at_a_terminal(operator: Operator) -> None:
    """At a terminal it is the same."""
    operator.push()
    with PseudoTerminal("pull", URI, env=operator.env) as terminal:
        status, seen = terminal.end()
    assert status == 0
    assert seen.startswith(MASKED)
    assert "canary" not in seen


@pytest.mark.parametrize("options", [("--reveal",), ("-o", "-"), ("--reveal", "-o", "-")])
def test_bytes_to_stdout(operator: Operator, options: tuple[str, ...]) -> None:
    """Who asks for the bytes has them, unchanged."""
    data = FILE + "# ä\r\n".encode()
    operator.bucket.put(data)
    done = run("pull", URI, *options, env=operator.env)
    assert done.status == 0
    assert done.out.encode() == data
    assert "canary" not in done.err


@pytest.mark.parametrize("standing", [None, 0o644])
def test_bytes_to_a_file(operator: Operator, tmp_path: Path, standing: int | None) -> None:
    """A file has the bytes and is 0600, whatever stood there."""
    operator.bucket.put(FILE)
    path = tmp_path / "pulled"
    if standing:
        path.write_text("before")
        path.chmod(standing)
    done = pull(operator, "-o", str(path))
    assert (done.status, done.out) == (0, "")
    assert path.read_bytes() == FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert f"wrote {path}, 0600" in done.err


def test_version(operator: Operator) -> None:
    """One version is pulled by its ID."""
    first = operator.bucket.put(FILE + b"ECS_LOGLEVEL=debug\n")
    operator.bucket.put(CHANGED)
    done = pull(operator, uri=f"{URI}?versionId={first}")
    assert done.out == MASKED + "ECS_LOGLEVEL=debug\n"
    assert f"version {first}, " in done.err
    assert "by another program" in done.err


def test_json(operator: Operator, tmp_path: Path) -> None:
    """Programs get the masked lines, or where the bytes are."""
    operator.push()
    document = pull(operator, "--format=json").document
    assert "".join(f"{line}\n" for line in document["masked"]) == MASKED
    assert document["pushed_by"] == "arn:aws:sts::123456789012:user/moto"
    assert document["output"] is None
    path = tmp_path / "pulled"
    document = pull(operator, "--format=json", "-o", str(path)).document
    assert (document["masked"], document["output"]) == (None, str(path))


@pytest.mark.parametrize(
    "options", [("--reveal", "--format=json"), ("-o", "-", "--format=json"), ("--reveal", "-o", "x")]
)
def test_usage(operator: Operator, options: tuple[str, ...]) -> None:
    """Two things do not both go to stdout, and the bytes do not go to two places."""
    assert pull(operator, *options).status == 2
    assert len(operator.proxy.requests) == 0


def test_warnings(operator: Operator) -> None:
    """What instances would refuse is told."""
    operator.bucket.put(b"=x\n", ServerSideEncryption="", SSEKMSKeyId="")
    done = pull(operator)
    assert done.status == 0
    assert f"warning: {URI} is not encrypted with a KMS key: instances refuse it" in done.err
    assert f"warning: {URI} has errors: instances refuse it" in done.err


def test_faults(operator: Operator, tmp_path: Path) -> None:
    """What is not there, and what is denied by whom, is told apart; nothing is written."""
    path = tmp_path / "pulled"
    first = operator.bucket.put(FILE)
    said = {
        "s3://fleet/nothing": "the object does not exist",
        "s3://nothing/ecs.config": "the bucket does not exist",
        f"{URI}?versionId={first[:-1]}{'0' if first[-1] != '0' else '1'}": "the version does not exist",
    }
    for uri, text in said.items():
        done = pull(operator, "-o", str(path), uri=uri)
        assert (done.status, text in done.err) == (4, True), done.err
    for answer, text in (
        (faults.DELETED, "the object was deleted: its newest version is a delete marker"),
        (faults.DELETE_MARKER, "this version is a delete marker"),
        (faults.ACCESS_DENIED, "S3 denies access"),
        (faults.kms_denied("arn:aws:kms:eu-central-1:123456789012:key/k"), "KMS denies the use of the key"),
    ):
        operator.proxy.inject(answer, operation="GetObject", times=1)
        done = pull(operator, "-o", str(path))
        assert (done.status, text in done.err) == (4, True), done.err
    assert not path.exists()


def test_who_cannot_be_looked_at(operator: Operator) -> None:
    """Where only the mark may not be looked at, the file is pulled all the same."""
    operator.push()
    operator.proxy.inject(faults.ACCESS_DENIED, operation="HeadObject")
    done = pull(operator)
    assert (done.status, done.out) == (0, MASKED)
