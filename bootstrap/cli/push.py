"""`ecsauth push`: check an env-file and put it into S3, encrypted, without losing somebody else's change."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Optional

from bootstrap.cli import options

if TYPE_CHECKING:
    import argparse

    from bootstrap.cli.options import Parser
    from bootstrap.core.diagnostics import Finding
    from bootstrap.core.difference import Change
    from bootstrap.core.s3_uri import S3URI
    from bootstrap.core.trust import ObjectFacts
    from bootstrap.edges.store.s3 import Objects


def add_arguments(parser: Parser) -> None:
    """Add the command's own arguments."""
    from bootstrap.core import s3_uri, trust

    parser.add_argument("file", metavar="FILE", help="a path, or - for standard input")
    parser.add_argument("uri", metavar="S3URI", type=options.parsed(s3_uri.parse), help="s3://bucket/key")
    parser.add_argument("--kms-key", metavar="KEY", help="KMS key (default: the one the bucket encrypts with)")
    parser.add_argument(
        "--bucket-owner",
        metavar="ACCOUNT",
        type=options.parsed(trust.account),
        help="account that has to own the bucket",
    )
    options.add_dialect(parser)
    parser.add_argument("--dry-run", action="store_true", help="check and compare, put nothing")
    options.add_aws(parser)
    options.add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    """Push; raise an EcsauthError with nothing put."""
    from bootstrap.cli.sources import from_dialect, read_path
    from bootstrap.core.approval import approve
    from bootstrap.core.errors import ExitCode, UsageError
    from bootstrap.edges.store.s3 import Objects, translated
    from bootstrap.edges.store.sdk import OperatorClients

    uri: S3URI = arguments.uri
    if uri.version_id is not None:
        raise UsageError("push makes a new version: give the S3 URI without ?versionId")
    data = from_dialect(read_path(arguments.file), arguments.file, arguments.dialect).data
    findings = approve(data, arguments.file)
    with translated(f"put {uri}"):
        client = OperatorClients(arguments.profile, options.region(arguments)).s3()
    objects = Objects(client, arguments.bucket_owner)
    kms_key = arguments.kms_key or _default_key(objects, uri)
    present = _present(objects, uri)
    made = present.facts if present.is_what(data, kms_key) else None
    if made is None and not arguments.dry_run:
        made = _put(objects, uri, data, kms_key, present.facts)
    _show(arguments, findings, data, present, made)
    return ExitCode.OK


class Present(NamedTuple):
    """What is in S3 before the push: no `facts` if there is nothing, no `content` if it cannot be read."""

    facts: Optional[ObjectFacts]
    content: Optional[bytes]

    def is_what(self, data: bytes, kms_key: str) -> bool:
        """Tell whether a push would change nothing that instances look at: content, key, and that there is a checksum.

        Which key an alias stands for is not known here: then a push puts.
        """
        if self.facts is None or self.facts.checksum is None or self.content != data:
            return False
        arn = self.facts.kms_key or ""
        return kms_key in (arn, arn.partition(":key/")[2])

    def changes(self, data: bytes) -> Optional[tuple[Change, ...]]:
        """Return what a push changes, None where that cannot be told."""
        from bootstrap.core.difference import difference

        if self.facts is not None and self.content is None:
            return None
        return difference(self.content or b"", data)

    def __repr__(self) -> str:
        return f"Present({self.facts!r}, ***)"


def _present(objects: Objects, uri: S3URI) -> Present:
    """Somebody who may write but not read may still push: then what changes is not told."""
    from bootstrap.core.errors import DeniedError, InvalidError

    facts = objects.head(uri)
    if facts is None:
        return Present(None, None)
    try:
        fetched = objects.get(uri)
    except (DeniedError, InvalidError):
        return Present(facts, None)
    return Present(fetched.facts, fetched.body) if fetched else Present(facts, None)


def _default_key(objects: Objects, uri: S3URI) -> str:
    from bootstrap.core.errors import UsageError

    key = objects.default_kms_key(uri.bucket)
    if key is None:
        raise UsageError(
            f"bucket {uri.bucket} has no KMS key of its own by default, so a key has to be named",
            "give --kms-key ARN, a customer managed key: with the AWS managed one (aws/s3) everybody who may read "
            "from S3 can read the file",
        )
    return key


def _put(objects: Objects, uri: S3URI, data: bytes, kms_key: str, present: Optional[ObjectFacts]) -> ObjectFacts:
    """Put, if nobody else did meanwhile, and read back what S3 made of it."""
    from bootstrap.core.errors import ConflictError, DeniedError
    from bootstrap.core.trust import KMS_ENCRYPTIONS

    version = objects.put(uri, data, kms_key, present.etag if present else None)
    made = objects.head(uri._replace(version_id=version))
    if made is None:
        raise ConflictError(f"{uri} was put, but is not there any more", "look at who deleted it")
    if made.encryption not in KMS_ENCRYPTIONS:
        raise DeniedError(f"{uri} was put, but S3 says that it is not encrypted with a KMS key: instances refuse it")
    return made


def _show(
    arguments: argparse.Namespace,
    findings: tuple[Finding, ...],
    data: bytes,
    present: Present,
    made: Optional[ObjectFacts],
) -> None:
    """Tell what changes and what was made; the text names variables and registries only."""
    from bootstrap.cli import console
    from bootstrap.cli.findings import document

    changes = present.changes(data)
    if arguments.format == "json":
        console.show(
            {
                "uri": str(arguments.uri),
                "dry_run": arguments.dry_run,
                "pushed": made is not None and made != present.facts,
                "object": made._asdict() if made else None,
                "changes": None if changes is None else [change._asdict() for change in changes],
                "findings": document(findings, arguments.file)["findings"],
            }
        )
        return
    for finding in findings:
        console.warn(f"{arguments.file}: {finding.message} [{finding.code}]")
    if changes is None:
        console.warn(f"what is in {arguments.uri} now cannot be read, so what changes is not known")
    for change in changes or ():
        console.say(str(change))
    console.say(_result(arguments, present, made))


def _result(arguments: argparse.Namespace, present: Present, made: Optional[ObjectFacts]) -> str:
    if made is None:
        return f"nothing was put into {arguments.uri}: this was a dry run"
    done = "nothing to do, this is already" if made == present.facts else "pushed"
    version = made.version_id or "none (the bucket is not versioned)"
    return f"{done} {arguments.uri}, version {version}, encrypted with {made.kms_key}"
