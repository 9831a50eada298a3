"""Placeholders become values: in texts, alone in a list as many as there are, and none is left."""

from __future__ import annotations

import json
from typing import Any, Optional

import pytest
from ecsauth.deploy import policies
from ecsauth.deploy.policies import Values
from ecsauth.errors import UsageError

KEYS = ("arn:aws:kms:eu-central-1:111122223333:key/1", "arn:aws:kms:eu-central-1:111122223333:key/2")
ATTACH = "aws iam attach-role-policy --role-name ROLE --policy-arn"
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
    assert raised.value.hints == ("or give --stack NAME, if a stack created them",)


@pytest.mark.parametrize(
    ("name", "values", "steps"),
    [
        ("bucket", VALUES, ["aws s3api put-bucket-policy --bucket example-config --policy file://F"]),
        (
            "operator",
            VALUES,
            [
                "aws iam create-policy --policy-name ecsauth-operator --policy-document file://F",
                f"{ATTACH} arn:aws:iam::111122223333:policy/ecsauth-operator",
            ],
        ),
        (
            "auditor",
            VALUES,
            [
                "aws iam create-policy --policy-name ecsauth-auditor --policy-document file://F",
                f"{ATTACH} arn:aws:iam::111122223333:policy/ecsauth-auditor",
            ],
        ),
        (
            "key",
            VALUES._replace(keys=()),
            ["aws kms create-key --policy file://F", "aws kms enable-key-rotation --key-id KEY"],
        ),
        (
            "key",
            VALUES,
            [
                f"aws kms put-key-policy --key-id {KEYS[0]} --policy-name default --policy file://F",
                f"aws kms enable-key-rotation --key-id {KEYS[0]}",
            ],
        ),
    ],
)
def test_next_steps(name: str, values: Values, steps: list[str]) -> None:
    """The commands that put a policy in force have its file, its bucket, and its key where that is known."""
    assert list(policies.next_steps(policies.POLICIES[name], values, "F")) == steps


@pytest.mark.parametrize(
    ("person", "command"),
    [
        (None, f"{ATTACH} A"),
        ("arn:aws:iam::1:role/path/Operator", "aws iam attach-role-policy --role-name Operator --policy-arn A"),
        ("arn:aws:iam::1:user/jane", "aws iam attach-user-policy --user-name jane --policy-arn A"),
    ],
)
def test_attachment(person: Optional[str], command: str) -> None:
    """A policy is attached to a role or a user by its name, which is what is left of the ARN without the path."""
    assert policies.attachment("A", person) == command
