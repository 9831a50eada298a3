"""`--set NAME=VALUE`: variables that an instance adds to the env-file of its fleet, usually the name of its cluster.

The assignments are in user data, which every principal that may describe the instance can read. So a variable that
may hold a secret is refused.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ecsauth import envfile
from ecsauth.agent.names import holds_secret, looks_secret
from ecsauth.command_hint import FILE, S3URI, CommandHint
from ecsauth.errors import UsageError

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
# One line of docker's env-file (bufio.MaxScanTokenSize).
_LONGEST = 65_535


class Setting(NamedTuple):
    """One assignment, a single printable line. It is validated with the whole file."""

    name: str
    value: str

    def __str__(self) -> str:
        return f"{self.name}={self.value}"


def setting(text: str) -> Setting:
    """Parse `NAME=VALUE`; raise UsageError if it is invalid or may be a secret. The message never has the value."""
    name, equals, value = text.partition("=")
    if not equals or not re.fullmatch(_NAME, name):
        raise UsageError("--set must be NAME=VALUE, with a name of letters, digits and underscores")
    if holds_secret(name) or looks_secret(value):
        raise UsageError(
            f"--set must not have {name}: others can read it in user data",
            CommandHint("write it to the env-file and push the file", "ecsauth", "push", FILE, S3URI),
        )
    if not value.isprintable() or value != value.strip() or len(text.encode("utf-8", "replace")) > _LONGEST:
        raise UsageError(f"--set {name}: the value must be one line of printable text without spaces at its ends")
    return Setting(name, value)


def apply(data: bytes, settings: tuple[Setting, ...]) -> bytes:
    """Return the env-file with each setting in place of every earlier assignment of its name.

    A file that docker refuses is returned unchanged: the check that follows reports why.
    """
    reading = envfile.docker(data)
    if not settings or reading.refusal is not None:
        return data
    names = {setting.name for setting in settings}
    gone = {assignment.line for assignment in reading.assignments if assignment.name in names}
    lines = data.split(b"\n")
    kept = [line for number, line in enumerate(lines, start=1) if number not in gone]
    if kept and not kept[-1]:
        kept.pop()
    last = {setting.name: setting for setting in settings}
    return b"".join(line + b"\n" for line in (*kept, *(str(setting).encode() for setting in last.values())))
