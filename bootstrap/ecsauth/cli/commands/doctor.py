"""`ecsauth doctor`: find out why an instance does not boot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecsauth import aws_names
from ecsauth.boot import trust
from ecsauth.cli import checks, console, hints, options, pins, rows
from ecsauth.cli.rows import Row
from ecsauth.doctor.subject import DoctorRequest
from ecsauth.errors import ExitCode
from ecsauth.status.judgement import CheckOutcome

if TYPE_CHECKING:
    import argparse

    from ecsauth.cli.hints import Known
    from ecsauth.cli.options import Parser
    from ecsauth.doctor import CheckResult


def add_arguments(parser: Parser) -> None:
    """Add the command's own arguments."""
    parser.add_argument(
        "uri",
        metavar="S3URI",
        nargs="?",
        type=options.parsed(aws_names.parse),
        help="s3://bucket/key[?versionId=V] (default: the installed one)",
    )
    parser.add_argument(
        "--kms-key",
        metavar="ARN",
        action="append",
        type=options.parsed(trust.key_arn),
        help="KMS key that the object must be encrypted with; can be repeated",
    )
    pins.add_owner_of_instance(parser)
    options.add_places(parser)
    options.add_launch(parser, "how boot starts the agent (default: auto)")
    parser.add_argument(
        "--deadline",
        metavar="SECONDS",
        type=options.parsed(options.seconds),
        default=30.0,
        help="time limit for all checks together (default: 30)",
    )
    options.add_aws(parser)
    options.add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print one line per check, in the order of a boot, then causes and fixes; return 3 if a check failed."""
    examined = checks.instance(_request(arguments))
    known = hints.known(arguments, examined.state)
    found = [_row(result, known) for result in checks.results(examined)]
    bad = [row for row in found if row.outcome is CheckOutcome.FAILED]
    if arguments.format == "json":
        causes = [{"check": row.topic, "message": row.said, "fix": row.fix or None} for row in bad]
        uri = str(examined.uri) if examined.uri is not None else None
        console.show(
            {"healthy": not bad, "uri": uri, "checks": [rows.document(row) for row in found], "causes": causes}
        )
    else:
        rows.show(found)
    return ExitCode.INVALID if bad else ExitCode.OK


def _request(arguments: argparse.Namespace) -> DoctorRequest:
    return DoctorRequest(
        uri=arguments.uri,
        file=arguments.file,
        state_dir=arguments.state_dir,
        bucket_owner=arguments.bucket_owner,
        kms_keys=tuple(arguments.kms_key or ()),
        region=options.region(arguments),
        profile=arguments.profile,
        launch=arguments.launch,
        deadline=arguments.deadline,
    )


def _row(result: CheckResult, known: Known) -> Row:
    name, verdict = result
    fix = hints.completed(verdict.fix, known)
    return Row(verdict.outcome, name, verdict.said, fix, is_blamed=verdict.outcome is CheckOutcome.FAILED)
