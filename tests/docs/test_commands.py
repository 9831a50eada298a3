"""Every command that a document shows is run here, and its output compared with the one that is shown.

A `console` block is typed at a desk whose `ecsauth` and `aws` lead to servers on loopback, in the order of the document
and as a reader would: `$ ` begins a command, a line that ends with a backslash goes on, and what follows is the output,
in which `…` stands for anything. Where no output is shown, only the status counts: 0 unless `echo $?` says otherwise.
The paths of the instance (/etc/ecs, /var/lib/ecsauth) lead into a scratch directory, and `boot` leaves docker alone.
No agent is there to be seen: this machine's may be another test's.

An `sh` block is not replayed: it holds what takes minutes or changes the machine, and nothing else.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from aws_environment import aws_environment
from forked_program import ForkedProgram
from metadata_service import Instance, MetadataService
from pretend_hub import pretend_hub
from s3_faults import TlsOnlyEverywhere
from s3_proxy import S3Proxy
from s3_server import ACCESS_KEY, REGION, SECRET_KEY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from s3_server import S3Server
    from typing_extensions import Self

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(str(path.relative_to(ROOT)) for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")))
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

# What an `sh` block may hold, and why it is not replayed.
NOT_REPLAYED = {
    r"(nice -n -20 |ECSAUTH_TESTS_PROGRAM=archive )?scripts/[a-z-]+( .*)?": "they take minutes; all have tests",
    r"bash \.ci/run": "installs packages",
    r"python3 -m venv \S+": "needs the network for what follows",
    r"(\S*pip|pipx) install .*": "needs the network",
    r"python3 -m pip wheel .*": "needs the network",
    r"git clone \S+": "needs the network",
    r"packer (init|build) .*": "needs Packer and an account; other tests run the script in it",
    r"aws imagebuilder .*": "needs an account; other tests run the lines of the component",
    r"docker (logs|ps|inspect) .*": "needs the agent",
    r"docker (build|run) .*": "needs a base image; another test builds one and the image on it",
    r"systemctl .*|journalctl .*": "needs systemd",
    r"aws autoscaling .*|    --lifecycle-transition .*": "needs an Auto Scaling group; another test has a stand-in",
    r"aws (ecs list-container-instances|ec2 get-console-output|iam attach-role-policy|ssm start-session) .*": (
        "needs an instance, and an account in which it runs"
    ),
    r"/opt/ecsauth/bin/ecsauth boot .*": "needs an instance; other tests boot one so",
}

# What the command does before: boot, status and doctor of an instance without docker look into the scratch directory.
_PLACES = """\
if arguments[:1] in (["boot"], ["status"], ["doctor"]) and "--help" not in arguments:
    for option, value in (("--file", "{root}/etc/ecs/ecs.config"), ("--state-dir", "{root}/var/lib/ecsauth"),
                          ("--launch", "none")):
        if option not in arguments and (option, arguments[0]) != ("--launch", "status"):
            arguments += (option, value)
