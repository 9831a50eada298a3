"""The agent's container: how it is run, and which docker commands lead from what is to what is wanted.

Commands are data. Each step carries what undoes it, so that a failed launch is taken back command by command;
`--dry-run` prints the same steps that a run executes.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth.boot import agent_state
from ecsauth.boot.agent_state import Kept, Mount
from ecsauth.boot.plan import QUICK, Command, Plan, Step
from ecsauth.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "ecs-agent"
PARKED = "ecs-agent-previous"
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
# What not every machine has, as /lib64 on arm64: docker would make the directory, empty, on the host.
LIBRARY_DIRECTORIES = ("/sbin", "/lib", "/lib64", "/usr/lib", "/usr/lib64")
_STOP_GRACE = 20
_START = 60.0
_PULL = 600.0


class WantedContainer(NamedTuple):
    """The container that should run.

    `version` names the object that the env-file came from; `names` are the variables that the env-file sets;
    `settings` are the `--set` assignments in it. `awsvpc` asks for the variant that gives tasks interfaces of their
    own; `absent` are those of LIBRARY_DIRECTORIES that this machine has not, which are left out of it. `kept` is where
    it keeps its state.
    """

    image: str
    env_file: str
    version: str
    names: frozenset[str]
    settings: tuple[str, ...] = ()
    awsvpc: bool = False
    absent: frozenset[str] = frozenset()
    kept: Kept = Kept(agent_state.PLACE)


class Container(NamedTuple):
    """A container as docker describes it, without its environment: that holds the credentials.

    `started_at` is docker's own timestamp; `kept` is where it keeps its state, `auto_remove` tells whether docker
    deletes it once it has stopped (`docker run --rm`). One that is `restarting` has exited and waits for docker's next
    start; docker calls it running too.
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
    """Return `text` if docker takes it for the name of an image, not for a flag; raise UsageError."""
    if not text or text.startswith("-") or not text.isprintable() or " " in text:
        raise UsageError("--image takes the name of an image, as registry.example.com/agent:1 or agent@sha256:…")
    return text


def run_command(wanted: WantedContainer) -> Command:
    """Return the documented `docker run`, less each `--env` that the env-file sets itself.

    docker lets `--env` win over `--env-file`; the operator's file has to win.
    """
    labels = (f"--label={VERSION_LABEL}={wanted.version}", f"--label={PLAN_LABEL}={fingerprint(wanted)}")
    return ("docker", "run", "--name", NAME, *labels, *_run_flags(wanted), wanted.image)


def fingerprint(wanted: WantedContainer) -> str:
    """Return a short digest of all that makes the container except the object's version."""
    parts = (*_run_flags(wanted), wanted.image, *wanted.settings)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def kept(environment: Mapping[str, str], *, awsvpc: bool) -> Kept:
    """Return where an agent with this environment from its env-file keeps its state."""
    flags, variables = (_AWSVPC_FLAGS, _AWSVPC_ENVIRONMENT) if awsvpc else (_FLAGS, _ENVIRONMENT)
    volumes = (flag.partition("=")[2].split(":") for flag in flags if flag.startswith("--volume="))
    return agent_state.kept({**dict(variables), **environment}, [Mount(*volume[:2]) for volume in volumes])


def is_documented(name: str, value: str) -> bool:
    """Tell whether an agent is given this variable unless the env-file sets it."""
    return (name, value) in (*_ENVIRONMENT, *_AWSVPC_ENVIRONMENT)


def is_right(container: Optional[Container], wanted: WantedContainer) -> bool:
    """Tell whether the container was made from the wanted object with the wanted flags."""
    return container is not None and (container.version, container.plan) == (wanted.version, fingerprint(wanted))


def start_again(agent: Container) -> Plan:
    """Return the steps that start an agent which has stopped, however it was made; none if it runs."""
    return Plan(steps=_mend(agent))


def plan(
    wanted: WantedContainer,
    agent: Optional[Container],
    parked: Optional[Container],
    *,
    has_image: bool,
    force: bool = False,
    unverified: bool = False,
) -> Plan:
    """Return the steps from what docker shows to the wanted container; no steps if it is there and right.

    `parked` is an agent that an earlier run put aside and that was never removed: that run was killed, or ended
    before its new agent had registered. `unverified` says that `agent` is that new one: never gone back to.
    """
    finish = (Step("remove the previous agent", ("docker", "rm", "--force", PARKED)),)
    if agent is not None and is_right(agent, wanted) and not force:
        if parked is None:
            return Plan(steps=_mend(agent))
        return Plan(steps=_mend(agent), back=_bring_back(parked), finish=finish, previous=True)
    prepare = () if has_image else (Step("pull the image", ("docker", "pull", "--quiet", wanted.image), _PULL),)
    run = Step("start the agent", run_command(wanted), _START, undo=(_REMOVE,))
    if agent is None and parked is None:
        return Plan(prepare, (run,))
    if agent is None or unverified or agent.auto_remove or (parked is not None and not agent.running):
        return _after_parked(prepare, run, agent, parked, finish)
    forget = (Step("remove an agent parked by an earlier run", _FORGET),) if parked is not None else ()
    stops = agent.container_id if agent.running else None
    return Plan(prepare, (*forget, *_park(agent), run), _revive(agent), finish, previous=True, stops=stops)


