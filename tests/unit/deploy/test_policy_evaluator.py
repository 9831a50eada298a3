"""The evaluator of policies: by AWS's words for each operator, and by the verdicts of another evaluator."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import pytest
from access_world import EVERYTHING, Place, evaluated
from policy_evaluator import Asked, NotUnderstoodError, allowed, allowed_by_key, may_assume

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_evaluator import Policy, Value

VERDICTS = Path(__file__).parents[2] / "verdicts" / "verdicts.jsonl.gz"
ACCOUNT = "111122223333"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/Somebody"
OTHER = "arn:aws:iam::999999999999:role/Somebody"
KEY = "aws:PrincipalTag/a"


def verdicts() -> list[dict[str, Any]]:
    """Return what was recorded."""
    return [json.loads(line) for line in gzip.decompress(VERDICTS.read_bytes()).splitlines()]


def policy(*statements: dict[str, Any]) -> Policy:
    """Return a policy of these statements, which say what differs from allowing everything."""
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", **one} for one in statements]}


def conditions(policies: list[Policy]) -> Iterator[tuple[str, str]]:
    """Yield each operator that is in the policies with the key that it is about."""
    for each in policies:
        for statement in each["Statement"]:
            for operator, block in statement.get("Condition", {}).items():
                yield from ((operator, key) for key in block)


def holds(operator: str, expected: Any, found: Optional[Value]) -> bool:
    """Tell whether a condition holds for a request that has this value of the key, None for none."""
    statement = {"Resource": "*", "Condition": {operator: {KEY: expected}}}
    context = {} if found is None else {KEY: found}
    return allowed(Asked(ROLE, "s3:GetObject", "arn:aws:s3:::a/b", context), [policy(statement)], None, ACCOUNT)


def test_agrees_with_another_evaluator() -> None:
    """What iam-simulate says of each row, and of each row after a change, is what this one says."""
    recorded = verdicts()
    assert len({one["allowed"] for one in recorded}) == 2
    assert len(recorded) > 1000
    assert [one["name"] for one in recorded if evaluated(one) is not one["allowed"]] == []


def test_the_other_evaluator_was_asked_all_of_it() -> None:
    """Each operator of today's policies, with its key, is in what was recorded: else it is to be recorded again."""
    asked = [each for one in verdicts() for each in (*one["identity"], one["policy"]) if each]
    assert set(conditions(list(Place().policies().values()))) <= set(conditions(asked))


@pytest.mark.parametrize(
    ("operator", "expected", "found", "result"),
    [
        ("StringEquals", "a", "a", True),
        ("StringEquals", "a", "A", False),
        ("StringEquals", ["b", "a"], "a", True),
        ("StringEquals", "a*", "ab", False),
        ("StringEquals", "a", None, False),
        ("StringEqualsIfExists", "a", None, True),
        ("StringEqualsIfExists", "a", "b", False),
        ("StringNotEquals", "a", "b", True),
        ("StringNotEquals", "a", "a", False),
        ("StringNotEquals", ["a", "b"], "b", False),
        ("StringNotEquals", "a", None, True),
        ("StringLike", "prod/*", "prod/ecs.config", True),
        ("StringLike", "prod/*", "prod/a/b", True),
        ("StringLike", "prod/*", "prod/", True),
        ("StringLike", "prod/*", "prod", False),
        ("StringLike", "prod/*", "production/a", False),
        ("StringLike", "pro?/a", "prod/a", True),
        ("StringLike", "p.od/a", "prod/a", False),
        ("StringNotLike", "prod/*", "staging/a", True),
        ("StringNotLike", "prod/*", "prod/a", False),
        ("ArnEquals", "arn:aws:iam::1:role/*", "arn:aws:iam::1:role/a", True),
        ("ArnLike", "arn:aws:iam::*:role/a", "arn:aws:iam::1:role/a", True),
        ("ArnLike", "arn:*:role/a", "arn:aws:iam::1:role/a", False),
        ("ArnLike", "arn:aws:iam::1:role/a", "arn:aws:iam::1:role/b", False),
        ("ArnLike", "arn:aws:s3:::a/*", "arn:aws:s3:::a/b:c/d", True),
        ("ArnNotEquals", "arn:aws:iam::1:role/a", "arn:aws:iam::1:role/b", True),
        ("ArnNotEquals", ["arn:aws:iam::1:role/a"], "arn:aws:iam::1:role/a", False),
        ("ArnNotLike", "arn:aws:iam::1:role/a", None, True),
        ("Bool", "false", "false", True),
        ("Bool", "False", "false", True),
        ("Bool", "false", "true", False),
        ("Bool", "false", None, False),
        ("NumericLessThan", "1.2", "1.1", True),
        ("NumericLessThan", "1.2", "1.2", False),
        ("NumericLessThan", "1.2", "1.3", False),
        ("NumericLessThan", "1.2", None, False),
        ("NumericLessThanEquals", "10", "9", True),
        ("NumericGreaterThanEquals", "10", "9", False),
        ("Null", "true", None, True),
        ("Null", "true", "a", False),
        ("Null", "false", "a", True),
        ("ForAnyValue:StringEquals", "a", ("b", "a"), True),
        ("ForAnyValue:StringEquals", "a", (), False),
        ("ForAnyValue:StringEquals", "a", None, False),
        ("ForAllValues:StringEquals", ["a", "b"], ("b", "a"), True),
        ("ForAllValues:StringEquals", "a", ("b", "a"), False),
        ("ForAllValues:StringEquals", "a", None, True),
    ],
)
def test_operator(operator: str, expected: Any, found: Optional[Value], result: bool) -> None:
    """A condition holds as AWS says (IAM User Guide, "Condition operators", "Multivalued context keys")."""
    assert holds(operator, expected, found) is result


