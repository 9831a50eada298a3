"""Errors: one class for each kind of fault, each with its exit status.

The user sees messages as they are: lower case, no full stop; they name the file, line, variable or registry, never a
value. Each hint is one line and says what to do next.
"""

from __future__ import annotations

import errno
import os
from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar, Optional

if TYPE_CHECKING:
    from typing_extensions import Self

    from ecsauth.finding import Finding

ROOT = "run as root"


class ExitCode(IntEnum):
    """Exit status of every command, one for each kind of fault."""

    OK = 0
    BUG = 1
    USAGE = 2
    INVALID = 3
    DENIED = 4
    UNREACHABLE = 5
    LOCAL = 6
    LAUNCH = 7
    STALE = 8
    CONFLICT = 9


class EcsauthError(Exception):
    """Base of every exception that this package raises.

    `needs_root`: the operation would work as root. `reason`: the message without the operation that failed.
    `is_unexplained`: a service denied access without a reason.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.BUG

    def __init__(self, message: str, *hints: str) -> None:
        super().__init__(message)
        self.message = message
        self.hints = hints
        self.needs_root = False
        self.reason = message
        self.is_unexplained = False

    def for_want_of_root(self, *, is_root: bool) -> Self:
        """Add the hint to run as root, unless the user is root."""
        if not is_root:
            self.needs_root = True
            self.hints = (ROOT, *self.hints)
        return self

    def add(self, text: str) -> None:
        """Append a text to the message, after a semicolon."""
        self.message = f"{self.message}; {text}"
        self.args = (self.message,)


class UsageError(EcsauthError):
    """Invalid command line."""

    exit_code = ExitCode.USAGE


class InvalidError(EcsauthError):
    """Invalid env-file. `findings` are about `content`, a secret that is shown masked; `subject` is its name."""

    exit_code = ExitCode.INVALID

    def __init__(
        self, message: str, *hints: str, findings: tuple[Finding, ...] = (), subject: str = "", content: bytes = b""
    ) -> None:
        super().__init__(message, *hints)
        self.findings = findings
        self.subject = subject
        self.content = content


class DeniedError(EcsauthError):
    """IAM or KMS denied access, the verification of the object failed, or there is no such object."""

    exit_code = ExitCode.DENIED


class AbsentError(DeniedError):
    """Something that the command line names does not exist, although it could be looked for."""


class NotYetError(DeniedError):
    """A denial that may be transient, for example a role that is not ready: retry until the deadline."""


class NoCredentialsError(NotYetError):
    """There are no credentials for the request."""


class SettlingError(DeniedError):
    """A denial that may come from a new role or policy: retry for `patience` seconds.

    IAM is eventually consistent. A denial that lasts longer is permanent.
    """

    patience: float = 8.0


class UnreachableError(EcsauthError):
    """S3, KMS, the metadata service or a registry did not answer in time; a retry may succeed.

    `has_met`: the message has an earlier fault, from before the timeout.
    """

    exit_code = ExitCode.UNREACHABLE
    has_met = False


class ExpiredError(UnreachableError):
    """The credentials have expired: those of a role are renewed meanwhile, those of an operator are not."""


class TimeUpError(UnreachableError):
    """A timeout ended a try early: the fault of the previous try says more."""


class LocalError(EcsauthError):
    """A fault of this machine: disk, permission, unsafe directory."""

    exit_code = ExitCode.LOCAL


class DamagedError(LocalError):
    """The record of earlier runs is damaged, so its content is unknown."""


class LaunchError(EcsauthError):
    """docker or systemd failed, or the agent did not come up; `log` has the agent's last lines, masked."""

    exit_code = ExitCode.LAUNCH

    def __init__(self, message: str, *hints: str, log: tuple[str, ...] = ()) -> None:
        super().__init__(message, *hints)
        self.log = log


class ConflictError(EcsauthError):
    """Another push changed or deleted the object first."""

    exit_code = ExitCode.CONFLICT


# CPython, _threadmodule.c: the only message for a thread that the system refuses.
_NO_THREAD = "can't start new thread"
_MEMORY = "check the free memory (free -m) and the limits of this program: MemoryMax= of its unit, ulimit -v"
_THREADS = "check the limits of threads: TasksMax= of the unit, ulimit -u, pids.max of the container"
_WHOLE = "the installation is incomplete, or its files cannot be read: install ecsauth again"
# The error numbers of exhausted resources and of missing permissions. A connection that fails with one of them is a
# fault of this machine, not of the server.
SCARCE = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.ENOSPC, errno.EIO))
FORBIDDEN = frozenset((errno.EPERM, errno.EACCES))


def of_system(fault: BaseException, place: str = "") -> Optional[EcsauthError]:
    """Return the error for an exception of the interpreter, None if the operating system did not cause it.

    `place` is where the exception was raised; the message has it if the exception names no file.
    """
    if isinstance(fault, MemoryError):
        return LocalError("this machine does not have enough memory", _MEMORY)
    if isinstance(fault, ImportError):
        return LocalError(f"cannot load {fault.name or fault.path or 'a module'}", _WHOLE)
    if isinstance(fault, RuntimeError):
        return _of_runtime(fault)
    if isinstance(fault, (ConnectionError, TimeoutError)):
        return UnreachableError(f"a connection broke{_at(place)}: {reason_of(fault)}")
    if isinstance(fault, OSError):
        name = fault.filename if isinstance(fault.filename, str) else ""
        return LocalError(f"cannot use {name}: {reason_of(fault)}" if name else _of_call(fault, place))
    return None


def reason_of(fault: OSError) -> str:
    """Return the system's message for the error number, without additions by a library."""
    return os.strerror(fault.errno).lower() if fault.errno else "unknown error"


def no_thread(fault: RuntimeError) -> Optional[LocalError]:
    """Return the error for a thread that the system refused, None for any other exception."""
    return LocalError("the system cannot start a thread", _THREADS) if str(fault) == _NO_THREAD else None


def _of_runtime(fault: RuntimeError) -> Optional[LocalError]:
    # os.urandom, if neither the system call nor the device exists.
    if isinstance(fault, NotImplementedError) and "urandom" in str(fault):
        return LocalError("the system has no random numbers: getrandom and /dev/urandom do not exist")
    return no_thread(fault)


def _of_call(fault: OSError, place: str) -> str:
    return f"a system call failed{_at(place)}: {reason_of(fault)}"


def _at(place: str) -> str:
    return f" (at {place})" if place else ""
