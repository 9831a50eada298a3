"""Whole commands by the name of an environment: nothing else is needed, options win, and hints work as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

import pytest
import s3_faults as faults
from boot_archive import sample
from bucket import KMS_KEY
from program import Ended, run_here
from pushing import CHANGED, FILE

if TYPE_CHECKING:
    from pathlib import Path

    from pushing import Operator
    from s3_proxy import S3Proxy

URI = "s3://fleet/prod/ecs.config"
KEY = "prod/ecs.config"
OTHER_KEY = KMS_KEY.replace("1111", "9999")
ACCOUNT = "123456789012"
TOML = f"""\
[env.prod]
uri = "{URI}"
kms_key = "{KMS_KEY}"
bucket_owner = "{ACCOUNT}"
region = "eu-central-1"
profile = "ops"

[env.foreign]
uri = "{URI}"
bucket_owner = "999999999999"
"""
PROFILE = "[ops]\naws_access_key_id = AKIAOPS\naws_secret_access_key = canary-secret-key\n"
KEY_HEADER = "x-amz-server-side-encryption-aws-kms-key-id"

Run = Callable[..., Ended]


@pytest.fixture
def run(operator: Operator, tmp_path: Path) -> Run:
    """Give an operator's shell without a region and keys: both come from the environment `prod`."""
    config = tmp_path / "team.toml"
    config.write_text(TOML)
    credentials = tmp_path / "credentials"
    credentials.write_text(PROFILE)
    taken = ("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    env = {name: value for name, value in operator.env.items() if name not in taken}
    env |= {"ECSAUTH_CONFIG": str(config), "AWS_SHARED_CREDENTIALS_FILE": str(credentials), "EDITOR": "true"}

    def run_command(*arguments: str, stdin: bytes = b"") -> Ended:
        done = run_here(*arguments, env=env, stdin=stdin)
        assert "canary" not in done.out + done.err
        return done

    return run_command


def _signed_by(proxy: S3Proxy) -> set[str]:
    """Return the access key IDs and regions of all requests."""
    return {f"{request.access_key} {request.region}" for request in proxy.requests}


def test_push(run: Run, operator: Operator) -> None:
    """A push by name has the key, the owner, the region and the profile of the environment."""
    operator.path.write_bytes(FILE)
    done = run("push", str(operator.path), "prod")
    assert done.status == 0, done.err
    assert f"pushed {URI}, version " in done.err
    assert operator.put.headers[KEY_HEADER] == KMS_KEY
    assert operator.put.headers["x-amz-expected-bucket-owner"] == ACCOUNT
    assert _signed_by(operator.proxy) == {"AKIAOPS eu-central-1"}


def test_options_win(run: Run, operator: Operator) -> None:
    """An option beats the environment."""
    operator.path.write_bytes(FILE)
    done = run("push", str(operator.path), "prod", "--kms-key", OTHER_KEY)
    assert done.status == 0, done.err
    assert operator.put.headers[KEY_HEADER] == OTHER_KEY
    assert run("push", str(operator.path), "prod", "--bucket-owner=999999999999").status == 4


def test_pull(run: Run, operator: Operator, tmp_path: Path) -> None:
    """A pull by name, also of one version, gets the bytes."""
    first = operator.bucket.put(FILE, KEY)
    operator.bucket.put(CHANGED, KEY)
    for name, content in (("prod", CHANGED), (f"prod?versionId={first}", FILE)):
        assert run("pull", name, "-o", str(tmp_path / "pulled")).status == 0
        assert (tmp_path / "pulled").read_bytes() == content


def test_diff(run: Run, operator: Operator) -> None:
    """Files, versions and environments are compared with each other; each name has its own options."""
    first = operator.bucket.put(FILE, KEY)
    operator.bucket.put(CHANGED, KEY)
    changed = "ECS_ENGINE_AUTH_DATA, registry registry.example.com: password changed\n"
    assert run("diff", "-", "prod", stdin=FILE).out == changed
    assert run("diff", f"prod?versionId={first}", "prod").out == changed
    assert run("diff", "-", "prod", stdin=CHANGED).err == f"ecsauth: <stdin> and {URI} are identical\n"
    assert _signed_by(operator.proxy) == {"AKIAOPS eu-central-1"}


def test_history_and_rollback(run: Run, operator: Operator) -> None:
    """The versions are listed by name, and one of them comes back under the key of the environment."""
    first = operator.bucket.put(FILE, KEY, SSEKMSKeyId=OTHER_KEY)
    operator.bucket.put(CHANGED, KEY, SSEKMSKeyId=OTHER_KEY)
    assert len(run("history", "prod").out.splitlines()) == 2
    done = run("rollback", "prod", first)
    assert done.status == 0, done.err
    assert operator.bucket.get(KEY) == FILE
    assert operator.put.headers[KEY_HEADER] == KMS_KEY


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("check", "prod"), f"ecsauth: {URI}: no findings\n"),
        (("which", "registry.example.com/a", "--file", "prod"), "registry.example.com"),
    ],
)
def test_reading_commands(run: Run, operator: Operator, arguments: tuple[str, ...], said: str) -> None:
    """A command that reads a path or an object reads that of the environment, in a bucket of the right owner."""
    operator.bucket.put(FILE, KEY)
    done = run(*arguments)
    assert done.status == 0, done.err
    assert said in done.out + done.err
    (request,) = operator.proxy.requests
    assert request.headers["x-amz-expected-bucket-owner"] == ACCOUNT


