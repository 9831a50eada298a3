"""Who the operator is, and which key a name stands for: STS and KMS."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Callable, Optional

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from ecsauth.boot.trust import key_arn
from ecsauth.command_hint import CommandHint
from ecsauth.errors import DeniedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

# What KMS says of a name that stands for no key (KMS API Reference, DescribeKey).
_NO_KEY = frozenset(("NotFoundException", "InvalidArnException", "ValidationException"))
# Whatever the SDK says where it does not answer as it should: a page of a proxy on the way, too.
_NO_ANSWER = (
    BotoCoreError,
    ClientError,
    ResponseParserError,
    KeyError,
    TypeError,
    RuntimeError,
    ValueError,
    UsageError,
)
_NOT_USABLE = frozenset(("Disabled", "PendingDeletion", "PendingReplicaDeletion", "PendingImport", "Unavailable"))


def caller(client: Callable[[], Any]) -> Optional[str]:
    """Return the ARN that the credentials are those of, None where that cannot be found out."""
    try:
        arn: str = client().get_caller_identity()["Arn"]
    except _NO_ANSWER:
        return None
    return arn if re.fullmatch(r"arn:[\x21-\x7e]+", arn) else None


def full_key(key: str, client: Callable[[], Any]) -> tuple[str, bool]:
    """Return the full ARN of a key that is named by alias, ID or ARN, and whether that was found out.

    Who may not ask KMS has the name back: S3 resolves it, and says in its answer what it has used. Raises DeniedError
    where KMS knows no such key, or one that cannot be used.
    """
    try:
        return key_arn(key), True
    except UsageError:
        pass
    try:
        described = client().describe_key(KeyId=key)["KeyMetadata"]
    except ClientError as fault:
        if fault.response["Error"].get("Code") in _NO_KEY:
            raise DeniedError(
                f"there is no KMS key {key} in this account and region",
                CommandHint("see which there are", "aws", "kms", "list-aliases"),
            ) from None
        return key, False
    except _NO_ANSWER:
        return key, False
    _refuse_unusable(key, described)
    return str(described.get("Arn", key)), True


def _refuse_unusable(key: str, described: Mapping[str, Any]) -> None:
    state = described.get("KeyState", "Enabled")
    if state in _NOT_USABLE:
        see = CommandHint("see", "aws", "kms", "describe-key", "--key-id", str(described.get("Arn", key)))
        raise DeniedError(f"the KMS key {key} cannot be used: its state is {state}", see)
