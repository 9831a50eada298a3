"""What fills a policy: each value of one narrow form, and all of them of one place."""

from __future__ import annotations

from typing import Callable, Optional

import pytest
from ecsauth.deploy import policies
from ecsauth.deploy.policies import Values, settled
from ecsauth.errors import UsageError

KEY = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
FOREIGN_KEY = KEY.replace("111122223333", "444455556666")
CHINESE_KEY = "arn:aws-cn:kms:cn-north-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OPERATOR = "arn:aws:iam::111122223333:role/team/Operator"
ADMINISTRATOR = "arn:aws:iam::111122223333:role/Administrator"

_GOOD = {
    policies.partition: ("aws", "aws-cn", "aws-us-gov"),
    policies.region: ("eu-central-1", "us-gov-west-1", "cn-northwest-1", "ap-southeast-10", "mx-central-1"),
    policies.account: ("111122223333",),
    policies.bucket: ("example-config", "a.b", "0-0"),
    policies.prefix: ("prod", "prod/web", "p", "a_b.c-d/E", "x" * 128),
    policies.key: (KEY, CHINESE_KEY, KEY.replace("key/", "key/mrk-")),
    policies.principal: (
        OPERATOR,
        "arn:aws:iam::111122223333:user/jane@example.com",
        "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/eu-central-1/AWSReservedSSO_Ops_0123456789abcdef",
    ),
}
_BAD = {
    policies.partition: ("", "aws-iso", "AWS", "aws*"),
    policies.region: ("", "us-central", "eu-*-1", "us-iso-east-1", "eusc-de-east-1", "${aws:x}", "eu-central-1\n"),
    policies.account: ("", "1111", "11112222333*", "111122223333 ", "1111222233334"),
    policies.bucket: ("", "a*", "A", "x/y", "a..b", "b-s3alias", "${aws:x}", "example-config\n", "b?"),
    policies.prefix: (
        *("", "/", "/dev", "dev/", "a//b", "*", "prod*", "pr?d", "${aws:username}", "a$b", "../x", "a/../b"),
        *(".", "a b", "a\n", "prod\n", "é", 'a"b', "a'b", "x" * 129),
    ),
    policies.key: (
        "",
        "alias/x",
        KEY.replace("key/", "alias/"),
        "1234abcd",
        KEY + "*",
        KEY + "\n",
        KEY[:-37] + "*",
    ),
    policies.principal: (
        "",
        "*",
        "arn:aws:iam::111122223333:root",
        "arn:aws:iam::111122223333:role/*",
        OPERATOR + "\n",
        "111122223333",
        "arn:aws:sts::111122223333:assumed-role/Operator/jane",
        "arn:aws:iam::*:role/x",
        "arn:aws:iam::111122223333:role/",
        "arn:aws-iso:iam::111122223333:role/x",
        "arn:aws:iam::111122223333:group/x",
        "arn:aws:iam::111122223333:role/${x}",
    ),
}


@pytest.mark.parametrize(("parse", "text"), [(parse, text) for parse, texts in _GOOD.items() for text in texts])
def test_good_values(parse: Callable[[str], str], text: str) -> None:
    """What can stand in a policy is taken as it is."""
    assert parse(text) == text


@pytest.mark.parametrize(("parse", "text"), [(parse, text) for parse, texts in _BAD.items() for text in texts])
def test_bad_values(parse: Callable[[str], str], text: str) -> None:
    """Nothing that IAM reads as a pattern or a variable is taken, and no message repeats it."""
    with pytest.raises(UsageError) as raised:
        parse(text)
    assert len(text) < 2 or text not in " ".join((raised.value.message, *raised.value.hints))


def test_a_session_is_told_from_its_role() -> None:
    """Who gives what `sts get-caller-identity` prints is told what is meant."""
    with pytest.raises(UsageError, match="not of a session"):
        policies.principal("arn:aws:sts::111122223333:assumed-role/Operator/jane")


@pytest.mark.parametrize(
    ("given", "surroundings", "expected"),
    [
        (Values(), None, ("aws", None, None)),
        (Values(), "cn-north-1", ("aws-cn", "cn-north-1", None)),
        (Values(region="us-gov-west-1"), "eu-central-1", ("aws-us-gov", "us-gov-west-1", None)),
        (Values(keys=(KEY,)), None, ("aws", "eu-central-1", "111122223333")),
        (Values(keys=(KEY,)), "us-east-1", ("aws", "eu-central-1", "111122223333")),
        (Values(keys=(CHINESE_KEY,)), None, ("aws-cn", "cn-north-1", "111122223333")),
        (Values(keys=(FOREIGN_KEY,), operators=(OPERATOR,)), None, ("aws", "eu-central-1", "111122223333")),
        (Values(keys=(FOREIGN_KEY,), account="111122223333"), None, ("aws", "eu-central-1", "111122223333")),
        (Values(administrator=ADMINISTRATOR), "eu-west-1", ("aws", "eu-west-1", "111122223333")),
        (Values(partition="aws-cn"), None, ("aws-cn", None, None)),
    ],
)
def test_what_follows(given: Values, surroundings: Optional[str], expected: tuple[Optional[str], ...]) -> None:
    """Partition, region and account are those of the ARNs, where they are not said."""
    found = settled(given, surroundings)
    assert (found.partition, found.region, found.account) == expected


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (Values(region="eu-west-1", keys=(KEY,)), "cannot encrypt in eu-west-1"),
        (
            Values(keys=(KEY, KEY.replace("eu-central-1", "eu-west-1"))),
            "a KMS key of eu-west-1 cannot encrypt in eu-central-1",
        ),
        (Values(partition="aws-cn", keys=(KEY,)), "region eu-central-1 is not of partition aws-cn"),
        (Values(partition="aws-cn", region="eu-central-1"), "is not of partition aws-cn"),
        (Values(keys=(KEY.replace("arn:aws:", "arn:aws-cn:"),)), "region eu-central-1 is not of partition aws-cn"),
        (
            Values(keys=(KEY,), operators=(OPERATOR.replace("aws:", "aws-cn:"),)),
            "a role or user is not of partition aws",
        ),
        (Values(account="444455556666", operators=(OPERATOR,)), "must be in one account"),
        (
            Values(operators=(OPERATOR,), administrator=ADMINISTRATOR.replace("1111", "9999")),
            "must be in one account",
        ),
    ],
)
def test_what_does_not_fit(given: Values, reason: str) -> None:
    """Values of different places are refused: what they make would deny, or allow, something else than is meant."""
    with pytest.raises(UsageError, match=reason):
        settled(given)


def test_surroundings_that_are_no_region() -> None:
    """A variable of the environment is no better than an option."""
    with pytest.raises(UsageError, match="this is not a region"):
        settled(Values(), "${aws:x}")
