"""`ecsauth history`: who put what when, newest first."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import s3_faults as faults
from program import run_here
from pushing import CHANGED, FILE, URI

if TYPE_CHECKING:
    from program import Ended
    from pushing import Operator

ARN = "arn:aws:sts::123456789012:user/moto"


def history(operator: Operator, *options: str, uri: str = URI) -> Ended:
    """List the versions."""
    return run_here("history", uri, *options, env=operator.env)


def test_versions(operator: Operator) -> None:
    """Each version is a line: its ID, time, size, who, and whether it is the current one."""
    operator.bucket.put(FILE)
    operator.push(CHANGED)
    new, old = operator.bucket.versions()
    done = history(operator)
    assert done.status == 0
    lines = [re.sub(r"20[0-9-]+T[0-9:]+Z", "TIME", line) for line in done.out.splitlines()]
    assert lines == [
        f"{new}  TIME  {len(CHANGED):>6}  by {ARN}  current",
        f"{old}  TIME  {len(FILE):>6}  by another program",
    ]
    assert done.err == ""


def test_deletion(operator: Operator) -> None:
    """A delete marker is a line as well, without a size."""
    operator.bucket.put(FILE)
    marker = operator.bucket.server.s3.delete_object(Bucket="fleet", Key="ecs.config")["VersionId"]
    first, second = history(operator).out.splitlines()
    assert first.startswith(marker)
    assert first.endswith("       -  deleted  current")
    assert "current" not in second


def test_limit(operator: Operator) -> None:
    """So many lines at most, and that there are more is said."""
    for number in range(3):
        operator.bucket.put(FILE + b"#" * number)
    done = history(operator, "--limit=2")
    assert len(done.out.splitlines()) == 2
    assert "hint: there are older versions; to list them, give a larger --limit N" in done.err
    assert history(operator, "--limit=3").err == ""
    assert history(operator, "--limit=2", "--format=json").document["more"] is True


def test_what_changed(operator: Operator) -> None:
    """With --diff each version tells what it changed against the one before it, even the last one shown."""
    operator.bucket.put(FILE)
    operator.bucket.put(FILE + b"ECS_LOGLEVEL=debug\n")
    operator.bucket.put(CHANGED)
    operator.bucket.put(b"# canary\n" + CHANGED)
    operator.bucket.put(b"# canary\n" + CHANGED)
    operator.proxy.requests.clear()
    done = history(operator, "--diff", "--limit=4")
    changes = [line.strip() for line in done.out.splitlines() if line.startswith("  ")]
    assert changes == [
        "same content as the version before",
        "no change for docker",
        "ECS_LOGLEVEL: removed",
        "ECS_ENGINE_AUTH_DATA, registry registry.example.com: password changed",
        "ECS_LOGLEVEL: added",
    ]
    assert "canary" not in done.out + done.err
    assert operator.proxy.operations.count("GetObject") == 5


def test_first_version_adds_everything(operator: Operator) -> None:
    """The first version, and one over a delete marker, adds all that is in it."""
    operator.bucket.put(b"ECS_CLUSTER=prod\n")
    assert "  ECS_CLUSTER: added\n" in history(operator, "--diff").out


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (faults.ACCESS_DENIED, "S3 denies access (Access Denied)"),
        (faults.kms_denied("arn:aws:kms:eu-central-1:123456789012:key/k"), "KMS denies the use of the key"),
        (faults.KMS_DISABLED, "the KMS key is disabled"),
    ],
    ids=["S3", "KMS", "disabled"],
)
def test_what_cannot_be_read(operator: Operator, answer: faults.Reply, said: str) -> None:
    """A version that cannot be read stays in the list, with the reason."""
    operator.bucket.put(FILE)
    operator.bucket.put(CHANGED)
    operator.proxy.inject(answer, operation="GetObject")
    done = history(operator, "--diff")
    assert done.status == 0
    assert done.out.count("  changes unknown: cannot get ") == 2
    assert said in done.out


def test_who_cannot_be_looked_at(operator: Operator) -> None:
    """Where versions may not be looked at, the listing says what it can."""
    operator.bucket.put(FILE)
    operator.proxy.inject(faults.ACCESS_DENIED, operation="HeadObject")
    done = history(operator)
    assert done.status == 0
    assert "  author unknown  current" in done.out


def test_json(operator: Operator) -> None:
    """Programs get the same as data."""
    operator.push()
    operator.bucket.server.s3.delete_object(Bucket="fleet", Key="ecs.config")
    document = history(operator, "--format=json", "--diff").document
    assert document["uri"] == URI
    deletion, version = document["versions"]
    assert (deletion["deleted"], deletion["current"], deletion["size"]) == (True, True, None)
    assert (version["pushed_by"], version["size"], version["current"]) == (ARN, len(FILE), False)
    assert version["kms_key"] == operator.bucket.kms_key
    assert len(version["changes"]) == 4


def test_unversioned_bucket(operator: Operator) -> None:
    """A bucket without versions has one, and is said to be the reason."""
    operator.bucket.server.make_bucket("plain", versioned=False)
    operator.bucket._replace(name="plain").put(FILE)
    done = history(operator, uri="s3://plain/ecs.config")
    assert done.status == 0
    assert done.out.startswith("null  ")
    assert "hint: bucket plain keeps no versions" in done.err


@pytest.mark.parametrize(
    ("uri", "status", "said"),
    [
        ("s3://fleet/nothing", 4, "there is no version of s3://fleet/nothing"),
        ("s3://nothing/ecs.config", 4, "the bucket does not exist"),
        (f"{URI}?versionId=x", 2, "history lists all versions"),
    ],
)
def test_faults(operator: Operator, uri: str, status: int, said: str) -> None:
    """What is not there is told."""
    done = history(operator, uri=uri)
    assert (done.status, said in done.err) == (status, True), done.err


def test_denied(operator: Operator) -> None:
    """Who may not list is told the permission."""
    operator.proxy.inject(faults.ACCESS_DENIED)
    done = history(operator)
    assert done.status == 4
    assert "hint: you may lack s3:ListBucketVersions on the bucket" in done.err


@pytest.mark.parametrize("number", ["0", "-1", "x", "1001", "²"])
def test_strange_limits(operator: Operator, number: str) -> None:
    """A limit is a number in reason."""
    assert history(operator, f"--limit={number}").status == 2
