"""The policies and the stack of one environment: the values that they need, and the commands that apply them.

The files are those of `iam/`, which are JSON with placeholders as CloudFormation writes them, `${Bucket}`.
"""

from __future__ import annotations

import itertools
import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from ecsauth import aws_names
from ecsauth.aws_names import DNS_SUFFIXES, REGION
from ecsauth.boot import trust
from ecsauth.deploy import ssm_documents
from ecsauth.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

STACK = "stack"
_PLACEHOLDER = re.compile(r"\$\{([A-Za-z]+)\}")
# The option that gives each placeholder its value. The other placeholders are derived from these.
OPTIONS = {
    "Bucket": "--bucket",
    "Prefix": "--prefix",
    "KeyArn": "--kms-key",
    "AdministratorArn": "--administrator",
    "Account": "--account",
    "Region": "--region",
}
# An ARN that a document needs anyway contains these values, too.
_SAID_BY = {"Account": ("AdministratorArn", "KeyArn"), "Region": ("KeyArn",)}
_OF_THE_AGENT = "arn:${Partition}:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role"
_MANAGED = "arn:${Partition}:iam::${Account}:policy/ecsauth"


class Policy(NamedTuple):
    """One of the policies: its file, and the commands that apply it, in which FILE stands for the written file.

    `again` are the commands if the key exists already. `output` is the output of the stack with the ARN of a policy
    that is attached to people, and `people` are the parameters that name them, the first that is set counts. `is_fleet`
    is True if the stack has the policy only with its parameter Fleet.
    """

    file: str
    next: tuple[str, ...]
    again: tuple[str, ...] = ()
    output: str = ""
    people: tuple[str, ...] = ()
    is_fleet: bool = False


def _attached(name: str) -> tuple[str, ...]:
    """Return the commands that create a managed policy and attach it to a role."""
    return (
        f"aws iam create-policy --policy-name ecsauth-{name} --policy-document file://FILE",
        f"aws iam attach-role-policy --role-name ROLE --policy-arn {_MANAGED}-{name}",
    )


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
        _attached("operator"),
        output="OperatorPolicyArn",
        people=("OperatorArn",),
    ),
    "auditor": Policy(
        "auditor.json",
        _attached("auditor"),
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
    "fleet-roll": Policy(
        "fleet-roll.json",
        _attached("fleet-roll"),
        output="FleetRollPolicyArn",
        people=("FleetRollArn", "OperatorArn"),
        is_fleet=True,
    ),
    "fleet-promote": Policy(
        "fleet-promote.json",
        _attached("fleet-promote"),
        output="FleetPromotePolicyArn",
        people=("FleetPromoteArn", "OperatorArn"),
        is_fleet=True,
    ),
    "fleet-read": Policy("fleet-read.json", _attached("fleet-read"), output="FleetReadPolicyArn", is_fleet=True),
    "fleet-instance": Policy(
        "fleet-instance.json",
        ("aws iam put-role-policy --role-name ROLE --policy-name ecsauth-fleet --policy-document file://FILE",),
        is_fleet=True,
    ),
}


def fill(text: str, values: Values) -> dict[str, Any]:
    """Return the document with its placeholders replaced; raise UsageError, which names all missing options."""
    known = values.placeholders()
    named = dict.fromkeys(_PLACEHOLDER.findall(text))
    missing = [
        option
        for name, option in OPTIONS.items()
        if name in named and name not in known and not any(arn in named for arn in _SAID_BY.get(name, ()))
    ]
    if missing:
        raise UsageError(f"this policy needs {' and '.join(missing)}", "or give --stack NAME, if a stack created them")
    filled: dict[str, Any] = _filled(json.loads(text), known)
    return filled


def next_steps(policy: Policy, values: Values, file: str) -> Iterator[str]:
    """Yield the commands that apply the policy in `file`."""
    known = values.placeholders()
    for command in policy.again if policy.again and values.keys else policy.next:
        yield _text(command, known).replace("file://FILE", f"file://{file}")


def attachment(policy_arn: str, person: Optional[str]) -> str:
    """Return the command that attaches a managed policy to `person`, or to a placeholder ROLE if that is None."""
    kind, _, name = (person or "role/ROLE").rpartition(":")[2].partition("/")
    return f"aws iam attach-{kind}-policy --{kind}-name {name.rpartition('/')[2]} --policy-arn {policy_arn}"


