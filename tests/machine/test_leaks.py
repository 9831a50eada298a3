"""What the system and the libraries would write to a disk by themselves: the memory in a core dump, the keys of TLS."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import program
import pytest
from needs import need

if TYPE_CHECKING:
    from collections.abc import Iterator

    from certificates import Certificates
    from machine import Machine
    from s3_proxy import S3Proxy


@pytest.fixture
def core_limit() -> str:
    """Return the largest size of a core dump that this process may allow, as prlimit takes it."""
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    need(None if hard == resource.RLIM_INFINITY or hard > 1 else "core dumps are forbidden here")
    return "unlimited" if hard == resource.RLIM_INFINITY else str(hard)


def test_no_core_dump(core_limit: str, tmp_path: Path) -> None:
    """A command that dies while it reads a file leaves no core; at a limit of 1 the kernel starts no helper either."""
    file = tmp_path / "ecs.config"
    os.mkfifo(file)
    allow = ["prlimit", f"--core={core_limit}:{core_limit}"]
    env = {**os.environ, "PYTHONPATH": str(program.SOURCES)}
    child = subprocess.Popen([*allow, *program.command("check"), "check", str(file)], env=env, cwd=tmp_path)
    with child, opened_by(child, file):
        limits = Path(f"/proc/{child.pid}/limits").read_text(encoding="ascii")
        child.send_signal(signal.SIGABRT)
        child.wait(60)
    assert child.returncode == -signal.SIGABRT
    assert [path.name for path in tmp_path.iterdir()] == ["ecs.config"]
    (core,) = (line.split() for line in limits.splitlines() if line.startswith("Max core file size"))
    assert core[4:6] == ["1", "1"]


@contextlib.contextmanager
def opened_by(child: subprocess.Popen[bytes], pipe: Path) -> Iterator[None]:
    """Hold the other end of a pipe from the moment in which the child has opened it."""
    end = time.monotonic() + 60
    descriptor = None
    while descriptor is None:
        assert child.poll() is None
        assert time.monotonic() < end
        try:
            descriptor = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as fault:
            if fault.errno != errno.ENXIO:
                raise
            time.sleep(0.02)
    try:
        yield
    finally:
        os.close(descriptor)


def test_no_log_of_tls_keys(
    bare_machine: Machine, s3_proxy_https: S3Proxy, certificates: Certificates, tmp_path: Path
) -> None:
    """A variable that makes the libraries write down what deciphers each connection does not count."""
    keys = tmp_path / "keys"
    env = bare_machine.environment(
        AWS_ENDPOINT_URL=s3_proxy_https.url, AWS_CA_BUNDLE=str(certificates.ca_file), SSLKEYLOGFILE=str(keys)
    )
    done = program.run_here(*bare_machine.boot_arguments("--launch=none"), env=env)
    assert done.status == 0, done.err
    assert not keys.exists()
