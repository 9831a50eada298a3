"""The README is short, and true: its first screen, the commands, the exit statuses, the rules that it names."""

from __future__ import annotations

import re
from pathlib import Path

from ecsauth import errors
from ecsauth.check import rules
from ecsauth.cli.parser import COMMANDS
from ecsauth.errors import EcsauthError, ExitCode
from ecsauth.finding import Severity

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FIRST_SCREEN_LINES = 50
LONGEST = 200


def test_it_is_short() -> None:
    """The README has at most 200 lines."""
    assert len(README.splitlines()) <= LONGEST


def test_first_screen_has_what_a_newcomer_needs() -> None:
    """The first screen says what it is and why, with one finding, how to try it, and how to use it."""
    screen = "\n".join(README.splitlines()[:FIRST_SCREEN_LINES])
    wanted = (
        "delivers private-registry credentials to Amazon ECS container instances",
        "the agent only with a file that it has verified",
        "error[",
        "`scripts/test`",
        "```sh\nscripts/demo\n```\n",
        "$ ecsauth push",
        "$ ecsauth boot",
    )
    places = [screen.find(text) for text in wanted]
    assert -1 not in places
    assert places == sorted(places)


def test_every_command_has_a_line() -> None:
    """The table under Commands lists the commands that exist, in one line each."""
    section = README.split("\n## Commands\n")[1].split("\n## ")[0]
    assert sorted(re.findall(r"^\| `([\w-]+)` \|", section, flags=re.MULTILINE)) == sorted(COMMANDS)


def test_exit_statuses_are_those_of_the_program() -> None:
    """The table lists each status that the program ends with, under its name."""
    section = README.split("\n## Exit status\n")[1].split("\n## ")[0]
    listed = {int(number): name for number, name in re.findall(r"^\| (\d) \| (\w+) \|", section, flags=re.MULTILINE)}
    faults = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, EcsauthError)]
    used = {ExitCode.OK, ExitCode.STALE, *(fault.exit_code for fault in faults)}
    assert listed == {int(status): status.name.lower() for status in used}


def test_rules_that_refuse_are_errors() -> None:
    """Each code in the table of what is refused is that of an error, and its row says status 3."""
    rows = [line for line in README.splitlines() if re.search(r"[(, ][FVA]\d{3}\)", line) and line.startswith("|")]
    codes = {code: row for row in rows for code in re.findall(r"[FVA]\d{3}", row)}
    assert codes
    for code, row in codes.items():
        rule = rules.find(code)
        assert rule is not None, code
        assert rule.severity is Severity.ERROR, code
        assert row.endswith("| 3 |"), row
