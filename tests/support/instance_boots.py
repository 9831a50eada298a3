"""Boots on an instance where ecs.service runs the agent: from user data and by hand, and what came of them."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from ecsauth.boot import units

if TYPE_CHECKING:
    from instance import Instance
    from program import Ended

FOLDER = "/etc/systemd/system"
_KILLED = 137


def user_data(instance: Instance, *options: str) -> str:
    """Return user data that boots, and keeps status and words."""
    command = instance.command(*options)
    return f"#!/bin/sh\n{command} 2>/root/words\nstatus=$?\necho $status >/root/status\nexit $status\n"


def boot(instance: Instance, *options: str) -> Ended:
    """Run the same command on the instance, after its boot."""
    return instance.run(*instance.command(*options).split(), check=False)


def started(instance: Instance) -> str:
    """Return when ecs.service was started last."""
    return instance.show("ecs", "ExecMainStartTimestampMonotonic")


def starts(instance: Instance) -> int:
    """Return how often an agent was started since the machine has booted."""
    return instance.journal("ecs").count("starting the agent")


def moment(instance: Instance, unit: str, name: str) -> float:
    """Return when something happened to a unit, as uptime; 0 if never."""
    return int(instance.show(unit, f"{name}TimestampMonotonic")) / 1e6


def assert_agent_has(instance: Instance, body: bytes) -> None:
    """Assert that an agent answers that was started with the file."""
    instance.wait_for_agent()
    data = body.split(b"ECS_ENGINE_AUTH_DATA=")[1].splitlines()[0]
    assert instance.proof()["ECS_ENGINE_AUTH_DATA"] == hashlib.sha256(data).hexdigest()


def wait_ended(instance: Instance, unit: str) -> int:
    """Wait for a unit that was started at boot; return the status of its run."""
    instance.wait_until(
        lambda: instance.show(unit, "ActiveState") != "activating" or instance.show(unit, "SubState") == "auto-restart",
        f"{unit} has ended",
    )
    return int(instance.show(unit, "ExecMainStatus"))


def said(instance: Instance, unit: str, *options: str) -> str:
    """Return what the last run of a unit has written since the machine has booted."""
    # What has been said and is not read yet by a busy journald is not in the journal.
    instance.run("journalctl", "--sync")
    command = ("journalctl", "--boot", "--no-pager", "--output=cat", f"--unit={unit}", *options)
    return instance.run(*command).out.rpartition("Starting ")[2]


def unit_files(instance: Instance) -> str:
    """Return every file of systemd's directory that is ecsauth's, with its time and size."""
    found = ("-name", "*ecsauth*", "-printf", "%p %T@ %s\n")
    return instance.run("find", FOLDER, *found).out


def recorded(instance: Instance, name: str) -> str:
    """Return the version that is recorded as verified, rejected …, or nothing."""
    state = json.loads(instance.read("/var/lib/ecsauth/state.json") or b"{}")
    found = state.get(name) or {}
    return str(found.get("facts", found).get("version_id"))


def refresh(instance: Instance) -> int:
    """Do what the timer does, and return the status of the run."""
    instance.systemctl("start", units.REFRESH, check=False)
    return int(instance.show(units.REFRESH, "ExecMainStatus"))


def kill_at(instance: Instance, verb: str, command: str) -> None:
    """Run the command, and kill it before systemd is told the word, by a command in the place of systemctl."""
    script = f'#!/bin/sh\ncase " $* " in *" {verb} "*) kill -9 $PPID; exit 1;; esac\nexec /usr/bin/systemctl "$@"\n'
    instance.write("/root/killing/systemctl", script.encode(), 0o755)
    path = "PATH=/root/killing:/usr/local/bin:/usr/bin:/bin"
    done = instance.run("env", path, *command.split(), check=False)
    assert done.status == _KILLED, done.err
