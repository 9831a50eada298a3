"""What of a bucket's settings is a risk."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ecsauth.aws_names import S3URI
from ecsauth.publish.bucket_risks import Settings, Unseen, risks

URI = S3URI("fleet", "prod/ecs.config")
BLOCKED = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
DENY: dict[str, Any] = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": "arn:aws:s3:::fleet/*",
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
GOOD = Settings("Enabled", BLOCKED, json.dumps({"Statement": DENY}), [])
OLD = {"NoncurrentVersionExpiration": {"NoncurrentDays": 30}, "Status": "Enabled"}


def test_nothing_wrong() -> None:
    """A bucket as it should be has no risk."""
    assert risks(GOOD, URI) == ()


@pytest.mark.parametrize("versioning", ["", "Suspended"])
def test_versioning(versioning: str) -> None:
    """Without versions there is nothing to go back to."""
    (said,) = risks(GOOD._replace(versioning=versioning), URI)
    assert "is not versioned" in said


@pytest.mark.parametrize("block", [{}, {**BLOCKED, "RestrictPublicBuckets": False}, {"BlockPublicAcls": True}])
def test_public_access_block(block: dict[str, bool]) -> None:
    """All four switches count."""
    (said,) = risks(GOOD._replace(public_access_block=block), URI)
    assert "does not block all public access" in said


@pytest.mark.parametrize(
    ("change", "is_risk"),
    [
        ({}, False),
        ({"Action": ["s3:GetObject", "s3:PutObject"]}, False),
        ({"Action": "s3:GetObject"}, True),
        ({"Action": "*"}, False),
        ({"Resource": ["arn:aws:s3:::fleet", "arn:aws:s3:::fleet/prod/*"]}, False),
        ({"Resource": "arn:aws:s3:::fleet"}, True),
        ({"Resource": "arn:aws-cn:s3:::fleet/*"}, False),
        ({"Resource": "*"}, False),
        ({"Resource": "arn:aws:s3:::fleet/test/*"}, True),
        ({"Principal": {"AWS": "*"}}, False),
        ({"Principal": {"AWS": "arn:aws:iam::123456789012:root"}}, True),
        ({"Effect": "Allow"}, True),
        ({"Condition": {"Bool": {"aws:securetransport": ["false"]}}}, False),
        ({"Condition": {"Bool": {"aws:SecureTransport": False}}}, False),
        ({"Condition": {"Bool": {"aws:SecureTransport": "true"}}}, True),
        ({"Condition": {"Bool": {"aws:SecureTransport": "false"}, "IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}, True),
        ({"Condition": {"Bool": {"aws:SecureTransport": "false", "aws:ViaAWSService": "false"}}}, True),
        ({"Condition": {}}, True),
    ],
)
def test_policy(change: dict[str, Any], is_risk: bool) -> None:
    """Only a statement that denies everybody to get and put this object without TLS counts."""
    text = json.dumps({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:List*"}, {**DENY, **change}]})
    assert bool(risks(GOOD._replace(policy=text), URI)) is is_risk


@pytest.mark.parametrize("text", ["", "{}", "[]", "no JSON", '{"Statement": 1}', '{"Statement": [{"Condition": 1}]}'])
def test_policies_that_say_nothing(text: str) -> None:
    """No policy, or one that cannot be made sense of, denies nothing."""
    assert len(risks(GOOD._replace(policy=text), URI)) == 1


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({**OLD}, "deletes old versions 30 days after"),
        ({**OLD, "Filter": {"Prefix": "prod/"}}, "deletes old versions"),
        ({**OLD, "Filter": {}}, "deletes old versions"),
        ({**OLD, "Filter": {"And": {"Prefix": "prod/", "ObjectSizeGreaterThan": 10}}}, "deletes old versions"),
        ({**OLD, "Prefix": "prod/"}, "deletes old versions"),
        ({**OLD, "Prefix": "logs/"}, ""),
        ({**OLD, "Filter": {"Prefix": "logs/"}}, ""),
        ({**OLD, "Filter": {"Tag": {"Key": "a", "Value": "b"}}}, ""),
        ({**OLD, "Filter": {"And": {"Tags": [{"Key": "a", "Value": "b"}], "Prefix": ""}}}, ""),
        ({**OLD, "Filter": {"ObjectSizeGreaterThan": 1 << 20}}, ""),
        ({**OLD, "Status": "Disabled"}, ""),
        ({"Status": "Enabled", "Expiration": {"Days": 30}}, "deletes the current env-file"),
        ({"Status": "Enabled", "Expiration": {"ExpiredObjectDeleteMarker": True}}, ""),
        ({"Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}, ""),
    ],
)
def test_lifecycle(rule: dict[str, Any], said: str) -> None:
    """A rule counts that is in force and about this object."""
    found = risks(GOOD._replace(lifecycle=[rule]), URI)
    assert len(found) == bool(said)
    assert said in "".join(found)


def test_what_may_not_be_seen() -> None:
    """It is said in one line for each reason, and is no risk by itself."""
    unseen = Settings(Unseen.DENIED, Unseen.UNREACHABLE, Unseen.DENIED, [])
    assert risks(unseen, URI) == (
        "bucket fleet was not checked (no permission): versioning, policy",
        "bucket fleet was not checked (no answer): public access block",
    )
