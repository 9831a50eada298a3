"""The outcome of reading an env-file: assignments, dropped lines, a refusal, and whether a process can start with it.

Lines count from 1 and end at LF, whatever ends a line for the reader itself, so that all readers name the same line.
Columns count characters from 1; a byte that is not UTF-8 counts as one character, a byte order mark too.
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
# Far above any env-file (docker takes lines of 64 KiB), far below what could hurt.
LARGEST = 256 * 1024
# What the agent joins when nobody tells it a cluster (amazon-ecs-agent, agent/config/config.go).
_DEFAULT_CLUSTER = "default"


class SkipReason(Enum):
    """Why a reader dropped a line.

    bare_name: docker copies such a variable from its own environment, where it is not set.
    no_equals: the line assigns nothing.
    empty_name: systemd ignores a line that begins with `=`, silently.
    invalid_name: systemd drops the assignment and logs it, value included.
    swallowed: systemd takes the line for the rest of the comment above, which ends in a backslash.
    joined: systemd takes the line for the rest of the value above (open quote, or backslash at the line's end).
    """

    BARE_NAME = "bare_name"
    NO_EQUALS = "no_equals"
    EMPTY_NAME = "empty_name"
    INVALID_NAME = "invalid_name"
    SWALLOWED = "swallowed"
    JOINED = "joined"


class RefusalReason(Enum):
    """Why a reader refuses the whole file, or why no process can start with what it read.

    invalid_utf8, line_too_long, empty_name, name_with_space: a refusal. nul: a refusal of systemd's; for docker and
    ecs-init a start that fails. string_too_long: a start that fails, NAME=VALUE is above LONGEST_STRING bytes.
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
    """A line that the reader dropped although it is neither blank nor a comment; never its text."""

    line: int
    reason: SkipReason


class Refusal(NamedTuple):
    """Why nothing of the file reaches a process; `line` is None where no single line is at fault."""

    reason: RefusalReason
    line: Optional[int]


class Reading(NamedTuple):
    """What one reader makes of a file.

    `assignments` has every occurrence in file order; with a refusal, those that were read before it (ecs-init: all,
    the engine refuses what ecs-init has read). `start_failure` is None or why the process cannot be started with
    what was read without a refusal.
    """

    assignments: tuple[Assignment, ...]
    skipped: tuple[Skipped, ...]
    refusal: Optional[Refusal]
    start_failure: Optional[Refusal] = None

    def environment(self) -> dict[str, Secret]:
        """Return what the reader hands on: the last of each name; empty when it refuses the file."""
        return {} if self.refusal else {one.name: one.value for one in self.assignments}

    def cluster(self) -> str:
        """Return the cluster that an agent joins with what the reader hands on."""
        named = self.environment().get("ECS_CLUSTER")
        return (named.reveal() if named else "") or _DEFAULT_CLUSTER

    def process_environment(self) -> dict[str, Secret]:
        """Return what the started process has; empty when it is not started.

        Differs from `environment()` by the start failures, and by U+FFFD for each byte that is not UTF-8.
        """
        if self.start_failure:
            return {}
        return {as_sent(name): Secret(as_sent(value.reveal())) for name, value in self.environment().items()}


def as_sent(text: str) -> str:
    """Return the text with U+FFFD for each byte that is not UTF-8.

    The engine's API is JSON, and Go encoding/json writes one U+FFFD a bad byte (encode.go, appendString).
    """
    return text if text.isascii() else re.sub("[\ud800-\udfff]", "\ufffd", text)


def start_failure(handed_on: Iterable[Assignment]) -> Optional[Refusal]:
    """Return why a process cannot be started with these assignments, or None.

    A NUL fails in any of them, for runc checks each before a later one replaces it (libcontainer/init_linux.go,
    populateProcessEnvironment); the length counts only for the last of each name, for the kernel sees no other.
    Linux also bounds the sum (a quarter of the stack limit, 2 MiB by default), which no file of 512 KiB reaches.
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
