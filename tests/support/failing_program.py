"""The program as a process in which one system call of your choice fails, as on a broken machine: by strace.

A `Loader` forks it from a process that is up already, and strace looks on from the program's first line: what counts
are its own calls, not those with which an interpreter starts.

Also a program: `python tests/support/failing_program.py [--loaded]` runs what its standard input asks for, until that
ends.
"""

from __future__ import annotations

import collections
import contextlib
import ctypes
import importlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, Optional

import hurried

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self

# What each call may be answered where the machine is in trouble. Left out: futex, at whose errors glibc ends the
# process, and what cannot fail.
ERRORS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("openat", "open"), ("EIO", "EMFILE", "EACCES")),
    **dict.fromkeys(("fstat", "stat", "lstat", "newfstatat", "statx", "readlink", "readlinkat"), ("EIO",)),
    **dict.fromkeys(("getdents64", "read", "pread64", "lseek", "access", "faccessat2"), ("EIO",)),
    **dict.fromkeys(("close", "write", "fsync", "rename", "renameat", "renameat2"), ("EIO", "ENOSPC")),
    **dict.fromkeys(("unlink", "unlinkat", "fchmod", "chmod", "rmdir"), ("EIO", "EROFS")),
    **dict.fromkeys(("mkdir", "mkdirat"), ("EIO", "ENOSPC")),
    **dict.fromkeys(("flock",), ("EIO", "ENOLCK")),
    **dict.fromkeys(("mmap", "brk", "mprotect", "poll", "epoll_create1"), ("ENOMEM",)),
    **dict.fromkeys(("clone", "clone3", "fork", "vfork"), ("EAGAIN", "ENOMEM")),
    **dict.fromkeys(("pipe2", "dup", "dup2", "fcntl"), ("EMFILE",)),
    **dict.fromkeys(("socket",), ("EMFILE", "ENOBUFS", "EACCES")),
    **dict.fromkeys(("connect",), ("ENETUNREACH", "EPERM")),
    **dict.fromkeys(("bind", "getsockname", "getpeername", "setsockopt", "getsockopt", "ioctl"), ("ENOBUFS",)),
    **dict.fromkeys(("sendto", "recvfrom", "sendmmsg", "recvmsg"), ("EIO", "ENOBUFS")),
    **dict.fromkeys(("getrandom",), ("ENOSYS", "EIO")),
    **dict.fromkeys(("uname", "sysinfo", "rt_sigaction", "prlimit64", "prctl", "getcwd"), ("EPERM",)),
}
TIMEOUT_S = 120.0


class Point(NamedTuple):
    """The `number`-th such call of a thread of the program, and the error that it gets."""

    call: str
    number: int
    error: str

    def __str__(self) -> str:
        return f"{self.call}:{self.number}:{self.error}"


class Ended(NamedTuple):
    """A run that has ended."""

    status: int
    out: str
    err: str


