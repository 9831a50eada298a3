"""A boot over the real disk, a model of docker and a small S3, which can be killed at each of its changes.

A run that is killed changes nothing more, not even on its way out: that is what SIGKILL does. What is left is taken
down (`World.standing`), and may be put back as often as there are ways to go on from it (`World.stand`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, NamedTuple, NoReturn, Optional

from docker_model import DockerModel, Failure, One
from ecsauth import aws_names
from ecsauth.boot.docker import ContainerStarter, Found
from ecsauth.boot.docker_plan import NAME, PREVIOUS_NAME
from ecsauth.boot.fetch import Demand, Fetched
from ecsauth.boot.health import Registration
from ecsauth.boot.run import Boot, Edges, Request
from ecsauth.boot.state import PRIVATE
from ecsauth.boot.trust import ObjectFacts
from ecsauth.errors import DeniedError, LaunchError, UnreachableError
from ecsauth.host.disk import LocalDisk
from ecsauth.secret import SecretBytes
from ecsauth.timing import Moment

if TYPE_CHECKING:
    from pathlib import Path

    from ecsauth.aws_names import S3URI
    from ecsauth.boot.docker_plan import Container
    from ecsauth.boot.fetch import Identity
    from ecsauth.boot.outcome import BootReport
    from ecsauth.boot.plan import Command
    from ecsauth.boot.state import State

_EXITS = {"broken": 1, "terminal": 5}
KEY = "arn:aws:kms:eu-west-1:111122223333:key/1"
# Seconds in which an agent that exits again and again has used up docker's restarts.
USED_UP = 120
# What a killed run leaves of a file that it was writing.
TEMPORARY = ".ecsauth-0123456789abcdef"


class Killed(BaseException):
    """The run is dead."""


class Life:
    """Of one run, counted in points at which it can be killed: it is at the point of that number, None: never."""

    def __init__(self, until: Optional[int] = None) -> None:
        self._left = until

    @property
    def is_over(self) -> bool:
        """Tell whether the run was killed."""
        return self._left is not None and self._left < 0

    def spend(self, begin: Callable[[], object] = lambda: None) -> None:
        """Live on, or die here, having begun the next change."""
        if self._left is None:
            return
        self._left -= 1
        if self._left >= 0:
            return
        if self._left == -1:
            begin()
        raise Killed


class Offer(NamedTuple):
    """What one run finds: the number of the version in S3 (None: S3 does not answer), its agent, its flags, and ECS.

    The agent of the version is healthy, slow, broken (it exits with 1) or terminal (it exits with 5). While ECS refuses
    connections or denies the agent's requests every agent exits with 1, again and again; while it is silent none
    registers. `like` is the number whose bytes the released version has, if not its own. `candidate` is the number of a
    candidate in S3; the run takes it if `take` is set, and ends one if `withdraw` is. The agent is then that of the
    candidate. `forget` has the run remove the previous env-file.
    """

    number: Optional[int]
    agent: str = "healthy"
    force: bool = False
    allow_older: bool = False
    ecs: str = "well"
    like: Optional[int] = None
    candidate: Optional[int] = None
    take: bool = False
    withdraw: bool = False
    forget: bool = False

    @property
    def offered(self) -> Optional[int]:
        """The number of the version that this run is to install."""
        return self.candidate if self.take else self.number

    @property
    def ends_agents(self) -> bool:
        """Whether every agent exits."""
        return self.ecs in {"refuses", "denies"}


class Standing(NamedTuple):
    """All that a run leaves: files by directory and name, containers by name."""

    files: tuple[tuple[str, str, bytes], ...]
    containers: tuple[tuple[str, One], ...]


def body(number: int) -> bytes:
    """Return the bytes of the version of that number."""
    data = f'{{"registry.example.com":{{"username":"fleet","password":"p{number}"}}}}'
    return f"ECS_CLUSTER=demo\nECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATA={data}\n".encode()


def facts(number: int) -> ObjectFacts:
    """Return what S3 says of the version of that number: one is a second younger than the one before."""
    return ObjectFacts(f'"e{number}"', number, f"v{number}", "aws:kms", KEY, "CRC32")


class Place:
    """The files of an instance with nothing on it yet."""

    def __init__(self, folder: Path) -> None:
        self.places = {"ecs": folder / "ecs", "ecsauth": folder / "ecsauth"}
        for place in self.places.values():
            place.mkdir(mode=0o700)
        self.env_path = str(self.places["ecs"] / "ecs.config")
        # Seconds for which the instance has been left alone since it was made to stand as it does.
        self.rested = 0
        self.warnings: list[str] = []
        self.disk = MortalDisk(self, Life())

    def files(self) -> tuple[tuple[str, str, bytes], ...]:
        """Return the files by directory and name."""
        return tuple(
            (name, path.name, path.read_bytes())
            for name, place in self.places.items()
            for path in sorted(place.iterdir())
            if path.name != "lock"
        )

    def put_files(self, files: tuple[tuple[str, str, bytes], ...]) -> None:
        """Make them the only ones."""
        for place in self.places.values():
            for path in place.iterdir():
                path.unlink()
        for place_name, name, content in files:
            path = self.places[place_name] / name
            path.write_bytes(content)
            path.chmod(0o600)


class World(Place):
    """An instance with nothing on it yet, and docker."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        # What the last boot waited for.
        self.told: list[str] = []
        self.docker = DockerModel(None, None, self.disk.env_file)

    def disk_of(self, life: Life) -> MortalDisk:
        """Return the disk as a run of that life has it."""
        return MortalDisk(self, life)

    def boot(self, offer: Offer, life: Optional[Life] = None, after: Callable[[], object] = lambda: None) -> BootReport:
        """Boot to the end; `after` is called after each change. Raises Killed, or what the boot raises."""
        life = life or Life()
        uri = aws_names.parse("s3://bucket/key")
        owner, force = "111122223333", offer.force
        demand = Demand(uri, (KEY,), self.env_path, "eu-west-1", owner, allow_older=offer.allow_older, force=force)
        demand = demand._replace(candidate=f"v{offer.candidate}" if offer.take else None, withdraw=offer.withdraw)
        disk = self.disk_of(life)
        disk.after = after
        docker = _Docker(self.docker, offer, life)
        starter = ContainerStarter(docker, docker, "agent:1")
        edges = Edges(Nobody(), Store(offer.number, offer.like, offer.candidate), disk, starter, _Clock(self.rested))
        self.warnings.clear()
        self.told.clear()
        try:
            request = Request(demand, deadline=1, wait=0, tell=self.told.append, forget_previous=offer.forget)
            return Boot(request, edges, self.warnings.append).run()
        finally:
            self.docker.settle()

    def standing(self) -> Standing:
        """Return what stands now."""
        return Standing(self.files(), tuple(sorted(self.docker.containers.items())))

    def stand(self, standing: Standing) -> None:
        """Make it stand as it did."""
        self.put_files(standing.files)
        self.docker.containers = dict(standing.containers)
        self.rested = 0

    def rest(self, seconds: int, ecs: str = "well") -> None:
        """Leave the instance alone; docker gives up an agent that exits for minutes."""
        self.rested += seconds
        if Offer(None, ecs=ecs).ends_agents and seconds > USED_UP:
            self.docker.use_up()


