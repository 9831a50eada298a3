"""The documents of Systems Manager, run by a shell: what they pass on, what they cut, and what they refuse."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from aws_environment import aws_environment
from ecsauth.deploy import ssm_documents
from ecsauth.errors import UsageError
from fleet_documents import FOLDER, NAMES, PROGRAMS, Document, RefusedError, install
from program import ROOT

if TYPE_CHECKING:
    from pathlib import Path

VERSION = "3HL4kqtJvjVBH40Nrjfkd.A_b-c1234"
# Prints its arguments, and ends as it is told.
TELLS = '#!/bin/sh\necho "$@"\nexit "${STATUS:-0}"\n'
# What Systems Manager keeps of the output of an invocation in a list (API Reference, CommandPlugin: Output).
KEPT = 2500


def given(name: str) -> dict[str, str]:
    """Return the parameters of the document of that name."""
    return {"Version": VERSION} if name == "boot" else {}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("status", [0, 1, 3, 4, 5, 6, 7, 8, 9, 130])
def test_exit_status_is_passed_on(name: str, status: int, tmp_path: Path) -> None:
    """The document ends with the exit status of ecsauth: 8 is a failure too, since the version is not there."""
    install(tmp_path, TELLS)
    assert Document(name, tmp_path).run({"STATUS": str(status)}, **given(name)).status == status


@pytest.mark.parametrize(
    ("version", "arguments"),
    [
        (VERSION, f"boot --as-persisted --candidate={VERSION}"),
        ("withdraw", "boot --as-persisted --withdraw"),
        ("released", "boot --as-persisted"),
        ("withdrawn", "boot --as-persisted --candidate=withdrawn"),
        ("-", "boot --as-persisted --candidate=-"),
        ("--force", "boot --as-persisted --candidate=--force"),
        ("x" * 64, f"boot --as-persisted --candidate={'x' * 64}"),
    ],
)
def test_boot_arguments(version: str, arguments: str, tmp_path: Path) -> None:
    """The version is the candidate, except for two words; it is never an option of its own."""
    install(tmp_path, TELLS)
    assert Document("boot", tmp_path).run(Version=version).out == f"{arguments}\n"


@pytest.mark.parametrize(("name", "arguments"), [("status", "status --alarm --format json"), ("doctor", "doctor")])
def test_arguments_of_the_others(name: str, arguments: str, tmp_path: Path) -> None:
    """The other two take no parameter."""
    install(tmp_path, TELLS)
    assert Document(name, tmp_path).run().out == f"{arguments}\n"
    assert "parameters" not in Document(name, tmp_path).content


# To a shell in or outside quotes, to a here-document, to YAML, to Systems Manager.
BREAKS_OUT = (
    *("", " ", "a b", "a;touch pwned", "a'; touch pwned; '", 'a"; touch pwned; "', "$(touch pwned)", "`touch pwned`"),
    *("a\nEND\ntouch pwned\n", "a\n)\ntouch pwned", "a\\", "a|touch pwned", "a&touch pwned", "a>pwned", "*", "?", "é"),
    *("{{ Version }}", "{{ssm:secret}}", "x" * 65, "a\n", "\na", "../a", "a/b", "a=b", "~"),
)


@pytest.mark.parametrize("version", BREAKS_OUT)
def test_pattern_refuses(version: str, tmp_path: Path) -> None:
    """Systems Manager refuses what is no version ID, before any instance sees it."""
    with pytest.raises(RefusedError):
        Document("boot", tmp_path).run(Version=version)


@pytest.mark.parametrize("version", [one for one in BREAKS_OUT if "\nEND\n" not in one and one != "x" * 65])
def test_shell_refuses_as_well(version: str, tmp_path: Path) -> None:
    """Without the pattern nothing of a value is run either: it is quoted, and checked once more."""
    install(tmp_path, TELLS)
    done = Document("boot", tmp_path).run_unchecked(Version=version)
    assert not (tmp_path / "pwned").exists()
    if version.strip("\n") != version:
        # The shell takes line ends off.
        return
    assert (done.status, done.out) == (2, "ecsauth: error: Version is not a version ID\n")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("program", PROGRAMS)
def test_program_is_found(name: str, program: str, tmp_path: Path) -> None:
    """Each place in which ecsauth is installed is tried."""
    install(tmp_path, TELLS, program)
    assert Document(name, tmp_path).run(**given(name)).status == 0


@pytest.mark.parametrize("name", NAMES)
def test_first_program_counts(name: str, tmp_path: Path) -> None:
    """The boot archive is taken before a virtual environment; a file that cannot be run is passed over."""
    for number, program in enumerate(PROGRAMS):
        install(tmp_path, f"#!/bin/sh\nexit {10 + number}\n", program)
    assert Document(name, tmp_path).run(**given(name)).status == 10
    (tmp_path / PROGRAMS[0]).chmod(0o644)
    assert Document(name, tmp_path).run(**given(name)).status == 11


@pytest.mark.parametrize("name", NAMES)
def test_no_program(name: str, tmp_path: Path) -> None:
    """An instance without ecsauth says so, with 127."""
    done = Document(name, tmp_path).run(**given(name))
    assert (done.status, done.err) == (127, "")
    assert done.out.startswith("ecsauth: error: no ecsauth in ")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("stream", ["1", "2"])
def test_long_output_is_cut(name: str, stream: str, tmp_path: Path) -> None:
    """Of a long output, on either stream, the first 2,400 bytes are there, and the last line says that it was cut."""
    install(tmp_path, f"#!/bin/sh\nyes 'failed 0123456789' | head -n 400 >&{stream}\nexit 3\n")
    done = Document(name, tmp_path).run(**given(name))
    assert (done.status, done.err) == (3, "")
    lines = done.out.splitlines()
    assert lines[0] == "failed 0123456789"
    assert lines[-1] == "ecsauth: warning: the output was cut after 2400 bytes"
    assert 2400 < len(done.out) < KEPT


@pytest.mark.parametrize("name", NAMES)
def test_output_that_fits_is_whole(name: str, tmp_path: Path) -> None:
    """An output of 2,399 bytes is printed as it is."""
    install(tmp_path, f"#!/bin/sh\nprintf '%s\\n' {'x' * 2399}\n")
    assert Document(name, tmp_path).run(**given(name)).out == "x" * 2399 + "\n"


def test_long_doctor_keeps_the_causes(tmp_path: Path) -> None:
    """Where doctor says much, what is in order is left out, so that causes and fixes are there."""
    install(
        tmp_path, "#!/bin/sh\nyes 'ok       clock  right' | head -n 300\necho 'cause: docker: gone'\necho 'fix: x'\n"
    )
    assert Document("doctor", tmp_path).run().out == "cause: docker: gone\nfix: x\n"


def ecsauth(root: Path) -> None:
    """Install the real ecsauth of this tree, with the places of an instance below `root`."""
    install(
        root, f'#!/bin/sh\nexec {sys.executable} -m ecsauth "$@" --state-dir {root}/state --file {root}/ecs.config\n'
    )


def test_status_of_the_real_program(tmp_path: Path) -> None:
    """The report of ecsauth comes as one line of JSON, with alarms, far below what is kept, and 3 for an alarm."""
    ecsauth(tmp_path)
    env = {**aws_environment(tmp_path, endpoint="http://127.0.0.1:1"), "PYTHONPATH": str(ROOT / "bootstrap")}
    done = Document("status", tmp_path).run(env)
    assert done.status == 3, done.out + done.err
    report = json.loads(done.out)
    assert set(report) == {"schema", "agree", "alarms", "report"}
    assert "no-checked-file" in report["alarms"]
    assert set(report["report"]) >= {"installed", "released", "agent", "on_disk"}
    assert done.out.count("\n") == 1
    assert len(done.out) < KEPT // 2


def test_boot_of_the_real_program(tmp_path: Path) -> None:
    """An instance on which boot --persist has not run refuses, and says what to do."""
    install(tmp_path, f'#!/bin/sh\nexec {sys.executable} -m ecsauth "$@" --state-dir {tmp_path}/state\n')
    env = {**aws_environment(tmp_path, endpoint="http://127.0.0.1:1"), "PYTHONPATH": str(ROOT / "bootstrap")}
    done = Document("boot", tmp_path).run(env, Version=VERSION)
    assert done.status == 6, done.out
    assert "boot --persist has not run here" in done.out


@pytest.mark.parametrize("name", NAMES)
def test_content(name: str) -> None:
    """A document has one step, no default for its parameter, and plain ASCII with one line end at its end."""
    content = Document(name, FOLDER).content
    assert content["schemaVersion"] == "2.2"
    assert len(content["mainSteps"]) == 1
    assert not [one for one in content.get("parameters", {}).values() if "default" in one]
    text = (FOLDER / f"{name}.yaml").read_text(encoding="ascii")
    assert text.endswith('exit "$status"\n')


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_finds_nothing(name: str, tmp_path: Path) -> None:
    """The shell is clean, apart from an option of ulimit that dash and bash have."""
    path = tmp_path / "script.sh"
    path.write_text(Document(name, tmp_path).script(Version=VERSION), encoding="utf-8")
    done = subprocess.run(
        ["shellcheck", "--shell=sh", "--exclude=SC3045", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("prefix", ["ecsauth", "my-stack", "a", "Fleet_2.x"])
def test_names(prefix: str) -> None:
    """The deployed names begin with what the stack is called."""
    assert ssm_documents.deployed_name("ssm-boot", ssm_documents.prefix(prefix)) == f"{prefix}-boot"


@pytest.mark.parametrize(
    "prefix", ["", "1a", "aws-fleet", "Amazon", "AMZN1", "a" * 121, "a b", "a/b", "a*", "${x}", "a\n"]
)
def test_names_that_systems_manager_refuses(prefix: str) -> None:
    """A name that no document can have, or that is a pattern to IAM, is refused."""
    with pytest.raises(UsageError):
        ssm_documents.prefix(prefix)
