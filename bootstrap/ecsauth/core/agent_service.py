"""The agent as a service, run by ecs-init on ECS-optimized AMIs: what its supervisor shows, and the plan.

ecs.service is ordered after cloud-final.service, which is what runs user data: whoever waits there for the service
waits for himself. So it is queued (`--no-block`), and verified by a run after that.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth.core.agent_health import CRASH_LOOP, TERMINAL, Health, Verdict
from ecsauth.core.plan import Plan, Step

if TYPE_CHECKING:
    from ecsauth.core.plan import Command
    from ecsauth.core.state import Moment

UNIT = "ecs.service"
JOB = "ecs"


class Supervisor(Enum):
    """What runs the services of the machine: systemd, or upstart on the first Amazon Linux."""

    SYSTEMD = "systemd"
    UPSTART = "upstart"


class Service(NamedTuple):
    """The agent's service as its supervisor describes it.

    `started` is when its main process was started last, seconds of CLOCK_MONOTONIC, 0 never. `queued`: a job for it
    waits or runs. `stopping`: its process has ended, and what comes of it is not known yet. `failed`: given up by the
    supervisor. `looping`: between an exit and the next start. `exit_status` is that of the last main process.
    `booting`: cloud-init, after which the service is ordered, has not ended yet. `held_back`: a condition of the unit,
    as the gate's, does not hold.
    """

    supervisor: Supervisor
    running: bool
    started: float = 0.0
    enabled: bool = True
    queued: bool = False
    failed: bool = False
    looping: bool = False
    exit_status: int = 0
    restarts: int = 0
    booting: bool = False
    held_back: bool = False
    stopping: bool = False


def has_file(service: Service, installed: Optional[Moment], now: Moment) -> bool:
    """Tell whether the running service was started after the env-file had been installed, and so has read it."""
    if not service.running or installed is None:
        return False
    return installed.boot != now.boot or service.started > installed.seconds


def plan(service: Service, *, is_right: bool, previous: bool) -> Plan:
    """Return the steps to a service that has read the env-file; none if `is_right` says that it has.

    `previous` tells whether the service ran before the change: then going back starts it again, else it stops it.
    """
    if service.supervisor is Supervisor.UPSTART:
        return _upstart_plan(service, is_right=is_right, previous=previous)
    enable = () if service.enabled else (Step("start the service at each boot", ("systemctl", "enable", UNIT)),)
    back = _systemctl("restart" if previous else "stop")
    if is_right or (service.booting and service.queued and not service.running):
        # Queued by the boot itself: it starts after this run, with the file.
        return Plan(steps=enable, restore=(back,), previous=previous)
    forgive = (Step("forget its failure", ("systemctl", "reset-failed", UNIT)),) if service.failed else ()
    start = Step(f"{'restart' if service.running else 'start'} the service", _systemctl("restart"))
    return Plan(steps=(*enable, *forgive, start), restore=(back,), previous=previous)


def judge(service: Service, before: Service) -> Verdict:
    """Return how a service is that was to be started, from what it is now and what it was `before`.

    PENDING without a reason means that it runs, and that the agent's own answer counts.
    """
    if service.failed:
        return _exited(service, "the service failed")
    if service.looping and service.restarts >= CRASH_LOOP:
        said = f"the service exited {service.restarts} times, last with {service.exit_status}"
        return Verdict(Health.FAILED, said, final=service.exit_status == TERMINAL)
    if service.running:
        is_old = before.running and service.started == before.started
        return Verdict(Health.PENDING, "the service has not been started anew yet" if is_old else "")
    if service.queued or service.looping:
        return Verdict(Health.PENDING, "the service is about to start")
    if service.stopping:
        return Verdict(Health.PENDING, f"the service is ending: it exited with status {service.exit_status}")
    if service.held_back:
        return Verdict(Health.FAILED, "the service is held back: a condition of its unit does not hold")
    return _exited(service, "the service has stopped")


def previous(service: Service, before: Service) -> Verdict:
    """Return how the service is that was told to start again with the previous file; `before`: the failed one.

    PENDING without a reason means that it runs: the agent's own answer counts.
    """
    if service.failed:
        return _exited(service, "the service failed")
    if service.looping:
        said = f"the service exited with status {service.exit_status}, and systemd starts it again"
        return Verdict(Health.FAILED, said, final=service.exit_status == TERMINAL)
    return judge(service, before)


def _exited(service: Service, what: str) -> Verdict:
    final = service.exit_status == TERMINAL
    word = ", which no restart can mend" if final else ""
    return Verdict(Health.FAILED, f"{what}: it exited with status {service.exit_status}{word}", final)


def _upstart_plan(service: Service, *, is_right: bool, previous: bool) -> Plan:
    """Upstart has no restart that reads its files anew: stop and start, as AWS documents it for that AMI."""
    stop, start = ("initctl", "stop", JOB), ("initctl", "start", "--no-wait", JOB)
    restore: tuple[Command, ...] = (stop, start) if previous else (stop,)
    if is_right:
        return Plan(restore=restore, previous=previous)
    stopping = (Step("stop the service", stop),) if service.running else ()
    return Plan(steps=(*stopping, Step("start the service", start)), restore=restore, previous=previous)


def _systemctl(verb: str) -> Command:
    return ("systemctl", "--no-block", verb, UNIT)
