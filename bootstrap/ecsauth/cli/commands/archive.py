"""`ecsauth archive`: build the boot archive, and publish it to S3."""

from __future__ import annotations

import os
import sys
from enum import Enum
from typing import TYPE_CHECKING, Any

from ecsauth.cli import console, inputs, options, progress, publish
from ecsauth.command_hint import CommandHint
from ecsauth.errors import ExitCode, LocalError, UsageError
from ecsauth.host import files, interpreters, origin
from ecsauth.host.private_directory import write_private
from ecsauth.pack import contents, layout
from ecsauth.publish import PublishRequest, boot_archive, push_archive
from ecsauth.publish.review import PublishOutcome

if TYPE_CHECKING:
    import argparse

    from ecsauth.cli.options import Parser
    from ecsauth.pack.layout import CompiledPart
    from ecsauth.publish.boot_archive import BootArchive
    from ecsauth.publish.review import PublishReport, Review

_FILE = "dist/ecsauth"
_PROGRAM = 0o755
# The name of an archive that is not in a file.
_NAME = "the boot archive"


class _Source(Enum):
    """Where a published archive comes from, for messages."""

    FILE = "read from --file"
    RELEASE = "the archive of this release"
    BUILT = "built by this command"


def add_arguments(parser: Parser) -> None:
    """Add the command's own arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser(
        "build",
        fill=_fill_build,
        help="build the archive and write it to a file",
        description="Build the boot archive and write it to a file.",
        epilog="example:\n  ecsauth archive build --python python3.9",
    )
    actions.add_parser(
        "publish",
        fill=_fill_publish,
        help="upload the archive to S3, encrypted",
        description="Upload the boot archive to S3, encrypted with a KMS key. A release contains an archive; other "
        "installations build one.",
        epilog="example:\n  ecsauth archive publish s3://bucket/prod/ecsauth",
    )


def _fill_build(parser: Parser) -> None:
    parser.add_argument("-o", "--output", metavar="FILE", default=_FILE, help=f"output file (default: {_FILE})")
    add_pythons(parser)
    options.add_format(parser)


def _fill_publish(parser: Parser) -> None:
    options.add_uri(parser, "s3://bucket/key", beside=options.ARCHIVE)
    parser.add_argument(
        "--file", metavar="FILE", help="an existing archive (default: that of the release, or build one)"
    )
    add_pythons(parser)
    publish.add_arguments(parser, "the default key of the bucket")
    options.add_aws(parser)
    options.add_format(parser)


def add_pythons(parser: Parser) -> None:
    """Add the options of `built`."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--python",
        metavar="NAME",
        action="append",
        help="Python to compile for, a name such as python3.9 or a path; repeatable (default: each Python from 3.9 on "
        "in PATH, and the Python of ecsauth)",
    )
    which.add_argument("--no-compile", action="store_true", help="do not compile; the archive runs from source")


def wanted_pythons(arguments: argparse.Namespace) -> tuple[str, ...] | None:
    """Return the Pythons, as 3.9, that these options ask to compile for; None if they ask for none in particular."""
    if arguments.no_compile:
        return ()
    return tuple(one.text for one in interpreters.named(arguments.python)) if arguments.python else None


def run(arguments: argparse.Namespace) -> int:
    """Build or publish; raise an EcsauthError with nothing written or put."""
    return _build(arguments) if arguments.action == "build" else _publish(arguments)


def _build(arguments: argparse.Namespace) -> int:
    """Build, and write the archive in one step."""
    file = arguments.output
    _refuse(file)
    content = built(arguments)
    archive = boot_archive.read(content, _NAME)
    _write(file, content)
    if arguments.format == "json":
        facts = {"file": file, "size": len(content), "sha256": archive.sha256}
        console.show({**facts, "ecsauth": archive.version, "pythons": archive.pythons})
        return ExitCode.OK
    said = f"wrote {inputs.for_people(file)}, {_PROGRAM:04o}, {len(content):,} bytes"
    console.say(f"{said}: ecsauth {archive.version}, {archive.runs_on}")
    sys.stdout.write(f"{archive.sha256}\n")
    return ExitCode.OK


def _refuse(file: str) -> None:
    """Refuse a path that an archive cannot replace, before one is built."""
    if file == "-":
        raise UsageError("an archive cannot be written to standard output", "give a file: -o FILE")
    if os.path.isdir(file):
        raise LocalError(f"{file} is a directory", f"give a file in it: -o {file.rstrip('/')}/ecsauth")
    if os.path.exists(file) and not os.path.isfile(file):
        raise LocalError(f"{inputs.for_people(file)} is not a plain file", "give another file: -o FILE")


