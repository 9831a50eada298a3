"""What `status` sees of a service that systemd shows: a machine with stand-ins of systemctl and docker."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from ecsauth.cli import observe
from ecsauth.status.observed import RunsAs
from ecsauth.timing import Moment

if TYPE_CHECKING:
    from pathlib import Path

LOADED = "LoadState=loaded"


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the file of what systemd shows, on a machine that has the unit, and no container of an agent."""
    (tmp_path / "ecs.service").touch()
    scripts = {"systemctl": f"cat {tmp_path}/shown", "docker": "echo 'Error: No such container' >&2; exit 1"}
    for name, script in scripts.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr("ecsauth.host.supervisor._UNITS", (str(tmp_path),))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path / "shown"


@pytest.mark.parametrize(
    ("properties", "why"),
    [
        pytest.param("ActiveState=inactive", "", id="stopped"),
        pytest.param("ActiveState=failed\nExecMainStatus=5", ": it failed with status 5", id="failed"),
        pytest.param("ActiveState=failed\nExecMainStatus=5\nJob=17", ": it is about to start", id="failed, queued"),
        pytest.param("ActiveState=inactive\nConditionResult=no", ": a condition of its unit", id="held back"),
    ],
)
def test_why_a_service_does_not_run(shown: Path, properties: str, why: str) -> None:
    """The reason is systemd's; there is none for a service that somebody has stopped."""
    shown.write_text(f"{LOADED}\n{properties}\n")
    runs = observe.runs(None, int(time.time()), Moment("this boot", 100.0))
    assert (runs.way, runs.running) == (RunsAs.SERVICE, False)
    assert runs.not_running.startswith(why)
    assert bool(runs.not_running) is bool(why)


def test_a_unit_that_systemd_has_not_loaded(shown: Path) -> None:
    """What runs the agent is not known then, which is not the same as nothing."""
    shown.write_text("LoadState=not-found\n")
    runs = observe.runs(None, int(time.time()), Moment("this boot", 100.0))
    assert runs.way is None
    assert runs.unreadable is not None
    assert "(not-found)" in runs.unreadable.reason
