"""The FILE argument of a command, a path, standard input or an S3 URI: read it, write it, name it."""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Optional

from ecsauth import aws_names
from ecsauth.cli import console, options, progress
from ecsauth.cli.console import printable
from ecsauth.errors import DeniedError, EcsauthError, LocalError, UsageError
from ecsauth.host import files

if TYPE_CHECKING:
    import argparse

    from ecsauth.aws_names import S3URI
    from ecsauth.boot.fetch import Fetched
    from ecsauth.secret import SecretBytes


def read_path(file: str) -> SecretBytes:
    """Return the bytes of a path or of standard input; raise UsageError for an S3URI."""
    if _is_s3_uri(file):
        raise UsageError("FILE must be a path, or - for standard input")
    # The user may type standard input.
    with progress.paused() if file == _STDIN else nullcontext():
        return files.read_env_file(file)


def _is_s3_uri(file: str) -> bool:
    """Tell whether FILE is an S3URI and not a path. Without a colon it is a path, so the parser need not be loaded."""
    if ":" not in file:
        return False

    return aws_names.is_s3_uri(file)


def write(file: str, data: bytes) -> None:
    """Write a private file, 0600 and atomically, or standard output; on LocalError the old file is unchanged.

    A link is followed: its target is replaced. A pipe or a device is refused, because a file would replace it.
    """
    if file == "-":
        sys.stdout.buffer.write(data)
        return

    if os.path.exists(file) and not os.path.isfile(file):
        raise LocalError(f"{file} is not a plain file", "give another path, or - for standard output")
    from ecsauth.host.private_directory import write_private  # loads what only a file that is written needs

    write_private(os.path.realpath(file), data)


def deliver(file: str, data: bytes) -> None:
    """Write the result of a command, as `write` does, and report the path; flush, because messages go to stderr."""
    write(file, data)
    sys.stdout.flush()
    if file != "-":
        console.say(f"wrote {for_people(file)}, 0600")


def read(file: str, arguments: argparse.Namespace) -> SecretBytes:
    """Return the bytes of a path, of an S3URI, or of standard input; raise an EcsauthError."""
    if not _is_s3_uri(file):
        return read_path(file)
    if isinstance(file, options.EnvironmentURI):
        return _read_environment(file, arguments)
    return _read_uri(file, arguments)


def _read_environment(file: options.EnvironmentURI, arguments: argparse.Namespace) -> SecretBytes:
    """Return the bytes of an environment's object, with the options of that environment, also in the hints."""
    arguments = options.with_defaults(arguments, file.options)
    try:
        return _read_uri(file, arguments)
    except EcsauthError as fault:
        from ecsauth.cli import hints  # for a fault only

        fault.hints = hints.all_completed(fault.hints, hints.known(arguments))
        raise


def _read_uri(file: str, arguments: argparse.Namespace) -> SecretBytes:
    uri = aws_names.parse(file)
    with progress.waiting(f"reading {uri}"):
        fetched = _fetched(uri, arguments)
    if fetched is None:
        raise DeniedError(f"cannot get {uri}: S3 returned 304 Not Modified")
    return fetched.body


def _fetched(uri: S3URI, arguments: argparse.Namespace) -> Optional[Fetched]:
    """Fetch with the operator's credentials or, if the AWS SDK is not installed, with the instance's."""
    from ecsauth.aws.attempt import Operation, at

    what, region = at(Operation.GET, uri), options.region(arguments)
    try:
        from ecsauth.aws.s3 import Objects, translated
        from ecsauth.aws.session import OperatorClients
    except ImportError:
        from ecsauth.aws import credentials, metadata
        from ecsauth.aws.s3_get import got
        from ecsauth.aws.s3_request import SignedS3

        signer = credentials.find(arguments.profile, what, _SECONDS)
        return got(SignedS3(signer, region or metadata.MetadataService().identity(_SECONDS).region), uri)
    with translated(what):
        client = OperatorClients(arguments.profile, region).s3()
    # Only an environment says who owns the bucket: these commands have no such option.
    return Objects(client, getattr(arguments, "bucket_owner", None)).get(uri)


_SECONDS = 30.0
_STDIN = "-"
_S3 = "s3://"
_STDIN_NAME = "<stdin>"


def for_people(file: str) -> str:
    """Return the name of the file in a message."""
    if file == _STDIN:
        return _STDIN_NAME
    return printable(file)


def for_shell(file: str) -> Optional[str]:
    """Return the file's path as a word of a shell command; None if it is not a file of this machine."""
    if file == _STDIN or file.startswith(_S3):
        return None

    return shlex.quote(os.path.join(".", file) if file.startswith("-") else file)


def path(file: str) -> Optional[str]:
    """Return the file's path, relative if it is below the working directory; None if it is not a file here."""
    if file == _STDIN or file.startswith(_S3):
        return None
    relative = os.path.relpath(file)
    return os.path.abspath(file) if relative.split(os.sep)[0] == os.pardir else relative


def uri(file: str) -> str:
    """Return a URI (RFC 3986), a relative one for a file below the working directory."""
    from urllib.parse import quote  # milliseconds that only formats for programs need

    if file.startswith(_S3):
        return _S3 + quote(os.fsencode(file[len(_S3) :]), safe="/?=")
    place = path(file)
    if place is None:
        return _STDIN_NAME.strip("<>")
    quoted = quote(os.fsencode(place))
    return f"file://{quoted}" if os.path.isabs(place) else quoted
