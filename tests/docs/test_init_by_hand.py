"""The commands that `ecsauth init --dry-run` prints do what `init` does, on moto's own CloudFormation."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cloud_account import ADMINISTRATOR, env_of_role
from program import SOURCES, run_here
from pushing import FILE

if TYPE_CHECKING:
    from s3_proxy import S3Proxy
    from s3_server import S3Server

_AWS_CLI = Path(__file__).with_name("aws_cli.py")


@pytest.mark.slow
def test_commands_of_a_dry_run(s3_server: S3Server, s3_proxy: S3Proxy, tmp_path: Path) -> None:
    """Typed into a shell, they leave nothing to do for `init` but to wait for an instance."""
    env = {**env_of_role(s3_server, s3_proxy.url, tmp_path, "Admin"), "PYTHONPATH": str(SOURCES)}
    file = tmp_path / "ecs.config"
    file.write_bytes(FILE)
    subnets = ",".join(sorted(one["SubnetId"] for one in s3_server.client("ec2").describe_subnets()["Subnets"]))
    words = ("init", str(file), "--administrator", ADMINISTRATOR, "--subnets", subnets, "--dry-run")
    first = run_here(*words, env=env)
    assert first.status == 0, first.err
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, command in (("aws", str(_AWS_CLI)), ("ecsauth", "-m ecsauth")):
        (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable} {command} "$@"\n')
        (programs / name).chmod(0o755)
    done = subprocess.run(
        ["sh", "-eu"],
        input=first.out,
        cwd=tmp_path,
        env={**env, "PATH": f"{programs}:{env['PATH']}"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    left = run_here(*words, "--format", "json", env=env)
    assert left.status == 0, left.err
    assert [step["step"] for step in left.document["steps"] if not step["done"]] == ["instance"]
    assert left.document["group"] is not None
    assert json.loads(done.stdout[done.stdout.rindex("\n{") :]) == {"containerInstanceArns": []}
