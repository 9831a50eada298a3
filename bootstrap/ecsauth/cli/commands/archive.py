"""`ecsauth archive`: the boot archive, put where instances get it from."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ecsauth.cli import console, options, publish
from ecsauth.errors import ExitCode, LocalError
from ecsauth.publish import PublishRequest, boot_archive, push_archive
from ecsauth.publish.review import PublishOutcome

if TYPE_CHECKING:
    import argparse

    from ecsauth.cli.options import Parser
    from ecsauth.publish.boot_archive import BootArchive
    from ecsauth.publish.review import PublishReport, Review

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
    request = _request(arguments)
    report = push_archive(content, arguments.file, request, publish.services(arguments))
    if report.outcome is PublishOutcome.DECLINED:
        return publish.declined(request.uri)
    if arguments.format == "json":
        console.show(_document(report, archive, dry_run=request.dry_run))
    else:
        _tell(report, archive)
    return ExitCode.OK


def _request(arguments: argparse.Namespace) -> PublishRequest:
    is_text, is_asked = arguments.format == "text", publish.is_asked(arguments)

    def show(review: Review) -> None:
        _warn(review.risks if is_text else ())

    def confirm(review: Review) -> bool:
        """Ask whether an archive is to be replaced; a first one replaces nothing."""
        is_first = review.current.version is None
        return is_first or not is_asked or console.is_yes(f"put it into {review.uri}?")

    return PublishRequest(arguments.uri, arguments.kms_key, arguments.dry_run, show, confirm)


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


def _warn(warnings: tuple[str, ...]) -> None:
    for warning in warnings:
        console.warn(warning)


def _document(report: PublishReport, archive: BootArchive, *, dry_run: bool) -> dict[str, Any]:
    version = report.version
    return {
        "uri": str(report.review.uri),
        "dry_run": dry_run,
        "sha256": archive.sha256,
        "version_id": version.facts.version_id if version else None,
        "published": report.published is not None,
        "ecsauth": archive.version,
        "pythons": archive.pythons,
        "object": version.facts._asdict() if version else None,
        "warnings": (*report.review.risks, *report.warnings()),
    }


def _tell(report: PublishReport, archive: BootArchive) -> None:
    """Tell what is there now, if anything was to be put; the SHA-256, which user data has to name, is data."""
    _warn(report.warnings())
    uri = report.review.uri
    if report.version is None:
        console.say(f"nothing was put into {uri}: this was a dry run")
        return
    done = "published" if report.published else "nothing to do, this is already"
    said = f"{done} {uri}, {publish.version_and_key(report.version)}"
    console.say(f"{said}: ecsauth {archive.version} for Python {', '.join(archive.pythons)}")
    sys.stdout.write(f"{archive.sha256}\n")
