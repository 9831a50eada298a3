"""A model of the docker engine, as far as plans go: names, running or not, restart policies, labels.

What it says of docker was seen with engine 20.10: `start` does nothing to a running container, also to one that is
about to stop; `stop` waits for a stop that is under way; a stop goes on when the command line that asked is killed.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Callable, NamedTuple, Optional

from ecsauth.boot import agent_state
from ecsauth.boot.agent_state import Kept
from ecsauth.boot.docker_plan import NAME, PLAN_LABEL, PREVIOUS_NAME, VERSION_LABEL, Container

if TYPE_CHECKING:
    from ecsauth.boot.plan import Command


class Failure(Enum):
    """How a command fails.

    refused: without any effect. late: after its whole effect, as when it takes longer than it may. interrupted: half
    done, because its command line was killed: a stop goes on, a container was created and is not started.
    """

    REFUSED = "refused"
    LATE = "late"
    INTERRUPTED = "interrupted"


class One(NamedTuple):
    """One container. `stopping` while a stop goes on that nobody waits for any more; `given` is its env-file."""

    container_id: str
    running: bool
    policy: str
    version: str = ""
    plan: str = ""
    stopping: bool = False
    given: Optional[bytes] = None

    @property
    def is_ours(self) -> bool:
        """Tell whether an earlier run of ours made it."""
        return bool(self.plan)

    def shown(self) -> Container:
        """Return it as docker describes it."""
        kept = Kept(agent_state.PLACE)
        return Container(self.container_id, self.running, 0, 0, "", self.policy, self.version, self.plan, kept)


class DockerModel:
    """The containers by their names. `env_file` reads what `docker run` gives to a container."""

    def __init__(
        self, agent: Optional[One], parked: Optional[One], env_file: Callable[[], Optional[bytes]] = lambda: None
    ) -> None:
        shown = {NAME: agent, PREVIOUS_NAME: parked}
        self.containers = {name: one for name, one in shown.items() if one is not None}
        self._env_file = env_file

    def shown(self, name: str) -> Optional[Container]:
        """Return the container of the name as docker describes it."""
        one = self.containers.get(name)
        return one.shown() if one is not None else None

    def do(self, command: Command, failure: Optional[Failure] = None) -> bool:
        """Run a command; return whether it succeeded."""
        if failure is Failure.REFUSED:
            return False
        if command[1] == "run":
            return self._run(command, running=failure is not Failure.INTERRUPTED) and failure is None
        if command[1] == "rename":
            return self._rename(*command[2:]) and failure is None
        one = self.containers.pop(command[-1], None)
        if one is not None and command[1] != "rm":
            self.containers[command[-1]] = _changed(one, command, failure)
        return one is not None and failure is None

    def use_up(self) -> None:
        """Let running agents exit until docker starts them no more: on-failure has an end, always has none."""
        for name, one in self.containers.items():
            self.containers[name] = one._replace(running=one.running and one.policy in {"always", "unless-stopped"})

    def end_for_good(self) -> None:
        """Let running agents exit that docker does not start again."""
        for name, one in self.containers.items():
            self.containers[name] = one._replace(running=one.running and one.policy != "no")

    def settle(self) -> None:
        """Let what is under way end."""
        for name, one in self.containers.items():
            self.containers[name] = one._replace(running=one.running and not one.stopping, stopping=False)

    def _run(self, command: Command, *, running: bool) -> bool:
        if NAME in self.containers:
            return False
        labels = dict(word[len("--label=") :].split("=", 1) for word in command if word.startswith("--label="))
        (policy,) = [word.partition("=")[2] for word in command if word.startswith("--restart=")]
        made = One("new", running, policy, labels[VERSION_LABEL], labels[PLAN_LABEL], given=self._env_file())
        self.containers[NAME] = made
        return True

    def _rename(self, old: str, new: str) -> bool:
        if old not in self.containers or new in self.containers:
            return False
        self.containers[new] = self.containers.pop(old)
        return True


def _changed(one: One, command: Command, failure: Optional[Failure]) -> One:
    if command[1] == "update":
        return one._replace(policy=command[2].partition("=")[2])
    if command[1] == "start":
        return one._replace(running=True)
    assert command[1] == "stop"
    goes_on = failure is Failure.INTERRUPTED and one.running
    return one._replace(running=goes_on, stopping=goes_on)
