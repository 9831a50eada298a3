"""`ecsauth status` on a machine with a real Docker engine: whether file, S3 and the agent that runs agree."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import hurried
import pytest
import s3_faults as faults
import unprivileged
from docker_engine import AGENT
from machine import SECOND, auth_file
from program import run, run_here
from s3_server import REGION
from untouched import traces

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from canary import Canary
    from machine import Machine
    from program import Ended

DISAGREE = 3


def status(machine: Machine, *options: str, **env: str) -> Ended:
    """Ask for the status of the machine, in this process."""
    places = (f"--file={machine.env_file}", f"--state-dir={machine.state_place}")
    return run_here("status", *places, *options, env=machine.environment(**env))


def lines(done: Ended) -> dict[str, str]:
    """Return the report's lines by their topics; the ending has none."""
    rows = (line for line in done.out.splitlines() if not line.startswith(("cause: ", "fix: ", "skipped ")))
    return {line.split()[1]: line for line in rows}


def fix(done: Ended) -> str:
    """Return the command that the report ends with."""
    return done.out.splitlines()[-1].removeprefix("fix: ").partition("  # ")[0]


def test_healthy(booted: Machine) -> None:
    """All agree: status 0, a line a topic on standard output, nothing on standard error, nothing changed."""
    before, standing = traces(booted), booted.standing()
    done = run(
        "status",
        "--remote",
        f"--file={booted.env_file}",
        f"--state-dir={booted.state_place}",
        env=booted.environment(),
    )
    assert (done.status, done.err) == (0, ""), done.out
    installed = booted.state().installed
    assert installed is not None
    shown = lines(done)
    assert list(shown) == ["last-run", "file", "version", "object", "agent", "environment", "cluster"]
    assert all(line.startswith("ok  ") for line in shown.values())
    assert f"{booted.env_file}, 0600, root, unchanged since ecsauth installed it" in shown["file"]
    assert f"{installed.facts.version_id} of {booted.uri}, installed " in shown["version"]
    assert shown["agent"].endswith(f"created from version {installed.facts.version_id}")
    assert "demo as arn:aws:ecs:" in shown["cluster"]
    assert "0 tasks" in shown["cluster"]
    assert (traces(booted), booted.standing()) == (before, standing)


def test_healthy_for_programs(booted: Machine) -> None:
    """The same as one JSON document."""
    said = status(booted, "--remote", "--format=json").document
    installed, agent = said["installed"], said["agent"]
    names = ["schema", "agree", "installed", "remote", "agent", "problems", "alarms", "checks", "report"]
    assert list(said) == names
    assert (said["schema"], said["agree"], said["problems"], said["alarms"]) == (1, True, [], [])
    assert (installed["env_file"], installed["mode"], installed["owner"]) == (str(booted.env_file), "0600", "root")
    assert (installed["as_left"], installed["uri"], installed["failure"]) == (True, booted.uri, None)
    assert (said["remote"]["outcome"], said["remote"]["reason"]) == ("same", None)
    assert said["remote"]["object"]["version_id"] == installed["object"]["version_id"] == agent["made_from"]
    assert (agent["way"], agent["running"], agent["has_file"], agent["differing"]) == ("container", True, True, [])
    assert (agent["registration"]["cluster"], agent["tasks"]) == ("demo", 0)


def test_no_content_is_read(booted: Machine) -> None:
    """S3 is asked for the object's head only, and the expected owner with it; without --remote it is not asked."""
    assert status(booted).status == 0
    assert booted.proxy.operations == []
    assert status(booted, "--remote").status == 0
    (request,) = booted.proxy.requests
    assert request.operation == "HeadObject"
    assert request.headers["x-amz-expected-bucket-owner"]


def edited(machine: Machine) -> None:
    """Edit the file by hand."""
    machine.env_file.write_bytes(auth_file("edited-password"))


def removed(machine: Machine) -> None:
    """Remove the file."""
    machine.env_file.unlink()


