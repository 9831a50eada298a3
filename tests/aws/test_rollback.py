"""`ecsauth rollback`: what an older version holds becomes the newest, and passes all that a push has to pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import s3_faults as faults
from program import run_here
from pseudo_terminal import PseudoTerminal
from pushing import CHANGED, FILE, URI, Meanwhile, env_file

if TYPE_CHECKING:
    from program import Ended
    from pushing import Operator

KEY_HEADER = "x-amz-server-side-encryption-aws-kms-key-id"


def rollback(operator: Operator, version: str, *options: str, uri: str = URI) -> Ended:
    """Roll back."""
    return run_here("rollback", uri, version, *options, env=operator.env)


def test_back(operator: Operator) -> None:
    """The old content is the newest version, under the current key, and says where it is from."""
    old = operator.bucket.put(FILE, SSEKMSKeyId=operator.bucket.kms_key.replace("1111", "9999"))
    replaced = operator.bucket.put(CHANGED)
    done = rollback(operator, old)
    assert done.status == 0, done.err
    new = operator.bucket.versions()[0]
    assert operator.bucket.get() == FILE
    assert operator.put.headers[KEY_HEADER] == operator.bucket.kms_key
    assert operator.put.headers["x-amz-meta-ecsauth-rolled-back-from"] == old
    assert "password changed\n" in done.err
    assert f"rolled back to the content of version {old}: {URI}, version {new}, encrypted with" in done.err
    shown = run_here("history", URI, env=operator.env).out.splitlines()
    assert shown[0].endswith(f", rolled back to {old}  current")
    assert replaced in shown[1]


def test_named_key(operator: Operator) -> None:
    """A key that is named beats the current one."""
    old = operator.bucket.put(FILE)
    operator.bucket.put(CHANGED)
    named = operator.bucket.kms_key.replace("1111", "9999")
    assert rollback(operator, old, "--kms-key", named).status == 0
    assert operator.put.headers[KEY_HEADER] == named


def test_json(operator: Operator) -> None:
    """Programs are told what was replaced, and by what."""
    old = operator.bucket.put(FILE)
    replaced = operator.bucket.put(CHANGED)
    document = rollback(operator, old, "--format=json").document
    assert (document["pushed"], document["replaced"], document["rolled_back_from"]) == (True, replaced, old)


def test_over_a_delete_marker(operator: Operator) -> None:
    """A deleted object comes back, under the bucket's key, or the one that is named."""
    old = operator.bucket.put(FILE)
    operator.bucket.server.s3.delete_object(Bucket="fleet", Key="ecs.config")
    assert rollback(operator, old).status == 2
    assert rollback(operator, old, "--kms-key", operator.bucket.kms_key).status == 0
    assert operator.bucket.get() == FILE
    assert operator.put.headers["if-none-match"] == "*"


@pytest.mark.parametrize("times", [1, 2])
def test_to_what_is_there(operator: Operator, times: int) -> None:
    """Back to the current version, or to one that holds the same, there is nothing to do."""
    versions = [operator.bucket.put(FILE) for _ in range(times)]
    done = rollback(operator, versions[0])
    assert done.status == 0
    assert "nothing to do, already in S3:" in done.err
    assert len(operator.bucket.versions()) == times


def test_dry_run(operator: Operator) -> None:
    """A dry run tells what would change."""
    old = operator.bucket.put(FILE)
    operator.bucket.put(CHANGED)
    done = rollback(operator, old, "--dry-run")
    assert done.status == 0
    assert "password changed" in done.err
    assert operator.bucket.get() == CHANGED


def test_asks_at_a_terminal(operator: Operator) -> None:
    """At a terminal it asks before anything is put."""
    old = operator.bucket.put(FILE)
    operator.bucket.put(CHANGED)
    with PseudoTerminal("rollback", URI, old, env=operator.env) as terminal:
        terminal.wait_for("? [y/N] ")
        terminal.type("n\n")
        assert terminal.end().status == 130
    assert operator.bucket.get() == CHANGED


def test_old_version_is_checked(operator: Operator) -> None:
    """An old version with an error does not come back."""
    old = operator.bucket.put(b"=x\n")
    operator.bucket.put(CHANGED)
    done = rollback(operator, old)
    assert done.status == 3
    assert "[F113]" in done.err
    assert operator.bucket.get() == CHANGED


def test_somebody_is_faster(operator: Operator) -> None:
    """What somebody pushes meanwhile stays."""
    old = operator.bucket.put(FILE)
    operator.bucket.put(CHANGED)
    theirs = env_file(registry_example_com="canary-theirs")
    operator.proxy.inject(Meanwhile(lambda: operator.bucket.put(theirs)), operation="PutObject")
    assert rollback(operator, old).status == 9
    assert operator.bucket.get() == theirs


def test_faults(operator: Operator) -> None:
    """A version that is not there, a delete marker, and denials are told apart; nothing is put."""
    first = operator.bucket.put(FILE)
    operator.bucket.put(CHANGED)
    done = rollback(operator, first[:-1] + ("0" if first[-1] != "0" else "1"))
    assert (done.status, "the version does not exist" in done.err) == (4, True), done.err
    for answer, text in (
        (faults.DELETE_MARKER, "this version is a delete marker"),
        (faults.ACCESS_DENIED, "S3 denies access"),
        (faults.kms_denied("arn:aws:kms:eu-central-1:123456789012:key/k"), "KMS denies the use of the key"),
        (faults.Reply(400, "InvalidArgument", "Invalid version id specified"), "the version ID is invalid"),
    ):
        operator.proxy.inject(answer, operation="GetObject", times=1)
        done = rollback(operator, first)
        assert (done.status, text in done.err) == (4, True), done.err
    assert "PutObject" not in operator.proxy.operations


def test_unversioned_bucket(operator: Operator) -> None:
    """Without versions the one that is there is the only one."""
    operator.bucket.server.make_bucket("plain", versioned=False)
    operator.bucket._replace(name="plain").put(FILE)
    done = rollback(operator, "null", uri="s3://plain/ecs.config")
    assert done.status == 0
    assert "nothing to do" in done.err
    assert rollback(operator, "abc", uri="s3://plain/ecs.config").status == 4


@pytest.mark.parametrize(("uri", "version"), [(f"{URI}?versionId=a", "a"), (URI, "a b"), (URI, "")])
def test_usage(operator: Operator, uri: str, version: str) -> None:
    """The URI names the object, and VERSION is the ID of one."""
    assert rollback(operator, version, uri=uri).status == 2
    assert len(operator.proxy.requests) == 0
