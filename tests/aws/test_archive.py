"""`ecsauth archive publish`: the boot archive goes into S3 with the care of a push, and nothing else goes there."""

from __future__ import annotations

import base64
import hashlib
import zlib
from typing import TYPE_CHECKING

import pytest
import s3_faults as faults
from boot_archive import sample
from ecsauth.publish import boot_archive
from program import Ended, run_here
from pseudo_terminal import PseudoTerminal
from pushing import FILE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from loopback_server import Answer
    from pushing import Operator
    from s3_request import Request

URI = "s3://fleet/prod/ecsauth"
KEY = "prod/ecsauth"

ARCHIVE = sample()
OTHER_ARCHIVE = sample(filling=300_000)
SHA256 = hashlib.sha256(ARCHIVE).hexdigest()


def publish(operator: Operator, content: bytes = ARCHIVE, *options: str) -> Ended:
    """Write the file and publish it under the key of the tests."""
    file = operator.path.with_name("archive")
    file.write_bytes(content)
    arguments = ("archive", "publish", URI, "--file", str(file), "--kms-key", operator.bucket.kms_key)
    return run_here(*arguments, *options, env=operator.env)


def test_publish(operator: Operator) -> None:
    """It goes out whole, encrypted, with a checksum, on condition; its SHA-256 alone is the output."""
    done = publish(operator)
    (version,) = operator.bucket.versions(KEY)
    assert (done.status, done.out) == (0, f"{SHA256}\n")
    assert f"published {URI}, version {version}, encrypted with {operator.bucket.kms_key}" in done.err
    runs_on = "compiled for Python 3.9, 3.11, runs from source on other versions from 3.9"
    assert f"ecsauth 0.1.0, {runs_on}; read from --file\n" in done.err
    assert operator.bucket.get(KEY) == ARCHIVE
    expected = {
        "content-type": "application/octet-stream",
        "x-amz-server-side-encryption": "aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id": operator.bucket.kms_key,
        "x-amz-checksum-crc32": base64.b64encode(zlib.crc32(ARCHIVE).to_bytes(4, "big")).decode(),
        "if-none-match": "*",
    }
    assert {name: operator.put.headers.get(name) for name in expected} == expected


def test_publish_the_same_again(operator: Operator) -> None:
    """What is there already is put no second time, and its SHA-256 is told all the same."""
    publish(operator)
    operator.proxy.requests.clear()
    done = publish(operator)
    assert (done.status, done.out) == (0, f"{SHA256}\n")
    assert f"nothing to do, already in S3: {URI}" in done.err
    assert "PutObject" not in operator.proxy.operations
    assert len(operator.bucket.versions(KEY)) == 1


def test_publish_another(operator: Operator) -> None:
    """What replaces an archive is put for that one only, and what becomes of user data is said."""
    publish(operator)
    (before,) = operator.bucket.versions(KEY)
    operator.proxy.requests.clear()
    done = publish(operator, sample(filling=300_000))
    assert done.status == 0, done.err
    assert operator.put.headers["if-match"]
    assert f"{URI}?versionId={before}" in done.err
    assert len(operator.bucket.versions(KEY)) == 2


@pytest.mark.parametrize(
    ("content", "fault"),
    [(FILE, None), (b"#!" + bytes(300_000), None), (FILE, faults.ACCESS_DENIED)],
    ids=["env-file", "large", "unread"],
)
def test_what_else_is_there(operator: Operator, content: bytes, fault: faults.Fault | None) -> None:
    """Nothing but an archive is replaced by one: an env-file would be gone from every instance."""
    operator.bucket.put(content, KEY)
    if fault:
        operator.proxy.inject(fault, operation="GetObject")
    done = publish(operator)
    assert (done.status, done.out) == (2, "")
    assert f"{URI} is not a boot archive: nothing was uploaded" in done.err
    assert operator.bucket.get(KEY) == content


def test_a_damaged_archive_is_replaced(operator: Operator) -> None:
    """One that was cut short is an archive all the same."""
    operator.bucket.put(ARCHIVE[:-30], KEY)
    assert publish(operator).status == 0
    assert operator.bucket.get(KEY) == ARCHIVE


def test_push_over_an_archive(operator: Operator) -> None:
    """No env-file takes an archive's place; the way back from an archive in an env-file's place is open."""
    operator.bucket.put(FILE, KEY)
    (before,) = operator.bucket.versions(KEY)
    operator.bucket.put(ARCHIVE, KEY)
    operator.path.write_bytes(FILE)
    done = operator.run("--kms-key", operator.bucket.kms_key, uri=URI)
    assert done.status == 2
    assert f"{URI} is a boot archive: nothing was uploaded" in done.err
    assert f"ecsauth rollback {URI} VERSION" in done.err
    assert operator.bucket.get(KEY) == ARCHIVE
    assert run_here("rollback", URI, before, env=operator.env).status == 0
    assert operator.bucket.get(KEY) == FILE