def _filled(value: Any, known: dict[str, tuple[str, ...]]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(one, known) for name, one in value.items()}
    if isinstance(value, list):
        several = [each for one in value for each in _several(one, known)]
        # Two names that differ in one partition may be equal in another.
        return several if any(isinstance(one, dict) for one in several) else list(dict.fromkeys(several))
    return _text(value, known)


def _several(value: Any, known: dict[str, tuple[str, ...]]) -> list[Any]:
    """Return the values of one element of a list: a placeholder alone may have several values, or none."""
    alone = _PLACEHOLDER.fullmatch(value) if isinstance(value, str) else None
    return list(known[alone[1]]) if alone else [_filled(value, known)]


def _text(value: str, known: dict[str, tuple[str, ...]]) -> str:
    return _PLACEHOLDER.sub(lambda found: known[found[1]][0], value)


_STANDARD = "aws"
# The other partitions by the prefix of their regions. Partitions that are closed to the public are not supported.
_OTHERS = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}
PARTITIONS = (_STANDARD, *_OTHERS.values())
_CLOSED = re.compile(r"(us-isob?|eu-isoe|us-isof|eusc)-")
_PREFIX = r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*"
_LONGEST_PREFIX = 128
# IAM API Reference: paths and names. `:root` is refused: it means every principal that the account's policies allow.
_PRINCIPAL = r"arn:(aws|aws-cn|aws-us-gov):iam::([0-9]{12}):(role|user)/[A-Za-z0-9+=,.@_/-]{1,576}"


class Values(NamedTuple):
    """The known values. `keys` are full ARNs, several while a key is being replaced; `operators` may be empty.

    `documents` is what the names of the SSM documents begin with.
    """

    partition: Optional[str] = None
    region: Optional[str] = None
    account: Optional[str] = None
    bucket: Optional[str] = None
    prefix: Optional[str] = None
    keys: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
    administrator: Optional[str] = None
    documents: Optional[str] = None

    def placeholders(self) -> dict[str, tuple[str, ...]]:
        """Return the values of each known placeholder; in a list a placeholder may have several values."""
        known = {
            "Partition": self.partition,
            "DnsSuffix": DNS_SUFFIXES.get(self.partition or ""),
            "Region": self.region,
            "Account": self.account,
            "Bucket": self.bucket,
            "Prefix": self.prefix,
            "AdministratorArn": self.administrator,
            "Documents": self.documents or ssm_documents.PREFIX,
        }
        found = {name: (value,) for name, value in known.items() if value is not None}
        # Without operators the list in the policy contains only the administrator.
        return {**found, **({"KeyArn": self.keys} if self.keys else {}), "OperatorArn": self.operators}


def partition(text: str) -> str:
    """Return `text` if it is a partition whose policies are known; raise UsageError."""
    if text in PARTITIONS:
        return text
    raise UsageError(f"must be one of {', '.join(PARTITIONS)}")


def region(text: str) -> str:
    """Return `text` if it is the code of a region; raise UsageError."""
    if re.fullmatch(REGION, text) and not _CLOSED.match(text):
        return text
    raise UsageError(f"this is not a region of {', '.join(PARTITIONS)}: give its code, such as eu-central-1")


def prefix(text: str) -> str:
    """Return `text` if a policy and a key can contain it unchanged; raise UsageError."""
    if len(text) <= _LONGEST_PREFIX and re.fullmatch(_PREFIX, text):
        return text
    raise UsageError(
        "must be a prefix such as prod or prod/web: parts of letters, digits and ._- with a slash between two parts"
    )


def principal(text: str) -> str:
    """Return `text` if it is the ARN of one role or user; raise UsageError."""
    if re.fullmatch(_PRINCIPAL, text):
        return text
    if ":assumed-role/" in text:
        raise UsageError(
            "must be the ARN of the role, arn:aws:iam::ACCOUNT:role/NAME, not of a session, which expires",
            "see the ARN: aws iam get-role --role-name NAME --query Role.Arn",
        )
    raise UsageError("must be the ARN of one role or user, arn:aws:iam::ACCOUNT:role/NAME")


