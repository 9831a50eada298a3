"""`ecsauth verify`: log in at each registry of an env-file."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ecsauth.check import approve
from ecsauth.cli import console, inputs, logins, options
from ecsauth.cli.inputs import read
from ecsauth.login import result
from ecsauth.login import targets as login_targets

if TYPE_CHECKING:
    import argparse

    from ecsauth.cli.options import Parser


def add_arguments(parser: Parser) -> None:
    """Add the command's own arguments."""
    parser.add_argument("file", metavar="FILE", help=options.A_FILE)
    options.take_name(parser, "file")
    parser.add_argument(
        "--registry",
        metavar="HOST",
        action="append",
        default=[],
        help="log in only to this registry, given by its key or host; repeatable",
    )
    parser.add_argument(
        "--image",
        metavar="IMAGE",
        action="append",
        default=[],
        type=options.parsed(login_targets.image),
        help="also check whether this image can be pulled; repeatable",
    )
    parser.add_argument(
        "--insecure-registry",
        metavar="HOST",
        action="append",
        default=[],
        help="allow this registry without TLS or a valid certificate, as docker's insecure-registries; repeatable",
    )
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=options.parsed(options.seconds),
        default=logins.TIMEOUT,
        help=f"limit for each registry (default: {logins.TIMEOUT:.0f})",
    )
    options.add_aws(parser)
    options.add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    """Log in and report the results; raise InvalidError, before any login, if the file has an error."""
    data = read(arguments.file, arguments)
    approve(data, arguments.file)
    targets = login_targets.targets(data, arguments.registry, arguments.image)
    results = logins.verify(targets, arguments.timeout, insecure=arguments.insecure_registry)
    if not results:
        console.warn(f"{inputs.for_people(arguments.file)} has no registry credentials")
    if arguments.format == "json":
        console.show({"results": logins.document(results)})
    else:
        sys.stdout.write(logins.text(results))
    return result.exit_code(results)
