"""A service whose agent is in another cluster than the env-file's: refused where the agent would find that state."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, Optional

import pytest
from ecsauth.boot.agent_state import Kept
from ecsauth.boot.docker_plan import Container
from ecsauth.boot.health import Registration
from ecsauth.boot.launch import Terms
from ecsauth.boot.service import Service, ServiceMode, Supervisor
from ecsauth.boot.state import State
from ecsauth.errors import LaunchError
from ecsauth.secret import SecretBytes
from ecsauth.timing import Moment

if TYPE_CHECKING:
    from ecsauth.boot.docker import Found
    from ecsauth.boot.plan import Command

FILE = b"ECS_CLUSTER=prod\n"
BY_ECS_INIT = Kept("/var/lib/ecs/data")
NO_CHECKPOINT = Kept("", "ECS_CHECKPOINT is false")
SAVED, PERHAPS = "an agent with saved state exits", "an agent with saved state, which this agent may have, exits"


class Runs:
    """A machine whose service runs an agent in the cluster `test`."""

    def look(self) -> Service:
        """Return the service, which has not read the file yet."""
        return Service(Supervisor.SYSTEMD, running=True, started=1.0)

    def run(self, command: Command, seconds: float) -> NoReturn:
        """Fail: a refusal comes before any command."""
        raise AssertionError(command, seconds)

    def log(self) -> str:
        """Return nothing."""
        return ""

    def registration(self) -> Registration:
        """Return what the agent says of itself."""
        return Registration("test", "arn:instance", "1")

    def running_tasks(self) -> int:
        """Return that there are none."""
        return 0


class Docker:
    """docker on that machine; `kept` is what it tells of the agent, None: nothing."""

    def __init__(self, kept: Optional[Kept]) -> None:
        self._kept = kept

    def look(self, image: str) -> Found:
        """Fail: no image is wanted."""
        raise LaunchError(image)

    def agent(self) -> Container:
        """Return the agent's container."""
        if self._kept is None:
            raise LaunchError("docker does not answer")
        return Container("c1", True, 0, 0, "", "no", "", "", self._kept)

    def run(self, command: Command, seconds: float) -> NoReturn:
        """Fail: the service is not told by docker."""
        raise LaunchError(f"{command} {seconds}")

    def log(self) -> str:
        """Return nothing."""
        return ""


def refusal(kept: Optional[Kept], data: bytes) -> str:
    """Return why the way to a service with the file is refused, nothing where it is not."""
    runs, terms = Runs(), Terms("prod", 0, SecretBytes(data), writes=True)
    try:
        ServiceMode(runs, runs, Docker(kept), terms, settings=(), state=State(), now=Moment("b", 9.0))
    except LaunchError as fault:
        return fault.message
    return ""


@pytest.mark.parametrize(
    ("kept", "data", "said"),
    [
        pytest.param(BY_ECS_INIT, FILE, SAVED, id="as ecs-init starts it"),
        pytest.param(None, FILE, PERHAPS, id="docker does not say"),
        pytest.param(NO_CHECKPOINT, FILE, "", id="it has saved none"),
        pytest.param(BY_ECS_INIT, FILE + b"ECS_CHECKPOINT=false\n", "", id="the new one reads none"),
        pytest.param(None, FILE + b"ECS_CHECKPOINT=false\n", "", id="the new one reads none, and docker does not say"),
        pytest.param(BY_ECS_INIT, FILE + b"ECS_DATADIR=/own\n", "", id="the new one looks elsewhere"),
        pytest.param(BY_ECS_INIT, FILE + b"ECS_DATADIR=\n", "", id="the new one has no place"),
    ],
)
def test_another_cluster(kept: Optional[Kept], data: bytes, said: str) -> None:
    """The refusal says what is true; where no state stands in the way, there is none."""
    reason = refusal(kept, data)
    assert said in reason
    assert bool(reason) is bool(said)
