"""The stand-in agent does what the real one does: it registers, sits out, gives up, and keeps its state."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import needs
import pytest
import stand_in_ecs
import stand_in_image
from docker_engine import AGENT
from stand_in_ecs import Answer

if TYPE_CHECKING:
    from docker_engine import DockerEngine

DATA = ("--env=ECS_DATADIR=/data/",)
VOLUME = "--volume=/var/lib/ecs/data:/data"
INTROSPECTION, CREDENTIALS = 51678, 51679
# Of the whole loopback network, and not the address that clients use.
OTHER_ADDRESS = "127.0.0.2"
MISMATCH = "Data mismatch; saved cluster 'prod' does not match configured cluster 'other'"


class StandIn:
    """Agents one after the other, made of one image."""

    def __init__(self, docker: DockerEngine, root: stand_in_image.Root) -> None:
        self.docker = docker
        self.tag = stand_in_image.build("healthy", root)

    def start(self, cluster: str = "prod", *options: str, words: tuple[str, ...] = ()) -> None:
        """Start one as docker's documented flags do; `words` are its own options."""
        given = (f"--name={AGENT}", "--detach", "--net=host", VOLUME, f"--env=ECS_CLUSTER={cluster}", *options)
        self.docker.call("run", *given, self.tag, *words)

    def registered(self) -> str:
        """Wait until it has registered, and return its container instance."""
        self.docker.wait_until(lambda: self.docker.introspect("/v1/metadata"), "the agent has registered")
        return str(self.docker.introspect("/v1/metadata")["ContainerInstanceArn"])

    def stop(self) -> int:
        """Stop and remove it; return the status it ended with."""
        self.docker.call("stop", AGENT)
        status = self.status()
        self.docker.call("rm", AGENT)
        return status

    def exits(self) -> int:
        """Wait until it has ended, and return its status."""
        self.docker.wait_until(lambda: self.docker.state() == "exited", "it has ended")
        return self.status()

    def status(self) -> int:
        """Return the status it ended with."""
        container = self.docker.inspect()
        assert container is not None
        return int(container["State"]["ExitCode"])


@pytest.fixture(params=["busybox", "python"])
def agent(docker: DockerEngine, request: pytest.FixtureRequest) -> StandIn:
    """Give the stand-in in both ways that it can be made of."""
    if request.param == "python":
        return StandIn(docker, stand_in_image.python_root())
    busybox = stand_in_image.static_busybox()
    needs.need(None if busybox else "there is no static busybox with httpd")
    assert busybox is not None
    return StandIn(docker, stand_in_image.busybox_root(busybox))


def listens(address: str, port: int) -> bool:
    """Tell whether somebody accepts connections there."""
    try:
        socket.create_connection((address, port), timeout=5).close()
    except OSError:
        return False
    return True


def test_ports(agent: StandIn) -> None:
    """It listens on all addresses at 51678, and on 127.0.0.1 alone at 51679."""
    agent.start()
    agent.registered()
    assert listens("127.0.0.1", INTROSPECTION)
    assert listens(OTHER_ADDRESS, INTROSPECTION)
    assert listens("127.0.0.1", CREDENTIALS)
    assert not listens(OTHER_ADDRESS, CREDENTIALS)


@pytest.mark.parametrize("answer", [Answer.UNAVAILABLE, Answer.SILENT])
def test_sits_out(agent: StandIn, answer: Answer) -> None:
    """In an outage that it sits out nothing listens, and it registers once ECS is well again."""
    agent.docker.ecs_answers(answer)
    agent.start()
    tried = "Received non-terminal error" if answer is Answer.UNAVAILABLE else "Registering Instance with ECS"
    agent.docker.wait_until(lambda: tried in agent.docker.logs(), "it has tried")
    assert agent.docker.state() == "running"
    assert not listens("127.0.0.1", INTROSPECTION)
    assert "Received terminal error" not in agent.docker.logs()
    agent.docker.ecs_answers(Answer.REGISTERS)
    assert agent.registered()


def test_refused(agent: StandIn) -> None:
    """Three refused connections end it with 1, and its last error names the reason at its end."""
    agent.docker.ecs_answers(Answer.REFUSED)
    agent.start()
    assert agent.exits() == 1
    (error,) = [line for line in agent.docker.logs().splitlines() if "Received terminal error" in line]
    assert error.startswith("level=error time=")
    assert error.endswith('connect: connection refused"')


def test_refused_twice(agent: StandIn) -> None:
    """An outage that ends before the third try is none."""
    agent.docker.ecs_answers(Answer.REFUSED, second=1)
    agent.start()
    agent.docker.wait_until(lambda: "Registering Instance" in agent.docker.logs(), "it has begun")
    agent.docker.ecs_answers(Answer.REGISTERS)
    assert agent.registered()