def settled(values: Values, surroundings: Optional[str] = None) -> Values:
    """Return the values completed by the partition, region and account in their ARNs.

    `surroundings` is the region to use if no value names one. Raises UsageError if the values contradict each other.
    """
    keys = [key.split(":")[:5] for key in values.keys]
    people = [
        one.split(":")[:5] for one in (*values.operators, *([values.administrator] if values.administrator else []))
    ]
    _refuse_foreign_people(values, people)
    where = values.region or next((key[3] for key in keys), None) or surroundings
    # The ARNs of people first, because the key may belong to another account than the bucket.
    account = values.account or next((arn[4] for arn in (*people, *keys)), None)
    partition = values.partition or next((arn[1] for arn in (*keys, *people)), None) or _partition_of(where)
    if where is not None and _partition_of(region(where)) != partition:
        raise UsageError(f"region {where} is not of partition {partition}", "check --region and --partition")
    for key in keys:
        if key[1] != partition or key[3] != where:
            raise UsageError(
                f"a KMS key of {key[3]} cannot encrypt in {where}: S3 requires a key in the region of the bucket",
                "check --kms-key and --region",
            )
    if any(arn[1] != partition for arn in people):
        raise UsageError(f"a role or user is not of partition {partition}")
    return values._replace(partition=partition, region=where, account=account)


def _refuse_foreign_people(values: Values, people: list[list[str]]) -> None:
    accounts = {arn[4] for arn in people} | ({values.account} if values.account else set())
    if len(accounts) > 1:
        raise UsageError(
            "operators, administrator and bucket must be in one account: the bucket policy denies all others",
            "operators of another account must assume a role in this account",
        )


def _partition_of(region: Optional[str]) -> str:
    return next((name for start, name in _OTHERS.items() if (region or "").startswith(start)), _STANDARD)


# Parsers of other modules, under the names of the options here.
account = trust.account
key = trust.key_arn
bucket = aws_names.bucket_name
documents = ssm_documents.prefix


_HEADING = "\nParameters:\n"
_PARAMETER = re.compile(r"^  ([A-Za-z0-9]+):\n(?:    .*\n)*", re.MULTILINE)


def parameters(values: Values) -> dict[str, str]:
    """Return the stack's parameters that the values give; raise UsageError for a value that the stack does not take."""
    if values.keys or values.account or values.partition:
        raise UsageError("the stack creates its own key, in the account and partition of its deployment")
    if values.documents:
        raise UsageError("the stack names its documents after itself")
    if len(values.operators) > 1:
        raise UsageError("the stack supports one operator", "give a role that all operators can assume")
    if values.bucket and "." in values.bucket:
        raise UsageError("the stack supports no bucket name with a dot: the certificate of S3 does not cover it")
    named = {
        "BucketName": values.bucket,
        "Prefix": values.prefix,
        "OperatorArn": next(iter(values.operators), None),
        "AdministratorArn": values.administrator,
    }
    return {name: value for name, value in named.items() if value is not None}


def with_defaults(template: str, defaults: Mapping[str, str]) -> str:
    """Return the template with other defaults; raise UsageError for a parameter that it does not have."""
    before, heading, rest = template.partition(_HEADING)
    text = _parameter_lines(rest)
    found = {match[1]: match[0] for match in _PARAMETER.finditer(text)}
    missing = [name for name in defaults if name not in found]
    if missing:
        raise UsageError(f"the template has no parameter {', '.join(missing)}")
    changed = text
    for name, default in defaults.items():
        changed = changed.replace(found[name], _with_default(found[name], default))
    return before + heading + changed + rest[len(text) :]


def parameter_names(template: str) -> frozenset[str]:
    """Return the names of the parameters that the template has."""
    lines = _parameter_lines(template.partition(_HEADING)[2])
    return frozenset(match[1] for match in _PARAMETER.finditer(lines))


def _parameter_lines(rest: str) -> str:
    """Return the lines of the parameters from the text after their heading."""
    return "".join(itertools.takewhile(lambda line: not line[0].isalpha(), rest.splitlines(keepends=True)))


def _with_default(parameter: str, default: str) -> str:
    """Return the lines of a parameter with this default below its type; it replaces another default."""
    lines = [line for line in parameter.splitlines(keepends=True) if not line.startswith("    Default:")]
    (type_,) = (number for number, line in enumerate(lines) if line.startswith("    Type:"))
    return "".join((*lines[: type_ + 1], f"    Default: {json.dumps(default)}\n", *lines[type_ + 1 :]))
