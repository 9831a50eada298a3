"""Every command that a document shows is run here, and its output compared with the one that is shown.

The commands of a `console` block are typed at a desk (`tests/support/desk.py`), in the order of the document and as a
reader would: `$ ` begins a command, a line that ends with a backslash goes on, and what follows is the output, in which
`…` stands for anything. Where no output is shown, only the status counts: 0 unless `echo $?` says otherwise.

An `sh` block is not replayed: it holds what takes minutes or changes the machine, and nothing else.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from desk import BUCKET, KEY

if TYPE_CHECKING:
    from desk import Desk

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(str(path.relative_to(ROOT)) for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")))

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
    r"ecsauth init .*": "waits for an instance; other tests have a stand-in",
    r"ecsauth fleet .*": "needs instances under Systems Manager; other tests have a stand-in",
    r"(ecsauth iam stack -o stack.yaml|aws (cloudformation deploy|sns subscribe|ec2 create-tags) .*)": (
        "needs an account; another test deploys the stack"
    ),
    r"aws (s3api delete-object|ssm create-activation) .*": "deletes for good, or needs Systems Manager",
    r"docker (logs|ps|inspect) .*": "needs the agent",
    r"docker (build|run) .*": "needs a base image; another test builds one and the image on it",
    r"systemctl .*|journalctl .*": "needs systemd",
    r"aws autoscaling .*|    --lifecycle-transition .*": "needs an Auto Scaling group; another test has a stand-in",
    r"aws (ecs list-container-instances|ec2 get-console-output|iam attach-role-policy|ssm start-session) .*": (
        "needs an instance, and an account in which it runs"
    ),
    r"/opt/ecsauth/bin/ecsauth boot .*": "needs an instance; other tests boot one so",
    r"ecsauth boot --as-persisted( --(candidate VERSION|withdraw))?": (
        "needs an instance; tests/machine/test_candidate_instance.py runs them on one"
    ),
    r'ecsauth boot ".*\?versionId=VERSION" --kms-key KEY --persist': "installs the units of this machine",
    r"ecsauth archive build": "takes seconds; all other tests of the archive build one",
}


class Shown(NamedTuple):
    """A command of a document, the line it stands on, and the output that is shown after it."""

    command: str
    line: int
    output: tuple[str, ...]


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
        assert matches(each.output, output), place
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


def test_files_are_those_that_the_page_lists(desk: Desk) -> None:
    """After a change of the file the instance has the files of docs/boot.md, with their modes, and no others."""
    boot = f"ecsauth boot s3://{BUCKET}/k --kms-key {KEY}"
    desk.type("install -m 600 /dev/null /etc/ecs/ecs.config && echo ECS_CLUSTER=before > /etc/ecs/ecs.config")
    desk.type(f"ecsauth push ecs.config s3://{BUCKET}/k && {boot}")
    _, found = desk.type(
        "find /etc/ecs /var/lib/ecsauth -type f -printf '%p 0%m\n' -o -name ecsauth -printf '%p/ 0%m\n'"
    )
    listed = [cells[:2] for cells in table("docs/boot.md", "## Files on the instance")]
    # systemd reads the gate and the units; the tests of instances look at them. --persist writes its arguments beside
    # its units, which would be those of this machine: tests/unit/cli/test_persisted.py compares the mode of that file.
    others = ("`/etc/systemd/", "`/var/lib/ecsauth/persisted.json`")
    own = [(path, mode) for path, mode in listed if not path.startswith(others)]
    assert sorted(found) == sorted(f"{path.strip('`')} {mode}" for path, mode in own)
    assert len(listed) == len(own) + 3


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


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")