@pytest.mark.parametrize(
    ("identity", "bucket", "principal", "result"),
    [
        ([EVERYTHING], None, ROLE, True),
        ([], None, ROLE, False),
        ([], policy({"Principal": "*", "Resource": "*"}), ROLE, True),
        ([], policy({"Principal": {"AWS": ROLE}, "Resource": "*"}), ROLE, True),
        ([], policy({"Principal": {"AWS": ACCOUNT}, "Resource": "*"}), ROLE, False),
        ([EVERYTHING], policy({"Effect": "Deny", "Principal": {"AWS": ACCOUNT}, "Resource": "*"}), ROLE, False),
        ([EVERYTHING], policy({"Effect": "Deny", "Principal": "*", "Resource": "*"}), ROLE, False),
        ([EVERYTHING, policy({"Effect": "Deny", "Resource": "*"})], None, ROLE, False),
        ([EVERYTHING], None, OTHER, False),
        ([EVERYTHING], policy({"Principal": {"AWS": OTHER}, "Resource": "*"}), OTHER, True),
        ([], policy({"Principal": {"AWS": OTHER}, "Resource": "*"}), OTHER, False),
        ([], policy({"Principal": "*", "Resource": "*"}), None, True),
        ([], policy({"Principal": {"AWS": ROLE}, "Resource": "*"}), None, False),
        ([policy({"Resource": "arn:aws:s3:::a"})], None, ROLE, False),
        ([policy({"NotResource": "arn:aws:s3:::a"})], None, ROLE, True),
        (
            [{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "S3:getobject", "Resource": "*"}}],
            None,
            ROLE,
            True,
        ),
        (
            [{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "NotAction": "s3:Get*", "Resource": "*"}}],
            None,
            ROLE,
            False,
        ),
    ],
)
def test_both_sides(identity: list[Policy], bucket: Optional[Policy], principal: Optional[str], result: bool) -> None:
    """Who asks and what is asked for come together as AWS says (IAM User Guide, "Policy evaluation logic")."""
    asked = Asked(principal, "s3:GetObject", "arn:aws:s3:::a/b", {})
    assert allowed(asked, identity, bucket, ACCOUNT) is result


@pytest.mark.parametrize(
    ("identity", "named", "principal", "result"),
    [
        ([EVERYTHING], f"arn:aws:iam::{ACCOUNT}:root", ROLE, True),
        ([], f"arn:aws:iam::{ACCOUNT}:root", ROLE, False),
        ([], ROLE, ROLE, True),
        ([EVERYTHING], f"{ROLE}-else", ROLE, False),
        ([], f"arn:aws:iam::{ACCOUNT}:root", f"arn:aws:iam::{ACCOUNT}:root", True),
        ([EVERYTHING], f"arn:aws:iam::{ACCOUNT}:root", OTHER, False),
        ([EVERYTHING], "999999999999", OTHER, True),
        ([], OTHER, OTHER, False),
    ],
)
def test_key(identity: list[Policy], named: str, principal: str, result: bool) -> None:
    """A key's policy has to allow it, or to leave it to the account (KMS Developer Guide, "Key policies")."""
    asked = Asked(principal, "kms:Decrypt", f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/a", {})
    of_key = policy({"Principal": {"AWS": named}, "Resource": "*"})
    assert allowed_by_key(asked, identity, of_key, ACCOUNT) is result


@pytest.mark.parametrize(
    "statement",
    [
        {"Resource": "*", "Condition": {"StringSortOfEquals": {KEY: "a"}}},
        {"Resource": "*", "Condition": {"StringEquals": {KEY: "${aws:username}"}}},
        {"Resource": "*", "Condition": {"ForAnyValue:StringEquals": {KEY: "a"}}},
        {"Resource": "arn:aws:s3:::${Bucket}/*"},
        {"Resource": "*", "NotResource": "*"},
        {},
        {"Resource": "*", "Effect": "Perhaps"},
        {"Resource": "*", "NotPrincipal": "*"},
        {"Resource": "*", "Principal": "*"},
    ],
    ids=str,
)
def test_not_understood(statement: dict[str, Any]) -> None:
    """What is not known, or is no policy of an identity, is an error, not an answer."""
    asked = Asked(ROLE, "s3:GetObject", "arn:aws:s3:::a/b", {KEY: "a"})
    with pytest.raises(NotUnderstoodError):
        allowed(asked, [policy(statement)], None, ACCOUNT)


@pytest.mark.parametrize("principal", [{"Federated": "a"}, {"AWS": "arn:aws:iam::1:role/*"}, None], ids=str)
def test_principal_not_understood(principal: object) -> None:
    """Nor is a kind of principal that no policy here names."""
    asked = Asked(ROLE, "s3:GetObject", "arn:aws:s3:::a/b", {})
    with pytest.raises(NotUnderstoodError):
        allowed(asked, [], policy({"Resource": "*", "Principal": principal}), ACCOUNT)


def test_trust() -> None:
    """A trust policy names who may take a role, and no resource."""
    trust = policy({"Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}})
    assert may_assume("ec2.amazonaws.com", trust, {})
    assert not may_assume("lambda.amazonaws.com", trust, {})
    assert not may_assume(ROLE, trust, {})
    with pytest.raises(NotUnderstoodError):
        may_assume(ROLE, policy({"Resource": "*", "Principal": "*"}), {})
