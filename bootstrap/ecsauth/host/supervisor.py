"""The supervisor of the machine's services: systemd, or upstart on the first Amazon Linux."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Callable, Optional

from ecsauth.boot.command_error import cause_of
from ecsauth.boot.service import JOB, UNIT, Service, Supervisor
from ecsauth.command_hint import S3URI, CommandHint
from ecsauth.errors import LaunchError

if TYPE_CHECKING:
    from ecsauth.boot.plan import Command, Ended

_LOOK = 15.0
_LOG_LINES = 40
# The directories that systemd searches for units, systemd.unit(5).
_UNITS = ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
_UPSTART_JOB = f"/etc/init/{JOB}.conf"
# The last stage of cloud-init, which runs user data; ecs.service is ordered after it.
_CLOUD_FINAL = "cloud-final.service"
# LoadState to NRestarts: org.freedesktop.systemd1(5). NRestarts is absent before 235.
_PROPERTIES = (
    "LoadState,ActiveState,SubState,Job,UnitFileState,MainPID,ExecMainStartTimestampMonotonic,ExecMainStatus,NRestarts,"
    "ConditionResult"
)
_MICROSECONDS = 1_000_000


def which() -> Optional[Supervisor]:
    """Return the supervisor of the agent's service on this machine, None if there is no such service."""
    if any(os.path.lexists(os.path.join(folder, UNIT)) for folder in _UNITS):
        return Supervisor.SYSTEMD
    return Supervisor.UPSTART if os.path.lexists(_UPSTART_JOB) else None


class Systemd:
    """The agent's service under systemd."""

    def __init__(self, call: Callable[[Command, float], Ended], run: Callable[[Command, float], None]) -> None:
        self._call = call
        self.run = run

    def look(self) -> Service:
        """Return the state of ecs.service; raise LaunchError if systemd does not answer, or has no such unit."""
        shown = self.show(UNIT, _PROPERTIES)
        if shown.get("LoadState") != "loaded":
            raise LaunchError(
                f"systemd on this machine has no {UNIT} ({shown.get('LoadState', 'unknown')})",
                CommandHint("start the agent by docker", "ecsauth", "boot", S3URI, "--launch", "docker"),
                CommandHint("if the unit was installed just now", "systemctl", "daemon-reload"),
            )
        active, sub = shown.get("ActiveState", ""), shown.get("SubState", "")
        return Service(
            supervisor=Supervisor.SYSTEMD,
            running=active == "active" and shown.get("MainPID", "0") != "0",
            started=_number(shown, "ExecMainStartTimestampMonotonic") / _MICROSECONDS,
            enabled=shown.get("UnitFileState") != "disabled",
            queued=bool(shown.get("Job")) or (active == "activating" and sub != "auto-restart"),
            failed=active == "failed",
            looping=sub == "auto-restart",
            exit_status=int(_number(shown, "ExecMainStatus")),
            restarts=int(_number(shown, "NRestarts")),
            booting=self._is_booting(),
            stopping=active == "deactivating",
            held_back=shown.get("ConditionResult") == "no" and active == "inactive",
        )

    def show(self, unit: str, properties: str) -> dict[str, str]:
        """Return properties of a unit; raise LaunchError if systemd does not answer."""
        done = self._call(("systemctl", "show", unit, f"--property={properties}"), _LOOK)
        if done.status:
            raise LaunchError(
                f"systemd does not answer: {cause_of(done.err)}",
                CommandHint("check that systemd runs on this machine", "systemctl", "status"),
            )
        pairs = (line.partition("=") for line in done.out.splitlines())
        return {name: value for name, equals, value in pairs if equals}

    def follows(self, names: tuple[str, ...], enabled: tuple[str, ...]) -> bool:
        """Tell whether systemd has loaded the files of these units, and starts all of `enabled` at each boot.

        A run that was killed may have written files that systemd has not read.
        """
        # With several units, `is-enabled` exits 0 if one of them is enabled.
        said = self._call(("systemctl", "is-enabled", *enabled), _LOOK).out.split()
        shown = self._call(("systemctl", "show", "--property=NeedDaemonReload", *names), _LOOK)
        return said == ["enabled"] * len(enabled) and shown.status == 0 and "NeedDaemonReload=yes" not in shown.out

    def version(self) -> Optional[int]:
        """Return systemd's version, None if unknown."""
        words = self._call(("systemctl", "--version"), _LOOK).out.split()
        return int(words[1]) if len(words) > 1 and words[1].isdigit() else None

    def log(self) -> str:
        """Return the end of the service's log."""
        command = ("journalctl", f"--unit={UNIT}", f"--lines={_LOG_LINES}", "--output=cat", "--no-pager", "--quiet")
        done = self._call(command, _LOOK)
        return done.out if done.status == 0 else ""

    def _is_booting(self) -> bool:
        """Tell whether cloud-init runs or will run: a start that waits for it would wait for this run."""
        shown = self.show(_CLOUD_FINAL, "ActiveState,Job")
        return shown.get("ActiveState") == "activating" or bool(shown.get("Job"))


class Upstart:
    """The agent's job under upstart."""

    def __init__(self, call: Callable[[Command, float], Ended], run: Callable[[Command, float], None]) -> None:
        self._call = call
        self.run = run

    def look(self) -> Service:
        """Return the state of the job. upstart shows only whether it runs."""
        done = self._call(("initctl", "status", JOB), _LOOK)
        if done.status:
            raise LaunchError(
                f"upstart does not answer: {cause_of(done.err)}", CommandHint("check the job", "initctl", "status", JOB)
            )
        running = "start/running" in done.out
        pid = done.out.rpartition("process ")[2].strip()
        return Service(Supervisor.UPSTART, running, _started(pid) if running else 0.0, queued="start/" in done.out)

    def log(self) -> str:
        """Return an empty string: upstart has no log of the job that is safe to read."""
        return ""


def _started(pid: str) -> float:
    """Return when a process was started, in seconds of CLOCK_MONOTONIC (proc(5): field 22 of stat, in clock ticks)."""
    try:
        with open(f"/proc/{int(pid)}/stat", encoding="utf-8", errors="replace") as file:
            ticks = file.read(4096).rpartition(")")[2].split()[19]
        return int(ticks) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return 0.0


def _number(shown: dict[str, str], name: str) -> float:
    try:
        return float(shown.get(name, "0"))
    except ValueError:
        return 0.0
