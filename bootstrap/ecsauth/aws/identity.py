"""The operator's identity from STS, and the full ARN of a key from KMS."""

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

# The error codes of KMS if no key has this name (KMS API Reference, DescribeKey).
_NO_KEY = frozenset(("NotFoundException", "InvalidArnException", "ValidationException"))
# The exceptions of the SDK for a missing or malformed answer, as a page of a proxy.
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
    """Return the ARN of the owner of the credentials, None if it cannot be determined."""
    try:
        arn: str = client().get_caller_identity()["Arn"]
    except _NO_ANSWER:
        return None
    return arn if re.fullmatch(r"arn:[\x21-\x7e]+", arn) else None


def full_key(key: str, client: Callable[[], Any]) -> tuple[str, bool]:
    """Return the full ARN of a key that is given by alias, ID or ARN, and whether KMS has resolved it.

    If the operator may not ask KMS, the given name is returned: S3 resolves it, and its answer has the ARN. Raises
    DeniedError if KMS has no such key, or if the key cannot be used.
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
                CommandHint("list the key aliases", "aws", "kms", "list-aliases"),
            ) from None
        return key, False
    except _NO_ANSWER:
        return key, False
    _refuse_unusable(key, described)
    return str(described.get("Arn", key)), True


def _refuse_unusable(key: str, described: Mapping[str, Any]) -> None:
    state = described.get("KeyState", "Enabled")
    if state in _NOT_USABLE:
        see = CommandHint("see its state", "aws", "kms", "describe-key", "--key-id", str(described.get("Arn", key)))
        raise DeniedError(f"the KMS key {key} cannot be used: its state is {state}", see)
