"""What `boot` leaves behind after a run: the report of this instance, and a line of JSON for a log pipeline."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Optional

import ecsauth
from ecsauth.boot.state import Failure
from ecsauth.cli import console
from ecsauth.errors import EcsauthError, LocalError
from ecsauth.host import inventory
from ecsauth.host.disk import LocalDisk
from ecsauth.host.private_directory import PrivateDirectory
from ecsauth.status import instance_report
from ecsauth.status.instance_report import OnDisk, Run

if TYPE_CHECKING:
    import argparse

    from ecsauth.boot.state import State

_NAME = "report.json"
# A report that differs in its time alone is written again after so many seconds, to save a write.
_FRESH = 600
Steps = tuple[tuple[str, float], ...]


def after(arguments: argparse.Namespace, steps: Steps, status: int, outcome: str) -> None:
    """Write the report and the log line. A report that cannot be written is a warning and fails no boot."""
    if arguments.dry_run:
        return
    disk = LocalDisk(arguments.file, arguments.state_dir)
    run = Run(int(time.time()), int(status), ecsauth.__version__)
    state: Optional[State] = None
    try:
        state = disk.state()
        _write(state, disk, run, arguments.state_dir)
    except EcsauthError as fault:
        console.warn(f"the report of this instance was not written: {fault.message}")
    if arguments.log_format == "json":
        _log(state, steps, run, outcome)


def failed_before(arguments: argparse.Namespace, fault: EcsauthError) -> None:
    """Record a run that failed before it could begin, so that `status` and the alarm know of a timer that fails."""
    disk = LocalDisk(arguments.file, arguments.state_dir)
    if arguments.dry_run or not os.path.isdir(arguments.state_dir):
        return
    try:
        with disk.locked(0.0):
            state = disk.state()
            if state.installed is None:
                return
            disk.remember(state._replace(failure=Failure(int(time.time()), int(fault.exit_code), fault.message)))
    except EcsauthError:
        # The fault itself matters more.
        return
    after(arguments, (), fault.exit_code, "failed")


def read(state_directory: str) -> Optional[Run]:
    """Return the last run of the report on disk, None if there is none that can be read."""
    try:
        data = PrivateDirectory(state_directory, mode=0o700).read(_NAME)
        document = json.loads(data or b"")
        return Run(int(document["last_run"]["at"]), int(document["last_run"]["status"]), str(document["ecsauth"]))
    except (LocalError, ValueError, TypeError, KeyError, RecursionError):
        return None


def on_disk(disk: LocalDisk, state: State) -> OnDisk:
    """Return which files have bytes of a version; raise LocalError."""
    copy = disk.verified_copy()
    env_file = disk.env_file() if state.in_progress is not None else None
    found = instance_report.while_open(state, env_file, copy)
    return OnDisk(copy is not None, disk.pre_image() is not None, disk.has_backup(), found)


def _write(state: State, disk: LocalDisk, run: Run, state_directory: str) -> None:
    present = on_disk(disk, state)
    report = instance_report.document(state, present, run)
    place, last = PrivateDirectory(state_directory, mode=0o700), read(state_directory)
    if last is not None and 0 <= run.at - last.at < _FRESH:
        same = instance_report.document(state, present, last)
        if run._replace(at=last.at) == last and place.read(_NAME) == instance_report.to_json(same):
            return
    place.sweep(_NAME)
    place.write(_NAME, instance_report.to_json(report))
    inventory.write(instance_report.inventory(report))


def _log(state: Optional[State], steps: Steps, run: Run, outcome: str) -> None:
    """Write one line of JSON on standard error, without the prefix of messages."""
    installed = state.installed if state is not None else None
    line = {
        "event": "ecsauth.boot",
        "at": run.at,
        "outcome": outcome,
        "status": run.status,
        "uri": installed.source.uri if installed is not None else None,
        "version": installed.facts.identity if installed is not None else None,
        "ahead": installed is not None and installed.ahead is not None,
        "seconds": {name: round(sum(one for other, one in steps if other == name), 3) for name, _ in steps},
        "ecsauth": run.program,
    }
    sys.stderr.write(json.dumps(line, separators=(",", ":")) + "\n")
