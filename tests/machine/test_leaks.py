"""What the system and the libraries would write to a disk by themselves: the memory in a core dump, the keys of TLS."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import program
import pytest
from needs import need

if TYPE_CHECKING:
    from certificates import Certificates
    from machine import Machine
    from s3_proxy import S3Proxy

_UNLIMITED = "unlimited"


@pytest.fixture
def dumps_are_allowed() -> None:
    """Need a process that may be dumped in the first place."""
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    need(None if os.geteuid() == 0 or hard == resource.RLIM_INFINITY else "core dumps are forbidden here")


@pytest.mark.usefixtures("dumps_are_allowed")
def test_no_core_dump(tmp_path: Path) -> None:
    """A command that dies while it reads a file leaves no core; at a limit of 1 the kernel starts no helper either."""
    file = tmp_path / "ecs.config"
    os.mkfifo(file)
    allow = ["prlimit", f"--core={_UNLIMITED}:{_UNLIMITED}"]
    env = {**os.environ, "PYTHONPATH": str(program.ROOT)}
    with (
        subprocess.Popen([*allow, *program.command("check"), "check", str(file)], env=env, cwd=tmp_path) as child,
        # Opened when the command has opened it, too.
        file.open("wb"),
    ):
        limits = Path(f"/proc/{child.pid}/limits").read_text(encoding="ascii")
        child.send_signal(signal.SIGABRT)
        child.wait(60)
    assert child.returncode == -signal.SIGABRT
    assert [path.name for path in tmp_path.iterdir()] == ["ecs.config"]
    (core,) = (line.split() for line in limits.splitlines() if line.startswith("Max core file size"))
    assert core[4:6] == ["1", "1"]


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
