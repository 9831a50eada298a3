"""What S3's answers to several probes mean together: one 403 has three causes, and a fourth in KMS."""

from __future__ import annotations

from typing import Optional

import pytest
from ecsauth.core.diagnosis import Outcome, remote
from ecsauth.core.diagnosis.remote import Answer, BucketAnswers, ObjectAnswers
from ecsauth.core.s3_uri import S3URI
from ecsauth.core.trust import ObjectFacts, Pins

URI, OWNER, REGION = S3URI("fleet", "prod/ecs.config"), "111122223333", "eu-west-1"
KEY = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
FACTS = ObjectFacts('"e"', 90_000, "v1", "aws:kms", KEY)
YES, NO = Answer(200), Answer(403, "Access Denied")
HELD, LISTED, EMPTY = Answer(200, facts=FACTS), Answer(200, listed=True), Answer(200)
ABSENT, EXPIRED = Answer(404), Answer(400, "expired", "the credentials have expired", "log in")


def names(action: str) -> Answer:
    """Return S3's answer within one account."""
    return Answer(403, f"User: arn:aws:sts::1:assumed-role/r/i is not authorized to perform: {action} on resource: x")


KMS_SAYS_NO = names("kms:Decrypt")._replace(meaning="KMS denies the use of the key", fix="allow kms:Decrypt")


@pytest.mark.parametrize(
    ("answers", "outcome", "said"),
    [
        (BucketAnswers(YES), Outcome.OK, f"belongs to account {OWNER}"),
        (BucketAnswers(YES._replace(region=REGION)), Outcome.OK, f"belongs to account {OWNER}"),
        (BucketAnswers(YES._replace(region="us-west-2")), Outcome.WARNING, "is in us-west-2, not in eu-west-1"),
        (BucketAnswers(NO, YES), Outcome.OK, f"belongs to account {OWNER}"),
        (BucketAnswers(NO, NO, YES), Outcome.FAILED, f"belongs to another account than {OWNER}"),
        (BucketAnswers(NO, NO, NO), Outcome.OK, "exists; the role may not list it"),
        (BucketAnswers(ABSENT, ABSENT), Outcome.FAILED, "does not exist"),
        (BucketAnswers(Answer(400), EXPIRED), Outcome.FAILED, "the credentials have expired"),
        (BucketAnswers(Answer(400), Answer(400)), Outcome.FAILED, "S3 answers 400"),
    ],
)
def test_bucket(answers: BucketAnswers, outcome: Outcome, said: str) -> None:
    """There, in the region, of the account; that the role may not list it is as it should be."""
    verdict = remote.bucket(answers, URI, OWNER, REGION)
    assert verdict.outcome is outcome
    assert said in verdict.said


@pytest.mark.parametrize(
    ("answers", "outcome", "said"),
    [
        (ObjectAnswers(HELD), Outcome.OK, "version v1, put 2 hours ago"),
        (ObjectAnswers(ABSENT, got=ABSENT), Outcome.FAILED, "there is no s3://fleet/prod/ecs.config"),
        (ObjectAnswers(Answer(405)), Outcome.FAILED, "delete marker"),
        (ObjectAnswers(NO, HELD, NO, NO), Outcome.FAILED, "belongs to another account"),
        (ObjectAnswers(NO, NO, EMPTY, NO), Outcome.FAILED, "there is no s3://fleet/prod/ecs.config"),
        (ObjectAnswers(NO, NO, NO, names("s3:ListBucket")), Outcome.FAILED, "there is no s3://fleet/prod/ecs.config"),
        (ObjectAnswers(NO, NO, LISTED, NO), Outcome.FAILED, "the role may not read it"),
        (ObjectAnswers(NO, NO, NO, names("s3:GetObject")), Outcome.FAILED, "the role may not read it"),
        (ObjectAnswers(NO, NO, NO, NO), Outcome.FAILED, "it is not there, or the role may not read it"),
        (ObjectAnswers(NO, NO, NO, KMS_SAYS_NO), Outcome.OK, "it is there"),
        (ObjectAnswers(NO, NO, NO, YES), Outcome.OK, "it is there"),
        (ObjectAnswers(Answer(400), got=EXPIRED), Outcome.FAILED, "the credentials have expired"),
        (ObjectAnswers(Answer(400)), Outcome.FAILED, "S3 answers 400"),
    ],
)
def test_key(answers: ObjectAnswers, outcome: Outcome, said: str) -> None:
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
        (YES, FACTS, Pins((KEY,)), Outcome.OK, f"encrypted with {KEY}"),
        (YES, FACTS, None, Outcome.WARNING, f"encrypted with {KEY}"),
        (YES, FACTS._replace(encryption=None, kms_key=None), None, Outcome.WARNING, "encrypted with nothing"),
        (YES, None, Pins((KEY,)), Outcome.OK, "the object can be read"),
        (YES, FACTS, Pins((f"{KEY}2",)), Outcome.FAILED, "which is not a key given with --kms-key"),
        (YES, FACTS._replace(encryption="AES256"), Pins((KEY,)), Outcome.FAILED, "encrypted by S3 itself"),
        (YES, FACTS, Pins((KEY,), "v2"), Outcome.FAILED, "not with the one asked for"),
        (KMS_SAYS_NO, FACTS, Pins((KEY,)), Outcome.FAILED, "KMS denies the use of the key"),
        (NO, FACTS, None, Outcome.FAILED, "S3 answers 403"),
    ],
)
def test_kms(got: Answer, facts: Optional[ObjectFacts], pins: Optional[Pins], outcome: Outcome, said: str) -> None:
    """The key can be used, and is one of those that are insisted on."""
    verdict = remote.kms(got, facts, pins)
    assert verdict.outcome is outcome
    assert said in verdict.said


def test_the_key_to_be_allowed_is_named() -> None:
    """Whoever mends the policy needs the key's ARN."""
    assert remote.kms(KMS_SAYS_NO, FACTS, None).fix == f"allow kms:Decrypt ({KEY})"
