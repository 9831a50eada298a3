"""A host of this process's own, for tests that start agents: a network, mounts, a Docker engine.

An agent has one name in an engine and one port on a machine, so that only one test at a time can start one. With
`pytest --own-host` each process of a test run is a machine in this respect, and several run side by side; engine,
containers and ports of the real machine stay untouched. Loopback is all the network that there is.

Only root can make one; everything in it ends with the process.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from needs import lack_of

if TYPE_CHECKING:
    from collections.abc import Iterator

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 60.0
COMMAND_TIMEOUT_S = 20.0
# Not in /tmp, which may be memory: an engine keeps images there.
PLACE = Path("/var/tmp")  # noqa: S108 - each engine has a directory that is made for it
PREFIX = "ecsauth-host-"
SOCKET = "/run/docker.sock"
AGENTS = "/var/lib/ecs"
# The agent's own. They are among those that the kernel gives to connections, one of which could keep an agent from
# starting.
PORTS = "51678-51680"
# Source: linux/sched.h. Python has os.unshare from 3.12 on.
_CLONE_NEWNS, _CLONE_NEWNET = 0x00020000, 0x40000000


def lack() -> Optional[str]:
    """Return why this process cannot be a host of its own, or None."""
    if os.geteuid() != 0:
        return "only root can make a network of its own"
    return lack_of("dockerd", "--version") or lack_of("unshare", "--net", "--mount", "true")


def enter() -> None:
    """Leave the machine's network, /run and agent's data for ones of this process and its children; or OSError.

    They are a thread's own: called in the main one, before there are others that matter.
    """
    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(_CLONE_NEWNS | _CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    _call("mount", "--make-rprivate", "/")
    # Sockets, locks and named networks of the real machine's programs are there.
    _call("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    Path("/run/lock").mkdir(mode=0o1777)
    # The agents' saved state is there.
    Path(AGENTS).mkdir(parents=True, exist_ok=True)
    _call("mount", "--no-mtab", "-t", "tmpfs", "-o", "mode=755", "tmpfs", AGENTS)
    _call("ip", "link", "set", "lo", "up")
    with contextlib.suppress(OSError):
        Path("/proc/sys/net/ipv4/ip_local_reserved_ports").write_text(PORTS, encoding="ascii")


@contextlib.contextmanager
def engine() -> Iterator[None]:
    """Run a Docker engine where every docker command of this process looks for one.

    AssertionError, with the end of its log, when it does not answer in time.
    """
    _remove_orphans()
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=PLACE))
    with (folder / "log").open("wb") as log:
        # It ends, and its containers with it, also where this process is killed.
        daemon = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "dockerd", "--host", f"unix://{SOCKET}", "--data-root", folder / "data"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _wait(daemon, folder / "log")
        yield
    finally:
        daemon.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            daemon.wait(STOP_TIMEOUT_S)
        daemon.kill()
        daemon.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait(daemon: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_TIMEOUT_S
    while (why := lack_of("docker", "version")) is not None:
        if daemon.poll() is not None or time.monotonic() > end:
            said = log.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise AssertionError(f"dockerd does not answer: {why}\n{said}")
        time.sleep(0.2)


def _remove_orphans() -> None:
    """Remove what engines have left whose process was killed."""
    for folder in PLACE.glob(f"{PREFIX}*"):
        owner = folder.name[len(PREFIX) :].partition("-")[0]
        if not os.path.exists(f"/proc/{owner}"):
            shutil.rmtree(folder, ignore_errors=True)


def _call(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(argv)}: {done.stderr.strip()}")