_REMOVE: Command = ("docker", "rm", "--force", NAME)
_FORGET: Command = ("docker", "rm", "--force", PARKED)


def _run_flags(wanted: WantedContainer) -> Command:
    flags, variables = (_awsvpc_flags(wanted), _AWSVPC_ENVIRONMENT) if wanted.awsvpc else (_FLAGS, _ENVIRONMENT)
    environment = tuple(f"--env={name}={value}" for name, value in variables if name not in wanted.names)
    return (*flags, f"--env-file={wanted.env_file}", *environment)


def _awsvpc_flags(wanted: WantedContainer) -> Command:
    left_out = tuple(f"--volume={directory}:" for directory in LIBRARY_DIRECTORIES if directory in wanted.absent)
    return tuple(flag for flag in _AWSVPC_FLAGS if not flag.startswith(left_out))


def _mend(agent: Container) -> tuple[Step, ...]:
    """Return what the right agent still lacks."""
    policy = (Step("let docker restart the agent again", _restart_policy(_RESTART)),) if _was_interrupted(agent) else ()
    # docker starts it ten times, ever more rarely: a start of ours is at once, and begins the count anew.
    stop = (Step("stop the agent, which exits again and again", _stop(NAME), QUICK + _STOP_GRACE),)
    start = () if agent.running and not agent.restarting else (Step("start the agent", ("docker", "start", NAME)),)
    # The policy last: without it, an agent that was killed on its way back shows that it has to be started.
    return (*(stop if agent.restarting else ()), *start, *policy)


def _park(agent: Container) -> tuple[Step, ...]:
    """Put the agent aside under another name, so that it can come back as it was.

    Its restart policy goes first: docker would start it again at the next boot of the machine.
    """
    policy = _restart_policy(agent.restart_policy)
    stop = Step("stop the running agent", _stop(NAME), QUICK + _STOP_GRACE, undo=_AGAIN)
    return (
        Step("keep docker from restarting it", _no_restart(NAME), undo=(policy,)),
        *((stop,) if agent.running else ()),
        Step("park it", ("docker", "rename", NAME, PARKED), undo=(("docker", "rename", PARKED, NAME),)),
    )


def _after_parked(
    prepare: tuple[Step, ...],
    run: Step,
    agent: Optional[Container],
    parked: Optional[Container],
    finish: tuple[Step, ...],
) -> Plan:
    """Plan for an agent, if there is one, that is not gone back to: the parked one is, if there is one."""
    leftover = (Step("remove the agent, which is not gone back to", _REMOVE),) if agent is not None else ()
    stops = next((found.container_id for found in (agent, parked) if found is not None and found.running), None)
    if parked is None:
        return Plan(prepare, (*leftover, run), stops=stops)
    still = (Step("stop the parked agent", _stop(PARKED), QUICK + _STOP_GRACE),) if parked.running else ()
    hold = Step("keep docker from restarting the parked agent", _no_restart(PARKED))
    return Plan(prepare, (*leftover, hold, *still, run), _bring_back(parked), finish, previous=True, stops=stops)


def _revive(agent: Container) -> tuple[Command, ...]:
    """Return what starts an agent that had stopped, and gives back to it what an earlier run, killed, had taken.

    An agent that has used up docker's restarts in an outage of ECS is stopped; put back, it has to run.
    """
    policy = (_restart_policy(_RESTART),) if _was_interrupted(agent) else ()
    return (*(() if agent.running else _AGAIN), *policy)


def _bring_back(parked: Container) -> tuple[Command, ...]:
    """Parking took the restart policy away, and the run that knew it has gone: the documented one comes back."""
    policy = _RESTART if parked.restart_policy == "no" else parked.restart_policy
    return (_REMOVE, ("docker", "rename", PARKED, NAME), *_AGAIN, _restart_policy(policy))


def _was_interrupted(agent: Container) -> bool:
    """Tell whether a run was killed while it put the agent aside or brought it back.

    Agents of ours are made with a restart policy; somebody else's that has none was made so.
    """
    return bool(agent.plan) and agent.restart_policy == "no"


def _restart_policy(policy: str) -> Command:
    return ("docker", "update", f"--restart={policy}", NAME)


def _no_restart(name: str) -> Command:
    return ("docker", "update", "--restart=no", name)


def _stop(name: str) -> Command:
    """`-t`: docker 28 gave the option another long name."""
    return ("docker", "stop", "-t", str(_STOP_GRACE), name)


# docker goes on stopping when its command line is interrupted: only after a whole stop a start is for good.
_AGAIN: tuple[Command, ...] = (_stop(NAME), ("docker", "start", NAME))
