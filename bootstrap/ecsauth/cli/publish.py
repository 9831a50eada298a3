"""The common parts of the commands that put: their options, the AWS services, the review and the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

from ecsauth.aws.attempt import Operation, at
from ecsauth.cli import console, options, pins
from ecsauth.cli.findings import document, line, of, tell
from ecsauth.errors import ExitCode, UsageError
from ecsauth.finding import Severity
from ecsauth.host.clock import SystemClock
from ecsauth.publish import PublishRequest, Services, boot_archive
from ecsauth.publish.review import PublishOutcome

if TYPE_CHECKING:
    import argparse

    from mypy_boto3_s3.client import S3Client

    from ecsauth.aws.s3_operator import S3VersionStore
    from ecsauth.aws.session import OperatorClients
    from ecsauth.aws_names import S3URI
    from ecsauth.cli.options import Parser
    from ecsauth.publish.review import PublishReport, Review
    from ecsauth.publish.versions import ObjectVersion


def add_arguments(parser: Parser, default_key: str) -> None:
    """Add the common options of the commands that put an object."""
    parser.add_argument("--kms-key", metavar="KEY", help=f"ARN, ID or alias of a KMS key (default: {default_key})")
    pins.add_bucket_owner(parser)
    parser.add_argument("--dry-run", action="store_true", help="check and compare, but change nothing")
    parser.add_argument(
        "--yes", action="store_true", help="do not ask for confirmation; without a terminal, ecsauth never asks"
    )


def refuse_version(arguments: argparse.Namespace) -> None:
    """Raise UsageError if the S3 URI names a version."""
    if arguments.uri.version_id is not None:
        what = "creates a new version" if hasattr(arguments, "kms_key") else "lists all versions"
        raise UsageError(f"{arguments.command} {what}: give the S3 URI without ?versionId")


def env_files(arguments: argparse.Namespace) -> S3VersionStore:
    """Return S3 for a command that only reads; raise an EcsauthError if no client can be made."""
    from ecsauth.aws.s3_operator import S3VersionStore

    _, client = _connect(arguments)
    return S3VersionStore(client, arguments.bucket_owner)


def services(arguments: argparse.Namespace) -> Services:
    """Return the AWS services for a command that puts; raise as `env_files`."""
    clients, client = _connect(arguments)
    return services_of(clients, client, arguments.uri.bucket, arguments.bucket_owner)


def services_of(clients: OperatorClients, client: S3Client, bucket: str, owner: Optional[str]) -> Services:
    """Return the AWS services for puts into one bucket."""
    from ecsauth.aws.identity import caller, full_key
    from ecsauth.aws.s3 import ObjectKind
    from ecsauth.aws.s3_operator import BucketSettings, S3VersionStore

    return Services(
        env_files=S3VersionStore(client, owner),
        archives=S3VersionStore(client, owner, ObjectKind("a boot archive", boot_archive.LONGEST)),
        bucket=BucketSettings(client, bucket, owner),
        resolve_key=lambda key: full_key(key, lambda: clients.client("kms"))[0],
        caller=lambda: caller(lambda: clients.client("sts")),
        sleep=SystemClock().sleep,
    )


def _connect(arguments: argparse.Namespace) -> tuple[OperatorClients, S3Client]:
    from ecsauth.aws.s3 import translated
    from ecsauth.aws.session import OperatorClients

    clients = OperatorClients(arguments.profile, options.region(arguments))
    with translated(at(Operation.REACH, arguments.uri)):
        return clients, clients.s3()


def request(arguments: argparse.Namespace) -> PublishRequest:
    """Return the options of the command as a request to publish an env-file."""
    show = _show_review if arguments.format == "text" else lambda _: None
    confirm = _confirm if is_asked(arguments) else lambda _: True
    return PublishRequest(arguments.uri, arguments.kms_key, arguments.dry_run, show, confirm)


def is_asked(arguments: argparse.Namespace) -> bool:
    """Tell whether to ask before a put: not with --yes, and not with JSON, which programs read."""
    return not arguments.yes and arguments.format == "text" and console.is_possible()


def finish(report: PublishReport, request: PublishRequest, output: str) -> int:
    """Report the result as text or JSON, with names of variables and registries only, and return the exit status."""
    if report.outcome is PublishOutcome.DECLINED:
        return declined(request.uri)
    if output == "json":
        console.show(_document(report, dry_run=request.dry_run))
        return ExitCode.OK
    for warning in report.warnings():
        console.warn(warning)
    console.say(_result(report))
    return ExitCode.OK


def declined(uri: S3URI) -> int:
    """Report that nothing was put, and return the exit status."""
    console.say(f"nothing was uploaded to {uri}")
    return console.DECLINED


def _show_review(review: Review) -> None:
    """Show the review that the operator confirms."""
    new, current = review.new, review.current
    found = (line(one, new.name) for one in of(new.findings, Severity.WARNING))
    for warning in (*review.risks, *found, *review.warnings()):
        console.warn(warning)
    tell(of(new.findings, Severity.NOTE), new.name)
    changes = review.changes()
    for change in changes or ():
        console.say(str(change))
    if changes == () and current.version is not None and current.content != new.data:
        console.say(f"{review.uri}: the text changes, but docker reads the same variables")


def _confirm(review: Review) -> bool:
    where = " as a new object" if review.current.version is None else ""
    return console.is_yes(f"upload it to {review.uri}{where}?")


def _document(report: PublishReport, *, dry_run: bool) -> dict[str, Any]:
    review, now, before = report.review, report.version, report.review.current.version
    changes = review.changes()
    return {
        "uri": str(review.uri),
        "dry_run": dry_run,
        "pushed": report.published is not None,
        "object": now.facts._asdict() if now else None,
        "changes": None if changes is None else [change._asdict() for change in changes],
        "findings": document(review.new.findings, review.new.name)["findings"],
        "pushed_by": now.metadata.by if now else None,
        "rolled_back_from": now.metadata.rolled_back_from if now else None,
        "replaced": before.facts.version_id if before and report.published else None,
        "warnings": [*review.risks, *report.warnings()],
    }


def _result(report: PublishReport) -> str:
    uri, origin = report.review.uri, report.review.new.origin
    if report.version is None:
        return f"nothing was uploaded to {uri}: this was a dry run"
    if report.published is None:
        done = "nothing to do, already in S3:"
    elif origin:
        done = f"rolled back to the content of version {origin}:"
    else:
        done = "pushed"
    return f"{done} {uri}, {version_and_key(report.version)}"


def version_and_key(version: ObjectVersion) -> str:
    """Return the version ID and the key, for people."""
    facts = version.facts
    return f"version {facts.version_id or 'none (the bucket is not versioned)'}, encrypted with {facts.kms_key}"