def opened(machine: Machine) -> None:
    """Let others read the file."""
    machine.env_file.chmod(0o644)


def stopped(machine: Machine) -> None:
    """Stop the agent."""
    machine.docker.call("stop", AGENT)


def gone(machine: Machine) -> None:
    """Remove the agent."""
    machine.docker.call("rm", "--force", AGENT)


def by_hand(machine: Machine) -> None:
    """Replace the agent by one that somebody started by hand."""
    gone(machine)
    machine.docker.call(
        "run", "--detach", "--net=host", "--env=ECS_CLUSTER=demo", f"--name={AGENT}", machine.docker.image()
    )
    machine.docker.wait_until(lambda: machine.docker.introspect("/v1/tasks"), "the agent answers")


def other_version(machine: Machine) -> None:
    """Install the next version without telling the agent."""
    machine.put(SECOND)
    assert machine.install().status == 0


def other_cluster(machine: Machine) -> None:
    """Replace the agent by one that has joined another cluster."""
    machine.docker.call("rm", "--force", AGENT)
    machine.docker.call("run", "--detach", "--net=host", f"--name={AGENT}", machine.docker.image("other-cluster"))
    machine.docker.wait_until(lambda: machine.docker.introspect("/v1/tasks"), "the agent answers")


def rejected(machine: Machine) -> None:
    """Try a version that does not come up."""
    machine.put(SECOND)
    assert machine.launch(variant="crashing").status


def failed(machine: Machine) -> None:
    """Boot while S3 denies access."""
    machine.proxy.inject(faults.ACCESS_DENIED)
    assert machine.launch(*hurried.TRIES).status
    machine.proxy.heal()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (edited, {"file": "it was changed after", "environment": "in 1 variable: ECS_ENGINE_AUTH_DATA"}),
        (removed, {"file": "there is no "}),
        (opened, {"file": "0644, root: its mode is not 0600"}),
        (stopped, {"agent": "does not run: it exited with status ", "cluster": "does not answer"}),
        (gone, {"agent": "there is neither a container ecs-agent nor a service", "cluster": "does not answer"}),
        (by_hand, {"agent": "not created by ecsauth"}),
        (other_version, {"agent": "created from another version", "environment": "ECS_ENGINE_AUTH_DATA"}),
        (other_cluster, {"cluster": "somebody-elses, but the env-file has demo"}),
        (rejected, {"rejected": "exited", "last-run": "with status 7"}),
        (failed, {"last-run": "with status 4: cannot get "}),
    ],
)
def test_disagreement(booted: Machine, change: Callable[[Machine], None], expected: dict[str, str]) -> None:
    """Status 3; the line at fault says what differs, and the report ends with the cause and a boot that mends it."""
    change(booted)
    done = status(booted)
    shown = lines(done)
    assert done.status == DISAGREE
    for topic, said in expected.items():
        assert shown[topic].startswith(("warning  ", "failed   ")), done.out
        assert said in shown[topic], done.out
        assert f"\ncause: {topic}: " in done.out
    assert done.err == ""
    assert "\nfix: " in done.out
    if change not in (other_cluster, rejected):
        assert f"\nfix: ecsauth boot {booted.uri} --kms-key {booted.key}" in done.out
    assert "--launch" not in done.out
    problems = {problem["topic"] for problem in status(booted, "--format=json").document["problems"]}
    assert problems >= set(expected)


def test_boot_of_the_hint_mends(booted: Machine) -> None:
    """What the hint says is a boot that brings all into agreement."""
    edited(booted)
    said = fix(status(booted)).split()[1:]
    assert run_here(*said, f"--image={booted.docker.image()}", env=booted.environment()).status == 0
    assert status(booted, "--remote").status == 0