class MortalDisk(LocalDisk):
    """The real disk; each change takes a bit of the run's life."""

    def __init__(self, world: Place, life: Life) -> None:
        super().__init__(world.env_path, str(world.places["ecsauth"]))
        self.after: Callable[[], object] = lambda: None
        self._places = world.places
        self._life = life

    def remember(self, state: State) -> None:
        """Record the state."""
        if state != self.state():
            self._spend("ecsauth", "state.json")
            super().remember(state)

    def write_env_file(self, data: Optional[bytes], mode: int = PRIVATE) -> None:
        """Put the env-file in its place."""
        self._spend("ecs", "ecs.config")
        super().write_env_file(data, mode)
        self.after()

    def write_verified_copy(self, data: Optional[bytes]) -> None:
        """Keep what was proved good."""
        self._spend("ecsauth", "verified")
        super().write_verified_copy(data)

    def write_pre_image(self, data: Optional[bytes]) -> None:
        """Keep what stands in the env-file's place."""
        self._spend("ecsauth", "pre-image")
        super().write_pre_image(data)

    def back_up(self, data: bytes) -> None:
        """Keep a file that is not ecsauth's."""
        self._spend("ecs", "ecs.config.before-ecsauth")
        super().back_up(data)

    def forget_previous(self) -> bool:
        """Remove what the instance had before."""
        self._life.spend()
        return super().forget_previous()

    def mark(self, *, checked: bool) -> None:
        """Say that a checked file stands, or that none does."""
        self._spend("ecsauth", "checked")
        super().mark(checked=checked)

    def _spend(self, place: str, name: str) -> None:
        self._life.spend(lambda: (self._places[place] / f".{name}{TEMPORARY}").write_bytes(b"ECS_"))