def _write(file: str, content: bytes) -> None:
    path = os.path.realpath(file)
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
    except OSError as fault:
        raise files.local("make", os.path.dirname(path), fault, "give another file") from None
    write_private(path, content, _PROGRAM)


def built(arguments: argparse.Namespace) -> bytes:
    """Return an archive for the requested Pythons; show the progress on a terminal."""
    with progress.waiting("collecting the modules of the boot archive"):
        found = contents.contents(origin.commit())
        parts = () if arguments.no_compile else _compiled(found.files, arguments.python)
        programs = layout.Programs(contents.program("chooser"), contents.program("importer"))
        progress.tell("compressing the boot archive")
        return layout.archive(found.files, parts, programs, contents.licence())


def _compiled(modules: dict[str, bytes], names: list[str] | None) -> tuple[CompiledPart, ...]:
    """Return the compiled part of each Python. A Python that fails is left out, unless the user named it."""
    pythons = interpreters.named(names) if names else interpreters.found()
    compiler = contents.program("compiler")
    parts = []
    for number, python in enumerate(pythons, 1):
        progress.tell(f"compiling for Python {python.text}", number, len(pythons))
        try:
            parts.append(interpreters.compiled(python, compiler, modules))
        except LocalError as fault:
            if names:
                raise
            console.warn(fault.message)
    return tuple(parts)


def _publish(arguments: argparse.Namespace) -> int:
    """Publish the archive, unless the object has the same content already."""
    publish.refuse_version(arguments)
    content, name, source = _chosen(arguments)
    archive = boot_archive.read(content, name)
    request = _request(arguments)
    with progress.waiting(f"publishing {request.uri}"):
        report = push_archive(content, name, request, publish.services(arguments))
    if report.outcome is PublishOutcome.DECLINED:
        return publish.declined(request.uri)
    if arguments.format == "json":
        console.show({**_document(report, archive, dry_run=request.dry_run), "source": source.name.lower()})
    else:
        _tell(report, archive, source)
    return ExitCode.OK


def _chosen(arguments: argparse.Namespace) -> tuple[bytes, str, _Source]:
    """Return the archive to publish, its name and its source: the file, the archive of the release, or a new one."""
    has_options = bool(arguments.python or arguments.no_compile)
    if arguments.file is not None:
        if has_options:
            raise UsageError("--file is an existing archive: remove --python and --no-compile")
        return _read(arguments.file), arguments.file, _Source.FILE
    content, source = carried_or_built(arguments)
    return content, _NAME, source


def carried_or_built(arguments: argparse.Namespace) -> tuple[bytes, _Source]:
    """Return the archive of the release, unless there is none or options ask to build one, and its source."""
    carried = None if arguments.python or arguments.no_compile else contents.carried()
    if carried is not None:
        return carried, _Source.RELEASE
    return built(arguments), _Source.BUILT


def _request(arguments: argparse.Namespace) -> PublishRequest:
    is_text, is_asked = arguments.format == "text", publish.is_asked(arguments)

    def show(review: Review) -> None:
        _warn(review.risks if is_text else ())

    def confirm(review: Review) -> bool:
        """Ask before an archive is replaced. The first one replaces nothing."""
        is_first = review.current.version is None
        return is_first or not is_asked or console.is_yes(f"replace {review.uri}?")

    return PublishRequest(arguments.uri, arguments.kms_key, arguments.dry_run, show, confirm)


def _read(file: str) -> bytes:
    """Return the file's bytes, at most one more than an archive may have; raise LocalError."""
    try:
        with open(file, "rb") as stream:
            return stream.read(boot_archive.LONGEST + 1)
    except IsADirectoryError:
        raise LocalError(f"{file} is a directory", f"give a file in it: --file {file.rstrip('/')}/ecsauth") from None
    except OSError as fault:
        raise LocalError(
            f"cannot read {file}: {fault.strerror}",
            CommandHint("build one", "ecsauth", "archive", "build", "-o", file),
            "or omit --file, to build and publish an archive in one step",
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


def _tell(report: PublishReport, archive: BootArchive, source: _Source) -> None:
    """Report the result. Unless it was a dry run, the SHA-256, which user data needs, goes to standard output."""
    _warn(report.warnings())
    uri = report.review.uri
    if report.version is None:
        console.say(f"nothing was uploaded to {uri}: this was a dry run")
        return
    done = "published" if report.published else "nothing to do, already in S3:"
    said = f"{done} {uri}, {publish.version_and_key(report.version)}"
    console.say(f"{said}: ecsauth {archive.version}, {archive.runs_on}; {source.value}")
    sys.stdout.write(f"{archive.sha256}\n")