"""
_END = "-- status "
_AWS = '#!/bin/sh\nexec {python} {program} "$@"\n'
_DOCKER = '#!/bin/sh\necho "Error response from daemon: No such container: $*" >&2\nexit 1\n'


class Shown(NamedTuple):
    """A command of a document, the line it stands on, and the output that is shown after it."""

    command: str
    line: int
    output: tuple[str, ...]


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
            program.write_text(text.format(python=sys.executable, program=Path(__file__).with_name("aws_cli.py")))
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


@pytest.fixture(scope="module")
def ecsauth() -> Iterator[ForkedProgram]:
    """Load the program once for all that is typed."""
    with ForkedProgram() as program:
        yield program


@pytest.fixture
def desk(tmp_path: Path, s3_server: S3Server, ecsauth: ForkedProgram) -> Iterator[Desk]:
    """Sit down at the desk of an operator with a bucket and a key, beside an instance that has nothing yet."""
    for bucket in (BUCKET, OTHER_BUCKET):
        s3_server.make_bucket(bucket, default_key=KEY)
    switches = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    block = dict.fromkeys(switches, True)
    s3_server.client("s3").put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration=block)
    instance = Instance(region=REGION, account=ACCOUNT)
    hub = pretend_hub(tmp_path)
    with S3Proxy(s3_server.url, owner=ACCOUNT) as s3, MetadataService(instance) as metadata, hub as way_to_hub:
        s3.inject(TlsOnlyEverywhere(), operation="GetBucketPolicy")
        environment = aws_environment(
            tmp_path,
            endpoint=s3.url,
            metadata=metadata.url,
            AWS_ACCESS_KEY_ID=ACCESS_KEY,
            AWS_SECRET_ACCESS_KEY=SECRET_KEY,
            AWS_DEFAULT_REGION=REGION,
        )
        with Desk(tmp_path, {**environment, **way_to_hub}, ecsauth) as shell:
            yield shell


@pytest.mark.parametrize("name", DOCUMENTS)
def test_commands_do_what_a_document_shows(name: str, request: pytest.FixtureRequest) -> None:
    """Each command of the document's console blocks ends with the status and the output that are shown."""
    shown = [each for start, lines in blocks(name, "console") for each in commands(start, lines)]
    if not shown:
        return
    desk: Desk = request.getfixturevalue("desk")
    for index, each in enumerate(shown):
        status, output = desk.type(each.command)
        place = f"{name}:{each.line}: {each.command}\n" + "\n".join(output)
        assert matches(each.output, output) or is_help(each, output), place
        status_is_shown = index + 1 < len(shown) and shown[index + 1].command == "echo $?"
        assert status == 0 or status_is_shown, f"{place}\nstatus {status}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_commands_not_replayed_are_few_and_known(name: str) -> None:
    """What stands in an sh block is of a kind that cannot be replayed, and names scripts that are there."""
    for start, lines in blocks(name, "sh"):
        for number, line in enumerate(lines, start=start):
            assert any(re.fullmatch(kind, line) for kind in NOT_REPLAYED), f"{name}:{number}: {line}"
            for script in re.findall(r"scripts/[a-z-]+", line):
                assert os.access(ROOT / script, os.X_OK), f"{name}:{number}: {line}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_blocks_say_what_they_are(name: str) -> None:
    """No command hides in a block that nobody replays."""
    found = re.findall(r"^```(\S*)\n(.*?)^```$", _text(name), flags=re.MULTILINE | re.DOTALL)
    for language, text in found:
        assert language in ("console", "sh") or "\n$ " not in f"\n{text}", text


@pytest.mark.parametrize(
    ("command", "row"),
    [
        ("check ecs.config", "`check`"),
        ("explain A370", "`explain`"),
        ("which nginx --file ecs.config", "`which`"),
        ("import config.json -o docker.config", "`import`"),
        ("verify ecs.config --image nginx", "`verify`"),
        (f"push ecs.config s3://{BUCKET}/k", "`push`, `edit`, `rollback`"),
        (f"push ecs.config s3://{BUCKET}/k 2>&- && ecsauth edit s3://{BUCKET}/k", "`push`, `edit`, `rollback`"),
        (f"push ecs.config s3://{BUCKET}/k 2>&- && ecsauth rollback s3://{BUCKET}/k null", "any, when it fails"),
        (f"push ecs.config s3://{BUCKET}/k 2>&- && ecsauth pull s3://{BUCKET}/k", "`pull`"),
        ("diff ecs.config hub.config", "`diff`"),
        (f"push ecs.config s3://{BUCKET}/k 2>&- && ecsauth history s3://{BUCKET}/k", "`history`"),
        ("export secretsmanager ecs.config --registry docker.io", "`export`"),
        ("archive build --no-compile", "`archive build`"),
        (f"archive publish s3://{BUCKET}/k --no-compile", "`archive publish`"),
        (f"push ecs.config s3://{BUCKET}/k 2>/dev/null && ecsauth boot s3://{BUCKET}/k --kms-key {KEY}", "`boot`"),
        ("status --remote", "`status`"),
        (f"doctor s3://{BUCKET}/k", "`doctor`"),
        ("push hub.config s3://example-config/k", "any, when it fails"),
    ],
)
def test_json_has_the_fields_that_the_readme_lists(command: str, row: str, desk: Desk) -> None:
    """The README lists every field of each command's JSON, in its order."""
    _, output = desk.type(f"ecsauth {command} --format json 2>/dev/null")
    (fields,) = (cells[1] for cells in table("README.md", "## JSON") if cells[0] == row)
    names = re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)|: .*", "", fields))
    assert list(json.loads("\n".join(output))) == ["schema", *names]


