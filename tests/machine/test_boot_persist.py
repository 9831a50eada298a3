"""`ecsauth boot --persist` where it cannot be: nothing is fetched, and the words say what to do instead."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import program
import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from machine import Machine

LOCAL, LAUNCH = 6, 7


@pytest.mark.skipif(
    shutil.which("systemctl", path="/usr/local/sbin:/usr/sbin:/sbin") is not None,
    reason="systemctl is found here whatever PATH is",
)
def test_no_systemd(bare_machine: Machine) -> None:
    """A machine without systemd has nothing that would run units."""
    done = bare_machine.install("--persist", env=bare_machine.environment(PATH="/nonexistent"))
    assert done.status == LAUNCH, done.err
    assert "--persist needs systemd: systemctl is not installed" in done.err
    assert "run the same command at each boot and from cron" in done.err
    assert bare_machine.proxy.operations == []


@pytest.mark.skipif(program.FROM_ARCHIVE, reason="an archive is no package that PYTHONPATH could lead to")
def test_program_of_this_shell_only(bare_machine: Machine, tmp_path: Path) -> None:
    """Units are not written for a program that is found by PYTHONPATH, also in a rehearsal."""
    borrowed = tmp_path / "borrowed"
    shutil.copytree(program.SOURCES / "ecsauth", borrowed / "ecsauth", ignore=shutil.ignore_patterns("__pycache__"))
    for options in (("--persist",), ("--persist", "--dry-run")):
        done = subprocess.run(
            bare_machine.command("--launch=none", *options),
            env=bare_machine.environment(PYTHONPATH=str(borrowed)),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, "PYTHONPATH" in done.stderr) == (LOCAL, True), done.stderr
    assert bare_machine.proxy.operations == []
