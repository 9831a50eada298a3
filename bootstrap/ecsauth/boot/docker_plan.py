"""The agent's container: its flags, and the docker commands that lead from the present state to the wanted one.

Commands are data. Each step has its undo commands, so that a failed launch is rolled back step by step.
`--dry-run` prints the same steps that a run executes.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Callable, NamedTuple, Optional

from ecsauth.boot import agent_state
from ecsauth.boot.agent_state import Kept, Mount
from ecsauth.boot.plan import QUICK, Command, Plan, Step
from ecsauth.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "ecs-agent"
PREVIOUS_NAME = "ecs-agent-previous"
IMAGE = "amazon/amazon-ecs-agent:latest"
VERSION_LABEL = "ecsauth.version"
PLAN_LABEL = "ecsauth.plan"

_RESTART = "on-failure:10"
# The flags that AWS documents for starting the agent by hand ("Installing the Amazon ECS container agent").
_FLAGS = (
    "--detach=true",
    f"--restart={_RESTART}",
    "--volume=/var/run/docker.sock:/var/run/docker.sock",
    "--volume=/var/log/ecs:/log",
    "--volume=/var/lib/ecs/data:/data",
    "--net=host",
)
_ENVIRONMENT = (
    ("ECS_LOGFILE", "/log/ecs-agent.log"),
    ("ECS_DATADIR", "/data/"),
    ("ECS_ENABLE_TASK_IAM_ROLE", "true"),
    ("ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST", "true"),
)
# The same with the network mode awsvpc: README.md of aws/amazon-ecs-agent, "On Other Linux AMIs when awsvpc networking
# mode is enabled", in its order. The agent runs the CNI plugins and dhclient of the host, by the host's libraries.
_AWSVPC_FLAGS = (
    "--init",
    f"--restart={_RESTART}",
    "--volume=/var/run:/var/run",
    "--volume=/var/log/ecs/:/log:Z",
    "--volume=/var/lib/ecs/data:/data:Z",
    "--volume=/etc/ecs:/etc/ecs",
    "--volume=/sbin:/host/sbin",
    "--volume=/lib:/lib",
    "--volume=/lib64:/lib64",
    "--volume=/usr/lib:/usr/lib",
    "--volume=/usr/lib64:/usr/lib64",
    "--volume=/proc:/host/proc",
    "--volume=/sys/fs/cgroup:/sys/fs/cgroup",
    "--net=host",
    "--cap-add=sys_admin",
    "--cap-add=net_admin",
    "--detach",
)
_AWSVPC_ENVIRONMENT = (
    ("ECS_ENABLE_TASK_ENI", "true"),
    ("ECS_UPDATES_ENABLED", "true"),
    ("ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION", "1h"),
    ("ECS_DATADIR", "/data"),
    ("ECS_ENABLE_TASK_IAM_ROLE", "true"),
    ("ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST", "true"),
    ("ECS_LOGFILE", "/log/ecs-agent.log"),
    ("ECS_AVAILABLE_LOGGING_DRIVERS", '["json-file","awslogs","syslog","none"]'),
    ("ECS_LOGLEVEL", "info"),
)
# Not every machine has these: arm64 has no /lib64. docker would create the missing directory, empty, on the host.
LIBRARY_DIRECTORIES = ("/sbin", "/lib", "/lib64", "/usr/lib", "/usr/lib64")
_STOP_GRACE = 20
_START = 60.0
_PULL = 600.0


class WantedContainer(NamedTuple):
    """The container that should run.

    `version` names the S3 object of the env-file. `names` are the variables that the env-file sets. `settings` are the
    `--set` assignments in it. `awsvpc` selects the variant that gives each task its own network interface; it mounts
    LIBRARY_DIRECTORIES, except those in `absent`, which this machine does not have. `kept` is where the agent saves its
    state. `same_as` is another version ID with the same bytes, with which the agent may have been started.
    """

    image: str
    env_file: str
    version: str
    names: frozenset[str]
    settings: tuple[str, ...] = ()
    awsvpc: bool = False
    absent: frozenset[str] = frozenset()
    kept: Kept = Kept(agent_state.PLACE)
    same_as: Optional[str] = None


class Container(NamedTuple):
    """A container as docker describes it, without its environment, because that contains the credentials.

    `started_at` is docker's own timestamp. `kept` is where the agent saves its state. `auto_remove` tells whether
    docker deletes the container when it stops (`docker run --rm`). `restarting` means that it has exited and waits for
    docker to restart it; docker reports such a container as running, too.
    """

    container_id: str
    running: bool
    exit_code: int
    restart_count: int
    started_at: str
    restart_policy: str
    version: str
    plan: str
    kept: Kept
    auto_remove: bool = False
    restarting: bool = False


def image(text: str) -> str:
    """Return `text` if docker reads it as an image name and not as a flag; else raise UsageError."""
    if not text or text.startswith("-") or not text.isprintable() or " " in text:
        raise UsageError("--image must be the name of an image, such as registry.example.com/agent:1 or agent@sha256:…")
    return text


def run_command(wanted: WantedContainer) -> Command:
    """Return the documented `docker run`, without each `--env` whose variable the env-file sets.

    In docker `--env` overrides `--env-file`, but the operator's file must take precedence.
    """
    labels = (f"--label={VERSION_LABEL}={wanted.version}", f"--label={PLAN_LABEL}={fingerprint(wanted)}")
    return ("docker", "run", "--name", NAME, *labels, *_run_flags(wanted), wanted.image)


def fingerprint(wanted: WantedContainer) -> str:
    """Return a short digest of everything that defines the container, except the version of the S3 object."""
    parts = (*_run_flags(wanted), wanted.image, *wanted.settings)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def kept(environment: Mapping[str, str], *, awsvpc: bool) -> Kept:
    """Return where an agent saves its state if its env-file has this environment."""
    flags, variables = (_AWSVPC_FLAGS, _AWSVPC_ENVIRONMENT) if awsvpc else (_FLAGS, _ENVIRONMENT)
    volumes = (flag.partition("=")[2].split(":") for flag in flags if flag.startswith("--volume="))
    return agent_state.kept({**dict(variables), **environment}, [Mount(*volume[:2]) for volume in volumes])


def is_documented(name: str, value: str) -> bool:
    """Tell whether the documented `docker run` gives the agent this variable with this value."""
    return (name, value) in (*_ENVIRONMENT, *_AWSVPC_ENVIRONMENT)


def is_right(container: Optional[Container], wanted: WantedContainer) -> bool:
    """Tell whether the container was created from the wanted version with the wanted flags."""
    if container is None or container.plan != fingerprint(wanted):
        return False
    return container.version in (wanted.version, wanted.same_as)


def start_again(agent: Container) -> Plan:
    """Return the steps that start a stopped agent, whatever its flags; no steps if it runs."""
    return Plan(steps=_repair(agent))


def plan(
    wanted: WantedContainer,
    agent: Optional[Container],
    set_aside: Optional[Container],
    *,
    has_image: bool,
    force: bool = False,
    unverified: bool = False,
) -> Plan:
    """Return the steps from what docker shows to the wanted container; no steps if that one runs already.

    `set_aside` is a previous agent that an earlier run renamed and did not remove: that run was killed, or it ended
    before its new agent had registered. `unverified` tells that `agent` is that new one: a rollback never restores it.
    """
    finish = (Step("remove the previous agent", ("docker", "rm", "--force", PREVIOUS_NAME)),)
    if agent is not None and is_right(agent, wanted) and not force:
        if set_aside is None:
            return Plan(steps=_repair(agent))
        return Plan(steps=_repair(agent), back=_restore_set_aside(set_aside), finish=finish, previous=True)
    prepare = () if has_image else (Step("pull the image", ("docker", "pull", "--quiet", wanted.image), _PULL),)
    run = Step("start the agent", run_command(wanted), _START, undo=(_REMOVE,))
    if agent is None and set_aside is None:
        return Plan(prepare, (run,))
    if agent is None or unverified or agent.auto_remove or (set_aside is not None and not agent.running):
        return _plan_with_set_aside(prepare, run, agent, set_aside, finish)
    forget = (Step("remove the previous agent of an earlier run", _REMOVE_SET_ASIDE),) if set_aside is not None else ()
    stops = agent.container_id if agent.running else None
    return Plan(prepare, (*forget, *_set_aside(agent), run), _restore_agent(agent), finish, previous=True, stops=stops)


_REMOVE: Command = ("docker", "rm", "--force", NAME)
_REMOVE_SET_ASIDE: Command = ("docker", "rm", "--force", PREVIOUS_NAME)


def _run_flags(wanted: WantedContainer) -> Command:
    flags, variables = (_awsvpc_flags(wanted), _AWSVPC_ENVIRONMENT) if wanted.awsvpc else (_FLAGS, _ENVIRONMENT)
    environment = tuple(f"--env={name}={value}" for name, value in variables if name not in wanted.names)
    return (*flags, f"--env-file={wanted.env_file}", *environment)


def absent_directories(is_directory: Callable[[str], bool]) -> frozenset[str]:
    """Return those of LIBRARY_DIRECTORIES that this machine does not have."""
    return frozenset(path for path in LIBRARY_DIRECTORIES if not is_directory(path))


def _awsvpc_flags(wanted: WantedContainer) -> Command:
    left_out = tuple(f"--volume={directory}:" for directory in LIBRARY_DIRECTORIES if directory in wanted.absent)
    return tuple(flag for flag in _AWSVPC_FLAGS if not flag.startswith(left_out))


def _repair(agent: Container) -> tuple[Step, ...]:
    """Return the steps that an agent with the right version and flags still needs."""
    policy = (Step("allow docker to restart the agent", _restart_policy(_RESTART)),) if _was_interrupted(agent) else ()
    # docker restarts it ten times, with a growing delay. Our own start is immediate and resets docker's count.
    stop = (Step("stop the agent, which is in a crash loop", _stop(NAME), QUICK + _STOP_GRACE),)
    start = () if agent.running and not agent.restarting else (Step("start the agent", ("docker", "start", NAME)),)
    # The policy last: if a rollback is killed before, the missing policy tells the next run to start the agent.
    return (*(stop if agent.restarting else ()), *start, *policy)


def _set_aside(agent: Container) -> tuple[Step, ...]:
    """Stop the agent and rename it, so that a rollback can restore it unchanged.

    Its restart policy is removed first, because docker would restart it when the machine boots.
    """
    policy = _restart_policy(agent.restart_policy)
    stop = Step("stop the running agent", _stop(NAME), QUICK + _STOP_GRACE, undo=_STOP_AND_START)
    return (
        Step("prevent docker from restarting it", _no_restart(NAME), undo=(policy,)),
        *((stop,) if agent.running else ()),
        Step(
            "rename it, for a rollback",
            ("docker", "rename", NAME, PREVIOUS_NAME),
            undo=(("docker", "rename", PREVIOUS_NAME, NAME),),
        ),
    )


def _plan_with_set_aside(
    prepare: tuple[Step, ...],
    run: Step,
    agent: Optional[Container],
    set_aside: Optional[Container],
    finish: tuple[Step, ...],
) -> Plan:
    """Plan the removal of `agent`, if any. A rollback restores the agent that was set aside, if any."""
    leftover = (Step("remove the agent, which a rollback does not restore", _REMOVE),) if agent is not None else ()
    stops = next((found.container_id for found in (agent, set_aside) if found is not None and found.running), None)
    if set_aside is None:
        return Plan(prepare, (*leftover, run), stops=stops)
    still = (Step("stop the previous agent", _stop(PREVIOUS_NAME), QUICK + _STOP_GRACE),) if set_aside.running else ()
    hold = Step("prevent docker from restarting the previous agent", _no_restart(PREVIOUS_NAME))
    return Plan(
        prepare, (*leftover, hold, *still, run), _restore_set_aside(set_aside), finish, previous=True, stops=stops
    )


def _restore_agent(agent: Container) -> tuple[Command, ...]:
    """Return the commands that start a stopped agent and restore the restart policy that a killed run has removed.

    An agent that has used up docker's restarts in an outage of ECS is stopped. After a rollback it must run.
    """
    policy = (_restart_policy(_RESTART),) if _was_interrupted(agent) else ()
    return (*(() if agent.running else _STOP_AND_START), *policy)


def _restore_set_aside(set_aside: Container) -> tuple[Command, ...]:
    """Restore an agent that an earlier run set aside.

    If its restart policy was removed, that run knew the policy, but this one does not: set the documented one.
    """
    policy = _RESTART if set_aside.restart_policy == "no" else set_aside.restart_policy
    return (_REMOVE, ("docker", "rename", PREVIOUS_NAME, NAME), *_STOP_AND_START, _restart_policy(policy))


def _was_interrupted(agent: Container) -> bool:
    """Tell whether a run was killed while it set the agent aside or restored it.

    ecsauth creates its agents with a restart policy. Another agent without one was created without one.
    """
    return bool(agent.plan) and agent.restart_policy == "no"


def _restart_policy(policy: str) -> Command:
    return ("docker", "update", f"--restart={policy}", NAME)


def _no_restart(name: str) -> Command:
    return ("docker", "update", "--restart=no", name)


def _stop(name: str) -> Command:
    """Return the command that stops a container. It uses `-t`, because docker 28 renamed the long option."""
    return ("docker", "stop", "-t", str(_STOP_GRACE), name)


# docker continues a stop when its command line is interrupted. Only after a completed stop is a start permanent.
_STOP_AND_START: tuple[Command, ...] = (_stop(NAME), ("docker", "start", NAME))
