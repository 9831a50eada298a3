"""What a command's FILE argument stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootstrap.cli import options

if TYPE_CHECKING:
    import argparse

    from bootstrap.core.authoring import Written


def read_path(file: str) -> bytes:
    """Return the bytes of a path or of standard input; raise UsageError for an S3URI."""
    from bootstrap.core import s3_uri
    from bootstrap.core.errors import UsageError
    from bootstrap.edges import env_file_source

    if s3_uri.is_s3_uri(file):
        raise UsageError("FILE has to be a path here, or - for standard input")
    return env_file_source.read(file)


def from_dialect(data: bytes, file: str, dialect: str) -> Written:
    """Return what was authored as docker reads it, and tell what had to be changed for that."""
    from bootstrap.cli import console
    from bootstrap.core import authoring
    from bootstrap.core.errors import InvalidError

    if dialect == "docker":
        return authoring.Written(data, tuple(range(1, data.count(b"\n") + 2)), ())
    from bootstrap.edges import dotenv_dialect

    reading = dotenv_dialect.read(data)
    if reading.refusal is not None:
        raise InvalidError(f"{file}:{reading.refusal.line}: the file is not UTF-8", "save it as UTF-8")
    if reading.unparsable:
        places = ", ".join(str(statement.line) for statement in reading.unparsable)
        raise InvalidError(f"{file}: python-dotenv cannot read line {places}", "write NAME=VALUE, or quote the value")
    bindings = [authoring.Binding(*entry) for entry in reading.entries]
    written = authoring.write(data, bindings)
    for line, what in written.differences:
        console.say(f"note: {file}:{line}: {what}")
    return written


def write(file: str, data: bytes) -> None:
    """Write a private file, 0600 and in one step, or to standard output."""
    import sys

    if file == "-":
        sys.stdout.buffer.write(data)
        return
    from bootstrap.edges import disk

    disk.write_private(file, data)


def read(file: str, arguments: argparse.Namespace) -> bytes:
    """Return the bytes of a path, of an S3URI, or of standard input; raise an EcsauthError."""
    from bootstrap.core import s3_uri

    if not s3_uri.is_s3_uri(file):
        return read_path(file)
    from bootstrap.core.errors import DeniedError
    from bootstrap.edges.store.s3 import Objects, translated
    from bootstrap.edges.store.sdk import OperatorClients

    uri = s3_uri.parse(file)
    with translated(f"get {uri}"):
        client = OperatorClients(arguments.profile, options.region(arguments)).s3()
    fetched = Objects(client).get(uri)
    if fetched is None:
        raise DeniedError(f"cannot get {uri}: S3 answered that it has not changed")
    return fetched.body