def test_a_bucket_that_was_versioned_later(operator: Operator) -> None:
    """An archive that was put before is put again, so that user data can name its version."""
    publish(operator)
    # The stand-in of S3 does not say "null" of what was there before.
    for operation in ("HeadObject", "GetObject"):
        operator.proxy.inject(faults.Headers({"x-amz-version-id": "null"}), operation=operation, times=1)
    document = publish(operator, ARCHIVE, "--format=json").document
    assert (document["published"], document["warnings"]) == (True, [])
    assert document["version_id"] == operator.bucket.versions(KEY)[0]
    assert len(operator.bucket.versions(KEY)) == 2


def test_dry_run(operator: Operator) -> None:
    """A dry run puts nothing and tells no SHA-256 of what is not there."""
    done = publish(operator, ARCHIVE, "--dry-run")
    assert (done.status, done.out) == (0, "")
    assert f"nothing was uploaded to {URI}: this was a dry run" in done.err
    document = publish(operator, ARCHIVE, "--dry-run", "--format=json").document
    assert (document["dry_run"], document["published"], document["object"]) == (True, False, None)
    assert not operator.bucket.versions(KEY)


def at_terminal(operator: Operator, *options: str) -> PseudoTerminal:
    """Publish another archive than the one that is there, at a terminal."""
    publish(operator)
    operator.path.with_name("archive").write_bytes(OTHER_ARCHIVE)
    file, key = str(operator.path.with_name("archive")), operator.bucket.kms_key
    return PseudoTerminal("archive", "publish", URI, "--file", file, "--kms-key", key, *options, env=operator.env)


@pytest.mark.parametrize(("answer", "status"), [("y\n", 0), ("n\n", 130)])
def test_asked_at_a_terminal(operator: Operator, answer: str, status: int) -> None:
    """What replaces an archive is put after a yes only, and what that means for user data is said before."""
    with at_terminal(operator) as terminal:
        assert "user data with the SHA-256 of the previous archive" in terminal.wait_for(f"replace {URI}? [y/N] ")
        assert operator.bucket.get(KEY) == ARCHIVE
        terminal.type(answer)
        done = terminal.end()
    assert done.status == status
    assert operator.bucket.get(KEY) == (ARCHIVE if status else OTHER_ARCHIVE)


def test_not_asked(operator: Operator) -> None:
    """Who says --yes is not asked."""
    with at_terminal(operator, "--yes") as terminal:
        done = terminal.end()
    assert (done.status, "?" in done.seen.replace("?versionId", "")) == (0, False)
    assert operator.bucket.get(KEY) == OTHER_ARCHIVE


def test_owner(operator: Operator) -> None:
    """Every request about the bucket names the account that has to own it."""
    assert publish(operator, ARCHIVE, "--bucket-owner", "123456789012").status == 0
    requests = [one for one in operator.proxy.requests if one.operation != "GetCallerIdentity"]
    assert {one.headers.get("x-amz-expected-bucket-owner") for one in requests} == {"123456789012"}


def test_document(operator: Operator) -> None:
    """Programs get the SHA-256, the version and what the archive runs on."""
    document = publish(operator, ARCHIVE, "--format=json").document
    (version,) = operator.bucket.versions(KEY)
    expected = {
        "schema": 1,
        "uri": URI,
        "dry_run": False,
        "sha256": SHA256,
        "version_id": version,
        "published": True,
        "ecsauth": "0.1.0",
        "pythons": ["3.9", "3.11"],
        "warnings": [],
    }
    assert {name: document[name] for name in expected} == expected
    assert document["object"]["kms_key"] == operator.bucket.kms_key


OTHER = ARCHIVE[:-1] + b"\x01"
NO_SUM: dict[str, str | None] = {"x-amz-checksum-crc32": None, "x-amz-checksum-type": None}


class OtherWithoutSum(faults.OtherBody):
    """The body is another one, and no checksum says so."""

    def respond(self, request: Request, forward: Callable[[], Answer]) -> Answer:
        """Return S3's own response with the body exchanged and the checksum gone."""
        return faults.Headers(NO_SUM).respond(request, lambda: faults.OtherBody.respond(self, request, forward))


@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [
        (OtherWithoutSum(OTHER), 4, "S3 returned different bytes"),
        (faults.OtherBody(OTHER), 4, "its content was not verified"),
        (faults.ACCESS_DENIED, 4, "its content was not verified"),
    ],
    ids=["different bytes", "wrong checksum", "denied"],
)
def test_what_is_not_read_back(operator: Operator, fault: faults.Fault, status: int, reason: str) -> None:
    """Where S3 does not give the bytes back that were put, no SHA-256 is told."""
    operator.proxy.inject(fault, operation="GetObject")
    done = publish(operator)
    assert (done.status, done.out) == (status, "")
    assert reason in done.err


