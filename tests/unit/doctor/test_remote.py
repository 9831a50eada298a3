"""What S3's answers to several probes mean together: one 403 has three causes, and a fourth in KMS."""

from __future__ import annotations

from typing import Optional

import pytest
from ecsauth.aws_names import S3URI
from ecsauth.boot.trust import ObjectFacts, Pins
from ecsauth.doctor import remote
from ecsauth.doctor.remote import BucketAnswers, ObjectAnswers, ProbeAnswer
from ecsauth.status.judgement import CheckOutcome

URI, OWNER, REGION = S3URI("fleet", "prod/ecs.config"), "111122223333", "eu-west-1"
KEY = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
FACTS = ObjectFacts('"e"', 90_000, "v1", "aws:kms", KEY)
YES, NO = ProbeAnswer(200), ProbeAnswer(403, "Access Denied")
HELD, LISTED, EMPTY = ProbeAnswer(200, facts=FACTS), ProbeAnswer(200, listed=True), ProbeAnswer(200)
ABSENT, EXPIRED = ProbeAnswer(404), ProbeAnswer(400, "expired", "the credentials have expired", "log in")


def names(action: str) -> ProbeAnswer:
    """Return S3's answer within one account."""
    return ProbeAnswer(
        403, f"User: arn:aws:sts::1:assumed-role/r/i is not authorized to perform: {action} on resource: x"
    )


KMS_SAYS_NO = names("kms:Decrypt")._replace(meaning="KMS denies the use of the key", fix="allow kms:Decrypt")


@pytest.mark.parametrize(
    ("answers", "outcome", "said"),
    [
        (BucketAnswers(YES), CheckOutcome.OK, f"belongs to account {OWNER}"),
        (BucketAnswers(YES._replace(region=REGION)), CheckOutcome.OK, f"belongs to account {OWNER}"),
        (BucketAnswers(YES._replace(region="us-west-2")), CheckOutcome.WARNING, "is in us-west-2, not in eu-west-1"),
        (BucketAnswers(NO, YES), CheckOutcome.OK, f"belongs to account {OWNER}"),
        (BucketAnswers(NO, NO, YES), CheckOutcome.FAILED, f"belongs to another account than {OWNER}"),
        (BucketAnswers(NO, NO, NO), CheckOutcome.OK, "exists; the role may not list it"),
        (BucketAnswers(ABSENT, ABSENT), CheckOutcome.FAILED, "does not exist"),
        (BucketAnswers(ProbeAnswer(400), EXPIRED), CheckOutcome.FAILED, "the credentials have expired"),
        (BucketAnswers(ProbeAnswer(400), ProbeAnswer(400)), CheckOutcome.FAILED, "S3 answers 400"),
    ],
)
def test_bucket(answers: BucketAnswers, outcome: CheckOutcome, said: str) -> None:
    """There, in the region, of the account; that the role may not list it is as it should be."""
    verdict = remote.bucket(answers, URI, OWNER, REGION)
    assert verdict.outcome is outcome
    assert said in verdict.said


@pytest.mark.parametrize(
    ("answers", "outcome", "said"),
    [
        (ObjectAnswers(HELD), CheckOutcome.OK, "version v1, uploaded 2 hours ago"),
        (ObjectAnswers(ABSENT, got=ABSENT), CheckOutcome.FAILED, "there is no s3://fleet/prod/ecs.config"),
        (ObjectAnswers(ProbeAnswer(405)), CheckOutcome.FAILED, "delete marker"),
        (ObjectAnswers(NO, HELD, NO, NO), CheckOutcome.FAILED, "belongs to another account"),
        (ObjectAnswers(NO, NO, EMPTY, NO), CheckOutcome.FAILED, "there is no s3://fleet/prod/ecs.config"),
        (
            ObjectAnswers(NO, NO, NO, names("s3:ListBucket")),
            CheckOutcome.FAILED,
            "there is no s3://fleet/prod/ecs.config",
        ),
        (ObjectAnswers(NO, NO, LISTED, NO), CheckOutcome.FAILED, "the role may not read it"),
        (ObjectAnswers(NO, NO, NO, names("s3:GetObject")), CheckOutcome.FAILED, "the role may not read it"),
        (ObjectAnswers(NO, NO, NO, NO), CheckOutcome.FAILED, "the object does not exist, or the role may not read it"),
        (ObjectAnswers(NO, NO, NO, KMS_SAYS_NO), CheckOutcome.OK, "the object exists"),
        (ObjectAnswers(NO, NO, NO, YES), CheckOutcome.OK, "the object exists"),
        (ObjectAnswers(ProbeAnswer(400), got=EXPIRED), CheckOutcome.FAILED, "the credentials have expired"),
        (ObjectAnswers(ProbeAnswer(400)), CheckOutcome.FAILED, "S3 answers 400"),
    ],
)
def test_key(answers: ObjectAnswers, outcome: CheckOutcome, said: str) -> None:
    """The causes of one and the same denial are told apart as far as the answers go."""
    verdict = remote.key(answers, URI, OWNER, 90_000 + 7200)
    assert verdict.outcome is outcome
    assert said in verdict.said


@pytest.mark.parametrize(("version", "action"), [(None, "s3:GetObject on"), ("v1", "s3:GetObjectVersion on")])
def test_what_to_allow(version: Optional[str], action: str) -> None:
    """The fix names the action and the ARN as they stand in a policy."""
    verdict = remote.key(ObjectAnswers(NO, NO, LISTED, NO), URI._replace(version_id=version), OWNER, 0)
    assert f"allow {action} arn:aws:s3:::fleet/prod/ecs.config" in verdict.fix


@pytest.mark.parametrize(
    ("got", "facts", "pins", "outcome", "said"),
    [
        (YES, FACTS, Pins((KEY,)), CheckOutcome.OK, f"encrypted with {KEY}"),
        (YES, FACTS, None, CheckOutcome.WARNING, f"encrypted with {KEY}"),
        (YES, FACTS._replace(encryption=None, kms_key=None), None, CheckOutcome.WARNING, "encrypted with nothing"),
        (YES, None, Pins((KEY,)), CheckOutcome.OK, "the object can be read"),
        (YES, FACTS, Pins((f"{KEY}2",)), CheckOutcome.FAILED, "but --kms-key allows only"),
        (YES, FACTS._replace(encryption="AES256"), Pins((KEY,)), CheckOutcome.FAILED, "encrypted by S3 itself"),
        (YES, FACTS, Pins((KEY,), "v2"), CheckOutcome.FAILED, "not the requested version v2"),
        (KMS_SAYS_NO, FACTS, Pins((KEY,)), CheckOutcome.FAILED, "KMS denies the use of the key"),
        (NO, FACTS, None, CheckOutcome.FAILED, "S3 answers 403"),
    ],
)
def test_kms(
    got: ProbeAnswer, facts: Optional[ObjectFacts], pins: Optional[Pins], outcome: CheckOutcome, said: str
) -> None:
    """The key can be used, and is one of those that are insisted on."""
    verdict = remote.kms(got, facts, pins)
    assert verdict.outcome is outcome
    assert said in verdict.said


def test_the_key_to_be_allowed_is_named() -> None:
    """Whoever mends the policy needs the key's ARN."""
    assert remote.kms(KMS_SAYS_NO, FACTS, None).fix == f"allow kms:Decrypt ({KEY})"
