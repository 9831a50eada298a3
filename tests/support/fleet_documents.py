"""The documents of iam/ssm as the agent of Systems Manager runs them: parameters checked, filled in, given to sh.

The paths of ecsauth lead into a folder of the test, and everything else is the document's own.

Sources: Systems Manager User Guide, "Command document plugin reference" (aws:runShellScript: the lines of `runCommand`
joined, run by `sh`) and "Data elements and parameters" (`allowedPattern`).
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).resolve().parents[2] / "iam" / "ssm"
NAMES = ("boot", "status", "doctor")
# Where the documents look for ecsauth, in this order.
PROGRAMS = ("usr/local/bin/ecsauth", "opt/ecsauth/bin/ecsauth", "usr/bin/ecsauth")


class RefusedError(Exception):
    """Systems Manager refuses the parameters: no instance sees the command."""


class Output(NamedTuple):
    """What a run of a document printed, and its exit status."""

    status: int
    out: str
    err: str


class Document:
    """One of the documents; `root` is the folder that stands for the root of the instance's file system."""

    def __init__(self, name: str, root: Path) -> None:
        self.content = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
        self._root = root

    @property
    def step(self) -> dict[str, object]:
        """The inputs of the one step."""
        (step,) = self.content["mainSteps"]
        assert step["action"] == "aws:runShellScript"
        inputs: dict[str, object] = step["inputs"]
        return inputs

    def run(self, env: Mapping[str, str] | None = None, /, **parameters: str) -> Output:
        """Run the document as Systems Manager would; raise RefusedError for parameters that it refuses."""
        self._check(parameters)
        return self.run_unchecked(env, **parameters)

    def run_unchecked(self, env: Mapping[str, str] | None = None, /, **parameters: str) -> Output:
        """Run the document with parameters that nobody has checked."""
        script = self.script(**parameters)
        for program in PROGRAMS:
            script = script.replace(f" /{program}", f" {self._root / program}")
        path = self._root / "script.sh"
        path.write_text(script, encoding="utf-8")
        done = subprocess.run(
            ["sh", str(path)],
            cwd=self._root,
            env={"PATH": "/usr/bin:/bin", **(env or {})},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return Output(done.returncode, done.stdout, done.stderr)

    def script(self, **parameters: str) -> str:
        """Return the shell with the parameters filled in."""
        lines = self.step["runCommand"]
        assert isinstance(lines, list)
        return re.sub(r"\{\{ (\w+) \}\}", lambda found: parameters[found[1]], "\n".join(lines))

    def _check(self, given: Mapping[str, str]) -> None:
        declared = self.content.get("parameters", {})
        if set(given) != set(declared):
            raise RefusedError(f"parameters {sorted(given)} for {sorted(declared)}")
        for name, value in given.items():
            # As Java's Matcher.find: the anchors are the pattern's own.
            if not re.search(declared[name]["allowedPattern"].replace("$", r"\Z"), value):
                raise RefusedError(f"{name} does not match")


def install(root: Path, text: str, program: str = PROGRAMS[0]) -> Path:
    """Install a stand-in for ecsauth in the root of an instance."""
    path = root / program
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path
