"""The tag of instances by which the policy `fleet-roll` lets a command reach them: `ecsauth`, with the prefix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from ecsauth.command_hint import CommandHint
from ecsauth.fleet.census import Tag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ecsauth.aws_names import S3URI

NAME = "ecsauth"
# Amazon EC2 takes 1,000 resources in a request; a line that is to be pasted has fewer.
_MOST_IN_COMMAND = 100


def of(uri: S3URI) -> Optional[Tag]:
    """Return the tag for an object, None if its key has no prefix."""
    prefix = uri.key.rpartition("/")[0]
    return Tag(NAME, prefix) if prefix else None


def tagging(why: str, instances: Sequence[str], tag: Optional[Tag]) -> tuple[CommandHint, ...]:
    """Return the commands that give instances the tag; None for a prefix that is not known."""
    pair = f"Key={NAME},Value={tag.value if tag is not None else 'PREFIX'}"
    in_ec2 = [each for each in instances if each.startswith("i-")][:_MOST_IN_COMMAND]
    elsewhere = [each for each in instances if not each.startswith("i-")][:_MOST_IN_COMMAND]
    hints = [CommandHint(why, "aws", "ec2", "create-tags", "--resources", *in_ec2, "--tags", pair)] if in_ec2 else []
    # Systems Manager keeps the tags of hosts outside EC2, and takes one of them in a request.
    managed = ("aws", "ssm", "add-tags-to-resource", "--resource-type", "ManagedInstance", "--resource-id")
    return (*hints, *(CommandHint(why, *managed, each, "--tags", pair) for each in elsewhere))
