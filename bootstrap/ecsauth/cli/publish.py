"""What the commands that put have in common: what is there, what changes, the question, the put, what was made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from ecsauth import __version__
from ecsauth.aws.attempt import Operation, at
from ecsauth.boot.trust import KMS_ENCRYPTIONS
from ecsauth.cli import console, options
from ecsauth.cli.findings import document, line, of, tell
from ecsauth.command_hint import CommandHint
from ecsauth.deploy import boot_archive
from ecsauth.errors import DeniedError, ExitCode, InvalidError, UsageError
from ecsauth.finding import Severity
from ecsauth.host.clock import SystemClock
from ecsauth.publish.diff import difference
from ecsauth.publish.put import Mark, NewVersion, publish

if TYPE_CHECKING:
    import argparse

    from ecsauth.aws.s3 import ObjectKind
    from ecsauth.aws.s3_operator import BucketSettings, S3VersionStore
    from ecsauth.aws.session import OperatorClients
    from ecsauth.aws_names import S3URI
    from ecsauth.cli.options import Parser
    from ecsauth.finding import Finding
    from ecsauth.publish.diff import Change
    from ecsauth.publish.put import Held, Published


def add_arguments(parser: Parser, default_key: str) -> None:
    """Add what every command takes that puts an object."""
    parser.add_argument("--kms-key", metavar="KEY", help=f"ARN, ID or alias of a KMS key (default: {default_key})")
    options.add_bucket_owner(parser)
    parser.add_argument("--dry-run", action="store_true", help="check and compare, put nothing")
    parser.add_argument("--yes", action="store_true", help="do not ask; without a terminal nobody is asked")


class Place(NamedTuple):
    """The object that a command works on, and the ways to it."""

    uri: S3URI
    shelf: S3VersionStore
    settings: BucketSettings
    clients: OperatorClients


def refuse_version(arguments: argparse.Namespace) -> None:
    """Raise UsageError where the S3 URI names one version."""
    if arguments.uri.version_id is not None:
        what = "makes a new version" if hasattr(arguments, "kms_key") else "is about all versions"
        raise UsageError(f"{arguments.command} {what}: give the S3 URI without ?versionId")


def place_of(arguments: argparse.Namespace, kind: Optional[ObjectKind] = None) -> Place:
    """Return the place of an env-file, or of another kind; raise an EcsauthError where no client can be made for it."""
    from ecsauth.aws.s3 import ENV_FILE, translated
    from ecsauth.aws.s3_operator import BucketSettings, S3VersionStore
    from ecsauth.aws.session import OperatorClients

    uri: S3URI = arguments.uri
    clients = OperatorClients(arguments.profile, options.region(arguments))
    with translated(at(Operation.REACH, uri)):
        client = clients.s3()
    owner = arguments.bucket_owner
    return Place(
        uri, S3VersionStore(client, owner, kind or ENV_FILE), BucketSettings(client, uri.bucket, owner), clients
    )


def place_of_archive(arguments: argparse.Namespace) -> Place:
    """Return the place of a boot archive; raise as `place_of`."""
    from ecsauth.aws.s3 import ObjectKind

    return place_of(arguments, ObjectKind("boot archive", boot_archive.LONGEST))


class Present(NamedTuple):
    """What is in S3 before the put: nothing is `held` if there is nothing, no `content` if it cannot be read."""

    held: Optional[Held]
    content: Optional[bytes]

    def is_what(self, data: bytes, kms_key: str) -> bool:
        """Tell whether a put would change nothing that instances look at: content, key, and that there is a checksum.

        Where KMS did not say which key an alias stands for, that is not known: then a put puts.
        """
        if self.held is None or self.held.facts.checksum is None or self.content != data:
            return False
        arn = self.held.facts.kms_key or ""
        return kms_key in (arn, arn.partition(":key/")[2])

    def changes(self, data: bytes) -> Optional[tuple[Change, ...]]:
        """Return what a put changes, None where that cannot be told."""
        if self.held is not None and self.content is None:
            return None
        return difference(self.content or b"", data)

    def __repr__(self) -> str:
        return f"Present({self.held!r}, ***)"


def present(place: Place) -> Present:
    """Return what is there. Who may write but not read may still put: then what changes is not told."""
    held = place.shelf.look(place.uri)
    if held is None:
        return Present(None, None)
    try:
        read = place.shelf.read(place.uri, held)
    except (DeniedError, InvalidError):
        return Present(held, None)
    return Present(read.held, read.content)


def refuse_archive(arguments: argparse.Namespace, present: Present) -> None:
    """Raise UsageError where a boot archive is, which is too large to be read as what it is not."""
    from ecsauth.aws.s3 import ENV_FILE

    if present.held is None or present.content is not None or present.held.size <= ENV_FILE.longest:
        return
    try:
        content = place_of_archive(arguments).shelf.read(arguments.uri, present.held).content
    except (DeniedError, InvalidError):
        return
    if boot_archive.is_like_one(content):
        raise UsageError(
            f"{arguments.uri} is a boot archive: nothing was put in its place",
            "is this the URI of the env-file? one that an archive has replaced is still in the history",
            CommandHint("see its versions", "ecsauth", "history", arguments.uri.object_uri),
            CommandHint("bring one of them back", "ecsauth", "rollback", arguments.uri.object_uri, "VERSION"),
        )


def key_for(place: Place, named: Optional[str], held: Optional[Held] = None) -> str:
    """Return the full ARN of the key to put under: the one named, that of `held`, or the bucket's own.

    What cannot be resolved for want of permission stays as it is named. Raises UsageError where there is no key.
    """
    from ecsauth.aws.identity import full_key

    key = named or (held.facts.kms_key if held else None) or place.settings.default_kms_key()
    if key is None:
        raise UsageError(
            f"bucket {place.uri.bucket} has no KMS key of its own by default, so a key has to be named",
            "give --kms-key ARN, a customer managed key: with the AWS managed one (aws/s3) everybody who may read "
            "from S3 can read the file",
        )
    return full_key(key, lambda: place.clients.client("kms"))[0]


class Proposal(NamedTuple):
    """What is to be put in place of what; `origin` is the version that it is taken from, if it goes back."""

    data: bytes
    name: str
    findings: tuple[Finding, ...]
    present: Present
    kms_key: str
    origin: Optional[str] = None
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Proposal(***, {self.name!r}, {self.present!r}, {self.kms_key!r})"


def carry_out(place: Place, proposal: Proposal, arguments: argparse.Namespace) -> int:
    """Show what changes, ask, put, and tell what was made; raise an EcsauthError with nothing put."""
    is_same = proposal.present.is_what(proposal.data, proposal.kms_key)
    warnings = (*proposal.warnings, *_warnings(proposal, place.uri))
    if arguments.format == "text":
        _tell(place.uri, proposal, warnings)
    if not is_same and not arguments.dry_run and is_asked(arguments) and not console.is_yes(_question(place, proposal)):
        console.say(f"nothing was put into {place.uri}")
        return console.DECLINED
    made = None
    if not is_same and not arguments.dry_run:
        wanted = NewContent(proposal.data, proposal.kms_key, origin=proposal.origin)
        made = put(place, wanted, proposal.present.held)
    _show(place.uri, proposal, arguments, made)
    return ExitCode.OK


def is_asked(arguments: argparse.Namespace) -> bool:
    """Programs that read JSON are not asked either."""
    return not arguments.yes and arguments.format == "text" and console.is_possible()


def _question(place: Place, proposal: Proposal) -> str:
    if proposal.present.held is None:
        return f"put it into {place.uri}, where there is nothing now?"
    return f"put it into {place.uri}?"


def _warnings(proposal: Proposal, uri: S3URI) -> tuple[str, ...]:
    """Return what people should look at before they say yes."""
    held = proposal.present.held
    found = [line(one, proposal.name) for one in of(proposal.findings, Severity.WARNING)]
    if held is not None and proposal.present.content is None:
        found.append(f"what is in {uri} now cannot be read, so what changes is not known")
    before = held.facts.kms_key if held else None
    if before and proposal.kms_key not in (before, before.partition(":key/")[2]) and ":alias/" not in proposal.kms_key:
        found.append(f"the KMS key changes from {before}: instances that name only that one will refuse the file")
    return tuple(found)


def _tell(uri: S3URI, proposal: Proposal, warnings: tuple[str, ...]) -> None:

    for warning in warnings:
        console.warn(warning)
    tell(of(proposal.findings, Severity.NOTE), proposal.name)
    changes = proposal.present.changes(proposal.data)
    for change in changes or ():
        console.say(str(change))
    held = proposal.present.held
    is_other = changes == () and held is not None and proposal.present.content != proposal.data
    if is_other:
        console.say(f"{uri}: written differently, says the same")


class NewContent(NamedTuple):
    """What is to be in S3: bytes, the key to put them under, and the version that they are taken from, if any."""

    data: bytes
    kms_key: str
    content_type: str = "text/plain; charset=utf-8"
    origin: Optional[str] = None

    def __repr__(self) -> str:
        return f"Wanted(***, {self.kms_key!r}, {self.content_type!r}, {self.origin!r})"


def put(place: Place, wanted: NewContent, held: Optional[Held]) -> Published:
    """Put it in place of what is held; what was made has to be encrypted with a KMS key."""
    import secrets

    from ecsauth.aws.identity import caller

    by = caller(lambda: place.clients.client("sts"))
    mark = Mark(by, __version__, secrets.token_hex(16), wanted.origin)
    draft = NewVersion(wanted.data, wanted.kms_key, held.facts.etag if held else None, mark, wanted.content_type)
    made = publish(place.shelf, place.uri, draft, SystemClock().sleep)
    if made.held.facts.encryption not in KMS_ENCRYPTIONS:
        raise DeniedError(
            f"{place.uri} was put, but S3 says that it is not encrypted with a KMS key: instances refuse it"
        )
    return made


def _show(
    uri: S3URI,
    proposal: Proposal,
    arguments: argparse.Namespace,
    made: Optional[Published],
) -> None:
    """Tell what was made; the text names variables and registries only."""
    later = later_warnings(uri, made)
    if arguments.format == "json":
        console.show(_document(uri, proposal, arguments, (*proposal.warnings, *later), made))
        return
    for warning in later:
        console.warn(warning)
    console.say(_result(uri, proposal, made))


def later_warnings(uri: S3URI, made: Optional[Published]) -> tuple[str, ...]:
    """Return what is to be said of a put once it is done."""
    if made is None:
        return ()
    found = []
    if made.is_superseded:
        found.append(f"somebody has changed {uri} again since")
    if not made.is_read_back:
        found.append(f"{uri} was put, but could not be looked at afterwards: what follows is what S3 said to the put")
    return tuple(found)


def _document(
    uri: S3URI,
    proposal: Proposal,
    arguments: argparse.Namespace,
    warnings: tuple[str, ...],
    made: Optional[Published],
) -> dict[str, Any]:

    before = proposal.present.held
    is_same = proposal.present.is_what(proposal.data, proposal.kms_key)
    now = made.held if made else before if is_same else None
    changes = proposal.present.changes(proposal.data)
    return {
        "uri": str(uri),
        "dry_run": bool(arguments.dry_run),
        "pushed": made is not None,
        "object": now.facts._asdict() if now else None,
        "changes": None if changes is None else [change._asdict() for change in changes],
        "findings": document(proposal.findings, proposal.name)["findings"],
        "pushed_by": now.mark.by if now else None,
        "rolled_back_from": now.mark.rolled_back_from if now else None,
        "replaced": before.facts.version_id if before and made else None,
        "warnings": list(warnings),
    }


def _result(uri: S3URI, proposal: Proposal, made: Optional[Published]) -> str:
    held = made.held if made else proposal.present.held
    is_same = proposal.present.is_what(proposal.data, proposal.kms_key)
    if held is None or (made is None and not is_same):
        return f"nothing was put into {uri}: this was a dry run"
    if made is None:
        done = "nothing to do, this is already"
    elif proposal.origin:
        done = f"rolled back to what version {proposal.origin} holds:"
    else:
        done = "pushed"
    version = held.facts.version_id or "none (the bucket is not versioned)"
    return f"{done} {uri}, version {version}, encrypted with {held.facts.kms_key}"