class Loader:
    """Runs the program as forks of one process, under strace from its first line on; a context manager.

    `loaded`: the process has loaded all modules, so that a run makes the calls only which belong to its work. Else the
    loading of modules is in the run, too.
    """

    def __init__(self, *, loaded: bool) -> None:
        self.loaded = loaded
        self._command = [sys.executable, __file__, *(["--loaded"] if loaded else [])]

    def __enter__(self) -> Self:
        env = {name: text for name, text in os.environ.items() if not name.startswith(("PYTHON", "AWS_"))}
        self._process = subprocess.Popen(
            self._command, env={**env, "PYTHONHASHSEED": "0"}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        # It ends with its input; this waits for it and closes the rest.
        with self._process:
            pass

    def run(self, *arguments: str, env: Mapping[str, str], trace: str, fails: Optional[Point] = None) -> Ended:
        """Run the program to its end; the traces of its threads go into the folder `trace`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with tempfile.NamedTemporaryFile() as out, tempfile.NamedTemporaryFile() as err:
            order = {"arguments": arguments, "env": dict(env), "out": out.name, "err": err.name}
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            pid = int(self._process.stdout.readline())
            with subprocess.Popen(_strace(pid, trace, fails), stderr=subprocess.DEVNULL) as strace:
                try:
                    _wait_for_tracer(pid, strace)
                    os.kill(pid, signal.SIGCONT)
                    strace.wait(TIMEOUT_S)
                except BaseException:
                    os.kill(pid, signal.SIGKILL)
                    raise
            status = int(self._process.stdout.readline())
            return Ended(status, *(file.read().decode() for file in (out, err)))


def _strace(pid: int, trace: str, fails: Optional[Point]) -> list[str]:
    """Return the command that looks at the process and its threads, and lets one call fail."""
    calls = ",".join(f"?{call}" for call in ERRORS)
    rule = ["-e", f"inject={fails.call}:error={fails.error}:when={fails.number}"] if fails else []
    return ["strace", "-ff", "-qq", "-s0", "-esignal=none", f"-etrace={calls}", *rule, f"-o{trace}/trace", f"-p{pid}"]


def _wait_for_tracer(pid: int, strace: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + TIMEOUT_S
    while "TracerPid:\t0\n" in Path(f"/proc/{pid}/status").read_text(encoding="ascii"):
        assert strace.poll() is None, "strace may not look on: is this its own process, or has it the rights?"
        assert time.monotonic() < end, "strace has not come"
        time.sleep(0.01)


def counted(folder: str) -> dict[str, int]:
    """Return how often each call is made by the thread that makes it most often."""
    most: dict[str, int] = {}
    for trace in Path(folder).iterdir():
        found = collections.Counter(re.findall(r"^(\w+)\(", trace.read_text(errors="replace"), re.MULTILINE))
        most = {call: max(found[call], most.get(call, 0)) for call in {*found, *most}}
    return {call: number for call, number in most.items() if call in ERRORS}


def main() -> None:
    """Fork for each order on standard input; tell the number of the process, stopped, and then how it has ended."""
    # As the interpreter would have it: this program's own folder is not the other one's.
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    if "--loaded" in sys.argv:
        _load()
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            _be_the_program(json.loads(line))
        os.waitpid(pid, os.WUNTRACED)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n")
        sys.stdout.flush()


def _load() -> None:
    """Load what a boot loads, by a client that asks nobody; and what makes it hurry."""
    import pkgutil
    import unittest.mock  # noqa: F401

    import botocore.session
    import ecsauth

    for module in pkgutil.walk_packages(ecsauth.__path__, "ecsauth."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    botocore.session.Session().create_client("s3", region_name="us-east-1").close()


def _be_the_program(order: dict[str, Any]) -> NoReturn:
    """Stop until somebody looks on, then be the program to its end."""
    for number, name, mode in (
        (0, os.devnull, os.O_RDONLY),
        (1, order["out"], os.O_WRONLY),
        (2, order["err"], os.O_WRONLY),
    ):
        os.dup2(os.open(name, mode), number)
    os.environ.clear()
    os.environ.update(order["env"])
    sys.argv = ["ecsauth", *order["arguments"]]
    # Where a process may look at its own children only, it has to be allowed to (prctl(2), PR_SET_PTRACER).
    ctypes.CDLL(None).prctl(ctypes.c_int(0x59616D61), ctypes.c_ulong(-1))
    os.kill(os.getpid(), signal.SIGSTOP)
    from ecsauth.cli.main import main as program

    status = 1
    hurries = hurried.HURRIED in sys.argv
    sys.argv = [argument for argument in sys.argv if argument != hurried.HURRIED]
    try:
        with hurried.hurried() if hurries else contextlib.nullcontext():
            status = int(program())
    except SystemExit as end:  # argparse's
        status = int(end.code or 0)
    except BaseException:  # noqa: BLE001 - what the interpreter would do
        traceback.print_exc()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
