"""Starting the version that registered last, where a run has failed and no agent runs.

An outage of ECS ends agents, and docker gives one up after some restarts: the next run has to start one, whatever
version is rejected and whatever else the run could not do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Optional

from ecsauth.boot import fallback, install
from ecsauth.boot.health import Health
from ecsauth.boot.launch import FailedAgentError, clears
from ecsauth.errors import EcsauthError

if TYPE_CHECKING:
    from ecsauth.boot.fetch import Accepted
    from ecsauth.boot.health import AgentVerdict
    from ecsauth.boot.install import Disk
    from ecsauth.boot.launch import Launch
    from ecsauth.boot.state import State
    from ecsauth.errors import LaunchError
    from ecsauth.timing import Clock

# How the agent of a version is started that registered before; raises LaunchError.
Launcher = Callable[["Accepted", "State"], "Optional[Launch]"]

_CAME_OF_IT = {
    Health.REGISTERED: "and has registered",
    Health.QUEUED: "and is queued",
    Health.PENDING: "but has not registered yet",
}


def revive(fault: LaunchError, disk: Disk, clock: Clock, launcher: Launcher, *, was_watched: bool) -> None:
    """Start that version if no agent runs, and go on with the fault by what came of it.

    An agent that exits again and again is started again too, unless the run `was_watched` it do so.
    """
    version = ""
    try:
        state = disk.state()
        good = fallback.registered(disk, state)
        launch = launcher(good, state) if good is not None else None
        if good is None or launch is None or (launch.runs if was_watched else launch.is_up):
            return
        version = good.facts.identity
        verdict = _start(launch, disk, clock, state, good)
    except FailedAgentError as again:
        alike = isinstance(fault, FailedAgentError) and clears(disk, disk.state(), fault.verdict, again.verdict)
        like = ": it fails like the new one, so the version is not rejected" if alike else ""
        fault.add(f"version {version} was started again, but its agent does not stay up: {again.verdict.reason}{like}")
    except EcsauthError as trouble:
        if trouble.message != fault.message:
            fault.add(f"the version that registered last cannot be started: {trouble.message}")
    else:
        fault.add(f"no agent was up, so version {version} was started again, {_CAME_OF_IT[verdict.health]}")


def _start(launch: Launch, disk: Disk, clock: Clock, state: State, good: Accepted) -> AgentVerdict:
    launch.prepare()
    if good.is_new:
        state = install.install(disk, state, good, clock, agent=launch.has_agent)
    return launch.execute(state)[0]
