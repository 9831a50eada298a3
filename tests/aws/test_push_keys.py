"""`ecsauth push`: which key a name stands for, and what of the bucket's settings is told."""

from __future__ import annotations

from typing import Any

import pytest
import s3_faults as faults
from pushing import CHANGED, FILE, URI, Operator

KEY_HEADER = "x-amz-server-side-encryption-aws-kms-key-id"
SWITCHES = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


@pytest.fixture
def key(operator: Operator) -> str:
    """Make a key with the alias `alias/fleet`, and return its ARN."""
    arn = operator.bucket.server.make_key()
    operator.bucket.server.client("kms").create_alias(AliasName="alias/fleet", TargetKeyId=arn)
    return arn


@pytest.mark.parametrize("named", ["alias", "alias ARN", "ID"])
def test_names_of_a_key(operator: Operator, key: str, named: str) -> None:
    """Whatever name a key is given by, the put names its full ARN, and what is there already is known for it."""
    names = {"alias": "alias/fleet", "alias ARN": f"{key.partition(':key/')[0]}:alias/fleet", "ID": key[-36:]}
    done = operator.push(FILE, f"--kms-key={names[named]}")
    assert done.status == 0, done.err
    assert operator.put.headers[KEY_HEADER] == key
    again = operator.push(FILE, f"--kms-key={names[named]}")
    assert "nothing to do" in again.err
    assert len(operator.bucket.versions()) == 1


def test_default_key_by_alias(operator: Operator, key: str) -> None:
    """An alias that the bucket names for its default is resolved as well."""
    operator.bucket.server.make_bucket("other", default_key="alias/fleet")
    operator.path.write_bytes(FILE)
    done = operator.run(uri="s3://other/ecs.config")
    assert done.status == 0, done.err
    assert operator.put.headers[KEY_HEADER] == key


@pytest.mark.parametrize("answer", [faults.Reply(400, "AccessDeniedException", "no"), faults.Reset()])
def test_kms_does_not_say(operator: Operator, key: str, answer: faults.Fault) -> None:
    """Who may not ask KMS leaves the alias to S3, which says in its answer what it has used."""
    operator.proxy.inject(answer, operation="DescribeKey")
    done = operator.push(FILE, "--kms-key=alias/fleet")
    assert done.status == 0, done.err
    assert operator.put.headers[KEY_HEADER] == "alias/fleet"
    assert f"encrypted with {key}" in done.err


def test_no_such_key(operator: Operator) -> None:
    """A name that stands for no key is refused before anything is put."""
    done = operator.push(FILE, "--kms-key=alias/nothing")
    assert done.status == 4
    assert "there is no KMS key alias/nothing in this account and region" in done.err
    assert "PutObject" not in operator.proxy.operations


def test_disabled_key(operator: Operator, key: str) -> None:
    """A key that cannot be used is refused by its state."""
    operator.bucket.server.client("kms").disable_key(KeyId=key[-36:])
    done = operator.push(FILE, "--kms-key=alias/fleet")
    assert done.status == 4
    assert "the KMS key alias/fleet cannot be used: its state is Disabled" in done.err


def test_key_changes(operator: Operator, key: str) -> None:
    """That instances with the old key alone will refuse the file is told."""
    operator.push(FILE)
    done = operator.push(FILE, f"--kms-key={key}")
    assert f"warning: the KMS key changes from {operator.bucket.kms_key}: instances that accept only" in done.err
    assert "KMS key changes" not in operator.push(CHANGED, f"--kms-key={key}").err


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (faults.ACCESS_DENIED, "hint: you may lack s3:PutObject on this object"),
        (
            faults.kms_denied("arn:aws:kms:eu-central-1:123456789012:key/k", "kms:GenerateDataKey"),
            "kms:GenerateDataKey",
        ),
    ],
    ids=["S3", "KMS"],
)
def test_denied_puts(operator: Operator, answer: faults.Fault, hint: str) -> None:
    """A put that is denied names what a put needs, not what a get does."""
    operator.proxy.inject(answer, operation="PutObject")
    done = operator.push()
    assert done.status == 4
    assert hint in done.err
    assert "s3:GetObject" not in done.err
    assert "kms:Decrypt" not in done.err


def secure(operator: Operator) -> Any:
    """Let the bucket have no risk, and return the client that can change that."""
    s3 = operator.bucket.server.client("s3")
    s3.put_public_access_block(Bucket="fleet", PublicAccessBlockConfiguration=dict.fromkeys(SWITCHES, True))
    operator.proxy.inject(faults.tls_only("fleet"), operation="GetBucketPolicy")
    return s3


def test_bucket_without_risks(operator: Operator) -> None:
    """Of a bucket that is as it should be nothing is said."""
    secure(operator)
    done = operator.push()
    assert done.status == 0
    assert "warning" not in done.err


def test_bucket_with_every_risk(operator: Operator) -> None:
    """Each risk is one line, once."""
    s3 = secure(operator)
    s3.delete_public_access_block(Bucket="fleet")
    operator.proxy.heal()
    s3.put_bucket_versioning(Bucket="fleet", VersioningConfiguration={"Status": "Suspended"})
    rule = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": ""}}
    rule["NoncurrentVersionExpiration"] = {"NoncurrentDays": 30}
    s3.put_bucket_lifecycle_configuration(Bucket="fleet", LifecycleConfiguration={"Rules": [rule]})
    done = operator.push()
    assert done.status == 0
    warnings = [line for line in done.err.splitlines() if "warning" in line]
    assert [line.partition("warning: ")[2].partition(":")[0] for line in warnings] == [
        "bucket fleet is not versioned",
        "bucket fleet does not block all public access; the account may block it",
        "the policy of bucket fleet does not deny requests without TLS (aws",
        "a lifecycle rule of bucket fleet deletes old versions 30 days after they are replaced",
    ]


def test_bucket_that_may_not_be_looked_at(operator: Operator) -> None:
    """What may not be looked at is said in one line, and nothing is guessed."""
    secure(operator)
    operator.proxy.heal()
    for operation in ("GetBucketPolicy", "GetBucketLifecycleConfiguration"):
        operator.proxy.inject(faults.ACCESS_DENIED, operation=operation)
    document = operator.push(FILE, "--format", "json").document
    assert document["warnings"] == ["bucket fleet was not checked (no permission): policy, lifecycle"]


def test_bucket_does_not_answer(operator: Operator) -> None:
    """An outage of what is only looked at does not keep the push from its work."""
    secure(operator)
    operator.proxy.inject(faults.SLOW_DOWN, operation="GetBucketVersioning")
    done = operator.push()
    assert done.status == 0
    assert "warning: bucket fleet was not checked (no answer): versioning" in done.err
    assert f"pushed {URI}" in done.err
