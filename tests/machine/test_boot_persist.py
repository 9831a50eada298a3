"""`ecsauth boot --persist` where it cannot be: nothing is fetched, and the words say what to do instead."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
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
    assert "--persist needs systemd, which would run its units: systemctl is not installed" in done.err
    assert "run the same command at each boot and from cron" in done.err
    assert bare_machine.proxy.operations == []


def test_program_of_this_shell_only(bare_machine: Machine) -> None:
    """Units are not written for a program that is found by PYTHONPATH, also in a rehearsal."""
    for options in (("--persist",), ("--persist", "--dry-run")):
        done = bare_machine.install(*options)
        assert (done.status, "PYTHONPATH" in done.err) == (LOCAL, True), done.err
    assert bare_machine.proxy.operations == []
