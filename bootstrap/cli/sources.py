"""What a command's FILE argument stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootstrap.cli import options

if TYPE_CHECKING:
    import argparse


def read_path(file: str) -> bytes:
    """Return the bytes of a path or of standard input; raise UsageError for an S3URI."""
    from bootstrap.core import s3_uri
    from bootstrap.core.errors import UsageError
    from bootstrap.edges import env_file_source

    if s3_uri.is_s3_uri(file):
        raise UsageError("FILE has to be a path here, or - for standard input")
    return env_file_source.read(file)


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
