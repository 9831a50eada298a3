"""A fix that is a command works when it is pasted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from ecsauth.check import check, rules

_ROOT = Path(__file__).parents[2]
_ON_THE_FILE = ("sed ", "(umask ", "ecsauth check --fix ")


def _command(rule: rules.Rule) -> str:
    """Return the command of the finding in a rule's example; empty where the fix has none for the file at hand."""
    data = rule.before.encode("utf-8", "surrogateescape")
    finding = next(finding for finding in check(data) if finding.code == rule.code)
    return next((line for line in finding.fix.splitlines() if line.startswith(_ON_THE_FILE)), "")


_COMMANDS = {rule.code: _command(rule) for rule in rules.RULES}


@pytest.mark.parametrize("code", [code for code, command in _COMMANDS.items() if command])
def test_the_command_of_a_fix_mends_the_example(code: str, tmp_path: Path) -> None:
    """After it the finding is gone and nothing else is wrong; the file is as private as before."""
    rule = rules.find(code)
    assert rule is not None
    path = tmp_path / "ecs.config"
    path.touch(mode=0o600)
    path.write_bytes(rule.before.encode("utf-8", "surrogateescape"))
    shell = f'ecsauth() {{ "{sys.executable}" -m ecsauth "$@"; }}; {_COMMANDS[code].replace("FILE", str(path))}'
    done = subprocess.run(["sh", "-c", shell], cwd=_ROOT, check=False, capture_output=True, text=True)
    assert [finding.code for finding in check(path.read_bytes()) if finding.code not in ("A301", "V201")] == [], done
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("code", ["F106", "F110", "F114", "F121", "F130", "A312", "A341", "A370"])
def test_the_slips_of_newcomers_have_a_command(code: str) -> None:
    """What everybody does once is mended by pasting one line."""
    assert _COMMANDS[code]
