"""The ways to bake ecsauth into an AMI say the same: a script for Packer, and a component of EC2 Image Builder."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import hcl2
import pytest
import yaml
from ecsauth.boot import units

FOLDER = Path(__file__).parents[3] / "scripts" / "ami"
BAKE = (FOLDER / "bake").read_text(encoding="utf-8")
COMPONENT: dict[str, Any] = yaml.safe_load((FOLDER / "image-builder.yaml").read_text(encoding="utf-8"))
# What Image Builder knows, of what is used here: https://docs.aws.amazon.com/imagebuilder/latest/userguide/
PHASES = {"build", "validate", "test"}
ACTIONS = {"S3Download": {"source", "destination", "expectedBucketOwner"}, "ExecuteBash": {"commands"}}


def test_component_runs_the_lines_of_the_script() -> None:
    """The step Bake is the script, with a parameter of the component in the place of the argument."""
    (commands,) = _step("Bake")["inputs"]["commands"]
    _, lines = BAKE.split("\nset -eu\n")
    assert commands == "set -eu\n" + lines.replace("sha256=$1\n", "sha256='{{ Sha256 }}'\n")


def test_gate_is_that_of_boot() -> None:
    """The drop-in that the script lays is the very one that boot lays, so that boot has nothing to change."""
    gate = units.gate("/var/lib/ecsauth/checked", "/etc/ecs/ecs.config")
    assert f"cat >/etc/systemd/system/{gate.name} <<'END'\n{gate.text}END\n" in BAKE


def test_component_is_what_image_builder_reads() -> None:
    """Phases, actions and their inputs are known, and every parameter that is used is declared."""
    assert str(COMPONENT["schemaVersion"]) == "1.0"
    for phase in COMPONENT["phases"]:
        assert phase["name"] in PHASES
        for step in phase["steps"]:
            inputs = step["inputs"] if isinstance(step["inputs"], list) else [step["inputs"]]
            assert all(set(each) <= ACTIONS[step["action"]] for each in inputs), step["name"]
    declared = {name for each in COMPONENT["parameters"] for name in each}
    text = (FOLDER / "image-builder.yaml").read_text(encoding="utf-8")
    used = {part.split("}}")[0].strip() for part in text.split("{{")[1:]}
    assert used == declared


def test_component_asks_whose_the_bucket_is() -> None:
    """The archive is fetched to where the script looks for it, from a bucket whose owner is named."""
    (download,) = _step("Fetch")["inputs"]
    assert download["destination"] == "/var/tmp/ecsauth"  # noqa: S108 - the script copies it before it looks
    assert download["destination"] in BAKE
    assert download["expectedBucketOwner"] == "{{ BucketOwner }}"


@pytest.mark.slow
def test_template_of_packer_runs_the_script() -> None:
    """The file is put where the script looks for it, and the script gets the SHA-256 as its argument."""
    (build,) = _template()["build"]
    put, run = ({_plain(name): body for name, body in each.items()} for each in build["provisioner"])
    assert _plain(put["file"]["destination"]) in BAKE
    assert _plain(run["shell"]["script"]) == "${path.root}/bake"
    assert _plain(run["shell"]["execute_command"]).endswith("sudo {{ .Path }} ${var.sha256}")


@pytest.mark.slow
def test_template_of_packer_asks_for_a_hash() -> None:
    """What is no SHA-256 is refused before a machine is started; instances of the AMI take IMDSv2 only."""
    variables = {_plain(name): body for each in _template()["variable"] for name, body in each.items()}
    assert "^[0-9a-f]{64}$" in variables["sha256"]["validation"][0]["condition"]
    assert "default" not in variables["sha256"]
    (source,) = _template()["source"]
    assert _plain(source['"amazon-ebs"']['"ecs"']["imds_support"]) == "v2.0"


def _step(name: str) -> dict[str, Any]:
    (found,) = [step for phase in COMPONENT["phases"] for step in phase["steps"] if step["name"] == name]
    return dict(found)


def _template() -> dict[str, Any]:
    with (FOLDER / "ecsauth.pkr.hcl").open(encoding="utf-8") as file:
        return dict(hcl2.load(file))


def _plain(text: str) -> str:
    return textwrap.dedent(text).strip('"')
