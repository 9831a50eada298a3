"""The authoring dialect: what python-dotenv makes of a file."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
from typing import Optional

import pytest
from dotenv import dotenv_values
from ecsauth.envfile import Refusal, RefusalReason, dotenv
from ecsauth.envfile.dotenv import Unparsable
from hypothesis import given
from hypothesis import strategies as st


def _environment(data: bytes) -> dict[str, Optional[str]]:
    environment = dotenv.read(data).environment()
    return {name: None if value is None else value.reveal() for name, value in environment.items()}


@pytest.mark.parametrize(
    ("data", "environment"),
    [
        pytest.param(b"A=1\rB=2\r\nC=3", {"A": "1", "B": "2", "C": "3"}, id="universal newlines"),
        pytest.param(b"\xef\xbb\xbfA=1", {"A": "1"}, id="one BOM goes"),
        pytest.param(b"\xef\xbb\xbf\xef\xbb\xbfA=1", {"\ufeffA": "1"}, id="the second BOM stays"),
        pytest.param(b"\xef\xbb\xbf# c\nA=1", {"A": "1"}, id="BOM before a comment"),
        pytest.param(b"export A = 1", {"A": "1"}, id="export, and space around ="),
        pytest.param(b"'A B'=1", {"A B": "1"}, id="quoted name"),
        pytest.param(b"A=1\nA", {"A": None}, id="a bare name hides an earlier value"),
        pytest.param(b'A={"p":"x #y"}', {"A": '{"p":"x'}, id="an inline comment cuts JSON"),
        pytest.param(b"A=\"x\\ny\"\nB='x\\ny'", {"A": "x\ny", "B": "x\\ny"}, id="escapes in double quotes"),
        pytest.param(b"A='1\n2'", {"A": "1\n2"}, id="quotes span lines"),
        pytest.param(b"A=1\nB=${A}$A", {"A": "1", "B": "${A}$A"}, id="no interpolation"),
    ],
)
def test_reads(data: bytes, environment: dict[str, Optional[str]]) -> None:
    """The quirks of the dialect."""
    assert _environment(data) == environment


def test_lines_of_names() -> None:
    """Each binding has the line in which its name stands, blank lines before it or not."""
    entries = dotenv.read(b"A=1\n\n\r\n  # c\nB='1\n2'\n\nexport C\n").entries
    assert [(entry.name, entry.line) for entry in entries] == [("A", 1), ("B", 5), ("C", 8)]


def test_unparsable_statements_have_lines() -> None:
    """A statement that cannot be parsed is skipped; its own line and the one python-dotenv would warn of are told."""
    reading = dotenv.read(b"A=1\n\n\nsome words\nB='x'y\nC=1\n")
    assert reading.unparsable == (Unparsable(line=4, reported=2), Unparsable(line=5, reported=5))
    assert list(reading.environment()) == ["A", "C"]


@pytest.mark.parametrize(("data", "line"), [(b"A=1\n# \xff", 2), (b"\r\r\nA=\xed\xa0\x80", 3), (b"\xff\xfeA", 1)])
def test_refuses_what_is_not_utf8(data: bytes, line: int) -> None:
    """A byte that is not UTF-8 anywhere refuses the file, without the bytes in any message."""
    reading = dotenv.read(data)
    assert reading.refusal == Refusal(RefusalReason.INVALID_UTF8, line)
    assert reading.environment() == {}


def test_nothing_is_logged_or_shown(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither the log nor the output nor a repr has any of the file."""
    caplog.set_level(logging.DEBUG)
    shown = repr(dotenv.read(b"A=canary-1\ncanary 2\nB='canary-3\n"))
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")
    assert "canary" not in shown


def test_python_dotenv_is_loaded_for_a_file_only() -> None:
    """Importing the edge does not load the library."""
    program = "import sys; import ecsauth.envfile.dotenv; sys.exit('dotenv' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@given(st.text(alphabet="AB='\"\\# \t\n\rx", max_size=40))
def test_is_what_dotenv_values_returns(text: str) -> None:
    """The parser called directly gives what the library's own function gives."""
    assert _environment(text.encode()) == dotenv_values(stream=io.StringIO(text, newline=None), interpolate=False)
