"""`ecsauth rollback`: validate the content of an older version and put it as the newest version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecsauth import aws_names
from ecsauth.cli import options, progress, publish
from ecsauth.publish import roll_back

if TYPE_CHECKING:
    import argparse

    from ecsauth.cli.options import Parser


def add_arguments(parser: Parser) -> None:
    """Add the command's own arguments."""
    options.add_uri(parser)
    parser.add_argument(
        "version",
        metavar="VERSION",
        type=options.parsed(aws_names.version_id),
        help="version ID, as shown by history",
    )
    publish.add_arguments(parser, "the key of the current version")
    options.add_aws(parser)
    options.add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    """Roll back. On an EcsauthError nothing is put."""
    publish.refuse_version(arguments)
    request = publish.request(arguments)
    with progress.waiting(f"rolling back {request.uri}"):
        report = roll_back(arguments.version, request, publish.services(arguments))
    return publish.finish(report, request, arguments.format)