def test_several_files(run: Run, operator: Operator) -> None:
    """An environment and a path are checked by one command."""
    operator.bucket.put(FILE, KEY)
    operator.path.write_bytes(FILE)
    done = run("check", "prod", str(operator.path), "--format=json")
    assert [file["file"] for file in done.document["files"]] == [URI, str(operator.path)]


def test_bucket_of_another_owner(run: Run, operator: Operator) -> None:
    """A bucket that does not belong to the account of the environment is refused."""
    operator.bucket.put(FILE, KEY)
    operator.env.update(AWS_REGION="eu-central-1")
    assert run("check", "foreign", "--profile=ops", "--region=eu-central-1").status == 4


@pytest.mark.parametrize("arguments", [("check", "prod"), ("diff", "prod", "-"), ("pull", "prod")])
def test_hints_work_as_they_are(run: Run, operator: Operator, arguments: tuple[str, ...]) -> None:
    """A command in a hint has the options of the environment, so it can be pasted anywhere."""
    operator.bucket.put(FILE, KEY)
    operator.proxy.inject(faults.KMS_DISABLED, operation="GetObject")
    done = run(*arguments)
    assert done.status == 4
    assert f"cannot get {URI}: " in done.err
    assert " --region eu-central-1 --profile ops\n" in done.err
    assert done.err.count("--profile") == done.err.count(": aws ") > 0


def test_hint_with_the_object(run: Run) -> None:
    """A command in a hint has the S3 URI, and not the name."""
    done = run("history", "prod")
    assert done.status == 4
    options = f"--bucket-owner {ACCOUNT} --region eu-central-1 --profile ops"
    assert f": ecsauth push FILE {URI} {options}\n" in done.err


def test_edit(run: Run, operator: Operator) -> None:
    """An edit by name reads the object of the environment, and is told to be of its S3 URI."""
    operator.bucket.put(FILE, KEY)
    done = run("edit", "prod")
    assert done.status == 0, done.err
    assert f"nothing to do, already in S3: {URI}, version " in done.err


def test_archive(run: Run, operator: Operator, tmp_path: Path) -> None:
    """The boot archive of an environment is published beside its env-file, under the same key."""
    archive = tmp_path / "archive"
    archive.write_bytes(sample())
    done = run("archive", "publish", "prod", "--file", str(archive))
    assert done.status == 0, done.err
    assert "published s3://fleet/prod/ecsauth, version " in done.err
    assert operator.put.headers[KEY_HEADER] == KMS_KEY


def test_profile_that_is_not_there(run: Run, operator: Operator) -> None:
    """An option beats the profile of the environment, right or wrong."""
    operator.bucket.put(FILE, KEY)
    done = run("pull", "prod", "--profile=absent")
    assert done.status == 2
    assert "the profile does not exist" in done.err
