"""The stand-in agent is what it says in each variant, and the tests leave nothing behind and touch nothing else."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import TYPE_CHECKING

import docker_engine
import needs
import pytest
import stand_in_image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from canary import Recorder
    from docker_engine import DockerEngine

DATA = '{"registry.example.com":{"username":"u","password":"p w"}}'


def start(docker: DockerEngine, tag: str, *options: str) -> None:
    """Start an agent as the program under test does, with what the real one is given."""
    mount = "--volume=/var/run/docker.sock:/var/run/docker.sock"
    variables = ("--env=ECS_CLUSTER=demo", "--env=ECS_ENGINE_AUTH_TYPE=docker", f"--env=ECS_ENGINE_AUTH_DATA={DATA}")
    docker.call("run", "--name", "ecs-agent", "--detach", "--net=host", mount, *variables, *options, tag)


def wait_for_metadata(docker: DockerEngine) -> None:
    """Wait until the agent answers."""
    docker.wait_until(lambda: docker.introspect("/v1/metadata"), "the agent answers")


@pytest.fixture(params=["busybox", "python"])
def healthy(docker: DockerEngine, request: pytest.FixtureRequest) -> Iterator[str]:
    """Build the healthy variant, both ways that it can be made of."""
    if request.param == "python":
        yield stand_in_image.build("healthy", stand_in_image.python_root())
    else:
        busybox = stand_in_image.static_busybox()
        needs.need(None if busybox else "there is no static busybox with httpd")
        assert busybox is not None
        yield stand_in_image.build("healthy", stand_in_image.busybox_root(busybox))
    docker.clean()


def test_healthy(docker: DockerEngine, healthy: str) -> None:
    """It registers with its cluster, has no tasks, and proves by hash what it was given."""
    start(docker, healthy)
    wait_for_metadata(docker)
    metadata = docker.introspect("/v1/metadata")
    assert metadata["Cluster"] == "demo"
    assert metadata["ContainerInstanceArn"].startswith("arn:aws:ecs:")
    assert metadata["Version"] == "Amazon ECS Agent - v1.105.1 (stand-in)"
    assert docker.introspect("/v1/tasks") == {"Tasks": []}
    assert docker.introspect("/proof") == {
        "ECS_ENGINE_AUTH_TYPE": hashlib.sha256(b"docker").hexdigest(),
        "ECS_ENGINE_AUTH_DATA": hashlib.sha256(DATA.encode()).hexdigest(),
    }
    assert "p w" not in docker.logs()


def test_environment_of_the_process(docker: DockerEngine, healthy: str) -> None:
    """What the process in the container got is read from the process, byte for byte."""
    start(docker, healthy)
    wait_for_metadata(docker)
    environment = docker.environment()
    assert environment["ECS_ENGINE_AUTH_DATA"] == DATA
    assert {name for name in environment if name.startswith("ECS_")} == {
        "ECS_CLUSTER",
        "ECS_ENGINE_AUTH_TYPE",
        "ECS_ENGINE_AUTH_DATA",
    }


def test_stops_at_once(docker: DockerEngine, healthy: str) -> None:
    """It ends when asked to, so that no test waits ten seconds for docker's patience."""
    start(docker, healthy)
    wait_for_metadata(docker)
    docker.call("stop", "--time", "60", "ecs-agent")
    container = docker.inspect()
    assert container is not None
    assert container["State"]["ExitCode"] == 0
    assert docker.introspect("/v1/metadata") is None


@pytest.mark.parametrize(("variant", "status"), [("crashing", 1), ("exits-5", 5), ("crashing-late", 1)])
def test_ends_by_itself(docker: DockerEngine, variant: str, status: int) -> None:
    """The crashing ones end with their status and never answer."""
    start(docker, docker.image(variant))
    docker.wait_until(lambda: docker.state() == "exited", "it has ended")
    container = docker.inspect()
    assert container is not None
    assert container["State"]["ExitCode"] == status


