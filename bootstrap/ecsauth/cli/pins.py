"""Options that pin an object: the account that has to own its bucket, the KMS keys that it may be encrypted with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecsauth.boot import trust
from ecsauth.cli import options

if TYPE_CHECKING:
    import argparse


def add_bucket_owner(parser: argparse._ActionsContainer, text: str = "account ID of the bucket owner") -> None:
    """Add `--bucket-owner` with its help."""
    parser.add_argument("--bucket-owner", metavar="ACCOUNT", type=options.parsed(trust.account), help=text)


def add_owner_of_instance(parser: argparse._ActionsContainer) -> None:
    """Add `--bucket-owner` for an instance, whose own account is the default."""
    add_bucket_owner(parser, "account ID of the bucket owner (default: that of the instance)")


def add_keys(parser: argparse._ActionsContainer, *, required: bool = True) -> None:
    """Add `--kms-key` as an instance needs it: at least one full ARN."""
    parser.add_argument(
        "--kms-key",
        metavar="ARN",
        action="append",
        required=required,
        type=options.parsed(trust.key_arn),
        help="KMS key of the object; repeatable, for a key change",
    )
