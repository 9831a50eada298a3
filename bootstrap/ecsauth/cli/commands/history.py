"""`ecsauth history`: list the versions of an env-file, newest first, with time, author and, on request, the changes."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from ecsauth.cli import console, hints, options, pins, progress, publish
from ecsauth.cli.console import printable
from ecsauth.command_hint import FILE, CommandHint
from ecsauth.errors import DeniedError, ExitCode, InvalidError, UsageError
from ecsauth.publish.diff import difference
from ecsauth.publish.versions import author, is_unversioned, moment

if TYPE_CHECKING:
    import argparse

    from ecsauth.aws_names import S3URI
    from ecsauth.cli.options import Parser
    from ecsauth.publish.diff import Change
    from ecsauth.publish.put import VersionStore
    from ecsauth.publish.versions import ListedVersion, ObjectVersion

_LIMIT = 10
_MOST = 1000


def add_arguments(parser: Parser) -> None:
    """Add the command's own arguments."""
    options.add_uri(parser)
    parser.add_argument(
        "--limit",
        metavar="N",
        type=options.parsed(_limit),
        default=_LIMIT,
        help=f"maximum number of versions (default: {_LIMIT})",
    )
    parser.add_argument("--diff", action="store_true", help="show the changes of each version; reads each version")
    pins.add_bucket_owner(parser)
    options.add_aws(parser)
    options.add_format(parser)


def _limit(text: str) -> int:
    if text.isascii() and text.isdigit() and 0 < int(text) <= _MOST:
        return int(text)
    raise UsageError(f"must be a number from 1 to {_MOST}")


class VersionRow(NamedTuple):
    """A version, or a delete marker. `version` is None if S3 denies access to it; `changes` is None if not requested.

    `remark` says why there are no changes, or why they are unknown.
    """

    listed: ListedVersion
    version: Optional[ObjectVersion] = None
    changes: Optional[tuple[Change, ...]] = None
    remark: str = ""


def run(arguments: argparse.Namespace) -> int:
    """Print the versions; raise an EcsauthError if they cannot be listed."""
    publish.refuse_version(arguments)
    uri = arguments.uri
    with progress.waiting(f"listing the versions of {uri}"):
        store = publish.env_files(arguments)
        # One more, because the changes of the last shown version are relative to the one before it.
        versions = store.versions(uri, arguments.limit + 1)
        if not versions:
            push = CommandHint("check the S3 URI, or push the file", "ecsauth", "push", FILE, uri.object_uri)
            raise DeniedError(f"there is no version of {uri}", push)
        rows = _rows(uri, store, versions, limit=arguments.limit, is_compared=arguments.diff)
    is_more = len(versions) > arguments.limit
    if arguments.format == "json":
        console.show({"uri": str(uri), "more": is_more, "versions": [_document(row) for row in rows]})
        return ExitCode.OK
    sys.stdout.write("".join(f"{line}\n" for line in _lines(rows)))
    sys.stdout.flush()
    if is_unversioned(versions):
        console.say(f"hint: {hints.completed(_enabling(uri.bucket), hints.known(arguments))}")
    if is_more:
        console.say("hint: there are older versions; to list them, give a larger --limit N")
    return ExitCode.OK


def _enabling(bucket: str) -> CommandHint:
    return CommandHint(
        f"bucket {bucket} keeps no versions; enable versioning",
        *("aws", "s3api", "put-bucket-versioning", "--bucket", bucket),
        *("--versioning-configuration", "Status=Enabled"),
    )


def _rows(
    uri: S3URI, store: VersionStore, versions: tuple[ListedVersion, ...], *, limit: int, is_compared: bool
) -> list[VersionRow]:

    rows = []
    contents = _Contents(uri, store)
    shown = versions[:limit]
    for number, listed in enumerate(shown):
        progress.tell(f"reading the versions of {uri}", number, len(shown))
        version = None
        if not listed.is_deletion:
            with contextlib.suppress(DeniedError):
                version = store.look(uri._replace(version_id=listed.version_id))
        row = VersionRow(listed, version)
        if is_compared and not listed.is_deletion:
            row = _compared(row, next(iter(versions[number + 1 :]), None), contents)
        rows.append(row)
    return rows


class _Contents:
    """The contents of the versions. Each is read once; only two adjacent ones are kept in memory."""

    def __init__(self, uri: S3URI, store: VersionStore) -> None:
        self._uri, self._store = uri, store
        self._kept: dict[str, bytes] = {}

    def of(self, listed: Optional[ListedVersion]) -> bytes:
        """Return the content of a version, empty for a delete marker or None; raise DeniedError or InvalidError."""
        if listed is None or listed.is_deletion:
            return b""
        if listed.version_id not in self._kept:
            uri = self._uri._replace(version_id=listed.version_id)
            content = self._store.read(uri).content
            self._kept = {**dict(list(self._kept.items())[-1:]), listed.version_id: content}
        return self._kept[listed.version_id]


def _compared(row: VersionRow, before: Optional[ListedVersion], contents: _Contents) -> VersionRow:
    try:
        new, old = contents.of(row.listed), contents.of(before)
        changes = difference(old, new)
        remark = "" if changes else "same content as the version before" if new == old else "no change for docker"
        return row._replace(changes=changes, remark=remark)
    except (DeniedError, InvalidError) as fault:
        return row._replace(remark=f"changes unknown: {fault.message}")


def _lines(rows: list[VersionRow]) -> list[str]:
    """Return the table, with the changes of each version below it."""
    width = max(len(row.listed.version_id) for row in rows)
    lines = []
    for row in rows:
        listed = row.listed
        size = "-" if listed.is_deletion else str(listed.size)
        when = moment(listed.last_modified)
        current = "  current" if listed.is_current else ""
        lines.append(f"{listed.version_id:{width}}  {when}  {size:>6}  {_who(row)}{current}")
        lines += [f"  {change}" for change in row.changes or ()]
        if row.remark:
            lines.append(f"  {row.remark}")
    return [printable(line) for line in lines]


def _who(row: VersionRow) -> str:
    if row.listed.is_deletion:
        return "deleted"
    if row.version is None:
        return "author unknown"
    origin = row.version.metadata.rolled_back_from
    return author(row.version.metadata) + (f", rolled back to {origin}" if origin else "")


def _document(row: VersionRow) -> dict[str, Any]:
    listed, version = row.listed, row.version
    return {
        "version_id": listed.version_id,
        "last_modified": listed.last_modified,
        "current": listed.is_current,
        "deleted": listed.is_deletion,
        "size": None if listed.is_deletion else listed.size,
        "pushed_by": version.metadata.by if version else None,
        "ecsauth": version.metadata.program if version else None,
        "rolled_back_from": version.metadata.rolled_back_from if version else None,
        "kms_key": version.facts.kms_key if version else None,
        "changes": None if row.changes is None else [change._asdict() for change in row.changes],
    }
