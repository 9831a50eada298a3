"""`ecsauth check` of an object, of standard input and of a file: statuses, data on stdout, text on stderr, no value."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Callable

import pytest
import s3_faults as faults
from canary import Canary
from program import Ended, run, run_here

if TYPE_CHECKING:
    from pathlib import Path

    from bucket import Bucket
    from s3_proxy import S3Proxy

Make = Callable[[str], bytes]
Place = tuple[dict[str, str], "Bucket", "Path"]
URI = "s3://fleet/ecs.config"
CLEAN = b"ECS_CLUSTER=prod\nECS_ENGINE_AUTH_TYPE=docker\n"


def env_file(password: str) -> bytes:
    """Return an env-file without a fault."""
    data = json.dumps({"registry.example.com": {"username": "fleet", "password": password}})
    return CLEAN + f"ECS_ENGINE_AUTH_DATA={data}\n".encode()


def with_errors(password: str) -> bytes:
    """Return an env-file with the password in every place where it can be lost, and the data cut off."""
    data = json.dumps({"registry.example.com": {"username": "fleet", "password": password}})[:-1]
    lines = ("ECS_CLUSTR=" + password, "=" + password, "export X=" + password, f"ECS_ENGINE_AUTH_DATA={data}")
    return CLEAN + "".join(f"{line}\n" for line in lines).encode()


def check(kind: str, content: bytes, options: tuple[str, ...], env: dict[str, str], place: Path) -> Ended:
    """Check the content as the whole program does, by way of a file, standard input or (put already) S3."""
    if kind == "file":
        path = place / "ecs.config"
        path.write_bytes(content)
        return run("check", str(path), *options, env=env)
    return run("check", "-" if kind == "stdin" else URI, *options, env=env, stdin=content if kind == "stdin" else b"")


@pytest.fixture
def place(operator_env: dict[str, str], bucket: Bucket, tmp_path: Path) -> Place:
    """Give an operator's environment, a bucket and a folder."""
    return operator_env, bucket, tmp_path


@pytest.mark.parametrize("kind", ["file", "stdin", "s3"])
@pytest.mark.parametrize(("make", "status", "style"), [(env_file, 0, "text"), (with_errors, 3, "json")])
def test_check(kind: str, make: Make, status: int, style: str, *, place: Place) -> None:
    """The status says whether there is an error; data goes to stdout alone, text to stderr alone, values nowhere."""
    env, bucket, folder = place
    canary = Canary()
    content = make(canary.password)
    bucket.put(content)
    ended = check(kind, content, ("--format", style), env, folder)
    assert ended.status == status
    assert (ended.err if style == "json" else ended.out) == ""
    canary.assert_not_in(ended.out, "standard output")
    canary.assert_not_in(ended.err, "standard error")


@pytest.mark.parametrize(("make", "status"), [(env_file, 0), (with_errors, 3)])
def test_both_styles_say_the_same(make: Make, status: int, *, place: Place) -> None:
    """Text and JSON have the same findings and the same status."""
    env, bucket, _ = place
    bucket.put(make("canary"))
    text, data = (run_here("check", URI, "--format", style, env=env) for style in ("text", "json"))
    codes = [finding["code"] for finding in data.document["findings"]]
    assert (text.status, data.status) == (status, status)
    assert data.document["schema"] == 1
    assert data.document["file"] == URI
    assert bool(data.document["summary"]["errors"]) == (status == 3)
    assert [code for code in codes if f"[{code}]" not in text.err] == []
    assert "canary" not in text.err + data.out


def test_one_request(operator_env: dict[str, str], bucket: Bucket, s3_proxy: S3Proxy) -> None:
    """The object is gotten once, and nothing else is asked."""
    bucket.put(env_file("x"))
    assert run_here("check", URI, env=operator_env).status == 0
    assert s3_proxy.operations == ["GetObject"]


def test_one_version(operator_env: dict[str, str], bucket: Bucket) -> None:
    """A version is checked when one is named."""
    bad = bucket.put(b"=nothing\n")
    bucket.put(env_file("x"))
    assert run_here("check", URI, env=operator_env).status == 0
    assert run_here("check", f"{URI}?versionId={bad}", env=operator_env).status == 3


def test_without_kms(operator_env: dict[str, str], bucket: Bucket) -> None:
    """How the object is encrypted is no matter of the check."""
    bucket.put(env_file("x"), ServerSideEncryption="AES256", SSEKMSKeyId="")
    assert run_here("check", URI, env=operator_env).status == 0


