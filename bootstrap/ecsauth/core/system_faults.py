"""What the operating system refuses, as a fault of this machine: memory, a thread, a descriptor, a file of the program.

The edges say what they were doing when a call fails. This is for all other calls, which are many: none of them is a
mistake of the program.
"""

from __future__ import annotations

import errno
import os
from typing import Optional

from ecsauth.core.errors import EcsauthError, LocalError, UnreachableError

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
