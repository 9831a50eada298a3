"""The stack's template with other defaults: the lines of those parameters change, and no other."""

from __future__ import annotations

import pytest
from ecsauth.deploy.policies import Values, parameters, with_defaults
from ecsauth.errors import UsageError

TEMPLATE = """\
# A comment: it stays.
Parameters:
  Prefix:
    Type: String
    Default: prod
    Description: Default
  AdministratorArn:
    Type: String
    Description: who
Conditions:
  Prefix:
    Default: x
Resources:
  Prefix:
    Type: AWS::X
"""


@pytest.mark.parametrize(
    ("defaults", "old", "new"),
    [
        ({}, "", ""),
        ({"Prefix": "web"}, "    Default: prod\n", '    Default: "web"\n'),
        (
            {"AdministratorArn": "arn:x"},
            "    Type: String\n    Description: who\n",
            '    Type: String\n    Default: "arn:x"\n    Description: who\n',
        ),
    ],
)
def test_defaults(defaults: dict[str, str], old: str, new: str) -> None:
    """A default is replaced, or added below the type; the text is otherwise as it was."""
    assert with_defaults(TEMPLATE, defaults) == TEMPLATE.replace(old, new)


def test_no_such_parameter() -> None:
    """What would be lost is refused."""
    with pytest.raises(UsageError, match="has no parameter Other"):
        with_defaults(TEMPLATE, {"Other": "x"})


def test_parameters() -> None:
    """The values go where the template takes them."""
    values = Values(bucket="b", prefix="p", operators=("arn:o",), administrator="arn:a")
    assert parameters(values) == {"BucketName": "b", "Prefix": "p", "OperatorArn": "arn:o", "AdministratorArn": "arn:a"}
    assert parameters(Values()) == {}


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (Values(keys=("arn:k",)), "creates its own key"),
        (Values(account="111122223333"), "creates its own key"),
        (Values(operators=("arn:o", "arn:p")), "supports one operator"),
        (Values(bucket="a.b"), "no bucket name with a dot"),
    ],
)
def test_what_the_stack_does_not_take(values: Values, reason: str) -> None:
    """An option that would have no effect is refused."""
    with pytest.raises(UsageError, match=reason):
        parameters(values)
