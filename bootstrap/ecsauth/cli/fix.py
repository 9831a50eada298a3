"""`ecsauth check --fix`: the canonical form of an env-file, written where it was asked for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    import argparse

    from ecsauth.core.diagnostics import Finding


def destination(file: str, arguments: argparse.Namespace) -> Optional[str]:
    """Return where --fix writes a file, None without it; raise UsageError for an invalid command line."""
    from ecsauth.core.errors import UsageError
    from ecsauth.core.s3_uri import is_s3_uri

    if not arguments.fix:
        if arguments.output:
            raise UsageError("-o is where --fix writes: give both")
        return None
    target: str = arguments.output or file
    if is_s3_uri(target):
        raise UsageError("--fix does not write to S3", "give -o FILE, look at it, then push it")
    if arguments.dialect != "docker" and _is_same(target, file) and arguments.output != "-":
        raise UsageError("--fix writes docker's dialect: give -o FILE, so that the authored file stays")
    if target == "-" and arguments.format != "text":
        raise UsageError(f"--format {arguments.format} and the fixed file both go to stdout", "give -o FILE")
    return target


def _is_same(one: str, other: str) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def write(authored: bytes, data: bytes, file: str, target: str) -> None:
    """Write the canonical form, unless it stands there already; tell what is new in it, never a value."""
    from ecsauth.cli import console, sources, subject

    name = subject.for_people(target)
    if data == authored and target == file != "-":
        console.say(f"{name}: nothing to fix")
        return
    sources.write(target, data)
    for line in _news(authored, data):
        console.say(f"fixed {line}")
    if target != "-":
        console.say(f"wrote {name}, 0600")


def advice(found: tuple[Finding, ...], data: bytes, file: str) -> Optional[str]:
    """Return the command that mends the file, and how much of what was found; None where it mends nothing."""
    from ecsauth.cli import subject
    from ecsauth.core.canonical import canonical
    from ecsauth.core.check import check
    from ecsauth.core.errors import InvalidError

    word = subject.for_shell(file)
    if word is None:
        return None
    try:
        gone = len(_gone(found, check(canonical(data))))
    except InvalidError:
        return None
    how_much = "all of it" if gone == len(found) else f"{gone} of {len(found)}"
    return f"ecsauth check --fix {word} mends {how_much}" if gone else None


def _news(before: bytes, after: bytes) -> list[str]:
    """Say what was mended, or that only the form is another."""
    from ecsauth.core.check import check

    gone = _gone(check(before), check(after))
    places = ["" if one.line is None else f"line {one.line}: " for one in gone]
    news = [f"{place}{one.message} [{one.code}]" for place, one in zip(places, gone)]
    return news or ["the form; it says what it said before"] * (before != after)


def _gone(before: tuple[Finding, ...], after: tuple[Finding, ...]) -> list[Finding]:
    """Return the findings that are no more; lines may have moved."""
    left = {(one.code, one.variable, one.registry) for one in after}
    return [one for one in before if (one.code, one.variable, one.registry) not in left]
