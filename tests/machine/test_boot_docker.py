"""The whole program starts the agent for real, and leaves alone what is right already."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

import program
import pytest
from docker_engine import AGENT
from ecsauth.boot import host_rules
from ecsauth.host.commands import Commands
from ecsauth.host.network import HostRules
from machine import FIRST, HOST_RULES, REGISTRY, SECOND, auth_file
from s3_server import ACCESS_KEY, ACCOUNT, REGION, SECRET_KEY

if TYPE_CHECKING:
    from machine import Machine

IDENTITY = "GET /latest/dynamic/instance-identity/document"
# "Installing the Amazon ECS container agent" of the developer guide, for instances that are not of ECS's own AMIs.
DOCUMENTED_VARIABLES = {
    "ECS_LOGFILE": "/log/ecs-agent.log",
    "ECS_DATADIR": "/data/",
    "ECS_ENABLE_TASK_IAM_ROLE": "true",
    "ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST": "true",
}


def inspected(machine: Machine) -> dict[str, Any]:
    """Return all that docker says of the agent."""
    shown = machine.docker.inspect()
    assert shown is not None
    return shown


def auth_data(env_file: bytes) -> str:
    """Return the value of ECS_ENGINE_AUTH_DATA in a file of the tests."""
    (line,) = (line for line in env_file.decode().splitlines() if line.startswith("ECS_ENGINE_AUTH_DATA="))
    return line.partition("=")[2]


def proof(machine: Machine) -> str:
    """Return the SHA-256 that the agent shows of the credentials it was given."""
    return str(machine.docker.introspect("/proof")["ECS_ENGINE_AUTH_DATA"])


def sha256(text: str) -> str:
    """Return the digest as the agent shows it."""
    return hashlib.sha256(text.encode()).hexdigest()


def test_container_is_the_documented_one(machine: Machine) -> None:
    """The agent runs with the flags that AWS documents, and with labels that say which version it was made from."""
    version = machine.put(FIRST)
    image = machine.docker.image()
    assert machine.boot(f"--image={image}").status == 0
    shown = inspected(machine)
    host = shown["HostConfig"]
    assert shown["Name"] == f"/{AGENT}"
    assert shown["Config"]["Image"] == image
    assert shown["Config"]["Labels"]["ecsauth.version"] == version
    assert sorted(host["Binds"]) == [
        "/var/lib/ecs/data:/data",
        "/var/log/ecs:/log",
        "/var/run/docker.sock:/var/run/docker.sock",
    ]
    assert host["NetworkMode"] == "host"
    assert host["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 10}
    assert not host["Privileged"]
    assert not host["AutoRemove"]
    assert not host["PortBindings"]
    assert not shown["Config"]["Cmd"]


def test_environment_of_the_agent(machine: Machine) -> None:
    """The process in the container has exactly the pushed values, byte for byte, and the documented variables."""
    pushed = auth_file(r"$HOME # `no` %s \" \\ \u00e9 \ud83d\ude00 \u4e2d", "OWN=\u00e9 = $(x)")
    machine.put(pushed)
    assert machine.launch().status == 0
    given = machine.docker.environment()
    files = dict(line.split("=", 1) for line in pushed.decode().splitlines())
    assert {name: value for name, value in given.items() if name.startswith(("ECS_", "OWN"))} == {
        **files,
        **DOCUMENTED_VARIABLES,
    }
    assert proof(machine) == sha256(files["ECS_ENGINE_AUTH_DATA"])
    assert machine.docker.introspect("/proof")["ECS_ENGINE_AUTH_TYPE"] == sha256("docker")


def test_push_then_boot(machine: Machine) -> None:
    """What an operator pushes is what the agent gets."""
    file = machine.folder / "pushed"
    file.write_bytes(SECOND)
    operator = machine.environment(AWS_ACCESS_KEY_ID=ACCESS_KEY, AWS_SECRET_ACCESS_KEY=SECRET_KEY, AWS_REGION=REGION)
    assert program.run("push", str(file), machine.uri, env=operator).status == 0
    assert machine.launch().status == 0
    assert machine.env_file.read_bytes() == SECOND
    assert proof(machine) == sha256(auth_data(SECOND))
    machine.assert_private()


def test_summary(machine: Machine) -> None:
    """One line on standard error names version, cluster, container instance and the time of each step."""
    version = machine.put(FIRST)
    done = machine.launch()
    assert done.out == ""
    summary = done.err.splitlines()[-1]
    assert summary.startswith(f"ecsauth: {machine.uri} version {version}: agent registered in cluster demo as arn:aws:")
    for step in ("identity", "fetch", "check", "prepare", "install", "start"):
        assert re.search(rf"\b{step} \d+\.\d\d s\b", summary), step


def test_summary_for_programs(machine: Machine) -> None:
    """The same as JSON, on standard output, with the commands that were run."""
    version = machine.put(FIRST)
    said = machine.launch("--format=json").document
    assert (said["schema"], said["outcome"], said["status"], said["installed"]) == (1, "started", 0, True)
    assert (said["object"]["version_id"], said["object"]["kms_key"]) == (version, machine.key)
    assert said["agent"]["cluster"] == "demo"
    assert [command[1] for command in said["commands"]] == ["run"]


def test_identity_of_the_instance(machine: Machine) -> None:
    """Region and the bucket's owner come from the identity document where they are not given, by version 2 only."""
    assert machine.launch().status == 0
    (request,) = machine.proxy.requests
    assert request.headers["x-amz-expected-bucket-owner"] == ACCOUNT
    assert request.region == machine.metadata.instance.region
    assert IDENTITY in machine.metadata.paths
    assert all(request.status == 200 for request in machine.metadata.requests)


