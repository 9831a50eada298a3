"""The desk of an operator, at which the commands of the documents are typed.

Its `ecsauth` and `aws` lead to servers on loopback. The paths of the instance (/etc/ecs, /var/lib/ecsauth) lead into a
scratch directory, and `boot` leaves docker alone. No agent can be seen: this machine's may be another test's.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from forked_program import ForkedProgram
    from typing_extensions import Self

COMMAND_TIMEOUT_S = 120

# The names that the documents use, and the operator's files before the first command.
ACCOUNT, BUCKET, OTHER_BUCKET = "111122223333", "example-config", "example-config-2"
KEY = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
FILES = {
    "ecs.config": """\
ECS_CLUSTER=prod
ECS_ENGINE_AUTH_TYPE=docker
ECS_ENGINE_AUTH_DATA={"https://index.docker.io/v1/":{"username":"my_name","password":"my_password"}}
""",
    "hub.config": """\
ECS_CLUSTER=prod
ECS_ENGINE_AUTH_TYPE=dockercfg
ECS_ENGINE_AUTH_DATA={"docker.io":{"auth":"bXlfbmFtZTpteV9wYXNzd29yZA=="}}
""",
    "config.json": """\
{"auths": {
  "registry.example.com:5000": {"auth": "bXlfbmFtZTpteV9wYXNzd29yZA=="},
  "111122223333.dkr.ecr.eu-central-1.amazonaws.com": {"auth": "QVdTOnRva2Vu"}
}}
""",
}
# What stands for the operator's editor: it changes the password.
EDITOR = "sed -i s/my_password/another_password/"

# What the command does before: boot, status and doctor of an instance without docker look into the scratch directory.
_PLACES = """\
if arguments[:1] in (["boot"], ["status"], ["doctor"]) and "--help" not in arguments:
    for option, value in (("--file", "{root}/etc/ecs/ecs.config"), ("--state-dir", "{root}/var/lib/ecsauth"),
                          ("--launch", "none")):
        if option not in arguments and (option, arguments[0]) != ("--launch", "status"):
            arguments += (option, value)
    # The units would be those of this machine; tests of instances install them.
    arguments[:] = [one for one in arguments if one != "--persist"]
"""
_END = "-- status "
_AWS = '#!/bin/sh\nexec {python} {program} "$@"\n'
AWS_CLI = Path(__file__).parents[1] / "docs" / "aws_cli.py"
_DOCKER = '#!/bin/sh\necho "Error response from daemon: No such container: $*" >&2\nexit 1\n'


class Desk:
    """A shell that commands are typed into, one after the other; a context manager."""

    def __init__(self, directory: Path, environment: dict[str, str], ecsauth: ForkedProgram) -> None:
        self._root = directory / "instance"
        self._status = 0
        desk, programs = directory / "operator", directory / "bin"
        for each in (self._root / "etc/ecs", self._root / "var/lib", desk, programs):
            each.mkdir(parents=True)
        for name, text in FILES.items():
            (desk / name).write_text(text)
        ecsauth.write_command(programs / "ecsauth", _PLACES.format(root=self._root))
        for name, text in (("aws", _AWS), ("docker", _DOCKER)):
            program = programs / name
            program.write_text(text.format(python=sys.executable, program=AWS_CLI))
            program.chmod(0o755)
        path = f"{programs}:{os.environ.get('PATH', os.defpath)}"
        self._shell = subprocess.Popen(
            ["bash"],
            cwd=desk,
            env={**environment, "PATH": path, "COLUMNS": "80", "LC_ALL": "C.UTF-8", "EDITOR": EDITOR},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def type(self, command: str) -> tuple[int, list[str]]:
        """Return the status of a command and the lines of its output, with the paths that documents have."""
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        here = re.sub(r"(?<![\w/])/(etc/ecs|var/lib/ecsauth)", rf"{self._root}/\1", command)
        self._shell.stdin.write(f"(exit {self._status})\n{{ {here}\n}} </dev/null\nprintf '\\n{_END}%s\\n' $?\n")
        self._shell.stdin.flush()
        patience = threading.Timer(COMMAND_TIMEOUT_S, self._shell.kill)
        patience.start()
        output = []
        for line in self._shell.stdout:
            if line.startswith(_END):
                self._status = int(line[len(_END) :])
                break
            output.append(line.rstrip("\n").replace(str(self._root), ""))
        else:
            raise AssertionError(f"the shell has ended: {command}\n" + "\n".join(output))
        patience.cancel()
        patience.join()
        # The line end that goes before the mark.
        return self._status, output[:-1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._shell.kill()
        self._shell.communicate()
