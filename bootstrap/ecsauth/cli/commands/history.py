"""`ecsauth history`: the versions of an env-file, newest first: when, who, and on demand what changed."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from ecsauth.cli import console, options, publish
from ecsauth.cli.console import printable
from ecsauth.command_hint import FILE, CommandHint
from ecsauth.errors import DeniedError, ExitCode, InvalidError, UsageError
from ecsauth.publish import put
from ecsauth.publish.diff import difference
from ecsauth.publish.put import is_unversioned

if TYPE_CHECKING:
    import argparse

    from ecsauth.cli.options import Parser
    from ecsauth.publish.diff import Change
    from ecsauth.publish.put import Edition, Held

_LIMIT = 10
_MOST = 1000


def add_arguments(parser: Parser) -> None:
    """Add the command's own arguments."""
    options.add_uri(parser)
    parser.add_argument(
        "--limit", metavar="N", type=options.parsed(_limit), default=_LIMIT, help=f"so many at most (default: {_LIMIT})"
    )
    parser.add_argument("--diff", action="store_true", help="tell what each version changed; reads each of them")
    options.add_bucket_owner(parser)
    options.add_aws(parser)
    options.add_format(parser)


def _limit(text: str) -> int:

    if text.isascii() and text.isdigit() and 0 < int(text) <= _MOST:
        return int(text)
    raise UsageError(f"takes a number from 1 to {_MOST}")


class VersionRow(NamedTuple):
    """A version, or a delete marker. `held` is None where S3 does not let look at it; `changes` where nobody looked.

    `remark` says why nothing changed, or why that cannot be told.
    """

    edition: Edition
    held: Optional[Held] = None
    changes: Optional[tuple[Change, ...]] = None
    remark: str = ""


def run(arguments: argparse.Namespace) -> int:
    """Print the versions; raise an EcsauthError where they cannot be listed."""
    publish.refuse_version(arguments)
    place = publish.place_of(arguments)
    # One more: what the last one shown has changed is told against the one before it.
    editions = place.shelf.editions(place.uri, arguments.limit + 1)
    if not editions:
        push = CommandHint("is the URI right? else push it", "ecsauth", "push", FILE, place.uri.object_uri)
        raise DeniedError(f"there is no version of {place.uri}", push)
    rows = _rows(place, editions, arguments)
    is_more = len(editions) > arguments.limit
    if arguments.format == "json":
        console.show({"uri": str(place.uri), "more": is_more, "versions": [_document(row) for row in rows]})
        return ExitCode.OK
    sys.stdout.write("".join(f"{line}\n" for line in _lines(rows)))
    sys.stdout.flush()
    if is_unversioned(editions):
        console.say(f"hint: bucket {place.uri.bucket} keeps no versions: enable versioning to have a history")
    if is_more:
        console.say("hint: there are older versions: give --limit N")
    return ExitCode.OK


def _rows(place: publish.Place, editions: tuple[Edition, ...], arguments: argparse.Namespace) -> list[VersionRow]:

    rows = []
    contents = _Contents(place)
    shown = editions[: arguments.limit]
    for number, edition in enumerate(shown):
        held = None
        if not edition.is_deletion:
            with contextlib.suppress(DeniedError):
                held = place.shelf.look(place.uri._replace(version_id=edition.version_id))
        row = VersionRow(edition, held)
        if arguments.diff and not edition.is_deletion:
            row = _compared(row, next(iter(editions[number + 1 :]), None), contents)
        rows.append(row)
    return rows


class _Contents:
    """What the versions hold; each is read once. Only two neighbours are kept at a time."""

    def __init__(self, place: publish.Place) -> None:
        self._place = place
        self._kept: dict[str, bytes] = {}

    def __repr__(self) -> str:
        return "_Contents(***)"

    def of(self, edition: Optional[Edition]) -> bytes:
        """Return what a version holds, nothing for a delete marker or none; raise DeniedError or InvalidError."""
        if edition is None or edition.is_deletion:
            return b""
        if edition.version_id not in self._kept:
            uri = self._place.uri._replace(version_id=edition.version_id)
            content = self._place.shelf.read(uri).content
            self._kept = {**dict(list(self._kept.items())[-1:]), edition.version_id: content}
        return self._kept[edition.version_id]


def _compared(row: VersionRow, before: Optional[Edition], contents: _Contents) -> VersionRow:

    try:
        new, old = contents.of(row.edition), contents.of(before)
        changes = difference(old, new)
        remark = "" if changes else "the same content again" if new == old else "nothing that docker reads"
        return row._replace(changes=changes, remark=remark)
    except (DeniedError, InvalidError) as fault:
        return row._replace(remark=f"not known: {fault.message}")


def _lines(rows: list[VersionRow]) -> list[str]:
    """Return the table; below a version what it changed."""
    width = max(len(row.edition.version_id) for row in rows)
    lines = []
    for row in rows:
        edition = row.edition
        size = "-" if edition.is_deletion else str(edition.size)
        when = put.moment(edition.last_modified)
        current = "  current" if edition.is_current else ""
        lines.append(f"{edition.version_id:{width}}  {when}  {size:>6}  {_who(row)}{current}")
        lines += [f"  {change}" for change in row.changes or ()]
        if row.remark:
            lines.append(f"  {row.remark}")
    return [printable(line) for line in lines]


def _who(row: VersionRow) -> str:

    if row.edition.is_deletion:
        return "deleted"
    if row.held is None:
        return "not known who"
    origin = row.held.mark.rolled_back_from
    return put.author(row.held.mark) + (f", rolled back to {origin}" if origin else "")


def _document(row: VersionRow) -> dict[str, Any]:
    edition, held = row.edition, row.held
    return {
        "version_id": edition.version_id,
        "last_modified": edition.last_modified,
        "current": edition.is_current,
        "deleted": edition.is_deletion,
        "size": None if edition.is_deletion else edition.size,
        "pushed_by": held.mark.by if held else None,
        "ecsauth": held.mark.program if held else None,
        "rolled_back_from": held.mark.rolled_back_from if held else None,
        "kms_key": held.facts.kms_key if held else None,
        "changes": None if row.changes is None else [change._asdict() for change in row.changes],
    }
