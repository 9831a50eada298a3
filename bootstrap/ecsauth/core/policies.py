"""The policies of one environment: what each needs to be filled, and what is done with it then.

The files are those of `iam/`, which are JSON with placeholders as CloudFormation writes them, `${Bucket}`.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from ecsauth.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ecsauth.core.policy_values import Values

STACK = "stack"
_PLACEHOLDER = re.compile(r"\$\{([A-Za-z]+)\}")
# By which option a placeholder is filled; what follows from others needs none of its own.
OPTIONS = {
    "Bucket": "--bucket",
    "Prefix": "--prefix",
    "KeyArn": "--kms-key",
    "AdministratorArn": "--administrator",
    "Account": "--account",
    "Region": "--region",
}
# An ARN that is needed anyway says it too.
_SAID_BY = {"Account": "AdministratorArn", "Region": "KeyArn"}
_OF_THE_AGENT = "arn:${Partition}:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role"
_MANAGED = "arn:${Partition}:iam::${Account}:policy/ecsauth"


class Policy(NamedTuple):
    """One of the policies: its file, and the commands that put it in force, FILE being where it was written.

    `again` are the commands where the key is there already. A policy that is attached to people has the `output` of
    the stack that names it.
    """

    file: str
    next: tuple[str, ...]
    again: tuple[str, ...] = ()
    output: str = ""


POLICIES = {
    "instance-role": Policy(
        "instance-role.json",
        ("aws iam put-role-policy --role-name ROLE --policy-name ecsauth --policy-document file://FILE",),
    ),
    "instance-role-trust": Policy(
        "instance-role-trust.json",
        (
            "aws iam create-role --role-name ROLE --assume-role-policy-document file://FILE",
            f"aws iam attach-role-policy --role-name ROLE --policy-arn {_OF_THE_AGENT}",
            "aws iam create-instance-profile --instance-profile-name ROLE",
            "aws iam add-role-to-instance-profile --instance-profile-name ROLE --role-name ROLE",
        ),
    ),
    "operator": Policy(
        "operator.json",
        (
            "aws iam create-policy --policy-name ecsauth-operator --policy-document file://FILE",
            f"aws iam attach-role-policy --role-name ROLE --policy-arn {_MANAGED}-operator",
        ),
        output="OperatorPolicyArn",
    ),
    "auditor": Policy(
        "auditor.json",
        (
            "aws iam create-policy --policy-name ecsauth-auditor --policy-document file://FILE",
            f"aws iam attach-role-policy --role-name ROLE --policy-arn {_MANAGED}-auditor",
        ),
        output="AuditorPolicyArn",
    ),
    "bucket": Policy("bucket.json", ("aws s3api put-bucket-policy --bucket ${Bucket} --policy file://FILE",)),
    "key": Policy(
        "key.json",
        ("aws kms create-key --policy file://FILE", "aws kms enable-key-rotation --key-id KEY"),
        again=(
            "aws kms put-key-policy --key-id ${KeyArn} --policy-name default --policy file://FILE",
            "aws kms enable-key-rotation --key-id ${KeyArn}",
        ),
    ),
}


def fill(text: str, values: Values) -> dict[str, Any]:
    """Return the document of a file with its placeholders filled; raise UsageError naming all that is not known."""
    known = values.placeholders()
    named = dict.fromkeys(_PLACEHOLDER.findall(text))
    missing = [
        option
        for name, option in OPTIONS.items()
        if name in named and name not in known and _SAID_BY.get(name) not in named
    ]
    if missing:
        raise UsageError(
            f"this policy needs {' and '.join(missing)}", "or give --stack NAME, where a stack has made them"
        )
    filled: dict[str, Any] = _filled(json.loads(text), known)
    return filled


def next_steps(policy: Policy, values: Values, file: str) -> Iterator[str]:
    """Yield the commands that put a policy in force which was written to `file`."""
    known = values.placeholders()
    for command in policy.again if policy.again and values.keys else policy.next:
        yield _text(command, known).replace("file://FILE", f"file://{file}")


def attachment(policy_arn: str, person: Optional[str]) -> str:
    """Return the command that attaches a managed policy to somebody, to a role where nobody is named."""
    kind, _, name = (person or "role/ROLE").rpartition(":")[2].partition("/")
    return f"aws iam attach-{kind}-policy --{kind}-name {name.rpartition('/')[2]} --policy-arn {policy_arn}"


def _filled(value: Any, known: dict[str, tuple[str, ...]]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(one, known) for name, one in value.items()}
    if isinstance(value, list):
        several = [each for one in value for each in _several(one, known)]
        # What are two names in one partition is one and the same in another.
        return several if any(isinstance(one, dict) for one in several) else list(dict.fromkeys(several))
    return _text(value, known)


def _several(value: Any, known: dict[str, tuple[str, ...]]) -> list[Any]:
    """Return what stands for one element of a list: a placeholder that stands alone may be more, or nothing."""
    alone = _PLACEHOLDER.fullmatch(value) if isinstance(value, str) else None
    return list(known[alone[1]]) if alone else [_filled(value, known)]


def _text(value: str, known: dict[str, tuple[str, ...]]) -> str:
    return _PLACEHOLDER.sub(lambda found: known[found[1]][0], value)
