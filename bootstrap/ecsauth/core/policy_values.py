"""What fills the placeholders of a policy: each value is one thing, and nothing that IAM would read as a pattern.

A `*` or `?` in a value would widen the policy, a `${` would be a variable of IAM's (IAM User Guide, "Policy
variables"). So each value is of a narrow form; what is refused is not repeated.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Optional

from ecsauth.core import s3_uri, trust
from ecsauth.core.errors import UsageError
from ecsauth.core.partitions import DNS_SUFFIXES, REGION

_STANDARD = "aws"
# By how the regions of another partition begin; those that are closed to the public are none of ours.
_OTHERS = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}
PARTITIONS = (_STANDARD, *_OTHERS.values())
_CLOSED = re.compile(r"(us-isob?|eu-isoe|us-isof|eusc)-")
_PREFIX = r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*"
_LONGEST_PREFIX = 128
# IAM API Reference: paths and names. `:root` stands for everybody of the account whom a policy allows.
_PRINCIPAL = r"arn:(aws|aws-cn|aws-us-gov):iam::([0-9]{12}):(role|user)/[A-Za-z0-9+=,.@_/-]{1,576}"


class Values(NamedTuple):
    """What is known. `keys` are full ARNs, more than one while keys change; `operators` may be none."""

    partition: Optional[str] = None
    region: Optional[str] = None
    account: Optional[str] = None
    bucket: Optional[str] = None
    prefix: Optional[str] = None
    keys: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
    administrator: Optional[str] = None

    def placeholders(self) -> dict[str, tuple[str, ...]]:
        """Return what each placeholder stands for, as far as it is known; a list may have more than one of it."""
        known = {
            "Partition": self.partition,
            "DnsSuffix": DNS_SUFFIXES.get(self.partition or ""),
            "Region": self.region,
            "Account": self.account,
            "Bucket": self.bucket,
            "Prefix": self.prefix,
            "AdministratorArn": self.administrator,
        }
        found = {name: (value,) for name, value in known.items() if value is not None}
        # Without operators there is only the administrator, who stands beside them.
        return {**found, **({"KeyArn": self.keys} if self.keys else {}), "OperatorArn": self.operators}


def partition(text: str) -> str:
    """Return `text` if it is a partition whose policies are known; raise UsageError."""
    if text in PARTITIONS:
        return text
    raise UsageError(f"takes one of {', '.join(PARTITIONS)}")


def region(text: str) -> str:
    """Return `text` if it is the code of a region; raise UsageError."""
    if re.fullmatch(REGION, text) and not _CLOSED.match(text):
        return text
    raise UsageError(f"this is no region of {', '.join(PARTITIONS)}: write its code, as eu-central-1")


def prefix(text: str) -> str:
    """Return `text` if it can stand in a policy and before a key as it is; raise UsageError."""
    if len(text) <= _LONGEST_PREFIX and re.fullmatch(_PREFIX, text):
        return text
    raise UsageError(
        "takes a prefix as prod or prod/web: letters, digits and ._- in parts with a slash between, none at the ends"
    )


def principal(text: str) -> str:
    """Return `text` if it is the ARN of one role or user; raise UsageError."""
    if re.fullmatch(_PRINCIPAL, text):
        return text
    if ":assumed-role/" in text:
        raise UsageError(
            "takes the ARN of the role, arn:aws:iam::ACCOUNT:role/NAME, not that of a session: a session ends",
            "see: aws iam get-role --role-name NAME --query Role.Arn",
        )
    raise UsageError("takes the ARN of one role or user, arn:aws:iam::ACCOUNT:role/NAME")


def settled(values: Values, surroundings: Optional[str] = None) -> Values:
    """Return the values with what their ARNs say of partition, region and account; `surroundings` is a region.

    Raises UsageError where they do not fit each other.
    """
    keys = [key.split(":")[:5] for key in values.keys]
    people = [
        one.split(":")[:5] for one in (*values.operators, *([values.administrator] if values.administrator else []))
    ]
    _refuse_foreign_people(values, people)
    where = values.region or next((key[3] for key in keys), None) or surroundings
    # The people's first: a key may be of another account than the bucket.
    account = values.account or next((arn[4] for arn in (*people, *keys)), None)
    partition = values.partition or next((arn[1] for arn in (*keys, *people)), None) or _partition_of(where)
    if where is not None and _partition_of(region(where)) != partition:
        raise UsageError(f"region {where} is not of partition {partition}", "is --region right, or --partition?")
    for key in keys:
        if key[1] != partition or key[3] != where:
            raise UsageError(
                f"a key of {key[3]} cannot encrypt in {where}: S3 takes keys of the bucket's own region only",
                "is --kms-key right, or --region?",
            )
    if any(arn[1] != partition for arn in people):
        raise UsageError(f"a role or user is not of partition {partition}")
    return values._replace(partition=partition, region=where, account=account)


def _refuse_foreign_people(values: Values, people: list[list[str]]) -> None:
    accounts = {arn[4] for arn in people} | ({values.account} if values.account else set())
    if len(accounts) > 1:
        raise UsageError(
            "operators, administrator and bucket have to be of one account: the bucket's policy keeps all others out",
            "in another account, let them take a role of this one",
        )


def _partition_of(region: Optional[str]) -> str:
    return next((name for start, name in _OTHERS.items() if (region or "").startswith(start)), _STANDARD)


# Parsers of the core under the names of what they are of here.
account = trust.account
key = trust.key_arn
bucket = s3_uri.bucket_name
