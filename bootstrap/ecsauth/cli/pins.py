"""Options that pin an object: the account that has to own its bucket, the KMS keys that it may be encrypted with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecsauth.boot import trust
from ecsauth.cli import options

if TYPE_CHECKING:
    import argparse


def add_bucket_owner(parser: argparse._ActionsContainer, text: str = "account that has to own the bucket") -> None:
    """Add `--bucket-owner` with its help."""
    parser.add_argument("--bucket-owner", metavar="ACCOUNT", type=options.parsed(trust.account), help=text)


def add_owner_of_instance(parser: argparse._ActionsContainer) -> None:
    """Add `--bucket-owner` for an instance, whose own account is the default."""
    add_bucket_owner(parser, "account of the bucket (default: the instance's)")


def add_keys(parser: argparse._ActionsContainer, *, required: bool = True) -> None:
    """Add `--kms-key` as an instance needs it: at least one full ARN."""
    parser.add_argument(
        "--kms-key",
        metavar="ARN",
        action="append",
        required=required,
        type=options.parsed(trust.key_arn),
        help="the KMS key it is encrypted with; repeat it while keys change",
    )
