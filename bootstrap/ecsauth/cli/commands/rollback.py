"""`ecsauth rollback`: what an older version holds, checked again, becomes the newest version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecsauth import aws_names
from ecsauth.check import approve
from ecsauth.cli import options, publish
from ecsauth.cli.publish import Proposal

if TYPE_CHECKING:
    import argparse

    from ecsauth.cli.options import Parser


def add_arguments(parser: Parser) -> None:
    """Add the command's own arguments."""
    options.add_uri(parser)
    parser.add_argument(
        "version", metavar="VERSION", type=options.parsed(aws_names.version_id), help="as history shows it"
    )
    publish.add_arguments(parser, "the one of the current version")
    options.add_aws(parser)
    options.add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    """Roll back; raise an EcsauthError with nothing put."""
    publish.refuse_version(arguments)
    place = publish.place_of(arguments)
    old = place.uri._replace(version_id=arguments.version)
    data = place.shelf.read(old).content
    findings = approve(data, str(old))
    present = publish.present(place)
    kms_key = publish.key_for(place, arguments.kms_key, present.held)
    proposal = Proposal(data, str(old), findings, present, kms_key, origin=arguments.version)
    return publish.carry_out(place, proposal, arguments)
