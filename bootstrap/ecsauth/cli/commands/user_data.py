"""`ecsauth user-data`: generate EC2 user data, which is public and which a shell of root runs."""

from __future__ import annotations

import inspect
import os
from typing import TYPE_CHECKING, Optional

from ecsauth import timing
from ecsauth.aws import sigv4
from ecsauth.boot import docker_plan, units
from ecsauth.cli import console, inputs, options, pins
from ecsauth.deploy import user_data
from ecsauth.deploy.user_data import ArchiveSource
from ecsauth.envfile import overrides
from ecsauth.errors import ExitCode, UsageError
from ecsauth.host.disk import MARK

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from ecsauth.cli.options import Parser

# Options that are passed to boot unchanged, if given.
_WITH_VALUE = ("bucket_owner", "region", "image", "check_login")
_FLAGS = ("awsvpc", "no_host_rules", "rollback_on_timeout")


def add_arguments(parser: Parser) -> None:
    """Add the command's own arguments."""
    options.add_uri(parser, "the env-file: s3://bucket/key[?versionId=V]")
    # An environment may have the key.
    pins.add_keys(parser, required=False)
    pins.add_bucket_owner(parser)
    ours = parser.add_argument_group("ecsauth on the instance")
    ours.add_argument(
        "--archive",
        metavar="S3URI",
        type=options.parsed(options.uri_or_name),
        help="the boot archive, or the environment that it was published to (default: ecsauth is in the AMI)",
    )
    options.take_name(parser, "archive", options.NameUse(beside=options.ARCHIVE))
    ours.add_argument(
        "--sha256",
        metavar="HEX",
        type=options.parsed(user_data.sha256),
        help="SHA-256 of the archive, as printed by ecsauth archive publish",
    )
    ours.add_argument(
        "--program",
        metavar="PATH",
        type=options.parsed(user_data.program),
        help=f"path of the archive (default: {user_data.PROGRAM}), or of ecsauth in the AMI (default: from PATH)",
    )
    ours.add_argument(
        "--python",
        metavar="NAME",
        type=options.parsed(user_data.python),
        help=f"Python that runs the archive, such as python3.11 (default: {user_data.PYTHON})",
    )
    _add_output(parser.add_argument_group("output"))
    _add_boot(parser.add_argument_group("options of boot"))
    parser.add_argument(
        "--region", metavar="REGION", type=options.parsed(user_data.region), help="the region of the bucket"
    )
    parser.add_argument(
        "--endpoint-url",
        metavar="URL",
        type=options.parsed(user_data.endpoint),
        help="S3 endpoint, if it is not the default one",
    )


def _add_output(group: argparse._ArgumentGroup) -> None:
    # Not `format`, which selects the format of errors.
    group.add_argument(
        "--format", dest="form", choices=user_data.FORMS, default="sh", help="default: sh, a shell script"
    )
    group.add_argument("-o", "--output", metavar="FILE", default="-", help="default: stdout")


def _add_boot(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--set", metavar="NAME=VALUE", action="append", default=[], help="set a variable that is not secret; repeatable"
    )
    options.add_launch(group, "default: auto")
    group.add_argument("--image", type=options.parsed(docker_plan.image), help="image of the agent")
    for name in _FLAGS:
        group.add_argument(
            f"--{name.replace('_', '-')}", action="store_true", help="passed to boot; see ecsauth boot --help"
        )
    options.add_check_login(group, "the installation of a new file")
    group.add_argument(
        "--max-stale", metavar="TIME", type=options.parsed(timing.parse), help="passed to boot; see ecsauth boot --help"
    )
    for name in ("deadline", "wait"):
        group.add_argument(
            f"--{name}",
            metavar="SECONDS",
            type=options.parsed(options.seconds),
            help="passed to boot; see ecsauth boot --help",
        )


def run(arguments: argparse.Namespace) -> int:
    """Write the user data; raise UsageError or LocalError."""
    order = user_data.UserDataSpec(
        arguments=tuple(_words(arguments)),
        launch=arguments.launch,
        kms_keys=_keys(arguments),
        archive=_archive(arguments),
        region=arguments.region,
        endpoint=arguments.endpoint_url,
        bucket_owner=arguments.bucket_owner,
        program=arguments.program,
        python=arguments.python or user_data.PYTHON,
    )
    gate = units.gate(os.path.join(options.STATE_DIRECTORY, MARK), options.ENV_FILE)
    made = user_data.render(order, arguments.form, gate, inspect.getsource(sigv4.sign))
    inputs.deliver(arguments.output, made.encode())
    console.say(f"{len(made):,} bytes of user data; the limit of EC2 is {user_data.LARGEST:,} before base64")
    return ExitCode.OK


def _keys(arguments: argparse.Namespace) -> tuple[str, ...]:
    """Return the keys, each once; raise UsageError if neither an option nor the environment has one."""
    given = arguments.kms_key or ()
    if not given:
        raise UsageError("there is no KMS key, and an instance takes no env-file without", "give --kms-key ARN")
    return (given,) if isinstance(given, str) else tuple(dict.fromkeys(given))


def _archive(arguments: argparse.Namespace) -> Optional[ArchiveSource]:
    if (arguments.archive is None) != (arguments.sha256 is None):
        raise UsageError(
            "--archive and --sha256 must be given together: the SHA-256 verifies the archive",
            "ecsauth archive publish prints the SHA-256 of the archive",
        )
    if arguments.archive and arguments.archive.object_uri == arguments.uri.object_uri:
        raise UsageError(
            "--archive is the S3 URI of the env-file",
            "give the S3 URI of the archive, such as s3://bucket/prod/ecsauth",
        )
    if arguments.python and not arguments.archive:
        raise UsageError("--python requires --archive: in the AMI, ecsauth has its own Python")
    return ArchiveSource(arguments.archive, arguments.sha256) if arguments.archive else None


def _words(arguments: argparse.Namespace) -> Iterator[str]:
    """Yield the given arguments of boot; raise UsageError for a --set of a variable with a secret."""
    yield str(arguments.uri)
    for key in _keys(arguments):
        yield from ("--kms-key", key)
    for setting in arguments.set:
        yield from ("--set", str(overrides.setting(setting)))
    for name in _WITH_VALUE:
        if getattr(arguments, name) is not None:
            yield from (f"--{name.replace('_', '-')}", getattr(arguments, name))
    if arguments.max_stale is not None:
        yield from ("--max-stale", f"{arguments.max_stale:.0f}s")
    for name in ("deadline", "wait"):
        if getattr(arguments, name) is not None:
            yield from (f"--{name}", f"{getattr(arguments, name):g}")
    for name in _FLAGS:
        if getattr(arguments, name):
            yield f"--{name.replace('_', '-')}"
