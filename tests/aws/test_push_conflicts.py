"""`ecsauth push` beside others: what somebody else did meanwhile stays, and a put that fails changes nothing."""

from __future__ import annotations

import pytest
import s3_faults as faults
from pushing import CHANGED, FILE, URI, Meanwhile, Operator, env_file

KEY_HEADER = "x-amz-server-side-encryption-aws-kms-key-id"


@pytest.mark.parametrize("standing", [FILE, None], ids=["over an object", "over nothing"])
def test_somebody_pushes_meanwhile(operator: Operator, standing: bytes | None) -> None:
    """What somebody else pushes between the look and the put stays, and the status says so."""
    if standing:
        operator.bucket.put(standing)
    theirs = env_file(registry_example_com="canary-theirs")
    operator.proxy.inject(Meanwhile(lambda: operator.bucket.put(theirs)), operation="PutObject")
    done = operator.push(CHANGED)
    assert done.status == 9
    assert "the object was changed in the meantime" in done.err
    assert "hint: see who changed it, then push again" in done.err
    assert operator.bucket.get() == theirs
    assert len(operator.bucket.versions()) == (2 if standing else 1)


def test_somebody_deletes_meanwhile(operator: Operator) -> None:
    """What somebody else deletes meanwhile stays deleted."""
    operator.bucket.put(FILE)
    delete = operator.bucket.server.s3.delete_object
    operator.proxy.inject(Meanwhile(lambda: delete(Bucket="fleet", Key="ecs.config")), operation="PutObject")
    done = operator.push(CHANGED)
    assert done.status == 9
    assert "hint: see who changed it, then push again" in done.err
    assert len(operator.bucket.versions()) == 1


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (faults.PRECONDITION_FAILED, 9),
        (faults.CONDITIONAL_CONFLICT, 9),
        (faults.NO_SUCH_KEY, 9),
        (faults.NO_SUCH_BUCKET, 4),
        (faults.ACCESS_DENIED, 4),
        (faults.kms_denied("arn:aws:kms:eu-central-1:123456789012:key/k", "kms:GenerateDataKey"), 4),
        (faults.KMS_NOT_FOUND, 4),
        (faults.EXPIRED_TOKEN, 5),
        (faults.INTERNAL_ERROR, 5),
        (faults.Reset(), 5),
    ],
    ids=lambda answer: getattr(answer, "code", None),
)
def test_put_fails(operator: Operator, answer: faults.Fault, status: int) -> None:
    """A put that fails fails with the status of whose fault it is, and changes nothing."""
    operator.bucket.put(FILE)
    operator.proxy.inject(answer, operation="PutObject")
    done = operator.push(CHANGED)
    assert done.status == status
    assert f"\necsauth: error: cannot upload to {URI}: " in done.err
    assert operator.bucket.get() == FILE


def test_over_a_deleted_object(operator: Operator) -> None:
    """Over a delete marker a new version is put."""
    operator.bucket.put(FILE)
    operator.bucket.server.s3.delete_object(Bucket="fleet", Key="ecs.config")
    assert operator.push(CHANGED).status == 0
    assert operator.bucket.get() == CHANGED


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"x-amz-server-side-encryption": "AES256", KEY_HEADER: None}, "no encryption with a KMS key"),
        ({"x-amz-server-side-encryption": None, KEY_HEADER: None}, "no encryption with a KMS key"),
    ],
    ids=["SSE-S3", "none"],
)
def test_what_was_made_is_looked_at(operator: Operator, fault: dict[str, str | None], said: str) -> None:
    """If S3 made something else of it than was asked for, instances would refuse it: that is an error."""
    operator.proxy.inject(faults.NO_SUCH_KEY, operation="HeadObject", times=1)
    operator.proxy.inject(faults.Headers(fault), operation="HeadObject")
    done = operator.push()
    assert done.status == 4
    assert said in done.err


@pytest.mark.parametrize("standing", [FILE, None], ids=["over an object", "over nothing"])
def test_a_store_without_conditional_writes(operator: Operator, standing: bytes | None) -> None:
    """A condition that is refused though it holds is told as the store's own, not as somebody else's change."""
    if standing:
        operator.bucket.put(standing)
    operator.proxy.inject(faults.PRECONDITION_FAILED, operation="PutObject")
    done = operator.push(CHANGED)
    assert done.status == 9
    assert "somebody" not in done.err
    condition = (
        "If-Match, although the object is unchanged"
        if standing
        else "If-None-Match, although the object does not exist"
    )
    assert f"cannot upload to {URI}: the store rejected the condition {condition}" in done.err