class _Docker:
    """The engine over the model. What is offered decides how an agent of that version fares."""

    def __init__(self, model: DockerModel, offer: Offer, life: Life) -> None:
        self._model = model
        self._offer = offer
        self._life = life

    def look(self, image: str) -> Found:
        """Return what docker shows."""
        del image
        agent = self._model.shown(NAME)
        looping = agent is not None and agent.running and self._offer.ends_agents
        found = agent and agent._replace(restarting=looping)
        return Found(has_image=True, agent=found, set_aside=self._model.shown(PREVIOUS_NAME))

    def agent(self) -> Optional[Container]:
        """Return the agent's container, which has exited if it is a broken one, and exits again if ECS ends it."""
        shown = self._model.shown(NAME)
        if shown is not None and self._is_offered(shown) and self._offer.agent in _EXITS:
            return shown._replace(running=False, exit_code=_EXITS[self._offer.agent])
        if shown is not None and shown.running and self._offer.ends_agents:
            return shown._replace(exit_code=1, restart_count=3, restarting=True)
        return shown

    def run(self, command: Command, seconds: float) -> None:
        """Run one command of a plan; raise LaunchError if it fails."""
        del seconds
        self._life.spend()
        self._life.spend(lambda: self._model.do(command, Failure.INTERRUPTED))
        done = self._model.do(command)
        if self._offer.ecs == "denies":
            # It exits within a second: one that is started before it has its policy back is not started again.
            self._model.end_for_good()
        if not done:
            raise LaunchError(f"docker {command[1]} failed")

    def registration(self) -> Optional[Registration]:
        """Return what a running agent says of itself."""
        agent = self.agent()
        if agent is None or not agent.running or self._offer.ecs != "well":
            return None
        if self._is_offered(agent) and self._offer.agent == "slow":
            return None
        return Registration("demo", "arn:instance", "1")

    def running_tasks(self) -> Optional[int]:
        """Return that there are none."""
        return 0

    def log(self) -> str:
        """Return that it has written nothing."""
        return ""

    def _is_offered(self, agent: Container) -> bool:
        return agent.version == f"v{self._offer.offered}"


class Store:
    """S3 with one version of the object, and perhaps a candidate beside it, or out of reach."""

    def __init__(self, number: Optional[int], like: Optional[int] = None, candidate: Optional[int] = None) -> None:
        self._number = number
        self._like = like
        self._candidate = candidate

    def fetch(self, uri: S3URI, identity: Identity, unless: Optional[str], seconds: float) -> Optional[Fetched]:
        """Return the object, None if that is what is known already."""
        del identity, seconds
        if self._number is None:
            raise UnreachableError("S3 does not answer")
        number, like = self._number, self._like or self._number
        if uri.key.endswith(".candidate"):
            if uri.version_id != f"v{self._candidate}":
                raise DeniedError("there is no such version")
            number = like = self._candidate or 0
        found = facts(number)
        return None if unless == found.etag else Fetched(found, SecretBytes(body(like)))


class Nobody:
    """A metadata service that need not be asked."""

    def identity(self, seconds: float) -> NoReturn:
        """Fail."""
        raise AssertionError(seconds)


class _Clock:
    """Time that passes by waiting only; `rested` are the seconds before the run."""

    def __init__(self, rested: int) -> None:
        self._now = 0.0
        self._rested = rested

    def now(self) -> float:
        """Return the seconds waited."""
        return self._now

    def wall(self) -> int:
        """Return the same second in a run, so that what stands after it does not depend on when in it that was."""
        return 1_700_000_000 + self._rested

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self._now += seconds

    def moment(self) -> Moment:
        """Return the same point in time."""
        return Moment("boot", 0.0)