@pytest.mark.parametrize(
    ("fault", "status", "said"),
    [
        (faults.NO_SUCH_KEY, 4, "the object does not exist"),
        (faults.NO_SUCH_BUCKET, 4, "the bucket does not exist"),
        (faults.ACCESS_DENIED, 4, "S3 denies access"),
        (faults.kms_denied("arn:aws:kms:eu-central-1:123456789012:key/k"), 4, "KMS denies the use of the key"),
        (faults.EXPIRED_TOKEN, 5, "the credentials have expired"),
        (faults.SLOW_DOWN, 5, "S3 is temporarily unavailable"),
        (faults.AlteredBody(), 4, "does not match its checksum"),
        (faults.CutBody(9), 5, "the connection broke"),
        (faults.Reset(), 5, "the connection broke"),
        (faults.NOT_MODIFIED, 4, "S3 returned 304"),
        (faults.Endless(), 3, "is larger than 256 KiB"),
    ],
    ids=lambda value: getattr(value, "code", type(value).__name__) if isinstance(value, faults.Fault) else "",
)
def test_failures(fault: faults.Fault, status: int, said: str, *, place: Place, s3_proxy: S3Proxy) -> None:
    """What cannot be gotten is not checked, and why is told."""
    env, bucket, _ = place
    bucket.put(env_file("x"))
    s3_proxy.inject(fault)
    ended = run_here("check", URI, env=env)
    assert (ended.status, ended.out) == (status, "")
    assert said in ended.err


def test_failure_as_json(operator_env: dict[str, str], s3_proxy: S3Proxy) -> None:
    """For programs a failure is a document, too."""
    s3_proxy.inject(faults.ACCESS_DENIED)
    ended = run_here("check", URI, "--format", "json", env=operator_env)
    assert ended.status == ended.document["status"] == 4
    assert "S3 denies access" in ended.document["error"]
    assert len(ended.document["hints"]) == 4


@pytest.mark.parametrize(
    ("file", "status", "said"),
    [
        ("s3://fleet", 2, "no valid key"),
        ("arn:aws:s3:::fleet/ecs.config", 2, "an ARN is not supported"),
        ("s3://fleet/ecs.config?versionId=", 2, "the version ID of the S3 URI is empty"),
        ("/nowhere/ecs.config", 6, "cannot read /nowhere/ecs.config: no such file or directory"),
        ("/", 6, "cannot read /"),
    ],
)
def test_other_places(operator_env: dict[str, str], s3_proxy: S3Proxy, file: str, status: int, said: str) -> None:
    """What names no file and no object is told so, before anything is asked."""
    ended = run_here("check", file, env=operator_env)
    assert ended.status == status
    assert said in ended.err
    assert len(s3_proxy.requests) == 0


@pytest.mark.parametrize("extra", [0, 1])
def test_size(operator_env: dict[str, str], extra: int) -> None:
    """256 KiB of standard input are read, and not one byte more."""
    content = CLEAN + b"#" * 60_000 + b"\n"
    content += b"#" * 60_000 + b"\n"
    content = (content * 3)[: 256 * 1024 - 1] + b"\n" + b"#" * extra
    ended = run_here("check", "-", env=operator_env, stdin=content)
    assert ("is larger than 256 KiB" in ended.err) == bool(extra)


def test_no_credentials(operator_env: dict[str, str], s3_proxy: S3Proxy) -> None:
    """Without credentials the ways to give them are told."""
    env = {name: value for name, value in operator_env.items() if "ACCESS_KEY" not in name}
    ended = run_here("check", URI, env=env)
    assert ended.status == 4
    assert "no credentials found" in ended.err
    assert "hint: outside EC2: give --profile, or set the AWS_* variables" in ended.err
    assert len(s3_proxy.requests) == 0


def test_profile(operator_env: dict[str, str], bucket: Bucket, s3_proxy: S3Proxy, tmp_path: Path) -> None:
    """`--profile` is whose credentials are used."""
    bucket.put(env_file("x"))
    folder = tmp_path / "home" / ".aws"
    folder.mkdir()
    lines = ("[other]", "aws_access_key_id = AKIAPROFILE000000001", "aws_secret_access_key = s", "region = us-west-2")
    (folder / "credentials").write_text("\n".join(lines), encoding="utf-8")
    env = {name: value for name, value in operator_env.items() if name != "AWS_REGION"}
    assert run_here("check", URI, "--profile", "other", env=env).status == 0
    (request,) = s3_proxy.requests
    assert (request.access_key, request.region) == ("AKIAPROFILE000000001", "us-west-2")


def test_no_such_profile(operator_env: dict[str, str]) -> None:
    """A profile that is not there is a fault of the command line."""
    ended = run_here("check", URI, "--profile", "missing", env=operator_env)
    assert ended.status == 2
    assert "the profile does not exist" in ended.err
