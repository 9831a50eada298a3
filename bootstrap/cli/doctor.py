"""`ecsauth doctor`: why it does not work, one line a cause."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bootstrap.cli import options

if TYPE_CHECKING:
    import argparse

    from bootstrap.cli.options import Parser
    from bootstrap.core.diagnosis import Result


def add_arguments(parser: Parser) -> None:
    """Add the command's own arguments."""
    from bootstrap.core import s3_uri, trust

    parser.add_argument(
        "uri",
        metavar="S3URI",
        nargs="?",
        type=options.parsed(s3_uri.parse),
        help="s3://bucket/key[?versionId=V] (default: the one that is installed)",
    )
    parser.add_argument(
        "--kms-key",
        metavar="ARN",
        action="append",
        type=options.parsed(trust.key_arn),
        help="the KMS key it has to be encrypted with; may be repeated",
    )
    parser.add_argument(
        "--bucket-owner",
        metavar="ACCOUNT",
        type=options.parsed(trust.account),
        help="account of the bucket (default: the instance's)",
    )
    options.add_places(parser)
    parser.add_argument(
        "--launch",
        choices=("service", "docker", "none", "auto"),
        default="auto",
        help="how the agent is started (default: auto)",
    )
    parser.add_argument(
        "--deadline",
        metavar="SECONDS",
        type=options.parsed(options.seconds),
        default=30.0,
        help="for all checks together (default: 30)",
    )
    options.add_aws(parser)
    options.add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print a line a check, in the order of a boot; 3 if one has failed."""
    from bootstrap.cli import console, rows
    from bootstrap.cli.examination import Examination
    from bootstrap.core.diagnosis import Outcome
    from bootstrap.core.errors import ExitCode

    examination = Examination(arguments)
    results = examination.results()
    bad = [result.check for result in results if result.verdict.outcome is Outcome.FAILED]
    if arguments.format == "json":
        uri = str(examination.uri) if examination.uri is not None else None
        console.show({"healthy": not bad, "uri": uri, "checks": [_document(result) for result in results]})
        return ExitCode.INVALID if bad else ExitCode.OK
    rows.show([rows.Row(found.outcome.value, name, found.said, found.fix) for name, found in results])
    if bad:
        console.warn(f"failed: {', '.join(bad)}")
    return ExitCode.INVALID if bad else ExitCode.OK


def _document(result: Result) -> dict[str, Any]:
    name, verdict = result
    return {"check": name, "outcome": verdict.outcome.value, "message": verdict.said, "fix": verdict.fix or None}