def test_identity_that_is_given(machine: Machine) -> None:
    """Nobody is asked who this is where region and owner are given."""
    assert machine.launch(f"--region={REGION}", f"--bucket-owner={ACCOUNT}").status == 0
    assert IDENTITY not in machine.metadata.paths


def test_second_boot_does_nothing(booted: Machine) -> None:
    """Run again it asks S3 whether the object has changed, and that is all."""
    before = booted.standing()
    done = booted.launch("--format=json")
    assert (done.status, done.document["outcome"]) == (0, "unchanged")
    assert booted.standing() == before
    (request,) = booted.proxy.requests
    assert request.operation == "GetObject"
    assert request.headers["if-none-match"] == done.document["object"]["etag"]
    assert not booted.strays()


def test_rotation(booted: Machine) -> None:
    """A new password reaches a new agent, and the old one is gone."""
    old = booted.standing()
    booted.put(SECOND)
    assert booted.launch().status == 0
    new = booted.standing()
    assert proof(booted) == sha256(auth_data(SECOND))
    assert new.env_file is not None
    assert (new.env_file.content, new.env_file.mode & 0o777) == (SECOND, 0o600)
    assert list(new.agents) == [AGENT]
    assert new.agents[AGENT].container_id != old.agents[AGENT].container_id
    assert new.agents[AGENT].restart_policy == ("on-failure", 10)
    assert booted.state().in_progress is None
    assert not booted.strays()


@pytest.mark.parametrize("option", ["--image", "--set=ECS_RESERVED_MEMORY=64", "--force"])
def test_other_flags_replace(booted: Machine, option: str) -> None:
    """Another image or another setting makes another container; --force makes one in any case."""
    image = booted.docker.image()
    if option == "--image":
        booted.docker.call("tag", image, "ecsauth-stand-in-agent:other-tag")
        option = "--image=ecsauth-stand-in-agent:other-tag"
    old = booted.standing().agents
    assert booted.launch(option).status == 0
    new = booted.standing().agents
    assert list(new) == [AGENT]
    assert new[AGENT].container_id != old[AGENT].container_id
    if "=ECS_" in option:
        assert booted.docker.environment()["ECS_RESERVED_MEMORY"] == "64"


def test_image_by_digest(machine: Machine) -> None:
    """An image is taken by its digest as well."""
    digest = machine.docker.call("image", "inspect", "--format", "{{.Id}}", machine.docker.image()).strip()
    assert machine.boot(f"--image={digest}").status == 0
    assert inspected(machine)["Image"] == digest


