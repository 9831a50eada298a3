"""`ecsauth push`: check an env-file and put it into S3, encrypted, without losing somebody else's change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecsauth.cli import options, publishing

if TYPE_CHECKING:
    import argparse

    from ecsauth.cli.options import Parser


def add_arguments(parser: Parser) -> None:
    """Add the command's own arguments."""
    parser.add_argument("file", metavar="FILE", help="a path, or - for standard input")
    options.add_uri(parser)
    publishing.add_arguments(parser, "the one that the bucket encrypts with")
    options.add_check_login(parser, "the file is put")
    options.add_dialect(parser)
    options.add_aws(parser)
    options.add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    """Push; raise an EcsauthError with nothing put."""
    from ecsauth.cli import logins
    from ecsauth.cli.publishing import Proposal
    from ecsauth.cli.sources import from_dialect, read_path
    from ecsauth.core.approval import approve
    from ecsauth.core.bucket_settings import risks

    publishing.refuse_version(arguments)
    data = from_dialect(read_path(arguments.file), arguments.file, arguments.dialect).data
    findings = approve(data, arguments.file)
    if arguments.check_login:
        logins.Gate(refuses=arguments.check_login == "fail").check(data)
    place = publishing.place_of(arguments)
    kms_key = publishing.key_for(place, arguments.kms_key)
    present = publishing.present(place)
    publishing.refuse_archive(arguments, present)
    warnings = () if present.is_what(data, kms_key) else risks(place.settings.look(), place.uri)
    proposal = Proposal(data, arguments.file, findings, present, kms_key, warnings=warnings)
    return publishing.carry_out(place, proposal, arguments)
