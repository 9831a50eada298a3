"""`ecsauth push`: validate an env-file and put it to S3, encrypted, without overwriting another operator's change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecsauth.check import approve
from ecsauth.cli import logins, options, progress, publish
from ecsauth.cli.authored import from_dialect
from ecsauth.cli.inputs import read_path
from ecsauth.publish import push
from ecsauth.publish.review import NewContent

if TYPE_CHECKING:
    import argparse

    from ecsauth.cli.options import Parser


def add_arguments(parser: Parser) -> None:
    """Add the command's own arguments."""
    parser.add_argument("file", metavar="FILE", help="a path, or - for standard input")
    options.add_uri(parser)
    publish.add_arguments(parser, "the default key of the bucket")
    options.add_check_login(parser, "the upload")
    options.add_dialect(parser)
    options.add_aws(parser)
    options.add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    """Push. On an EcsauthError nothing is put."""
    publish.refuse_version(arguments)
    data = from_dialect(read_path(arguments.file), arguments.file, arguments.dialect).data
    findings = approve(data, arguments.file)
    if arguments.check_login:
        logins.Gate(refuses=arguments.check_login == "fail").check(data)
    new = NewContent(data, arguments.file, findings)
    request = publish.request(arguments)
    with progress.waiting(f"pushing {request.uri}"):
        report = push(new, request, publish.services(arguments))
    return publish.finish(report, request, arguments.format)
