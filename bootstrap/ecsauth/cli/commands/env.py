"""`ecsauth env`: list the environments of `ecsauth.toml`, or show one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ecsauth.cli import console, environment_file, environment_names, environment_search, options
from ecsauth.cli.console import printable
from ecsauth.cli.environments import EXAMPLE, KEYS
from ecsauth.errors import ExitCode, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from ecsauth.cli.environment_file import EnvironmentFile
    from ecsauth.cli.environments import Environment
    from ecsauth.cli.options import Parser

_NONE = "-"
# The columns of the table. The key is the longest, so it is the last.
_COLUMNS = ("name", "uri", "region", "bucket_owner", "profile", "kms_key")


def add_arguments(parser: Parser) -> None:
    """Add the command's own arguments."""
    parser.add_argument("name", metavar="NAME", nargs="?", help="show this one (default: list all)")
    options.add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the environments; raise UsageError or LocalError for a file that cannot be used."""
    file = environment_file.load()
    chosen = _chosen(file, arguments.name)
    if arguments.format == "json":
        console.show({"file": file.path if file else None, "environments": [_document(one) for one in chosen]})
    elif arguments.name is not None:
        sys.stdout.write(printable_lines(one.entry() for one in chosen))
    else:
        sys.stdout.write(_table(chosen))
    sys.stdout.flush()
    if arguments.format == "text":
        _tell(file, chosen)
    return ExitCode.OK


def _chosen(file: EnvironmentFile | None, name: str | None) -> list[Environment]:
    """Return all environments, or the one that the user has named; raise UsageError if there is none with this name."""
    known = file.environments if file else {}
    if name is None:
        return list(known.values())
    if file is None:
        raise UsageError(f"there is no {environment_search.NAME}, so there are no environments", *_places())
    if name not in known:
        raise environment_names.unknown(name, file)
    return [known[name]]


def printable_lines(texts: Iterable[str]) -> str:
    """Return the texts with their lines made printable."""
    return "".join(f"{printable(line)}\n" for text in texts for line in text.splitlines())


def _document(one: Environment) -> dict[str, Any]:
    return {"name": one.name, **dict.fromkeys(KEYS), **one.values()}


def _table(environments: list[Environment]) -> str:
    """Return a line for each environment below the names of the columns, nothing if there is none."""
    if not environments:
        return ""
    rows = [dict(zip(_COLUMNS, _COLUMNS)), *({"name": one.name, **one.values()} for one in environments)]
    cells = [[printable(row.get(column, _NONE)) for column in _COLUMNS] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(*cells)]
    lines = ("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths)).rstrip() for row in cells)
    return "".join(f"{line}\n" for line in lines)


def _tell(file: EnvironmentFile | None, chosen: list[Environment]) -> None:
    """Report the file, or where it is searched for, with an example to write."""
    if file is not None and chosen:
        console.say(f"from {file.path}")
        return
    if file is not None:
        console.say(f"{file.path} has no environments")
    else:
        console.say(f"there is no {environment_search.NAME}, so there are no environments")
        for place in _places():
            console.say(f"hint: {place}")
    console.say("hint: an example:")
    sys.stderr.write(EXAMPLE)


def _places() -> tuple[str, str]:
    here, *above, own = environment_search.searched()
    upward = " and in each folder above" if above else ""
    return (
        f"it is searched for here: {here}{upward}; then {own}",
        f"or ${environment_search.VARIABLE} names it",
    )
