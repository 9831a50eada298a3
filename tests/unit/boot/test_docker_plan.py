"""Which docker commands lead from what docker shows to the wanted agent: the commands themselves, case by case."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest
from ecsauth.boot import docker_plan
from ecsauth.boot.docker_plan import Container, WantedContainer

if TYPE_CHECKING:
    from ecsauth.boot.plan import Command, Plan

WANTED = WantedContainer(docker_plan.IMAGE, "/etc/ecs/ecs.config", "v2", frozenset({"ECS_CLUSTER"}))
STARTED, POLICY_NAME, FINGERPRINT = "2026-01-01T00:00:00Z", "on-failure:10", docker_plan.fingerprint(WANTED)
RIGHT = Container("c-right", True, 0, 0, STARTED, POLICY_NAME, "v2", FINGERPRINT, WANTED.kept)
WRONG = RIGHT._replace(container_id="c-wrong", version="v1")
FOREIGN = WRONG._replace(container_id="c-foreign", version="", plan="", restart_policy="always")
PARKED = WRONG._replace(container_id="c-parked", running=False, restart_policy="no")

RUN = "run"
RM, RM_PARKED = "rm --force ecs-agent", "rm --force ecs-agent-previous"
HOLD, HOLD_PARKED = "update --restart=no ecs-agent", "update --restart=no ecs-agent-previous"
STOP, STOP_PARKED = "stop -t 20 ecs-agent", "stop -t 20 ecs-agent-previous"
START = "start ecs-agent"
PARK, UNPARK = "rename ecs-agent ecs-agent-previous", "rename ecs-agent-previous ecs-agent"
POLICY = "update --restart=on-failure:10 ecs-agent"
BACK = [RM, UNPARK, STOP, START, POLICY]

# As the issue gives it, from the ECS developer guide ("Installing the Amazon ECS container agent").
DOCUMENTED = """
docker run --name ecs-agent --detach=true --restart=on-failure:10 --volume=/var/run/docker.sock:/var/run/docker.sock
--volume=/var/log/ecs:/log --volume=/var/lib/ecs/data:/data --net=host --env-file=/etc/ecs/ecs.config
--env=ECS_LOGFILE=/log/ecs-agent.log --env=ECS_DATADIR=/data/ --env=ECS_ENABLE_TASK_IAM_ROLE=true
--env=ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST=true amazon/amazon-ecs-agent:latest
"""


def _short(command: Command) -> str:
    """Return the command as it is typed, `run` without its arguments."""
    assert command[0] == "docker"
    return RUN if command[1] == "run" else " ".join(command[1:])


def _plan(
    agent: Container | None,
    parked: Container | None = None,
    *,
    has_image: bool = True,
    force: bool = False,
    unverified: bool = False,
) -> Plan:
    return docker_plan.plan(WANTED, agent, parked, has_image=has_image, force=force, unverified=unverified)


def _steps(plan: Plan) -> list[str]:
    return [_short(step.command) for step in plan.steps]


def _undo(plan: Plan) -> list[str]:
    """Return what takes the plan back once all its steps were run."""
    undo = [command for step in reversed(plan.steps) for command in step.undo]
    return [_short(command) for command in (*undo, *plan.back)]


@pytest.mark.parametrize(
    ("agent", "parked", "force", "steps", "undo"),
    [
        pytest.param(None, None, False, [RUN], [RM], id="absent"),
        pytest.param(None, None, True, [RUN], [RM], id="absent, forced"),
        pytest.param(RIGHT, None, False, [], [], id="right"),
        pytest.param(RIGHT._replace(running=False), None, False, [START], [], id="right, stopped"),
        pytest.param(RIGHT._replace(restart_policy="no"), None, False, [POLICY], [], id="right, of a killed run"),
        pytest.param(RIGHT, None, True, [HOLD, STOP, PARK, RUN], [RM, UNPARK, STOP, START, POLICY], id="right, forced"),
        pytest.param(WRONG, None, False, [HOLD, STOP, PARK, RUN], [RM, UNPARK, STOP, START, POLICY], id="wrong"),
        pytest.param(
            FOREIGN,
            None,
            False,
            [HOLD, STOP, PARK, RUN],
            [RM, UNPARK, STOP, START, "update --restart=always ecs-agent"],
            id="somebody else's",
        ),
        pytest.param(
            FOREIGN._replace(restart_policy="no"),
            None,
            False,
            [HOLD, STOP, PARK, RUN],
            [RM, UNPARK, STOP, START, HOLD],
            id="somebody else's, which docker does not restart",
        ),
        pytest.param(
            WRONG._replace(running=False),
            None,
            False,
            [HOLD, PARK, RUN],
            [RM, UNPARK, POLICY, STOP, START],
            id="wrong, stopped",
        ),
        pytest.param(
            WRONG._replace(running=False, restart_policy="no"),
            None,
            False,
            [HOLD, PARK, RUN],
            [RM, UNPARK, HOLD, STOP, START, POLICY],
            id="wrong, stopped by a killed run",
        ),
        pytest.param(None, PARKED, False, [HOLD_PARKED, RUN], [RM, *BACK], id="parked only"),
        pytest.param(None, PARKED, True, [HOLD_PARKED, RUN], [RM, *BACK], id="parked only, forced"),
        pytest.param(
            None,
            PARKED._replace(running=True),
            False,
            [HOLD_PARKED, STOP_PARKED, RUN],
            [RM, *BACK],
            id="parked only, and running",
        ),
        pytest.param(
            None,
            PARKED._replace(restart_policy="always"),
            False,
            [HOLD_PARKED, RUN],
            [RM, RM, UNPARK, STOP, START, "update --restart=always ecs-agent"],
            id="parked only, with a restart policy",
        ),
        pytest.param(RIGHT, PARKED, False, [], BACK, id="right and parked"),
        pytest.param(RIGHT._replace(running=False), PARKED, False, [START], BACK, id="right, stopped, and parked"),
        pytest.param(
            RIGHT._replace(running=False),
            PARKED,
            True,
            [RM, HOLD_PARKED, RUN],
            [RM, *BACK],
            id="right, stopped, and parked, forced",
        ),
        pytest.param(
            WRONG._replace(running=False), PARKED, False, [RM, HOLD_PARKED, RUN], [RM, *BACK], id="stopped and parked"
        ),
        pytest.param(
            WRONG,
            PARKED,
            False,
            [RM_PARKED, HOLD, STOP, PARK, RUN],
            [RM, UNPARK, STOP, START, POLICY],
            id="wrong and parked",
        ),
        pytest.param(
            RIGHT,
            PARKED,
            True,
            [RM_PARKED, HOLD, STOP, PARK, RUN],
            [RM, UNPARK, STOP, START, POLICY],
            id="right and parked, forced",
        ),
    ],
)
def test_plan(
    agent: Container | None, parked: Container | None, force: bool, steps: list[str], undo: list[str]
) -> None:
    """The commands in order, and those that take them back."""
    plan = _plan(agent, parked, force=force)
    assert _steps(plan) == steps
    assert _undo(plan) == undo
    assert plan.prepare == ()


@pytest.mark.parametrize(
    ("agent", "parked", "force", "steps", "undo"),
    [
        pytest.param(WRONG, None, False, [RM, RUN], [RM], id="wrong"),
        pytest.param(WRONG, PARKED, False, [RM, HOLD_PARKED, RUN], [RM, *BACK], id="wrong and parked"),
        pytest.param(RIGHT, PARKED, False, [], BACK, id="right and parked"),
        pytest.param(RIGHT, None, True, [RM, RUN], [RM], id="right, forced"),
        pytest.param(RIGHT, PARKED, True, [RM, HOLD_PARKED, RUN], [RM, *BACK], id="right and parked, forced"),
    ],
)
def test_an_agent_on_trial_is_never_gone_back_to(
    agent: Container, parked: Container | None, force: bool, steps: list[str], undo: list[str]
) -> None:
    """An agent that an unfinished run started gives way to the next one, and a failure goes back to the one before."""
    plan = _plan(agent, parked, force=force, unverified=True)
    assert _steps(plan) == steps
    assert _undo(plan) == undo
    assert plan.previous is (parked is not None)
    assert plan.stops == (agent.container_id if RM in steps else None)


@pytest.mark.parametrize(
    ("agent", "parked", "pulls"),
    [(None, None, True), (WRONG, None, True), (None, PARKED, True), (RIGHT, None, False), (RIGHT, PARKED, False)],
)
def test_absent_image_is_pulled_first(agent: Container | None, parked: Container | None, pulls: bool) -> None:
    """The image is pulled before anything that runs is touched, and only for a container that has to be made."""
    plan = _plan(agent, parked, has_image=False)
    assert [_short(step.command) for step in plan.prepare] == ([f"pull --quiet {docker_plan.IMAGE}"] if pulls else [])
    assert not any("pull" in step for step in _steps(plan))


@pytest.mark.parametrize(
    ("agent", "parked", "previous", "finish"),
    [
        (None, None, False, []),
        (RIGHT, None, False, []),
        (RIGHT, PARKED, True, [RM_PARKED]),
        (WRONG, None, True, [RM_PARKED]),
        (WRONG._replace(running=False), None, True, [RM_PARKED]),
        (None, PARKED, True, [RM_PARKED]),
        (WRONG, PARKED, True, [RM_PARKED]),
    ],
)
def test_the_previous_agent_goes_last(
    agent: Container | None, parked: Container | None, previous: bool, finish: list[str]
) -> None:
    """There is an agent to go back to until the new one is verified, and it is removed only then."""
    plan = _plan(agent, parked)
    assert plan.previous is previous
    assert [_short(step.command) for step in plan.finish] == finish


@pytest.mark.parametrize(
    ("agent", "parked", "force", "stops"),
    [
        (None, None, False, None),
        (RIGHT, None, False, None),
        (RIGHT, PARKED, False, None),
        (RIGHT, None, True, RIGHT),
        (WRONG, None, False, WRONG),
        (WRONG, PARKED, False, WRONG),
        (WRONG._replace(running=False), None, False, None),
        (None, PARKED, False, None),
        (None, PARKED._replace(running=True), False, PARKED._replace(running=True)),
    ],
)
def test_tells_which_agent_it_stops(
    agent: Container | None, parked: Container | None, force: bool, stops: Container | None
) -> None:
    """The caller can look at the agent that would be stopped before it is."""
    assert _plan(agent, parked, force=force).stops == (stops and stops.container_id)


def test_every_step_says_why_and_is_bounded() -> None:
    """`--dry-run` prints the reasons, and no command may hang for ever."""
    plan = _plan(WRONG, PARKED, has_image=False)
    steps = (*plan.prepare, *plan.steps, *plan.finish)
    assert all(step.why and 0 < step.seconds <= 600 for step in steps)
    (stop,) = [step for step in steps if step.command[1] == "stop"]
    assert stop.seconds > 20, "the grace that docker gives the agent fits into the step"


def test_run_is_the_documented_command() -> None:
    """Labels apart, what is run is what AWS documents, argument by argument and in the same order."""
    command = docker_plan.run_command(WANTED)
    assert [word for word in command if not word.startswith("--label=")] == shlex.split(DOCUMENTED)


def test_labels_name_version_and_plan() -> None:
    """Two labels let a later run tell whether the container is still the wanted one."""
    labels = [word for word in docker_plan.run_command(WANTED) if word.startswith("--label=")]
    assert labels == [
        "--label=ecsauth.version=v2",
        f"--label=ecsauth.plan={docker_plan.fingerprint(WANTED)}",
    ]


@pytest.mark.parametrize(
    "name", ["ECS_LOGFILE", "ECS_DATADIR", "ECS_ENABLE_TASK_IAM_ROLE", "ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST"]
)
def test_the_file_wins_over_the_flags(name: str) -> None:
    """Docker lets `--env` override `--env-file`, so a variable that the file sets gets no `--env`."""
    plain = docker_plan.run_command(WANTED)
    less = docker_plan.run_command(WANTED._replace(names=WANTED.names | {name}))
    dropped = [word for word in plain if word.startswith(f"--env={name}=")]
    assert len(dropped) == 1
    assert [word for word in less if not word.startswith("--label=")] == [
        word for word in plain if not word.startswith("--label=") and word not in dropped
    ]


def test_a_similar_name_does_not_win() -> None:
    """Names count whole and in their own case."""
    wanted = WANTED._replace(names=frozenset({"ecs_datadir", "ECS_DATADIR2", "MY_ECS_DATADIR"}))
    assert "--env=ECS_DATADIR=/data/" in docker_plan.run_command(wanted)


def test_odd_paths_stay_one_argument() -> None:
    """No shell is involved: a path with spaces is one argument."""
    command = docker_plan.run_command(WANTED._replace(env_file="/etc/e c/$(x);ecs.config"))
    assert "--env-file=/etc/e c/$(x);ecs.config" in command


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"version": "v3"}, True),
        ({"names": frozenset({"ECS_CLUSTER", "HTTP_PROXY"})}, True),
        ({"names": frozenset({"ECS_DATADIR"})}, False),
        ({"image": "amazon/amazon-ecs-agent:v1.90.0"}, False),
        ({"env_file": "/etc/ecs/other.config"}, False),
        ({"env_file": "/etc/ecs/\udcff.config"}, False),
        ({"settings": ("ECS_CLUSTER=prod",)}, False),
    ],
)
def test_fingerprint(change: dict[str, object], same: bool) -> None:
    """The fingerprint covers all that makes the container except the version, which has a label of its own."""
    changed = WANTED._replace(**change)  # type: ignore[arg-type] # a table of fields of all types
    assert (docker_plan.fingerprint(changed) == docker_plan.fingerprint(WANTED)) is same


@pytest.mark.parametrize(
    ("container", "answer"),
    [
        (RIGHT, True),
        (RIGHT._replace(running=False), True),
        (WRONG, False),
        (RIGHT._replace(plan="other"), False),
        (FOREIGN, False),
        (None, False),
    ],
)
def test_is_right(container: Container | None, answer: bool) -> None:
    """A container is right by its labels, whether it runs or not; one without labels never is."""
    assert docker_plan.is_right(container, WANTED) is answer
