"""docs/commands.md has the help of every command, and is the same on every Python."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from boot_archive import PYTHONS, interpreter
from ecsauth.cli.parser import COMMANDS
from needs import need

_ROOT = Path(__file__).parents[2]
_WRITER = str(_ROOT / "scripts" / "write-commands")
# An interpreter that has nothing installed: before 3.11 it has no parser of TOML, and the help needs none.
_BARE = f"""\
import runpy, sys, types
sys.modules.setdefault("tomli", types.ModuleType("tomli"))
sys.argv[:] = [{_WRITER!r}, "--check"]
runpy.run_path({_WRITER!r}, run_name="__main__")
"""


def test_the_page_is_written_from_the_parsers() -> None:
    """Run scripts/write-commands when this fails."""
    done = subprocess.run([sys.executable, _WRITER, "--check"], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("version", PYTHONS)
def test_every_python_writes_the_same_page(version: str) -> None:
    """What argparse words differently from one Python to the next does not change the page."""
    python = interpreter(version)
    need(None if python else f"there is no Python {version}")
    done = subprocess.run([str(python), "-c", _BARE], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_command_has_a_section() -> None:
    """The sections are the commands that exist, in the order of the help."""
    page = (_ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert re.findall(r"^## ([\w-]+)$", page, flags=re.MULTILINE) == ["ecsauth", *COMMANDS]