def test_denied(agent: StandIn) -> None:
    """AccessDeniedException ends it with 1; the line is longer than 300 characters, action and resource at its end."""
    agent.docker.ecs_answers(Answer.DENIED)
    agent.start()
    assert agent.exits() == 1
    (error,) = [line for line in agent.docker.logs().splitlines() if "Received terminal error" in line]
    start, end = error[:300], error[300:]
    assert "AccessDeniedException" in start
    assert "ecs:RegisterContainerInstance on resource: arn:aws:ecs:eu-central-1:123456789012:cluster/prod" in end


def test_no_cluster(agent: StandIn) -> None:
    """`Cluster not found` ends it with 5: no restart can mend that."""
    agent.docker.ecs_answers(Answer.NO_CLUSTER)
    agent.start()
    assert agent.exits() == 5
    last = agent.docker.logs().splitlines()[-1]
    assert last.startswith("level=critical time=")
    assert last.endswith('ClientException: Cluster not found."')


def test_comes_back(agent: StandIn) -> None:
    """An outage of some seconds ends by itself."""
    agent.docker.ecs_answers(Answer.UNAVAILABLE)
    agent.start()
    agent.docker.wait_until(lambda: "non-terminal" in agent.docker.logs(), "it has tried")
    agent.docker.ecs_answers(Answer.UNAVAILABLE, for_s=1)
    assert agent.registered()


def test_answer_of_its_own(agent: StandIn) -> None:
    """An agent without the volume is told in its own options."""
    agent.start(words=("ecs=denied",))
    assert agent.exits() == 1


def test_state_is_kept(agent: StandIn) -> None:
    """A new container with the state of before is the same container instance."""
    agent.start("prod", *DATA)
    first = agent.registered()
    assert agent.stop() == 0
    agent.start("prod", *DATA)
    assert agent.registered() == first
    assert "Restored from checkpoint file" in agent.docker.logs()
    assert stand_in_ecs.saved() == ("prod", first)


def test_another_cluster(agent: StandIn) -> None:
    """With the saved state of another cluster it ends with 5, before it asks ECS, and says why."""
    agent.start("prod", *DATA)
    agent.registered()
    agent.stop()
    agent.docker.ecs_answers(Answer.REFUSED)
    agent.start("other", *DATA)
    assert agent.exits() == 5
    assert MISMATCH in agent.docker.logs().splitlines()[-1]


@pytest.mark.parametrize("options", [(), ("--env=ECS_DATADIR=",), (*DATA, "--env=ECS_CHECKPOINT=false")])
def test_no_state(agent: StandIn, options: tuple[str, ...]) -> None:
    """Without a saved state each start registers anew, and another cluster is taken."""
    agent.start("prod", *options)
    first = agent.registered()
    agent.stop()
    assert stand_in_ecs.saved() is None
    agent.start("other", *options)
    assert agent.registered() != first
    assert agent.docker.introspect("/v1/metadata")["Cluster"] == "other"


def test_checkpoint_without_a_place(agent: StandIn) -> None:
    """ECS_CHECKPOINT alone saves the state as well, in /data."""
    agent.start("prod", "--env=ECS_CHECKPOINT=true")
    assert stand_in_ecs.Saved("prod", agent.registered()) == stand_in_ecs.saved()


def test_state_of_a_denied_agent(agent: StandIn) -> None:
    """An agent that has not registered saves nothing, and one that has keeps what it saved."""
    agent.docker.ecs_answers(Answer.DENIED)
    agent.start("prod", *DATA)
    agent.exits()
    assert stand_in_ecs.saved() is None
    agent.docker.call("rm", AGENT)
    agent.docker.save_state("prod")
    agent.start("prod", *DATA)
    assert agent.exits() == 1
    assert "Error re-registering container instance" in agent.docker.logs()
    assert stand_in_ecs.saved() is not None


def test_default_cluster(agent: StandIn) -> None:
    """Told no cluster it asks for `default`."""
    agent.start("")
    agent.registered()
    assert agent.docker.introspect("/v1/metadata")["Cluster"] == "default"


def test_nothing_is_left(agent: StandIn) -> None:
    """Neither answer nor state reaches the next test."""
    agent.start("prod", *DATA)
    agent.registered()
    agent.docker.ecs_answers(Answer.DENIED)
    agent.docker.clean()
    assert stand_in_ecs.saved() is None
    agent.start("other", *DATA)
    assert agent.registered()