def test_files_are_those_that_the_readme_lists(desk: Desk) -> None:
    """After a change of the file the instance has the files of the README, with their modes, and no others."""
    boot = f"ecsauth boot s3://{BUCKET}/k --kms-key {KEY}"
    desk.type("install -m 600 /dev/null /etc/ecs/ecs.config && echo ECS_CLUSTER=before > /etc/ecs/ecs.config")
    desk.type(f"ecsauth push ecs.config s3://{BUCKET}/k && {boot}")
    _, found = desk.type(
        "find /etc/ecs /var/lib/ecsauth -type f -printf '%p 0%m\n' -o -name ecsauth -printf '%p/ 0%m\n'"
    )
    listed = [cells[:2] for cells in table("README.md", "## Files on the instance")]
    # The gate and the units are systemd's to read; the tests of instances look at them.
    own = [(path, mode) for path, mode in listed if not path.startswith("`/etc/systemd/")]
    assert sorted(found) == sorted(f"{path.strip('`')} {mode}" for path, mode in own)
    assert len(listed) == len(own) + 2


@pytest.mark.parametrize(
    ("shown", "output", "expected"),
    [
        ((), ["anything"], True),
        (("a", "b"), ["a", "b"], True),
        (("a",), ["a", "b"], False),
        (("a", "…"), ["a", "b", "c"], True),
        (("…", "z"), ["a", "b"], False),
        (("…", "b", "…", "b"), ["a", "b", "b", "c", "b"], True),
        (("version …, key …",), ["version 1, key 2"], True),
        (("version …, key …",), ["version 1"], False),
        (("… s, … s" * 20,), ["1 s, " * 1000], False),
    ],
)
def test_outputs_are_compared(shown: tuple[str, ...], output: list[str], expected: bool) -> None:
    """An ellipsis stands for anything, on a line of its own for any lines, and all else counts."""
    assert matches(shown, output) is expected


def blocks(name: str, language: str) -> list[tuple[int, list[str]]]:
    """Return the document's blocks of a language: the number of the first line, and the lines."""
    text = _text(name)
    found = re.finditer(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    return [(text.count("\n", 0, match.start(1)) + 1, match[1].splitlines()) for match in found]


def commands(start: int, lines: list[str]) -> list[Shown]:
    """Return the commands of a console block that begins on line `start`."""
    found: list[Shown] = []
    goes_on = False
    for number, line in enumerate(lines, start=start):
        if goes_on:
            found[-1] = found[-1]._replace(command=f"{found[-1].command}\n{line}")
        elif line.startswith("$ "):
            found.append(Shown(line[2:], number, ()))
        else:
            assert found, f"line {number} comes before any command"
            found[-1] = found[-1]._replace(output=(*found[-1].output, line))
        goes_on = line.endswith("\\") and (goes_on or line.startswith("$ "))
    return found


def table(name: str, heading: str) -> list[tuple[str, ...]]:
    """Return the rows of the first table after a heading, without its head."""
    text = _text(name).split(f"\n{heading}\n")[1]
    rows = [line for line in text[: text.index("|\n\n") + 1].splitlines() if line.startswith("|")]
    return [tuple(cell.strip() for cell in row.strip("|").split("|")) for row in rows[2:]]


def matches(shown: tuple[str, ...], output: list[str]) -> bool:
    """Tell whether a command's output is as shown; nothing shown fits any output."""
    if not shown:
        return True
    lines = "\n".join(line.rstrip() for line in output).strip("\n").split("\n")
    ahead = {0}
    for line in shown:
        if line == "…":
            ahead = set(range(min(ahead), len(lines) + 1))
        else:
            ahead = {at + 1 for at in ahead if at < len(lines) and _fits(line, lines[at])}
        if not ahead:
            return False
    return len(lines) in ahead


def _fits(shown: str, line: str) -> bool:
    """Tell whether a line is as shown; not by a regular expression, for one with many gaps takes for ever."""
    first, *others = shown.split("…")
    if not others:
        return shown == line
    *inner, last = others
    if len(line) < len(first) + len(last) or not (line.startswith(first) and line.endswith(last)):
        return False
    at, end = len(first), len(line) - len(last)
    for part in inner:
        found = line.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def is_help(shown: Shown, output: list[str]) -> bool:
    """Tell whether a command shows its help, as some version of Python words it and breaks its lines."""
    return shown.command.endswith("--help") and _help(shown.output) == _help(output)


def _help(lines: Iterable[str]) -> str:
    text = " ".join(" ".join(lines).split())
    # Until 3.9, and since 3.13.
    return re.sub(r"(-\w), (--\w+) ([A-Z]+)", r"\1 \3, \2 \3", text.replace("optional arguments:", "options:"))


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")
