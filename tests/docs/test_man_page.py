"""The manual page says what the parsers say, in a form that the programs which show it take without a complaint."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from ecsauth.cli.parser import COMMANDS
from needs import lack_of, need

_ROOT = Path(__file__).parents[2]
_PAGE = _ROOT / "docs" / "ecsauth.1"
_READERS = {
    "man": ("--warnings", "--local-file", str(_PAGE)),
    "groff": ("-man", "-ww", "-Tutf8", str(_PAGE)),
    "mandoc": ("-T", "lint", "-W", "style", str(_PAGE)),
}


def test_the_page_is_written_from_the_parsers() -> None:
    """Run scripts/write-man when this fails."""
    command = [sys.executable, str(_ROOT / "scripts" / "write-man"), "--check"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("reader", _READERS)
def test_readers_take_the_page(reader: str) -> None:
    """Nothing in the page is unknown to a program that shows manual pages, or bad style to one that checks them."""
    # mandoc tells no version.
    need(lack_of(reader, *(("-T", "ascii", str(_PAGE)) if reader == "mandoc" else ("--version",))))
    done = subprocess.run([reader, *_READERS[reader]], check=False, capture_output=True, text=True, timeout=60)
    complaints = done.stdout if reader == "mandoc" else done.stderr
    assert (done.returncode, complaints) == (0, "")


def test_every_command_has_its_section_with_an_example() -> None:
    """Whoever looks for a command finds it under its name."""
    sections = re.split(r"^\.SS ", _PAGE.read_text(encoding="utf-8").split("\n.SH COMMANDS\n")[1], flags=re.MULTILINE)
    found = {section.partition("\n")[0].replace("\\-", "-"): section for section in sections[1:]}
    assert set(COMMANDS) <= set(found)
    for name, (_, example, _) in COMMANDS.items():
        assert example.replace("-", "\\-").replace("~", "\\(ti") in found[name]


def test_the_wheel_has_the_page() -> None:
    """`man ecsauth` finds the page of a virtual environment whose commands are on PATH."""
    project = (_ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert '"docs/ecsauth.1" = "share/man/man1/ecsauth.1"' in project
