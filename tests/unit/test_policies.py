"""Placeholders become values: in texts, alone in a list as many as there are, and none is left."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bootstrap.core import policies
from bootstrap.core.errors import UsageError
from bootstrap.core.policy_values import Values

KEYS = ("arn:aws:kms:eu-central-1:111122223333:key/1", "arn:aws:kms:eu-central-1:111122223333:key/2")
VALUES = Values("aws", "eu-central-1", "111122223333", "example-config", "prod", KEYS, (), "arn:aws:iam::1:role/A")


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ({"A": "x${Bucket}y${Prefix}"}, {"A": "xexample-configyprod"}),
        ({"A": ["${KeyArn}"]}, {"A": list(KEYS)}),
        ({"A": ["${OperatorArn}", "${AdministratorArn}"]}, {"A": ["arn:aws:iam::1:role/A"]}),
        ({"A": ["s3.${Region}.amazonaws.com", "s3.${Region}.${DnsSuffix}"]}, {"A": ["s3.eu-central-1.amazonaws.com"]}),
        ({"A": [{"B": "${Account}"}, {"B": "1"}]}, {"A": [{"B": "111122223333"}, {"B": "1"}]}),
        ({"A": {"kms:${Bucket}": "*"}}, {"A": {"kms:${Bucket}": "*"}}),
    ],
)
def test_fill(template: dict[str, Any], expected: dict[str, Any]) -> None:
    """Values stand where their placeholders stood; names of elements are left alone."""
    assert policies.fill(json.dumps(template), VALUES) == expected


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("${Bucket}${Prefix}${KeyArn}${Region}", "this policy needs --bucket and --prefix and --kms-key"),
        ("${Region}${Account}", "this policy needs --account and --region"),
        ("${Account}${AdministratorArn}", "this policy needs --administrator"),
    ],
)
def test_what_is_missing(name: str, message: str) -> None:
    """All that is missing is named at once, by its option; what an ARN says besides is not asked for."""
    with pytest.raises(UsageError) as raised:
        policies.fill(json.dumps({"A": name}), Values("aws"))
    assert raised.value.message == message
    assert raised.value.hints == ("or give --stack NAME, where a stack has made them",)


def test_next_steps() -> None:
    """The commands that put a policy in force have its file and its bucket."""
    steps = list(policies.next_steps(policies.POLICIES["bucket"], VALUES, "b.json"))
    assert steps == ["aws s3api put-bucket-policy --bucket example-config --policy file://b.json"]
