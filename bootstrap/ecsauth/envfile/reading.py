"""The result of reading an env-file: assignments, dropped lines, a refusal, and whether a process can start with it.

Lines count from 1 and end at LF, whatever ends a line for the program itself, so that all readers name the same line.
Columns count characters from 1; a byte that is not UTF-8 counts as one character, and so does a byte order mark.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable

# Linux execve(2), MAX_ARG_STRLEN: 32 pages of 4,096 bytes hold one NAME=VALUE and its terminating NUL.
LONGEST_STRING = 131_071
# In bytes: much more than any env-file has (docker reads lines of up to 64 KiB), and little for an instance.
LARGEST = 256 * 1024
# The cluster that the agent joins by default (amazon-ecs-agent, agent/config/config.go).
_DEFAULT_CLUSTER = "default"


class SkipReason(Enum):
    """Why a reader dropped a line.

    bare_name: docker would copy this variable from its own environment, but it is not set there.
    no_equals: the line assigns nothing.
    empty_name: systemd ignores a line that begins with `=`, silently.
    invalid_name: systemd drops the assignment and logs it, value included.
    swallowed: systemd reads the line as part of the comment above, which ends in a backslash.
    joined: systemd reads the line as part of the value above (open quote, or backslash at the line's end).
    """

    BARE_NAME = "bare_name"
    NO_EQUALS = "no_equals"
    EMPTY_NAME = "empty_name"
    INVALID_NAME = "invalid_name"
    SWALLOWED = "swallowed"
    JOINED = "joined"


class RefusalReason(Enum):
    """Why a reader refuses the whole file, or why no process can start with what it read.

    invalid_utf8, line_too_long, empty_name, name_with_space: the reader refuses the file. nul: systemd refuses the
    file; with docker and ecs-init the start of the process fails. string_too_long: the start fails, because NAME=VALUE
    is longer than LONGEST_STRING bytes.
    """

    INVALID_UTF8 = "invalid_utf8"
    LINE_TOO_LONG = "line_too_long"
    EMPTY_NAME = "empty_name"
    NAME_WITH_SPACE = "name_with_space"
    NUL = "nul"
    STRING_TOO_LONG = "string_too_long"


class Assignment(NamedTuple):
    """One NAME=VALUE as the program sees it; bytes that are not UTF-8 are kept as surrogate escapes.

    `line` and `column` are the place of the name.
    """

    name: str
    value: Secret
    line: int
    column: int


class Skipped(NamedTuple):
    """A line that the reader dropped although it is neither blank nor a comment, without its text."""

    line: int
    reason: SkipReason


class Refusal(NamedTuple):
    """Why no process gets the file's variables; `line` is None if no single line is at fault."""

    reason: RefusalReason
    line: Optional[int]


class Reading(NamedTuple):
    """The result of one reader for a file.

    `assignments` has every assignment in file order; with a refusal, those before it (ecs-init: all, because the engine
    refuses them after ecs-init has read them). `start_failure` says why a process cannot start although the file was
    not refused; it is None if it can.
    """

    assignments: tuple[Assignment, ...]
    skipped: tuple[Skipped, ...]
    refusal: Optional[Refusal]
    start_failure: Optional[Refusal] = None

    def environment(self) -> dict[str, Secret]:
        """Return the last value of each name; empty if the reader refuses the file."""
        return {} if self.refusal else {one.name: one.value for one in self.assignments}

    def cluster(self) -> str:
        """Return the cluster that the agent joins with this environment."""
        named = self.environment().get("ECS_CLUSTER")
        return (named.reveal() if named else "") or _DEFAULT_CLUSTER

    def process_environment(self) -> dict[str, Secret]:
        """Return the environment of the started process, empty if it cannot start.

        Unlike `environment()`, it is empty after a start failure, and has U+FFFD for each byte that is not UTF-8.
        """
        if self.start_failure:
            return {}
        return {as_sent(name): Secret(as_sent(value.reveal())) for name, value in self.environment().items()}


def as_sent(text: str) -> str:
    """Return the text with U+FFFD for each byte that is not UTF-8.

    The engine's API is JSON, and Go's encoding/json writes one U+FFFD for each such byte (encode.go, appendString).
    """
    return text if text.isascii() else re.sub("[\ud800-\udfff]", "\ufffd", text)


def start_failure(handed_on: Iterable[Assignment]) -> Optional[Refusal]:
    """Return why a process cannot be started with these assignments, or None.

    A NUL fails in every assignment, because runc checks each one before a later one replaces it
    (libcontainer/init_linux.go, populateProcessEnvironment). The length matters only for the last value of each name,
    because the kernel gets no other. Linux also limits the sum (a quarter of the stack limit, 2 MiB by default), which
    no file of 512 KiB reaches.
    """
    last: dict[str, Assignment] = {}
    for one in handed_on:
        if "\0" in one.name or "\0" in one.value.reveal():
            return Refusal(RefusalReason.NUL, one.line)
        last[one.name] = one
    for one in last.values():
        if len(as_sent(f"{one.name}={one.value.reveal()}").encode()) > LONGEST_STRING:
            return Refusal(RefusalReason.STRING_TOO_LONG, one.line)
    return None
