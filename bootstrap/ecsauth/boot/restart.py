"""Start the last version that registered, if a run has failed and no agent runs.

In an outage of ECS the agent exits, and docker stops restarting it after some tries. The next run must start an agent,
even if it rejects the new version or fails in another way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Optional

from ecsauth.boot import fallback, install, rejection
from ecsauth.boot.health import Health
from ecsauth.boot.launch import FailedAgentError
from ecsauth.errors import EcsauthError

if TYPE_CHECKING:
    from ecsauth.boot.fetch import Accepted
    from ecsauth.boot.health import AgentVerdict
    from ecsauth.boot.install import Disk
    from ecsauth.boot.launch import Launch
    from ecsauth.boot.state import State
    from ecsauth.errors import LaunchError
    from ecsauth.timing import Clock

# Plans the start of the agent of a version that registered before; raises LaunchError.
Launcher = Callable[["Accepted", "State"], "Optional[Launch]"]

_RESULTS = {
    Health.REGISTERED: "and has registered",
    Health.QUEUED: "and is queued",
    Health.PENDING: "but has not registered yet",
}


def revive(fault: LaunchError, disk: Disk, clock: Clock, launcher: Launcher, *, was_watched: bool) -> None:
    """Start the last version that registered, if no agent runs, and add the result to the fault.

    An agent in a crash loop is started again, too, unless this run has already waited for it (`was_watched`).
    """
    version = ""
    try:
        state = disk.state()
        good = fallback.registered(disk, state, clock.wall())
        launch = launcher(good, state) if good is not None else None
        if good is None or launch is None or (launch.runs if was_watched else launch.is_up):
            return
        version = good.facts.identity
        verdict = _start(launch, disk, clock, state, good)
    except FailedAgentError as again:
        alike = isinstance(fault, FailedAgentError) and rejection.clears(
            disk, disk.state(), fault.tried, fault.verdict, again.verdict
        )
        like = ": it fails like the new agent, so the version is not rejected" if alike else ""
        fault.add(f"version {version} was restarted, but its agent does not stay up: {again.verdict.reason}{like}")
    except EcsauthError as trouble:
        if trouble.message != fault.message:
            fault.add(f"the version that registered last cannot be started: {trouble.message}")
    else:
        fault.add(f"no agent was running, so version {version} was restarted, {_RESULTS[verdict.health]}")


def _start(launch: Launch, disk: Disk, clock: Clock, state: State, good: Accepted) -> AgentVerdict:
    launch.prepare()
    if good.is_new:
        state = install.install(disk, state, good, clock, agent=launch.has_agent)
    return launch.execute(state)[0]
