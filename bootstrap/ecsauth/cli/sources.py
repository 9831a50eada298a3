"""What a command's FILE argument stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecsauth.cli import options

if TYPE_CHECKING:
    import argparse

    from ecsauth.core.authoring import Binding, Written

# Line numbers in a message.
_MOST_LINES = 5


def read_path(file: str) -> bytes:
    """Return the bytes of a path or of standard input; raise UsageError for an S3URI."""
    from ecsauth.edges import env_file_source

    if _is_s3_uri(file):
        from ecsauth.core.errors import UsageError

        raise UsageError("FILE has to be a path here, or - for standard input")
    return env_file_source.read(file)


def _is_s3_uri(file: str) -> bool:
    """Tell an S3URI from a path; without a colon in it there is no need to load what knows more."""
    if ":" not in file:
        return False
    from ecsauth.core import s3_uri

    return s3_uri.is_s3_uri(file)


def from_dialect(data: bytes, file: str, dialect: str) -> Written:
    """Return what was authored as docker reads it, line by line, and tell what had to be changed for that.

    Raises InvalidError for a file that python-dotenv cannot read, or that no env-file can say.
    """
    from ecsauth.core import authoring

    if dialect == "docker":
        return authoring.Written(data)
    from ecsauth.cli import console, subject
    from ecsauth.core.errors import InvalidError

    name = subject.for_people(file)
    try:
        written = authoring.write(data, _bindings(data))
    except InvalidError as fault:
        raise InvalidError(f"{name}: {fault.message}", *fault.hints) from None
    for line, difference in written.differences:
        console.say(f"note: {name}:{line}: {difference}")
    return written


def _bindings(data: bytes) -> list[Binding]:
    """Return what python-dotenv reads; raise InvalidError for what it skips or would take too long over."""
    from ecsauth.core import authoring
    from ecsauth.core.errors import InvalidError
    from ecsauth.edges import dotenv_dialect

    authoring.refuse_long_blanks(data)
    reading = dotenv_dialect.read(data)
    if reading.refusal is not None:
        raise InvalidError(f"line {reading.refusal.line}: not UTF-8", "save the file as UTF-8")
    if reading.unparsable:
        lines = [str(statement.line) for statement in reading.unparsable]
        more = f" and {len(lines) - _MOST_LINES} more" if len(lines) > _MOST_LINES else ""
        raise InvalidError(
            f"python-dotenv cannot read line{'s' if len(lines) > 1 else ''} {', '.join(lines[:_MOST_LINES])}{more}",
            "write NAME=VALUE; text behind a closing quote, or a quote that is not closed, makes a line unreadable",
        )
    return [authoring.Binding(*entry) for entry in reading.entries]


def write(file: str, data: bytes) -> None:
    """Write a private file, 0600 and in one step, or to standard output; raise LocalError with the old one in place.

    A link is followed: what it points to is replaced. Pipes and devices are not: a file would stand in their place.
    """
    import os
    import sys

    if file == "-":
        sys.stdout.buffer.write(data)
        return
    from ecsauth.core.errors import LocalError
    from ecsauth.edges import disk

    if os.path.exists(file) and not os.path.isfile(file):
        raise LocalError(f"{file} is not a plain file", "name another one, or - for standard output")
    disk.write_private(os.path.realpath(file), data)


def deliver(file: str, data: bytes) -> None:
    """Write what a command was asked for, as `write` does, and say where; what is said next goes to another stream."""
    import sys

    from ecsauth.cli import console, subject

    write(file, data)
    sys.stdout.flush()
    if file != "-":
        console.say(f"wrote {subject.for_people(file)}, 0600")


def read(file: str, arguments: argparse.Namespace) -> bytes:
    """Return the bytes of a path, of an S3URI, or of standard input; raise an EcsauthError."""
    if not _is_s3_uri(file):
        return read_path(file)
    from ecsauth.core import s3_uri
    from ecsauth.core.errors import DeniedError
    from ecsauth.edges.store.attempt import Operation, at
    from ecsauth.edges.store.s3 import Objects, translated
    from ecsauth.edges.store.sdk import OperatorClients

    uri = s3_uri.parse(file)
    with translated(at(Operation.GET, uri)):
        client = OperatorClients(arguments.profile, options.region(arguments)).s3()
    fetched = Objects(client).get(uri)
    if fetched is None:
        raise DeniedError(f"cannot get {uri}: S3 answered that it has not changed")
    return fetched.body
