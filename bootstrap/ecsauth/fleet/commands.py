"""Run Command of Systems Manager, as a roll uses it: what is sent, and what is asked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, Optional, Protocol

from ecsauth.errors import DeniedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ecsauth.fleet.census import Tag
    from ecsauth.fleet.history import Invocation, SentCommand

BATCH = 50
"""The most instances that a command may name (Systems Manager API Reference, SendCommand)."""

BOOT, STATUS, DOCTOR = "boot", "status", "doctor"
WITHDRAW, RELEASED = "withdraw", "released"
DOCUMENTS = "ecsauth"
# The parameter of the document, by which nothing else than a version gets onto an instance.
_VERSION = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ALARM = re.compile(r"[\x20-\x7e]{1,255}")


class DocumentPin(NamedTuple):
    """A document: its name, and the version and the SHA-256 that each command with it names."""

    name: str
    version: str
    sha256: str


class CommandOrder(NamedTuple):
    """A command to send, to the named instances or to those with a tag."""

    document: DocumentPin
    comment: str
    parameters: Mapping[str, str]
    instances: tuple[str, ...] = ()
    tag: Optional[Tag] = None
    concurrency: int = BATCH
    max_errors: int = 0
    alarm: Optional[str] = None


class GoneError(DeniedError):
    """Systems Manager refuses a command because one of its instances is stopped or gone. Nothing was sent."""


class RunCommand(Protocol):
    """Run Command."""

    def send(self, order: CommandOrder) -> str:
        """Send a command and return its ID; raise GoneError, DeniedError and UnreachableError."""

    def commands(self, document: str, since: int) -> tuple[SentCommand, ...]:
        """Return the commands with a document since a time (seconds since the epoch), in any order."""

    def invocations(self, command: str, *, with_output: bool = False) -> Iterator[Invocation]:
        """Yield what became of a command on each of its instances."""

    def cancel(self, command: str) -> None:
        """Cancel a command. Where it runs already it goes on; it does not begin anywhere else."""


def version_parameter(version: str) -> str:
    """Return a version ID as the document takes it; raise UsageError for one that it would refuse."""
    if _VERSION.fullmatch(version) and version not in (WITHDRAW, RELEASED):
        return version
    raise UsageError(
        f"the document takes no version ID as {version}", "a roll needs a bucket that keeps versions, as Amazon S3"
    )


def alarm_name(text: str) -> str:
    """Return the name of a CloudWatch alarm; raise UsageError."""
    if _ALARM.fullmatch(text):
        return text
    raise UsageError("takes the name of a CloudWatch alarm")


def all_of(commands: RunCommand, documents: Sequence[str], since: int) -> tuple[SentCommand, ...]:
    """Return the commands with any of the documents."""
    return tuple(one for document in documents for one in commands.commands(document, since))
