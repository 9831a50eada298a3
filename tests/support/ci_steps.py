"""Run the steps of CI as they are written: those of action.yml and of docs/ci.md, in bash, with this tree's program."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from program import SOURCES, TIMEOUT_S, Ended

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[2]
# As GitHub runs a step whose shell is bash.
_BASH = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")
_EXPRESSION = re.compile(r"\$\{\{ *(.+?) *\}\}")


def action() -> Any:
    """Return action.yml."""
    return yaml.safe_load((ROOT / "action.yml").read_text())


def write_program(folder: Path) -> str:
    """Write the command `ecsauth` into a folder, and return a PATH that begins with it."""
    folder.mkdir(exist_ok=True)
    program = folder / "ecsauth"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={SOURCES} exec {sys.executable} -m ecsauth "$@"\n')
    program.chmod(0o755)
    return f"{folder}:/usr/local/bin:/usr/bin:/bin"


def shell(script: str, *, cwd: Path, env: Mapping[str, str]) -> Ended:
    """Run lines of bash to their end."""
    done = subprocess.run(
        [*_BASH, script],
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def run_action(inputs: Mapping[str, str], *, cwd: Path, env: Mapping[str, str], pull_request: str = "") -> Ended:
    """Run the step of action.yml that runs ecsauth, with these inputs and the defaults of all others."""
    document = action()
    values = {f"inputs.{name}": str(one.get("default", "")) for name, one in document["inputs"].items()}
    values.update({f"inputs.{name}": value for name, value in inputs.items()})
    values.update({"github.event.pull_request.number": pull_request, "github.token": "token"})
    (step,) = (one for one in document["runs"]["steps"] if one.get("id") == "run")
    own = {name: _EXPRESSION.sub(lambda match: values[match[1]], text) for name, text in step["env"].items()}
    temporary = cwd / ".runner"
    temporary.mkdir(exist_ok=True)
    github = {
        "GITHUB_ACTION_PATH": str(ROOT),
        "GITHUB_OUTPUT": str(temporary / "output"),
        "GITHUB_STEP_SUMMARY": str(temporary / "summary"),
        "GITHUB_REPOSITORY": "owner/fleet",
        "RUNNER_TEMP": str(temporary),
    }
    return shell(step["run"], cwd=cwd, env={**env, **github, **own})
