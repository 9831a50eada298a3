"""Where an agent saves its state, and whether the next agent finds it there.

The state names the cluster. An agent that finds the state of another cluster exits for good; one that finds none
registers as a new container instance, in any cluster, and the tasks of the agent before it are lost to it
(amazon-ecs-agent, agent/app/agent.go: newTaskEngine, setClusterInConfig).
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, NamedTuple

from ecsauth.agent import config_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DIRECTORY, CHECKPOINT = "ECS_DATADIR", "ECS_CHECKPOINT"
# What decides; neither is secret.
VARIABLES = (DIRECTORY, CHECKPOINT)
# Where the documented `docker run` and ecs-init have it on the machine.
PLACE = "/var/lib/ecs/data"
# config_unix.go, DefaultConfig.
_DEFAULT = "/data/"


class Mount(NamedTuple):
    """A directory of the machine in a container; `source` is empty for one in memory."""

    source: str
    destination: str


class Kept(NamedTuple):
    """The directory of the machine that holds an agent's state; it is empty where none outlives it, for this `lack`."""

    place: str
    lack: str = ""

    def is_found_by(self, other: Kept) -> bool:
        """Tell whether another agent finds this agent's state."""
        return bool(self.place) and self.place == other.place


def kept(environment: Mapping[str, str], mounts: Iterable[Mount]) -> Kept:
    """Return where an agent with this environment and these mounts keeps its state."""
    if not config_values.is_on(CHECKPOINT, environment):
        return Kept("", _lack(environment))
    directory = posixpath.normpath(posixpath.join("/", environment.get(DIRECTORY) or _DEFAULT))
    # The innermost mount holds it.
    for source, destination in sorted(mounts, key=lambda mount: len(mount.destination), reverse=True):
        above = posixpath.normpath(destination)
        if source and posixpath.commonpath((directory, above)) == above:
            return Kept(posixpath.normpath(posixpath.join(source, posixpath.relpath(directory, above))))
    return Kept("", f"{directory} is in its container only")


def _lack(environment: Mapping[str, str]) -> str:
    if environment.get(DIRECTORY):
        return f"{CHECKPOINT} is false"
    return f"{DIRECTORY} is {'empty' if DIRECTORY in environment else 'not set'}"
