"""What must hold of a fetched object before its bytes are believed."""

from __future__ import annotations

import re

import pytest
from ecsauth.boot import trust
from ecsauth.boot.trust import ObjectFacts, Pins
from ecsauth.errors import UsageError

KEY = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OTHER_KEY = "arn:aws:kms:eu-west-1:111122223333:key/00000000-12ab-34cd-56ef-1234567890ab"
PINS = Pins((KEY,))
GOOD = ObjectFacts(etag='"e1"', last_modified=1000, version_id="v1", encryption="aws:kms", kms_key=KEY)


def _reasons(facts: ObjectFacts, pins: Pins = PINS, installed: ObjectFacts | None = None) -> list[str]:
    return [doubt.reason for doubt in trust.distrust(facts, pins, installed)]


@pytest.mark.parametrize(
    ("facts", "pins", "installed"),
    [
        pytest.param(GOOD, PINS, None, id="first boot"),
        pytest.param(GOOD, PINS, GOOD, id="the installed one again"),
        pytest.param(GOOD, PINS, GOOD._replace(last_modified=999), id="newer"),
        pytest.param(GOOD._replace(encryption="aws:kms:dsse"), PINS, None, id="two layers"),
        pytest.param(GOOD, Pins((OTHER_KEY, KEY)), None, id="one of two keys"),
        pytest.param(GOOD, Pins((KEY,), version_id="v1"), None, id="the version asked for"),
        pytest.param(GOOD._replace(version_id=None), Pins((KEY,), version_id="null"), None, id="the null version"),
        pytest.param(GOOD, Pins((KEY,), "v1"), GOOD._replace(last_modified=2000), id="older, asked for by version"),
        pytest.param(GOOD, Pins((KEY,), None, True), GOOD._replace(last_modified=2000), id="older, allowed"),
    ],
)
def test_believes(facts: ObjectFacts, pins: Pins, installed: ObjectFacts | None) -> None:
    """An object under a pinned key, of the version asked for and not older than the installed one, is believed."""
    assert trust.distrust(facts, pins, installed) == ()


@pytest.mark.parametrize(
    ("facts", "pins", "installed", "reason"),
    [
        pytest.param(GOOD._replace(encryption=None, kms_key=None), PINS, None, "not encrypted", id="no encryption"),
        pytest.param(GOOD._replace(encryption="AES256", kms_key=None), PINS, None, r"\(AES256\)", id="SSE-S3"),
        pytest.param(GOOD._replace(encryption="AES256"), PINS, None, r"\(AES256\)", id="SSE-S3 that names the key"),
        pytest.param(GOOD._replace(encryption="aws:fsx"), PINS, None, r"\(aws:fsx\)", id="unknown encryption"),
        pytest.param(GOOD._replace(encryption="AWS:KMS"), PINS, None, r"\(AWS:KMS\)", id="never another case"),
        pytest.param(GOOD._replace(kms_key=OTHER_KEY), PINS, None, "--kms-key allows only", id="another key"),
        pytest.param(
            GOOD._replace(kms_key=KEY.upper()), PINS, None, "--kms-key allows only", id="keys are not case-folded"
        ),
        pytest.param(GOOD._replace(kms_key=KEY[:-1]), PINS, None, "--kms-key allows only", id="part of the key"),
        pytest.param(GOOD._replace(kms_key=None), PINS, None, "a key that S3 does not name", id="no key named"),
        pytest.param(GOOD, Pins(()), None, "--kms-key allows only", id="no pin is no trust"),
        pytest.param(GOOD, Pins((KEY,), "v2"), None, "version v1, not the requested version", id="another version"),
        pytest.param(GOOD._replace(version_id=None), Pins((KEY,), "v2"), None, "version null", id="no versions"),
        pytest.param(GOOD, PINS, GOOD._replace(last_modified=1001), "older than the installed", id="older"),
    ],
)
def test_distrusts(facts: ObjectFacts, pins: Pins, installed: ObjectFacts | None, reason: str) -> None:
    """Each reason for distrust comes alone, and with something to do about it."""
    (doubt,) = trust.distrust(facts, pins, installed)
    assert re.search(reason, doubt.reason)
    assert doubt.hint


def test_tells_all_reasons_at_once() -> None:
    """Whoever mends one of them should not meet the next one in the next boot."""
    facts = GOOD._replace(encryption="AES256", last_modified=1)
    assert len(_reasons(facts, Pins((KEY,), "v2"), GOOD)) == 2
    assert len(_reasons(facts, PINS, GOOD)) == 2


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        "arn:aws:kms:us-east-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab",
        "arn:aws-cn:kms:cn-north-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "arn:aws-iso-b:kms:us-isob-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    ],
)
def test_takes_full_key_arns(text: str) -> None:
    """A full key ARN of any partition comes back as it is."""
    assert trust.key_arn(text) == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("alias/ecs", "alias can change"),
        ("arn:aws:kms:eu-west-1:111122223333:alias/ecs", "alias can change"),
        ("1234abcd-12ab-34cd-56ef-1234567890ab", "full ARN"),
        ("", "full ARN"),
        ("*", "full ARN"),
        ("arn:aws:kms:eu-west-1:111122223333:key/*", "full ARN"),
        ("arn:aws:kms:eu-west-1:111122223333:key/", "full ARN"),
        ("arn:aws:kms:eu-west-1:1111:key/1234abcd", "full ARN"),
        ("arn:aws:kms:eu-west-1:\u0661\u0661\u0661\u0661\u0662\u0662\u0662\u0662\u0663\u0663\u0663\u0663:key/1", "ARN"),
        ("arn:aws:s3:::bucket", "full ARN"),
        (KEY + "\n", "full ARN"),
        (" " + KEY, "full ARN"),
    ],
)
def test_refuses_what_is_no_key_arn(text: str, reason: str) -> None:
    """An alias is refused with the reason, everything else with the form that is meant; the text is not repeated."""
    with pytest.raises(UsageError, match=reason) as raised:
        trust.key_arn(text)
    assert "alias/ecs" not in raised.value.message


@pytest.mark.parametrize(
    ("facts", "identity"),
    [(GOOD, "v1"), (GOOD._replace(version_id=None), 'etag:"e1"'), (GOOD._replace(version_id=""), 'etag:"e1"')],
)
def test_identity(facts: ObjectFacts, identity: str) -> None:
    """A version is named by its ID, in a bucket without versions by its ETag."""
    assert facts.identity == identity


@pytest.mark.parametrize(
    ("other", "answer"),
    [
        (GOOD, True),
        (GOOD._replace(kms_key=OTHER_KEY, checksum="CRC32"), True),
        (GOOD._replace(version_id="v2"), False),
        (GOOD._replace(etag='"e2"'), False),
        (None, False),
    ],
)
def test_same_object(other: ObjectFacts | None, answer: bool) -> None:
    """One upload has one ETag and one version ID; what else S3 says of it does not matter."""
    assert GOOD.is_same_object(other) is answer
