"""`ecsauth archive`: the boot archive, put where instances get it from."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Optional

from bootstrap.cli import options

if TYPE_CHECKING:
    import argparse

    from bootstrap.cli.options import Parser
    from bootstrap.cli.publishing import Place, Present
    from bootstrap.core.boot_archive import Archive
    from bootstrap.core.publication import Held, Published
    from bootstrap.core.s3_uri import S3URI

_FILE = "dist/ecsauth"


def add_arguments(parser: Parser) -> None:
    """Add the command's own arguments."""
    parser.add_argument("action", choices=("publish",), help="put it into S3, encrypted with a KMS key")
    options.add_uri(parser)
    parser.add_argument(
        "--file", metavar="FILE", default=_FILE, help=f"what scripts/build-archive has made (default: {_FILE})"
    )
    parser.add_argument(
        "--kms-key",
        metavar="KEY",
        help="ARN, ID or alias of a KMS key (default: the one that the bucket encrypts with)",
    )
    options.add_bucket_owner(parser)
    options.add_aws(parser)
    options.add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    """Publish, unless this very file is there already; raise an EcsauthError with nothing put."""
    from bootstrap.cli import publishing
    from bootstrap.core import boot_archive
    from bootstrap.core.errors import ExitCode
    from bootstrap.edges.store.s3 import Kind

    publishing.refuse_version(arguments)
    content = _read(arguments.file)
    archive = boot_archive.read(content, arguments.file)
    place = publishing.place_of(arguments, Kind("boot archive", boot_archive.LONGEST))
    kms_key = publishing.key_for(place, arguments.kms_key)
    present = publishing.present(place)
    if present.held is not None and present.is_what(content, kms_key):
        _show(arguments, archive, present.held, is_new=False)
    else:
        made = _put(place, content, kms_key, present)
        warnings = (*publishing.later_warnings(place.uri, made), *_warnings(place.uri, present.held))
        _show(arguments, archive, made.held, warnings, is_new=True)
    return ExitCode.OK


def _read(file: str) -> bytes:
    """Return the file's bytes, one more than an archive may have at most; raise LocalError."""
    from bootstrap.core import boot_archive
    from bootstrap.core.errors import LocalError

    try:
        with open(file, "rb") as stream:
            return stream.read(boot_archive.LONGEST + 1)
    except OSError as fault:
        raise LocalError(f"cannot read {file}: {fault.strerror}", "build it: scripts/build-archive") from None


def _put(place: Place, content: bytes, kms_key: str, present: Present) -> Published:
    """Put it in place of what was seen there, and read it back, byte for byte: raise where S3 gives anything else."""
    from bootstrap.cli import publishing
    from bootstrap.core.errors import DeniedError, EcsauthError

    made = publishing.put(place, publishing.Wanted(content, kms_key, "application/octet-stream"), present.held)
    if made.is_superseded:
        return made
    try:
        read = place.shelf.read(place.uri._replace(version_id=made.held.facts.version_id), made.held)
    except EcsauthError as fault:
        fault.add("it was put, and is not known to be whole")
        raise
    if read.content != content:
        raise DeniedError(f"{place.uri} was put, but S3 gives other bytes back: instances will refuse it")
    return made


def _warnings(uri: S3URI, before: Optional[Held]) -> tuple[str, ...]:
    """Say what becomes of user data that is there already."""
    if before is None:
        return ()
    version = before.facts.version_id
    keep = f", or let it name {uri}?versionId={version}" if version else ""
    return (f"user data with the SHA-256 of the archive before refuses this one: make it anew{keep}",)


def _show(
    arguments: argparse.Namespace, archive: Archive, held: Held, warnings: tuple[str, ...] = (), *, is_new: bool
) -> None:
    """Tell what is there now; the SHA-256, which user data has to name, is data."""
    from bootstrap.cli import console

    version = held.facts.version_id
    if arguments.format == "json":
        document: dict[str, Any] = {
            "uri": str(arguments.uri),
            "sha256": archive.sha256,
            "version_id": version,
            "published": is_new,
            "ecsauth": archive.version,
            "pythons": archive.pythons,
            "object": held.facts._asdict(),
            "warnings": warnings,
        }
        console.show(document)
        return
    for warning in warnings:
        console.warn(warning)
    done = "published" if is_new else "nothing to do, this is already"
    said = f"version {version or 'none (the bucket is not versioned)'}, encrypted with {held.facts.kms_key}"
    console.say(f"{done} {arguments.uri}, {said}: ecsauth {archive.version} for Python {', '.join(archive.pythons)}")
    sys.stdout.write(f"{archive.sha256}\n")
