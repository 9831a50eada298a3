"""docker's `--env-file` (docker/cli pkg/kvfile, over Go's bufio.Scanner), and ecs-init's reading of the same file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Union

from ecsauth.envfile.reading import Assignment, Reading, Refusal, RefusalReason, Skipped, SkipReason, start_failure
from ecsauth.go.values import GO_SPACE
from ecsauth.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

# Go bufio/scan.go: the scanner gives up when its buffer of MaxScanTokenSize (65,536) bytes is full without an LF.
_LONGEST_LINE = 65_535
_BYTE_ORDER_MARK = "\ufeff"
_NO_HOST: Mapping[str, str] = {}


def docker(data: bytes, host: Mapping[str, str] = _NO_HOST) -> Reading:
    """Read the file as `docker run --env-file` does.

    `host` is the environment of the docker command: a line without `=` copies the variable from there. Docker refuses
    the file at the first line that is longer than 65,535 bytes, is not UTF-8, or has an empty name or a space or TAB
    in its name. Source: docker/cli pkg/kvfile/kvfile.go, same in 28.2 and 29.8.
    """
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    assignments: list[Assignment] = []
    skipped: list[Skipped] = []
    for number, line in enumerate(lines, start=1):
        read = _read_line(line, number, host)
        if isinstance(read, Assignment):
            assignments.append(read)
        elif isinstance(read, Skipped):
            skipped.append(read)
        elif read is not None:
            return Reading(tuple(assignments), tuple(skipped), read)
    return Reading(tuple(assignments), tuple(skipped), None, start_failure(assignments))


def _read_line(line: bytes, number: int, host: Mapping[str, str]) -> Union[Assignment, Skipped, Refusal, None]:
    """Read one line without its LF; None for a blank line or a comment."""
    if len(line) > _LONGEST_LINE:
        return Refusal(RefusalReason.LINE_TOO_LONG, number)
    try:
        # bufio.ScanLines drops one CR, also at the end of the file. UTF-8 is checked before a comment is skipped.
        text = line.removesuffix(b"\r").decode("utf-8")
    except UnicodeDecodeError:
        return Refusal(RefusalReason.INVALID_UTF8, number)
    # docker removes the byte order mark first, then white space: a mark after white space stays.
    body = (text.removeprefix(_BYTE_ORDER_MARK) if number == 1 else text).lstrip(GO_SPACE)
    if not body or body.startswith("#"):
        return None
    name, equals, value = body.partition("=")
    if not name:
        return Refusal(RefusalReason.EMPTY_NAME, number)
    if " " in name or "\t" in name:
        return Refusal(RefusalReason.NAME_WITH_SPACE, number)
    column = len(text) - len(body) + 1
    if equals:
        return Assignment(name, Secret(value), number, column)
    if name in host:
        return Assignment(name, Secret(host[name]), number, column)
    return Skipped(number, SkipReason.BARE_NAME)


def ecs_init(data: bytes) -> Reading:
    """Read the file as ecs-init does for the agent's container.

    Every line is trimmed at both ends and split at its first `=`. There are no comments, every name is valid, and a
    byte order mark is part of the first name. ecs-init itself refuses nothing. The docker engine refuses an empty name
    with status 400 when the container is created (moby opts.ValidateEnv), so the agent does not start. Source:
    ecs-init/docker/docker.go, getEnvVars, 1.105.1.
    """
    assignments: list[Assignment] = []
    skipped: list[Skipped] = []
    for number, raw in enumerate(data.split(b"\n"), start=1):
        line = raw.decode("utf-8", "surrogateescape")
        text = line.lstrip(GO_SPACE)
        column = len(line) - len(text) + 1
        name, equals, value = text.rstrip(GO_SPACE).partition("=")
        if equals:
            assignments.append(Assignment(name, Secret(value), number, column))
        elif name and not name.startswith("#"):
            skipped.append(Skipped(number, SkipReason.NO_EQUALS))
    nameless = [one.line for one in assignments if not one.name]
    refusal = Refusal(RefusalReason.EMPTY_NAME, nameless[0]) if nameless else None
    # Only the last value of each name is sent, because ecs-init keeps them in a Go map.
    sent = {one.name: one for one in assignments}.values()
    return Reading(tuple(assignments), tuple(skipped), refusal, None if refusal else start_failure(sent))