def test_never_registered(docker: DockerEngine) -> None:
    """It answers, but names no container instance."""
    start(docker, docker.image("never-registered"))
    wait_for_metadata(docker)
    metadata = docker.introspect("/v1/metadata")
    assert (metadata["Cluster"], metadata["ContainerInstanceArn"]) == ("demo", None)


def test_other_cluster(docker: DockerEngine) -> None:
    """It has registered somewhere else than its environment says."""
    start(docker, docker.image("other-cluster"))
    wait_for_metadata(docker)
    assert docker.introspect("/v1/metadata")["Cluster"] == "somebody-elses"


def test_with_tasks(docker: DockerEngine) -> None:
    """It has a task that is running."""
    start(docker, docker.image("with-tasks"))
    wait_for_metadata(docker)
    assert [task["KnownStatus"] for task in docker.introspect("/v1/tasks")["Tasks"]] == ["RUNNING"]


@pytest.mark.parametrize("variant", ["never-listening", "slow"])
def test_not_there_yet(docker: DockerEngine, variant: str) -> None:
    """It runs, and nothing answers: for good, or for some seconds."""
    start(docker, docker.image(variant))
    docker.wait_until(lambda: "proof" in docker.logs(), "it has started")
    assert docker.state() == "running"
    assert docker.introspect("/v1/metadata") is None


def test_clean_removes_parked_agents(docker: DockerEngine) -> None:
    """Every container of the tests goes, whatever it was renamed to."""
    start(docker, docker.image())
    docker.call("rename", "ecs-agent", "ecs-agent-previous")
    assert docker.agents() == ["ecs-agent-previous"]
    docker.clean()
    assert docker.agents() == []


def test_clean_leaves_a_real_agent_alone(docker: DockerEngine) -> None:
    """A container that is not made of a stand-in image stops the tests instead of being removed."""
    archive = stand_in_image.Root({"/agent": b""}, {}, ("/agent",)).archive()
    tag = "ecsauth-no-stand-in:test"
    subprocess.run(["docker", "import", "-", tag], input=archive, capture_output=True, timeout=60, check=True)
    docker.call("create", "--name", "ecs-agent-real", tag, "/agent")
    try:
        with pytest.raises(AssertionError, match="ecs-agent-real on this machine is no stand-in"):
            docker.clean()
        assert docker.agents() == ["ecs-agent-real"]
    finally:
        docker.call("rm", "ecs-agent-real")
        docker.call("rmi", tag)


def test_image_is_built_once(docker: DockerEngine) -> None:
    """An image that is there already is not made again."""
    tag = docker.image()
    first = docker.call("image", "inspect", "--format", "{{.Id}}", tag)
    assert docker.call("image", "inspect", "--format", "{{.Id}}", docker.image()) == first


def test_image_program(docker: DockerEngine) -> None:
    """As a program, for the demo, it prints the tag of the image."""
    done = subprocess.run(
        [sys.executable, stand_in_image.__file__], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout == f"{docker.image()}\n"


def test_recorder(docker: DockerEngine, docker_calls: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrapper on PATH notes arguments and environment of each call of docker, and docker still does it."""
    monkeypatch.setenv("PATH", docker_calls.path("/usr/bin:/bin"))
    monkeypatch.setenv("SEEN", "by docker")
    subprocess.run(["docker", "version", "--format", "a b"], capture_output=True, timeout=60, check=True)
    assert docker.agents() == []
    calls = docker_calls.calls()
    assert [call.argv[0] for call in calls] == ["version", "ps"]
    assert calls[0].argv == ("version", "--format", "a b")
    assert b"SEEN=by docker\0" in calls[0].environ


@pytest.mark.parametrize(("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_what_is_missing_skips_and_fails_in_ci(
    monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    """A machine without an engine skips the tests with the reason; in CI they fail with it."""
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    lack = docker_engine.lack()
    with pytest.raises(outcome, match="docker"):
        needs.need(lack)


def test_missing_program() -> None:
    """A program that is not installed is named."""
    assert needs.lack_of("no-such-program") == "no-such-program is not installed"
