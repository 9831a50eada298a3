"""A boot that starts a service, over the real disk and a model of systemd, which can be killed at each of its changes.

The service reads the env-file when it starts, and does not start without the mark. What systemd was told goes on when
the run that told it is killed: a queued job is done before anybody looks again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, NamedTuple, NoReturn, Optional

from boot_model import KEY, USED_UP, Life, MortalDisk, Nobody, Offer, Place, Store, body
from ecsauth import aws_names
from ecsauth.boot.fetch import Demand
from ecsauth.boot.health import Registration
from ecsauth.boot.run import Boot, Edges, Request
from ecsauth.boot.service import Service, ServiceStarter, Supervisor
from ecsauth.errors import LaunchError
from ecsauth.timing import Moment

if TYPE_CHECKING:
    from pathlib import Path

    from ecsauth.boot.fetch import Accepted
    from ecsauth.boot.outcome import BootReport
    from ecsauth.boot.plan import Command


class Unit(NamedTuple):
    """The service: what it was given at its start, None while it does not run, and when that was."""

    given: Optional[bytes] = None
    running: bool = False
    failed: bool = False
    started: float = 0.0


class Standing(NamedTuple):
    """All that a run leaves: files by directory and name, the service, and the time."""

    files: tuple[tuple[str, str, bytes], ...]
    unit: Unit
    time: float


class ServiceWorld(Place):
    """An instance whose agent is a service. `booting`: cloud-init runs, and the service waits for its end."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.unit = Unit()
        self.time = 1.0
        self.boots = 0
        self.booting = False
        self.job: Optional[str] = None

    def boot(self, offer: Offer, life: Optional[Life] = None, after: Callable[[], object] = lambda: None) -> BootReport:
        """Boot to the end; `after` is called after each change. Raises Killed, or what the boot raises."""
        life = life or Life()
        disk = self.disk_of(life)
        disk.after = after
        systemd = _Systemd(self, offer, life)
        starter = ServiceStarter(systemd, systemd, _NoEngine(), systemd)
        demand = Demand(
            aws_names.parse("s3://bucket/key"),
            (KEY,),
            self.env_path,
            "eu-west-1",
            "111122223333",
            allow_older=offer.allow_older,
            force=offer.force,
        )
        edges = Edges(Nobody(), Store(offer.number), disk, None if offer.agent == "none" else starter, systemd)
        self.warnings.clear()
        try:
            return Boot(Request(demand, deadline=1, wait=0), edges, self.warnings.append).run()
        finally:
            self.settle(offer)

    def restart_machine(self, offer: Offer) -> None:
        """Shut down and boot: the service starts by itself once cloud-init has ended, if it is not held back."""
        self.boots += 1
        self.unit = Unit()
        self.job = "restart"
        self.booting = False
        self.settle(offer)

    def settle(self, offer: Offer) -> None:
        """Let systemd do what it was told, and the agent live or die."""
        if self.booting or self.job is None:
            return
        job, self.job = self.job, None
        self.time += 1
        self.unit = self.unit._replace(running=False, given=None)
        given = self.disk.env_file()
        if job == "restart" and self.places["ecsauth"].joinpath("checked").exists():
            ends = offer.agent in {"broken", "terminal"}
            alive = not (ends and offer.number is not None and given == body(offer.number))
            self.unit = Unit(given if alive else None, alive, not alive, self.time)

    def standing(self) -> Standing:
        """Return what stands now."""
        return Standing(self.files(), self.unit, self.time)

    def stand(self, standing: Standing) -> None:
        """Make it stand as it did."""
        self.put_files(standing.files)
        self.unit, self.time, self.job = standing.unit, standing.time, None
        self.rested = 0

    def rest(self, seconds: int, ecs: str = "well") -> None:
        """Leave the instance alone; systemd gives up a service that exits for minutes."""
        self.rested += seconds
        if Offer(None, ecs=ecs).ends_agents and seconds > USED_UP and self.unit.running:
            self.unit = self.unit._replace(running=False, failed=True, given=None)

    def disk_of(self, life: Life) -> MortalDisk:
        """Return the disk as a run of that life has it."""
        return MortalDisk(self, life)


class _Systemd:
    """systemd, the agent's own answers, and the clock."""

    def __init__(self, world: ServiceWorld, offer: Offer, life: Life) -> None:
        self._world = world
        self._offer = offer
        self._life = life

    def look(self) -> Service:
        """Return what systemd shows."""
        self._world.settle(self._offer)
        unit = self._world.unit
        looping = unit.running and self._offer.ends_agents
        status = 5 if self._offer.agent == "terminal" else 1
        return Service(
            Supervisor.SYSTEMD,
            running=unit.running and not looping,
            started=unit.started,
            queued=self._world.job is not None,
            failed=unit.failed,
            looping=looping,
            restarts=3 if looping else 0,
            exit_status=status if unit.failed or looping else 0,
            booting=self._world.booting,
        )

    def run(self, command: Command, seconds: float) -> None:
        """Run one command of a plan."""
        del seconds
        self._life.spend()
        self._life.spend(lambda: self._do(command))
        self._do(command)

    def log(self) -> NoReturn:
        """Fail: going back must not need it."""
        raise LaunchError("journalctl is not installed")

    def registration(self) -> Optional[Registration]:
        """Return what a running agent says of itself."""
        unit, number = self._world.unit, self._offer.number
        slow = self._offer.agent == "slow" and number is not None and unit.given == body(number)
        answers = unit.running and not slow and self._offer.ecs == "well"
        return Registration("demo", "arn:instance", "1") if answers else None

    def running_tasks(self) -> Optional[int]:
        """Return that there are none."""
        return 0

    def now(self) -> float:
        """Return the time."""
        return self._world.time

    def wall(self) -> int:
        """Return the same second in a run."""
        return 1_700_000_000 + self._world.rested

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self._world.time += seconds

    def moment(self) -> Moment:
        """Return the time, which goes on."""
        self._world.time += 1
        return Moment(f"boot {self._world.boots}", self._world.time)

    def _do(self, command: Command) -> None:
        if command[1] == "reset-failed":
            self._world.unit = self._world.unit._replace(failed=False)
        else:
            self._world.job = command[2]


class _NoEngine:
    """No docker."""

    def look(self, image: str) -> NoReturn:
        """Fail."""
        raise LaunchError(image)

    def agent(self) -> NoReturn:
        """Fail."""
        raise LaunchError("no docker")

    def run(self, command: Command, seconds: float) -> NoReturn:
        """Fail."""
        raise LaunchError(f"{command} {seconds}")

    def log(self) -> NoReturn:
        """Fail."""
        raise LaunchError("no docker")


def accepted_number(accepted: Accepted) -> int:
    """Return the number of the version."""
    return int(accepted.facts.etag.strip('"e'))