def test_told_to_start_no_agent(bare_machine: Machine) -> None:
    """After `boot --launch none` all agree without an agent; the boot of the hint starts none either."""
    boot = bare_machine.boot_arguments("--launch=none", f"--region={REGION}")
    assert run_here(*boot, env=bare_machine.environment()).status == 0
    done = status(bare_machine)
    assert (done.status, done.err) == (0, ""), done.out
    assert "boot runs with --launch none" in lines(done)["agent"]
    edited(bare_machine)
    said = fix(status(bare_machine)).split()[1:]
    assert f"--region {REGION} --launch none" in " ".join(said)
    assert run_here(*said, env=bare_machine.environment()).status == 0
    assert status(bare_machine).status == 0


@pytest.mark.parametrize(
    ("fault", "outcome", "said"),
    [
        (faults.ACCESS_DENIED, "denied", "S3 denies access (Forbidden)"),
        (faults.NO_SUCH_KEY, "absent", "no longer exists in S3"),
        (faults.INTERNAL_ERROR, "unreachable", "S3 is temporarily unavailable"),
        (faults.Reset(), "unreachable", "the connection broke"),
    ],
)
def test_remote_faults(booted: Machine, fault: faults.Fault, outcome: str, said: str) -> None:
    """What S3 does not say is told apart: denied, absent, unreachable."""
    booted.proxy.inject(fault)
    done = status(booted, "--remote")
    assert done.status == DISAGREE
    assert lines(done)["object"].startswith("warning  " if outcome == "unreachable" else "failed   ")
    assert said in lines(done)["object"]
    assert fix(done).startswith("ecsauth push FILE " if outcome == "absent" else "ecsauth doctor")
    remote = status(booted, "--remote", "--format=json").document["remote"]
    assert remote["outcome"] == outcome
    assert (remote["reason"] is None) is (outcome == "absent")
    assert (remote["reason"] or "") in lines(done)["object"]


def test_newer_version_in_s3(booted: Machine) -> None:
    """A version that was pushed and is not here yet."""
    version = booted.put(SECOND)
    assert f"has a newer version, {version}" in lines(status(booted, "--remote"))["object"]


def test_nothing_yet(bare_machine: Machine) -> None:
    """On a machine that has never booted there is nothing to agree on, and nothing is made by asking."""
    done = status(bare_machine, "--remote", PATH=str(bare_machine.folder))
    assert done.status == DISAGREE
    places = f"--file {bare_machine.env_file} --state-dir {bare_machine.state_place}"
    assert f"\nfix: ecsauth boot S3URI --kms-key ARN {places}  # boot\n" in done.out
    assert "docker is not installed" in done.out
    assert done.err == ""
    assert not bare_machine.place.exists()
    assert not bare_machine.state_place.exists()


def test_without_root(booted: Machine, open_place: Path) -> None:
    """Who may not read says so, and that is not agreement; what can be seen is told."""
    if os.geteuid():
        pytest.skip("is not root itself")
    for place in (booted.place, booted.state_place):
        shutil.copytree(place, open_place / place.name)
    shutil.copystat(booted.state_place, open_place / booted.state_place.name)
    places = (f"--file={open_place}/ecs/ecs.config", f"--state-dir={open_place}/ecsauth")
    done = unprivileged.run("status", "--remote", *places, env=booted.environment())
    shown = lines(done)
    assert done.status == DISAGREE, done.err
    (skipped,) = (line for line in done.out.splitlines() if line.startswith("skipped "))
    for topic in ("file", "version", "object", "agent"):
        assert topic in skipped, done.out
    assert skipped.endswith("(run as root)"), done.out
    assert shown["cluster"].startswith("ok  ")


def test_no_secret(machine: Machine, canary: Canary) -> None:
    """Not even what differs is shown, in text or JSON."""
    machine.put(auth_file(canary.password))
    assert machine.launch().status == 0
    machine.env_file.write_bytes(auth_file(f"{canary.password}2", f"{canary.password}=1"))
    for style in ("text", "json"):
        done = status(machine, "--remote", f"--format={style}")
        assert done.status == DISAGREE
        canary.assert_not_in(done.out + done.err, f"the status as {style}")
