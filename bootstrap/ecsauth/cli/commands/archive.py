"""`ecsauth archive`: the boot archive, put where instances get it from."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Optional

from ecsauth.cli import console, options, publish
from ecsauth.deploy import boot_archive
from ecsauth.errors import DeniedError, EcsauthError, ExitCode, LocalError, UsageError

if TYPE_CHECKING:
    import argparse

    from ecsauth.aws_names import S3URI
    from ecsauth.cli.options import Parser
    from ecsauth.cli.publish import Place, Present
    from ecsauth.deploy.boot_archive import BootArchive
    from ecsauth.publish.put import Held, Published

_FILE = "dist/ecsauth"


def add_arguments(parser: Parser) -> None:
    """Add the command's own arguments."""
    parser.add_argument(
        "action", metavar="publish", choices=("publish",), help="put it into S3, encrypted with a KMS key"
    )
    options.add_uri(parser)
    parser.add_argument(
        "--file", metavar="FILE", default=_FILE, help=f"what scripts/build-archive has made (default: {_FILE})"
    )
    publish.add_arguments(parser, "the one that the bucket encrypts with")
    options.add_aws(parser)
    options.add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    """Publish, unless this very file is there already; raise an EcsauthError with nothing put."""
    publish.refuse_version(arguments)
    content = _read(arguments.file)
    archive = boot_archive.read(content, arguments.file)
    place = publish.place_of_archive(arguments)
    kms_key = publish.key_for(place, arguments.kms_key)
    present = publish.present(place)
    _refuse_other(place.uri, present)
    # What was put before the bucket was versioned cannot be kept by naming its version.
    is_there = present.is_what(content, kms_key) and not _is_unversioned(present)
    warnings = () if present.content == content else _warnings(place.uri, present.held)
    _warn(arguments, warnings)
    made = None
    if not is_there and not arguments.dry_run:
        if present.held is not None and publish.is_asked(arguments) and not _is_wanted(place.uri):
            return console.DECLINED
        made = _put(place, content, kms_key, present)
        later = publish.later_warnings(place.uri, made)
        _warn(arguments, later)
        warnings = (*warnings, *later)
    held = made.held if made else present.held if is_there else None
    _show(arguments, archive, held, warnings, is_new=made is not None)
    return ExitCode.OK


def _refuse_other(uri: S3URI, present: Present) -> None:
    """Raise UsageError where something else is than an archive; what cannot be read is told by its size."""
    from ecsauth.aws.s3 import ENV_FILE

    if present.held is None:
        return
    content = present.content
    if content is None and ENV_FILE.longest < present.held.size <= boot_archive.LONGEST:
        return
    if content is None or not boot_archive.is_like_one(content):
        raise UsageError(
            f"{uri} is something else than a boot archive: nothing was put in its place",
            "is this the URI of the env-file? name another, as s3://BUCKET/PREFIX/ecsauth",
        )


def _is_unversioned(present: Present) -> bool:
    return present.held is not None and present.held.facts.version_id == "null"


def _is_wanted(uri: S3URI) -> bool:
    """Ask whether an archive is to be replaced."""
    if console.is_yes(f"put it into {uri}?"):
        return True
    console.say(f"nothing was put into {uri}")
    return False


def _read(file: str) -> bytes:
    """Return the file's bytes, one more than an archive may have at most; raise LocalError."""
    try:
        with open(file, "rb") as stream:
            return stream.read(boot_archive.LONGEST + 1)
    except IsADirectoryError:
        raise LocalError(f"{file} is a directory", f"name the file in it: --file {file.rstrip('/')}/ecsauth") from None
    except OSError as fault:
        raise LocalError(
            f"cannot read {file}: {fault.strerror}",
            f"in the clone of ecsauth, scripts/build-archive makes {_FILE}; one that is elsewhere is named by --file",
        ) from None


def _put(place: Place, content: bytes, kms_key: str, present: Present) -> Published:
    """Put it in place of what was seen there, and read it back, byte for byte: raise where S3 gives anything else."""
    made = publish.put(place, publish.NewContent(content, kms_key, "application/octet-stream"), present.held)
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
    version = None if version == "null" else version
    keep = f", or let it name {uri}?versionId={version}" if version else ""
    return (f"user data with the SHA-256 of the archive before refuses this one: make it anew{keep}",)


def _warn(arguments: argparse.Namespace, warnings: tuple[str, ...]) -> None:
    """Say it to people; programs find it in the document."""
    for warning in warnings if arguments.format == "text" else ():
        console.warn(warning)


def _show(
    arguments: argparse.Namespace,
    archive: BootArchive,
    held: Optional[Held],
    warnings: tuple[str, ...],
    *,
    is_new: bool,
) -> None:
    """Tell what is there now, if anything was to be put; the SHA-256, which user data has to name, is data."""
    version = held.facts.version_id if held else None
    if arguments.format == "json":
        document: dict[str, Any] = {
            "uri": str(arguments.uri),
            "dry_run": bool(arguments.dry_run),
            "sha256": archive.sha256,
            "version_id": version,
            "published": is_new,
            "ecsauth": archive.version,
            "pythons": archive.pythons,
            "object": held.facts._asdict() if held else None,
            "warnings": warnings,
        }
        console.show(document)
        return
    if held is None:
        console.say(f"nothing was put into {arguments.uri}: this was a dry run")
        return
    done = "published" if is_new else "nothing to do, this is already"
    said = f"version {version or 'none (the bucket is not versioned)'}, encrypted with {held.facts.kms_key}"
    console.say(f"{done} {arguments.uri}, {said}: ecsauth {archive.version} for Python {', '.join(archive.pythons)}")
    sys.stdout.write(f"{archive.sha256}\n")
