"""The README says what is so: its first screen, the commands, the exit statuses, the rules that it names."""

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


def test_first_screen_has_what_a_newcomer_needs() -> None:
    """What it is, how to try it, how to use it, the principle and what is refused stand on the first screen."""
    screen = "\n".join(README.splitlines()[:FIRST_SCREEN_LINES])
    wanted = (
        "scripts/demo\nscripts/test\n",
        "$ ecsauth push",
        "$ ecsauth boot",
        "**the agent starts",
        "| What is refused",
    )
    places = [screen.find(text) for text in wanted]
    assert -1 not in places
    assert places == sorted(places)


def test_every_command_has_a_section() -> None:
    """The sections under Commands are the commands that exist, in the order of the help."""
    section = README.split("\n## Commands\n")[1].split("\n## ")[0]
    assert re.findall(r"^### ([\w-]+)$", section, flags=re.MULTILINE) == list(COMMANDS)


def test_exit_statuses_are_those_of_the_program() -> None:
    """The table lists each status that the program ends with, under its name."""
    section = README.split("\n## Exit status\n")[1].split("\n## ")[0]
    listed = {int(number): name for number, name in re.findall(r"^\| (\d) \| (\w+) \|", section, flags=re.MULTILINE)}
    faults = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, EcsauthError)]
    used = {ExitCode.OK, ExitCode.STALE, *(fault.exit_code for fault in faults)}
    assert listed == {int(status): status.name.lower() for status in used}


def test_rules_that_refuse_are_errors() -> None:
    """Each code in the table of what is refused is that of an error, and its row says status 3."""
    rows = [line for line in README.splitlines() if re.search(r"\([FVA]\d{3}", line) and line.startswith("|")]
    codes = {code: row for row in rows for code in re.findall(r"[FVA]\d{3}", row)}
    assert codes
    for code, row in codes.items():
        rule = rules.find(code)
        assert rule is not None, code
        assert rule.severity is Severity.ERROR, code
        assert row.endswith("| 3 |"), row
