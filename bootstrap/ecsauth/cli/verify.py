"""`ecsauth verify`: log in at each registry of an env-file, for real."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ecsauth.cli import logins, options

if TYPE_CHECKING:
    import argparse

    from ecsauth.cli.options import Parser


def add_arguments(parser: Parser) -> None:
    """Add the command's own arguments."""
    from ecsauth.core.registry_login import target

    parser.add_argument("file", metavar="FILE", help="a path, an S3URI, or - for standard input")
    parser.add_argument(
        "--registry", metavar="HOST", action="append", default=[], help="only this one, by its key or host; repeatable"
    )
    parser.add_argument(
        "--image",
        metavar="IMAGE",
        action="append",
        default=[],
        type=options.parsed(target.image),
        help="tell as well whether this image may be pulled; repeatable",
    )
    parser.add_argument(
        "--insecure-registry",
        metavar="HOST",
        action="append",
        default=[],
        help="send a credential there without TLS, or without a certificate that holds, as docker's option",
    )
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=options.parsed(options.seconds),
        default=logins.TIMEOUT,
        help=f"for each registry (default: {logins.TIMEOUT:.0f})",
    )
    options.add_aws(parser)
    options.add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    """Log in and tell; raise InvalidError, with nobody asked, for a file with an error."""
    from ecsauth.cli import console, subject
    from ecsauth.cli.sources import read
    from ecsauth.core.approval import approve
    from ecsauth.core.registry_login import target, verdict

    data = read(arguments.file, arguments)
    approve(data, arguments.file)
    targets = target.targets(data, arguments.registry, arguments.image)
    results = logins.verify(targets, arguments.timeout, insecure=arguments.insecure_registry)
    if not results:
        console.warn(f"{subject.for_people(arguments.file)} has no credentials of registries")
    if arguments.format == "json":
        console.show({"results": logins.document(results)})
    else:
        sys.stdout.write(logins.text(results))
    return verdict.exit_code(results)
