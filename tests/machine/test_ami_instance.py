"""Baking ecsauth into an AMI, by what Packer and EC2 Image Builder run, on the machine that the AMI is made of."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import boot_archive
import instance as instances
import pytest
import yaml
from ecsauth.boot import units
from instance_boots import FOLDER
from machine import FIRST

if TYPE_CHECKING:
    from instance import Instance
    from program import Ended

AMI = Path(__file__).parents[2] / "scripts" / "ami"
FETCHED, INSTALLED = "/var/tmp/ecsauth", "/usr/local/bin/ecsauth"  # noqa: S108 - the script's own choice
WITHOUT_SECRETS = b"ECS_CLUSTER=of-the-base-ami\n"


@pytest.fixture
def machine(instance: Instance) -> Instance:
    """Give a running machine on which the archive has been put where Packer and Image Builder put it."""
    instance.boot()
    instance.run("rm", "--force", INSTALLED)
    instance.write(FETCHED, boot_archive.built().read_bytes(), mode=0o666)
    return instance


def test_script_of_packer(machine: Instance) -> None:
    """The archive is installed for root alone to change and runs; the agent is stopped, its identity is gone."""
    machine.write(instances.ENV_FILE, WITHOUT_SECRETS)
    machine.write("/var/lib/ecs/data/agent.db", b"identity")
    machine.systemctl("start", "ecs")
    done = _pack(machine, _sha256())
    assert done.status == 0, done.err
    assert done.out.startswith("ecsauth ")
    assert machine.run("stat", "--format=%U %a", INSTALLED).out == "root 755\n"
    assert hashlib.sha256(_installed(machine)).hexdigest() == _sha256()
    assert machine.show("ecs", "ActiveState") == "inactive"
    assert machine.run("ls", "/var/lib/ecs/data").out == ""
    assert machine.read(instances.ENV_FILE) == WITHOUT_SECRETS
    assert machine.read(FETCHED) is None
    assert machine.read(f"{FOLDER}/{units.GATE}") is not None
    machine.systemctl("start", "ecs")
    assert machine.show("ecs", "ActiveState") == "inactive"


def test_steps_of_image_builder(machine: Instance) -> None:
    """The steps of the component, one after the other as Image Builder runs them, do the same, and try it."""
    component = yaml.safe_load((AMI / "image-builder.yaml").read_text(encoding="utf-8"))
    steps = [step for phase in component["phases"] for step in phase["steps"] if step["action"] == "ExecuteBash"]
    said = ""
    for step in steps:
        script = "\n".join(step["inputs"]["commands"]).replace("{{ Sha256 }}", _sha256())
        done = machine.run("bash", "-c", script, check=False)
        assert done.status == 0, done.err
        said = done.out
    assert "boot archive" in said
    assert hashlib.sha256(_installed(machine)).hexdigest() == _sha256()


def test_another_archive_is_not_baked(machine: Instance) -> None:
    """What is not of the SHA-256 is not run and not installed, and nothing of it is left."""
    done = _pack(machine, hashlib.sha256(b"another").hexdigest())
    assert (done.status, "nothing was installed" in done.err) == (1, True)
    assert machine.read(INSTALLED) is None
    assert machine.run("find", "/usr/local/bin", "-name", ".ecsauth*").out == ""


@pytest.mark.parametrize(("path", "content"), [(instances.ENV_FILE, FIRST), ("/var/lib/ecsauth/checked", b"")])
def test_machine_that_is_no_base(machine: Instance, path: str, content: bytes) -> None:
    """An AMI of a machine that has credentials, or has booted with ecsauth, is refused; nothing is shown or changed."""
    machine.write(path, content)
    done = _pack(machine, _sha256())
    assert (done.status, "make no AMI of" in done.err) == (1, True)
    assert "password" not in done.out + done.err
    assert (machine.read(path), machine.read(INSTALLED)) == (content, None)


def _pack(machine: Instance, sha256: str) -> Ended:
    machine.write("/root/bake", (AMI / "bake").read_bytes(), mode=0o755)
    return machine.run("/root/bake", sha256, check=False)


def _sha256() -> str:
    return hashlib.sha256(boot_archive.built().read_bytes()).hexdigest()


def _installed(machine: Instance) -> bytes:
    return machine.read(INSTALLED) or b""
