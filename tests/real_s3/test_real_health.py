"""`ecsauth status` and `ecsauth doctor` on a real S3 server: a role's policy, real heads and ranges, real keys."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from machine import FIRST, SECOND
from needs import lack_of, need
from program import run_here

if TYPE_CHECKING:
    from program import Ended
    from real_instance import RealInstance


def doctor(instance: RealInstance, uri: str) -> dict[str, str]:
    """Examine the instance and return the lines of the report by their checks."""
    places = (f"--file={instance.env_file}", f"--state-dir={instance.state_place}", f"--kms-key={instance.key}")
    done = run_here("doctor", uri, *places, "--launch=none", env=instance.environment())
    return {line.split()[1]: line for line in done.out.splitlines()}


def status(instance: RealInstance) -> Ended:
    """Ask for the status of the instance."""
    places = (f"--file={instance.env_file}", f"--state-dir={instance.state_place}")
    return run_here("status", "--remote", *places, env=instance.environment())


def test_well(instance: RealInstance) -> None:
    """A role that may read its prefix and nothing else has what it takes."""
    assert instance.push(FIRST).status == 0
    found = doctor(instance, instance.uri)
    for check in ("time", "metadata", "role", "region", "bucket", "object", "kms-key"):
        assert found[check].startswith("ok  "), found[check]
    assert f"encrypted with {instance.key}" in found["kms-key"]


def test_another_prefix(instance: RealInstance) -> None:
    """An object that the role may not read is not taken for anything else."""
    assert instance.push(FIRST).status == 0
    found = doctor(instance, f"s3://{instance.bucket}/other/ecs.config")
    assert found["object"].startswith("failed "), found["object"]
    assert "the role may not read it" in found["object"]
    (skipped,) = (line for line in found.values() if line.startswith("skipped "))
    assert "kms-key: needs object" in skipped


def test_not_there(instance: RealInstance) -> None:
    """An object that was never pushed."""
    found = doctor(instance, instance.uri)
    assert found["object"].startswith("failed "), found["object"]
    assert "there is no " in found["object"] or "it is not there" in found["object"]


@pytest.mark.parametrize(("offset", "way"), [(3600, "ahead of"), (-3600, "behind")], ids=["ahead", "behind"])
def test_clock_off(instance: RealInstance, offset: int, way: str) -> None:
    """A clock that is an hour off is told in its own line, measured against S3, and hides nothing of the bucket."""
    need(lack_of("faketime", "-f", "+1h", "true"))
    assert instance.push(FIRST).status == 0
    shifted = (shutil.which("faketime") or "faketime", "-m", "--exclude-monotonic", "-f", f"{offset:+d}s")
    done = subprocess.run(
        [*shifted, sys.executable, "-m", "ecsauth", "doctor", instance.uri, "--launch=none"],
        # No systemctl to be found: what Python waits for a child with breaks under faketime.
        env=instance.environment(PATH=str(instance.folder)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    found = {line.split()[1]: line for line in done.stdout.splitlines()}
    assert found.get("time", "").startswith("failed "), done.stdout + done.stderr
    assert found["time"].endswith(f" minutes {way} S3")
    assert "\nfix: start chronyd" in done.stdout
    assert found["bucket"].startswith("ok "), found["bucket"]


def test_what_s3_has(instance: RealInstance) -> None:
    """The head of the object tells whether it is the installed one."""
    assert instance.push(FIRST).status == 0
    assert instance.install_here().status == 0
    assert "object       S3 has the same version\n" in status(instance).out
    assert instance.push(SECOND).status == 0
    assert "has a newer version, " in status(instance).out