DAMAGED = ARCHIVE.replace(bytes(100), b"\x01" * 100, 1)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "its first line is not that of a boot archive"),
        (ARCHIVE[ARCHIVE.index(b"PK") :], "its first line is not that of a boot archive"),
        (ARCHIVE[:-30], "its content cannot be read"),
        (DAMAGED, "its member compiled.xz is damaged"),
        (ARCHIVE[: ARCHIVE.index(b"PK")], "its content cannot be read"),
        (sample(main="main.py"), "its content cannot be read"),
        (sample("{}"), "manifest is invalid"),
        (sample("[]"), "manifest is invalid"),
        (sample("nonsense"), "its content cannot be read"),
        (sample('{"schema": 3, "ecsauth": "9", "pythons": {}}'), "manifest is invalid"),
        (sample(filling=boot_archive.LONGEST), "larger than 16 MiB"),
    ],
    ids=[
        "empty",
        "no shebang",
        "cut",
        "damaged",
        "script",
        "no main",
        "no manifest",
        "list",
        "no JSON",
        "new",
        "large",
    ],
)
def test_what_is_no_archive(operator: Operator, content: bytes, reason: str) -> None:
    """A file that would start nothing on an instance is refused before S3 is asked."""
    done = publish(operator, content)
    assert (done.status, done.out) == (3, "")
    assert reason in done.err
    assert not operator.proxy.operations


@pytest.mark.parametrize(
    ("name", "said", "hint"),
    [
        (
            "nothing",
            "No such file",
            "hint: build one: ecsauth archive build -o ",
        ),
        ("", "is a directory", "give a file in it: --file "),
    ],
)
def test_no_file(operator: Operator, tmp_path: Path, name: str, said: str, hint: str) -> None:
    """What makes the file is said, and that there need not be one."""
    done = run_here("archive", "publish", URI, "--file", str(tmp_path / name), env=operator.env)
    assert done.status == 6
    assert said in done.err
    assert hint in done.err


def test_no_arguments(operator: Operator) -> None:
    """What is missing is called as the help calls it."""
    done = run_here("archive", env=operator.env)
    assert done.status == 2
    assert "required: ACTION" in done.err


def test_build_and_publish(operator: Operator, tmp_path: Path) -> None:
    """Without a file the archive is built, the same that `archive build` makes, and no file of it is left."""
    before = sorted(tmp_path.rglob("*"))
    options = ("--no-compile", "--kms-key", operator.bucket.kms_key)
    done = run_here("archive", "publish", URI, *options, "--format=json", env=operator.env)
    assert (done.status, done.err) == (0, "")
    assert (done.document["pythons"], done.document["ecsauth"]) == ([], "0.1.0")
    assert sorted(tmp_path.rglob("*")) == before
    path = tmp_path / "built"
    assert run_here("archive", "build", "-o", str(path), "--no-compile", env=operator.env).status == 0
    assert operator.bucket.get(KEY) == path.read_bytes()
    assert done.document["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_build_and_publish_the_same_again(operator: Operator) -> None:
    """What was built of the same sources is there already."""
    options = ("--no-compile", "--kms-key", operator.bucket.kms_key)
    first, second = (run_here("archive", "publish", URI, *options, env=operator.env) for _ in range(2))
    assert (first.status, second.status, first.out) == (0, 0, second.out)
    assert f"nothing to do, already in S3: {URI}" in second.err
    runs_on = "not compiled, runs from source on Python 3.9 and later"
    assert f"ecsauth 0.1.0, {runs_on}; built by this command\n" in second.err
    assert len(operator.bucket.versions(KEY)) == 1


@pytest.mark.parametrize("option", ["--no-compile", "--python=python3"])
def test_a_file_is_built_already(operator: Operator, option: str) -> None:
    """What to compile for cannot be said of a file."""
    done = publish(operator, ARCHIVE, option)
    assert (done.status, done.out) == (2, "")
    assert "--file is an existing archive" in done.err
    assert not operator.proxy.operations


WITH_SDK = sample('{"schema": 1, "ecsauth": "0.1.0", "pythons": {"3.9": {}, "3.11": {}}}')


def test_an_archive_with_the_sdk(operator: Operator) -> None:
    """One that an earlier ecsauth built is an archive, runs on its Pythons only, and is replaced by another."""
    done = publish(operator, WITH_SDK)
    assert done.status == 0
    assert "ecsauth 0.1.0, for Python 3.9, 3.11; read from --file\n" in done.err
    assert publish(operator, ARCHIVE).status == 0
    assert operator.bucket.get(KEY) == ARCHIVE