def test_host_rules(machine: Machine) -> None:
    """The machine's network is made fit for task roles, and 51678 closed, before the agent starts; once."""
    rules = host_rules.rules({}, ipv6=HostRules(Commands().call).has_ipv6())
    try:
        assert machine.launch(HOST_RULES).status == 0
        assert HostRules(Commands().call).missing(rules) == ()
        again = machine.launch(HOST_RULES, "--format=json").document
        assert (again["outcome"], again["commands"]) == ("unchanged", [])
    finally:
        for command in (command for rule in rules for command in rule.step.undo):
            Commands().call(command, 20)


def test_stopped_agent_is_started(booted: Machine) -> None:
    """The right agent that was stopped is started again, the same container."""
    old = booted.standing().agents[AGENT]
    booted.docker.call("stop", AGENT)
    done = booted.launch("--format=json")
    assert (done.status, done.document["outcome"]) == (0, "started")
    new = booted.standing().agents[AGENT]
    assert (new.container_id, new.running) == (old.container_id, True)


def test_missing_agent_is_started(booted: Machine) -> None:
    """An agent that was removed is made anew, from the env-file that is there already."""
    before = booted.standing()
    booted.docker.call("rm", "--force", AGENT)
    done = booted.launch("--format=json")
    assert (done.status, done.document["outcome"], done.document["installed"]) == (0, "started", False)
    after = booted.standing()
    assert after.env_file == before.env_file
    assert after.agents[AGENT].running


def test_agent_started_by_hand_is_replaced(machine: Machine) -> None:
    """An agent without ecsauth's labels makes way."""
    machine.docker.call("run", "--detach", "--net=host", "--env=ECS_DATADIR=/data", *by_hand(machine))
    old = machine.standing().agents[AGENT]
    assert machine.launch().status == 0
    new = machine.standing().agents
    assert list(new) == [AGENT]
    assert new[AGENT].container_id != old.container_id


def by_hand(machine: Machine) -> tuple[str, ...]:
    """Return the rest of a docker run of an agent in the cluster of the tests."""
    return ("--env=ECS_CLUSTER=demo", f"--name={AGENT}", machine.docker.image())


@pytest.mark.parametrize("names", [["ECS_LOGFILE"], list(DOCUMENTED_VARIABLES)], ids=["one", "all"])
def test_file_wins_over_the_documented_variables(machine: Machine, names: list[str]) -> None:
    """Where the env-file sets a variable that the documented command sets too, the file's value counts."""
    own = {name: "false" if name.startswith("ECS_ENABLE") else "/own/place/" for name in names}
    machine.put(auth_file("password", *(f"{name}={value}" for name, value in own.items())))
    assert machine.launch().status == 0
    given = machine.docker.environment()
    assert {name: given[name] for name in DOCUMENTED_VARIABLES} == {**DOCUMENTED_VARIABLES, **own}


def test_file_of_before_is_kept(machine: Machine) -> None:
    """A file that is not ecsauth's is kept beside the env-file, once and private."""
    machine.place.mkdir()
    machine.env_file.write_bytes(b"ECS_CLUSTER=demo\n")
    machine.env_file.chmod(0o644)
    assert machine.launch().status == 0
    machine.put(SECOND)
    assert machine.launch().status == 0
    backup = machine.env_file.with_name("ecs.config.before-ecsauth")
    assert backup.read_bytes() == b"ECS_CLUSTER=demo\n"
    assert machine.env_file.read_bytes() == SECOND
    machine.assert_private()


def test_dry_run(booted: Machine) -> None:
    """A rehearsal says what would be done, and does nothing."""
    booted.put(SECOND)
    before, recorded = booted.standing(), booted.state()
    done = booted.launch("--dry-run")
    assert done.status == 0
    assert f"ecsauth: would install {booted.env_file}, 0600" in done.err
    assert "ecsauth: would start the agent: docker run --name ecs-agent" in done.err
    assert REGISTRY not in done.err
    assert booted.standing() == before
    assert booted.state() == recorded


def test_two_at_once(machine: Machine) -> None:
    """Of two runs at once the second waits for the first and finds nothing left to do."""
    with machine.launching() as one, machine.launching() as other:
        ended = [child.communicate(timeout=60) for child in (one, other)]
    assert (one.returncode, other.returncode) == (0, 0), ended
    assert sorted("nothing has changed" in err for _, err in ended) == [False, True]
    assert list(machine.standing().agents) == [AGENT]
    assert not machine.strays()
