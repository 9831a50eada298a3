"""What a command loads: on the instance nothing but the standard library and ecsauth itself."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest
from ecsauth.errors import ExitCode
from fetching import Instance
from machine import auth_file

if TYPE_CHECKING:
    from pathlib import Path

    from metadata_service import MetadataService
    from s3_proxy import S3Proxy
    from s3_server import S3Server

# 219 with Python 3.11. Each costs a boot a part of a millisecond.
MOST_AT_BOOT = 230
# What Python loads by itself, a virtual environment's hooks among it, is no doing of ecsauth.
REPORT = """
import sys
before = set(sys.modules)
from ecsauth.cli.main import main
status = main(sys.argv[2:])
import json
loaded = {name: getattr(module, "__file__", None) for name, module in sys.modules.items() if name not in before}
with open(sys.argv[1], "w") as file:
    json.dump({"status": status, "loaded": loaded}, file)
"""


class Loaded(NamedTuple):
    """What a run has loaded, beside what Python loads by itself: the files of modules, where they have one."""

    status: int
    modules: dict[str, str | None]

    @property
    def foreign(self) -> set[str]:
        """The packages that are neither Python's own nor ecsauth."""
        known = {"ecsauth", *getattr(sys, "stdlib_module_names", ())}
        # Python 3.9 has no list of its modules: there the places of the files have to do.
        names = {name for name, file in self.modules.items() if file is None or "site-packages" in file}
        if len(known) > 1:
            names = set(self.modules)
        return {name.partition(".")[0] for name in names} - known - set(sys.builtin_module_names)


@pytest.fixture
def settled(tmp_path: Path, s3_server: S3Server, s3_proxy: S3Proxy, metadata: MetadataService) -> Instance:
    """Give an instance with a role on which a good file is installed."""
    instance = Instance(tmp_path, s3_server, s3_proxy, metadata)
    instance.settle()
    return instance


def loaded_by(instance: Instance, *arguments: str) -> Loaded:
    """Run the command in an interpreter of its own."""
    report = instance.folder / "report.json"
    command = [sys.executable, "-c", REPORT, str(report), *arguments]
    subprocess.run(command, env=instance.environment(), capture_output=True, timeout=120, check=True)
    found = json.loads(report.read_text())
    return Loaded(found["status"], found["loaded"])


def test_boot(settled: Instance) -> None:
    """A boot that installs a new file: one GET to S3 and nothing else, by what Python has, in few modules."""
    settled.put(auth_file("the-next-password"))
    found = loaded_by(settled, *settled.boot_arguments("--launch=none"))
    assert found.status == ExitCode.OK
    assert found.foreign == set()
    assert len(found.modules) <= MOST_AT_BOOT
    assert [(request.method, request.operation) for request in settled.proxy.requests] == [("GET", "GetObject")]
    assert settled.env_file.read_bytes() == auth_file("the-next-password")


@pytest.mark.parametrize("command", ["status", "doctor", "check", "which", "explain", "verify"])
def test_other_commands(settled: Instance, command: str) -> None:
    """Nor does any other command that an instance has load what has to be installed."""
    file, state = str(settled.env_file), f"--state-dir={settled.state_place}"
    arguments = {
        "status": ("--remote", state, f"--file={file}"),
        "doctor": (settled.uri, f"--kms-key={settled.key}", "--launch=none", state, f"--file={file}"),
        "check": (file,),
        "which": ("registry.example.com/app:1", f"--file={file}"),
        "explain": ("A341",),
        "verify": (file,),
    }
    found = loaded_by(settled, command, *arguments[command])
    assert found.status not in (ExitCode.BUG, ExitCode.USAGE)
    assert found.foreign == set()
    assert "ecsauth" in found.modules
