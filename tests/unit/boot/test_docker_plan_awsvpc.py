"""The agent's container with the network mode awsvpc, as documented; the usual one stays what it was."""

from __future__ import annotations

import shlex

import pytest
from ecsauth.boot import docker_plan
from ecsauth.boot.docker_plan import WantedContainer

USUAL = WantedContainer(docker_plan.IMAGE, "/etc/ecs/ecs.config", "v2", frozenset({"ECS_CLUSTER"}))
WANTED = USUAL._replace(awsvpc=True)

# README.md of aws/amazon-ecs-agent, "On Other Linux AMIs when awsvpc networking mode is enabled".
DOCUMENTED = r"""
docker run --name ecs-agent \
--init \
--restart=on-failure:10 \
--volume=/var/run:/var/run \
--volume=/var/log/ecs/:/log:Z \
--volume=/var/lib/ecs/data:/data:Z \
--volume=/etc/ecs:/etc/ecs \
--volume=/sbin:/host/sbin \
--volume=/lib:/lib \
--volume=/lib64:/lib64 \
--volume=/usr/lib:/usr/lib \
--volume=/usr/lib64:/usr/lib64 \
--volume=/proc:/host/proc \
--volume=/sys/fs/cgroup:/sys/fs/cgroup \
--net=host \
--env-file=/etc/ecs/ecs.config \
--cap-add=sys_admin \
--cap-add=net_admin \
--env ECS_ENABLE_TASK_ENI=true \
--env ECS_UPDATES_ENABLED=true \
--env ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION=1h \
--env ECS_DATADIR=/data \
--env ECS_ENABLE_TASK_IAM_ROLE=true \
--env ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST=true \
--env ECS_LOGFILE=/log/ecs-agent.log \
--env ECS_AVAILABLE_LOGGING_DRIVERS='["json-file","awslogs","syslog","none"]' \
--env ECS_LOGLEVEL=info \
--detach \
amazon/amazon-ecs-agent:latest
"""


def _words(wanted: WantedContainer) -> list[str]:
    return [word for word in docker_plan.run_command(wanted) if not word.startswith("--label=")]


def test_runs_what_is_documented() -> None:
    """Flags and variables are those of the agent's README, in any order; the image comes last."""
    documented = shlex.split(DOCUMENTED.replace("\\\n", " ").replace("--env ", "--env="))
    words = _words(WANTED)
    assert sorted(words) == sorted(documented)
    assert (words[:4], words[-1]) == (documented[:4], documented[-1])


@pytest.mark.parametrize(
    "name", ["ECS_ENABLE_TASK_ENI", "ECS_DATADIR", "ECS_LOGLEVEL", "ECS_AVAILABLE_LOGGING_DRIVERS"]
)
def test_the_env_file_wins(name: str) -> None:
    """What the env-file sets is not set by a flag, which docker would let win."""
    words = _words(WANTED._replace(names=frozenset({name})))
    assert not [word for word in words if word.startswith(f"--env={name}=")]
    assert len(words) == len(_words(WANTED)) - 1


def test_directories_that_the_machine_lacks_are_left_out() -> None:
    """On the host, docker would make them as empty ones."""
    left = set(_words(WANTED)) - set(_words(WANTED._replace(absent=frozenset({"/lib64", "/usr/lib64"}))))
    assert left == {"--volume=/lib64:/lib64", "--volume=/usr/lib64:/usr/lib64"}


def test_absent_directories() -> None:
    """Those that this machine does not have are found by looking."""
    assert docker_plan.absent_directories({"/sbin", "/lib", "/usr/lib"}.__contains__) == {"/lib64", "/usr/lib64"}


def test_only_library_directories_are_left_out() -> None:
    """The agent's own directories are made where they are absent, as the README does."""
    assert _words(WANTED._replace(absent=frozenset({"/var/log/ecs", "/etc/ecs"}))) == _words(WANTED)


@pytest.mark.parametrize(
    ("wanted", "fingerprint"),
    [
        pytest.param(USUAL, "d1fae414c8342f66", id="usual"),
        pytest.param(
            WantedContainer("r.io/a:1", "/x/e", "v", frozenset({"ECS_DATADIR"}), ("A=b",)),
            "ced0ce2e06d4ed9e",
            id="other",
        ),
        pytest.param(USUAL._replace(absent=frozenset({"/lib64"})), "d1fae414c8342f66", id="without /lib64"),
    ],
)
def test_agents_of_earlier_releases_stay_right(wanted: WantedContainer, fingerprint: str) -> None:
    """The usual plan has the fingerprint that earlier releases gave it: their agents are not restarted for nothing."""
    assert docker_plan.fingerprint(wanted) == fingerprint


def test_the_variant_is_another_plan() -> None:
    """An agent without task interfaces is replaced when they are asked for, and the other way round."""
    prints = {
        docker_plan.fingerprint(one)
        for one in (USUAL, WANTED, WANTED._replace(absent=frozenset({"/lib64"})), WANTED._replace(names=frozenset()))
    }
    assert len(prints) == 3
