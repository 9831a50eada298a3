"""Where an agent saves its state, and whether the next agent finds it there.

The state contains the cluster. An agent that finds the state of another cluster exits with the terminal status. An
agent that finds no state registers as a new container instance, in any cluster, and loses the tasks of the previous
agent (amazon-ecs-agent, agent/app/agent.go: newTaskEngine, setClusterInConfig).
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, NamedTuple

from ecsauth.agent import config_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DIRECTORY, CHECKPOINT = "ECS_DATADIR", "ECS_CHECKPOINT"
# The variables that decide; neither is secret.
VARIABLES = (DIRECTORY, CHECKPOINT)
# The directory on the machine in the documented `docker run` and in ecs-init.
PLACE = "/var/lib/ecs/data"
# config_unix.go, DefaultConfig.
_DEFAULT = "/data/"


class Mount(NamedTuple):
    """A directory of the machine that is mounted in a container; `source` is empty for a file system in memory."""

    source: str
    destination: str


class Kept(NamedTuple):
    """The directory on the machine with the agent's state. Empty if the agent saves none; `lack` is the reason."""

    place: str
    lack: str = ""

    def is_found_by(self, other: Kept) -> bool:
        """Tell whether another agent finds this agent's state."""
        return bool(self.place) and self.place == other.place


def kept(environment: Mapping[str, str], mounts: Iterable[Mount]) -> Kept:
    """Return where an agent with this environment and these mounts saves its state."""
    if not config_values.is_on(CHECKPOINT, environment):
        return Kept("", _lack(environment))
    directory = posixpath.normpath(posixpath.join("/", environment.get(DIRECTORY) or _DEFAULT))
    # The innermost mount contains the directory.
    for source, destination in sorted(mounts, key=lambda mount: len(mount.destination), reverse=True):
        above = posixpath.normpath(destination)
        if source and posixpath.commonpath((directory, above)) == above:
            return Kept(posixpath.normpath(posixpath.join(source, posixpath.relpath(directory, above))))
    return Kept("", f"{directory} exists only in its container")


def _lack(environment: Mapping[str, str]) -> str:
    if environment.get(DIRECTORY):
        return f"{CHECKPOINT} is false"
    return f"{DIRECTORY} is {'empty' if DIRECTORY in environment else 'not set'}"
