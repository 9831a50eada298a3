"""`ecsauth pull`: show the env-file in S3, masked, or write its bytes to a private file."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Optional

from ecsauth.boot.trust import KMS_ENCRYPTIONS
from ecsauth.check import check
from ecsauth.check.excerpt import masked_lines
from ecsauth.cli import console, hints, inputs, options, pins, progress, publish
from ecsauth.cli.findings import document
from ecsauth.command_hint import CommandHint
from ecsauth.errors import ExitCode, UsageError
from ecsauth.finding import Severity
from ecsauth.publish.versions import described

if TYPE_CHECKING:
    import argparse

    from ecsauth.aws_names import S3URI
    from ecsauth.cli.options import Parser
    from ecsauth.finding import Finding
    from ecsauth.publish.versions import ObjectVersion


def add_arguments(parser: Parser) -> None:
    """Add the command's own arguments."""
    options.add_uri(parser, "s3://bucket/key[?versionId=V]")
    parser.add_argument("-o", "--output", metavar="FILE", help="write the file unmasked, mode 0600; - for stdout")
    parser.add_argument("--reveal", action="store_true", help="write the file unmasked to stdout, with passwords")
    pins.add_bucket_owner(parser)
    options.add_aws(parser)
    options.add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    """Pull. On an EcsauthError nothing is written."""
    is_json = arguments.format == "json"
    target = _target(arguments.output, reveal=arguments.reveal, is_json=is_json)
    with progress.waiting(f"reading {arguments.uri}"):
        read = publish.env_files(arguments).read(arguments.uri)
    findings = check(read.content)
    masked = None
    if target is not None:
        inputs.write(target, read.content)
        # Messages that follow go to another stream.
        sys.stdout.flush()
    else:
        masked = masked_lines(read.content)
    if is_json:
        console.show(_document(arguments.uri, read.version, findings, target, masked))
    else:
        if masked is not None:
            sys.stdout.write("".join(f"{line}\n" for line in masked))
            sys.stdout.flush()
        _tell(arguments, read.version, findings, target)
    return ExitCode.OK


def _target(output: Optional[str], *, reveal: bool, is_json: bool) -> Optional[str]:
    """Return the target of the bytes, None for a masked text; raise UsageError if both would go to stdout."""
    if reveal and output not in (None, "-"):
        raise UsageError("--reveal writes to stdout, -o to a file: give one of them")
    target = "-" if reveal else output
    if target == "-" and is_json:
        raise UsageError("--format json and the bytes both go to stdout", "give -o FILE")
    return target


def _document(
    uri: S3URI,
    version: ObjectVersion,
    findings: tuple[Finding, ...],
    target: Optional[str],
    masked: Optional[tuple[str, ...]],
) -> dict[str, Any]:

    return {
        "uri": str(uri),
        "output": target,
        "object": version.facts._asdict(),
        "pushed_by": version.metadata.by,
        "rolled_back_from": version.metadata.rolled_back_from,
        "masked": None if masked is None else list(masked),
        "findings": document(findings, str(uri))["findings"],
    }


def _tell(
    arguments: argparse.Namespace, version: ObjectVersion, findings: tuple[Finding, ...], target: Optional[str]
) -> None:
    """Report the pulled version. Warn if instances refuse it: it has errors, or is not encrypted with a KMS key."""
    uri: S3URI = arguments.uri
    if version.facts.encryption not in KMS_ENCRYPTIONS:
        console.warn(f"{uri} is not encrypted with a KMS key: instances refuse it")
    if any(one.severity is Severity.ERROR for one in findings):
        console.warn(f"{uri} has errors: instances refuse it")
        tells = CommandHint("see the errors", "ecsauth", "check", str(uri))
        console.say(f"hint: {hints.completed(tells, hints.known(arguments))}")
    if target not in (None, "-"):
        console.say(f"wrote {inputs.for_people(target or '')}, 0600")
    console.say(f"{uri}: {described(version)}")
