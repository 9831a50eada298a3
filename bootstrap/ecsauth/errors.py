"""Faults, one class for each party at fault, each with its exit status; what the system refuses is one of them.

Messages go to the user as they are: lower case, no full stop; they name the file, line, variable or registry,
never a value. Hints say what to do next, one a line.
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
    """Exit status of every command, by whose fault it is."""

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

    `needs_root` is set where root could do it; `reason` is the message without what was tried; `is_unexplained` is set
    where a service denies access and does not say why.
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
        """Note that rights were missing, and hint at root's; to root itself there is nothing to say."""
        if not is_root:
            self.needs_root = True
            self.hints = (ROOT, *self.hints)
        return self

    def add(self, text: str) -> None:
        """Go on with the message."""
        self.message = f"{self.message}; {text}"
        self.args = (self.message,)


class UsageError(EcsauthError):
    """The command line asks for something that cannot be meant."""

    exit_code = ExitCode.USAGE


class InvalidError(EcsauthError):
    """The env-file is wrong; `findings` says where and why in `content`, which is `subject` (secret: shown masked)."""

    exit_code = ExitCode.INVALID

    def __init__(
        self, message: str, *hints: str, findings: tuple[Finding, ...] = (), subject: str = "", content: bytes = b""
    ) -> None:
        super().__init__(message, *hints)
        self.findings = findings
        self.subject = subject
        self.content = content


class DeniedError(EcsauthError):
    """IAM, KMS, the bucket's owner or a trust check says no, or the object is absent."""

    exit_code = ExitCode.DENIED


class NotYetError(DeniedError):
    """A denial that may pass by itself, as a role that is not ready: worth trying until the deadline."""


class NoCredentialsError(NotYetError):
    """There are no credentials to ask with."""


class SettlingError(DeniedError):
    """A denial that a fresh role or policy gets for some seconds too: worth trying for `patience` seconds.

    IAM is eventually consistent; what is denied for longer is denied.
    """

    patience: float = 8.0


class UnreachableError(EcsauthError):
    """S3, KMS, the metadata service or a registry did not answer in time; trying again helps.

    `has_met` is set where the message tells a fault that was met before time was up.
    """

    exit_code = ExitCode.UNREACHABLE
    has_met = False


class TimeUpError(UnreachableError):
    """One try was cut short because its time was over: what the try before it met with says more."""


class LocalError(EcsauthError):
    """This machine is in the way: disk, permission, unsafe directory."""

    exit_code = ExitCode.LOCAL


class DamagedError(LocalError):
    """The record of earlier runs cannot be understood: what it would say is not known."""


class LaunchError(EcsauthError):
    """docker or systemd refused, or the agent did not come up; `log` is what it wrote last, masked."""

    exit_code = ExitCode.LAUNCH

    def __init__(self, message: str, *hints: str, log: tuple[str, ...] = ()) -> None:
        super().__init__(message, *hints)
        self.log = log


class ConflictError(EcsauthError):
    """Somebody else changed or deleted the object first."""

    exit_code = ExitCode.CONFLICT


# CPython, _threadmodule.c: the one way in which it says that the system gives no thread.
_NO_THREAD = "can't start new thread"
_MEMORY = "see what takes it (free -m), and what bounds this program: MemoryMax of its unit, ulimit -v"
_THREADS = "see what bounds them: TasksMax of the unit, ulimit -u, pids.max of the container"
_WHOLE = "is ecsauth installed as a whole, and can its files be read? install it again"
# What this machine runs out of, and what it does not allow: where a connection fails for it, nobody at the other end is
# at fault.
SCARCE = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.ENOSPC, errno.EIO))
FORBIDDEN = frozenset((errno.EPERM, errno.EACCES))


def of_system(fault: BaseException, place: str = "") -> Optional[EcsauthError]:
    """Return the fault that an exception of the interpreter stands for, None for one that is no refusal of the system.

    `place` is where it comes from, for a call that names no file.
    """
    if isinstance(fault, MemoryError):
        return LocalError("this machine has too little memory left", _MEMORY)
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
    """Return what the system says, without what a library may have added."""
    return os.strerror(fault.errno).lower() if fault.errno else "unknown error"


def no_thread(fault: RuntimeError) -> Optional[LocalError]:
    """Return the fault that a refused thread is, None for any other error."""
    return LocalError("the system starts no thread", _THREADS) if str(fault) == _NO_THREAD else None


def _of_runtime(fault: RuntimeError) -> Optional[LocalError]:
    # os.urandom, where neither the call nor the device is there.
    if isinstance(fault, NotImplementedError) and "urandom" in str(fault):
        return LocalError("the system gives no random numbers: there is neither getrandom nor /dev/urandom")
    return no_thread(fault)


def _of_call(fault: OSError, place: str) -> str:
    return f"a call of the system failed{_at(place)}: {reason_of(fault)}"


def _at(place: str) -> str:
    return f" (at {place})" if place else ""
