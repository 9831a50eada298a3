"""Options that pin an object: the account that has to own its bucket, the KMS keys that it may be encrypted with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecsauth.boot import trust
from ecsauth.cli import options

if TYPE_CHECKING:
    import argparse

    from ecsauth.cli.options import Parser


def add_bucket_owner(parser: Parser) -> None:
    """Add `--bucket-owner`."""
    parser.add_argument(
        "--bucket-owner",
        metavar="ACCOUNT",
        type=options.parsed(trust.account),
        help="account that has to own the bucket",
    )


def add_keys(parser: argparse._ActionsContainer) -> None:
    """Add `--kms-key` as an instance needs it: at least one full ARN."""
    parser.add_argument(
        "--kms-key",
        metavar="ARN",
        action="append",
        required=True,
        type=options.parsed(trust.key_arn),
        help="the KMS key it is encrypted with; repeat it while keys change",
    )
