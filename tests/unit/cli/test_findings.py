"""Findings as people, programs and GitHub Actions see them."""

from __future__ import annotations

import fcntl
import io
import os
import struct
import subprocess
import sys
import termios
from typing import TYPE_CHECKING, Any, Optional

import pytest
from ecsauth.check import check
from ecsauth.cli import console, findings, inputs
from ecsauth.cli.console import Style
from ecsauth.cli.findings import workflow_commands
from ecsauth.finding import Finding, Severity

if TYPE_CHECKING:
    from pathlib import Path

HUB = (
    b"ECS_CLUSTER=prod\nECS_ENGINE_AUTH_TYPE=docker\n"
    b'ECS_ENGINE_AUTH_DATA={"docker.io":{"username":"u","password":"p"}}\n'
)
HUB_TEXT = """\
error[A370]: docker.io: the agent never looks up this name of Docker Hub
 --> ecs.config:3:23
  |
3 | ECS_ENGINE_AUTH_DATA={"docker.io":{"username":"***","password":"***"}}
  |                       ^
  = consequence: Docker Hub pulls will be anonymous: the agent looks up only
                 https://index.docker.io/v1/
  = fix: write the name as "https://index.docker.io/v1/":
         ecsauth check --fix FILE

"""


def _finding(line: Optional[int] = 3, **fields: Any) -> Finding:
    plain = Finding("A370", Severity.ERROR, "what", "consequence", "fix", line, 5, "A_B", "r.example", ("agent",))
    return plain._replace(**fields)


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """No size and no wish of the terminal that runs the tests counts."""
    for name in ("COLUMNS", "NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)


def test_text() -> None:
    """A finding has its code, place, masked line, mark, consequence and fix, as compilers show theirs."""
    assert findings.text(check(HUB), "ecs.config", HUB) == HUB_TEXT


def test_text_without_the_file() -> None:
    """Without the bytes there is no line to show."""
    assert findings.text((_finding(),), "x") == (
        "error[A370]: what\n --> x:3:5\n  = consequence: consequence\n  = fix: fix\n\n"
    )


def test_text_of_a_finding_about_the_whole_file() -> None:
    """A finding without a line has none in its place."""
    assert findings.text((_finding(None, column=None),), "x", b"") == (
        "error[A370]: what\n --> x\n  = consequence: consequence\n  = fix: fix\n\n"
    )


def test_lines_that_may_hold_a_secret_are_not_shown() -> None:
    """A line that is not understood is not quoted, and that is said."""
    assert "3 | (not shown: it may contain a secret)\n" in findings.text((_finding(),), "x", b"\n\nhunter2\n")


def test_what_was_said_is_not_said_again() -> None:
    """A finding like one above has no consequence and fix; in the same line it takes one line."""
    like = [_finding(message=f"m{number}", column=number) for number in range(1, 5)]
    other = _finding(7, message="elsewhere")
    last = _finding(8, code="A371", message="other")
    assert findings.text((*like, other, last), "x") == (
        "error[A370]: m1\n --> x:3:1\n  = consequence: consequence\n  = fix: fix\n\n"
        "error[A370]: m2 --> x:3:2\nerror[A370]: m3 --> x:3:3\nerror[A370]: m4 --> x:3:4\n\n"
        "error[A370]: elsewhere\n --> x:7:5\n\n"
        "error[A371]: other\n --> x:8:5\n  = consequence: consequence\n  = fix: fix\n\n"
    )


def test_a_file_name_cannot_command_the_terminal() -> None:
    """Control characters of a name are shown as escapes."""
    assert "--> \\x1b[31mx:3:5" in findings.text((_finding(),), "\x1b[31mx")


@pytest.mark.parametrize(
    ("counts", "summary"),
    [
        ((0, 0, 0), ""),
        ((1, 0, 0), "1 error"),
        ((2, 1, 0), "2 errors, 1 warning"),
        ((0, 0, 3), "3 notes"),
    ],
)
def test_summary(counts: tuple[int, int, int], summary: str) -> None:
    """The counts stand in words, the worst first."""
    found = [_finding(severity=severity) for severity, number in zip(Severity, counts) for _ in range(number)]
    assert findings.summary(tuple(found)) == summary


def test_document() -> None:
    """The JSON of check has the fields of its contract, and counts that are zero too."""
    assert findings.document((_finding(), _finding(None, column=None, variable=None, registry=None)), "x") == {
        "file": "x",
        "findings": [
            {
                "code": "A370",
                "severity": "error",
                "message": "what",
                "consequence": "consequence",
                "fix": "fix",
                "line": 3,
                "column": 5,
                "variable": "A_B",
                "registry": "r.example",
                "consumers": ("agent",),
            },
            {
                "code": "A370",
                "severity": "error",
                "message": "what",
                "consequence": "consequence",
                "fix": "fix",
                "line": None,
                "column": None,
                "variable": None,
                "registry": None,
                "consumers": ("agent",),
            },
        ],
        "summary": {"errors": 2, "warnings": 0, "notes": 0},
    }


@pytest.mark.parametrize(
    ("file", "fix"),
    [
        ("ecs.config", "sed -i s/a/b/ ecs.config > ecs.config.utf8; PROFILE LOGFILE ECS_FILE"),
        ("it's $HOME", """sed -i s/a/b/ 'it'"'"'s $HOME' > 'it'"'"'s $HOME'.utf8; PROFILE LOGFILE ECS_FILE"""),
        ("-rf", "sed -i s/a/b/ ./-rf > ./-rf.utf8; PROFILE LOGFILE ECS_FILE"),
        ("a\\1b", "sed -i s/a/b/ 'a\\1b' > 'a\\1b'.utf8; PROFILE LOGFILE ECS_FILE"),
        ("-", "sed -i s/a/b/ FILE > FILE.utf8; PROFILE LOGFILE ECS_FILE"),
        ("s3://bucket/key", "sed -i s/a/b/ FILE > FILE.utf8; PROFILE LOGFILE ECS_FILE"),
    ],
)
def test_fixes_name_the_file(file: str, fix: str) -> None:
    """FILE in a fix becomes the file's name as a shell takes it, where there is such a file."""
    assert findings.addressed("sed -i s/a/b/ FILE > FILE.utf8; PROFILE LOGFILE ECS_FILE", file) == fix


def test_commands_are_not_wrapped() -> None:
    """Prose is wrapped at words, with backquoted commands whole; a command on a line of its own stays as it is."""
    fix = "some words and `a command` here:\nsed -i 's/a  b/c/' FILE and more than fits"
    assert console.instructions(fix, 16) == [
        "some words and",
        "`a command`",
        "here:",
        "sed -i 's/a  b/c/' FILE and more than fits",
    ]
    assert console.instructions("", 16) == []
    assert console.wrapped("https://a-word-longer-than-the-width/ x", 10) == [
        "https://a-word-longer-than-the-width/",
        "x",
    ]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "colours"),
    [
        ({}, True),
        ({"NO_COLOR": ""}, True),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": "0"}, False),
        ({"TERM": "dumb"}, False),
        ({"TERM": "xterm"}, True),
    ],
)
def test_colours(environment: dict[str, str], colours: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal has colours unless NO_COLOR says something or it is a dumb one; nothing else ever has."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert console.style(_Terminal()).colours is colours
    assert console.style(io.StringIO()).colours is False


@pytest.mark.parametrize(("columns", "width"), [("60", 60), ("500", 100), ("10", 40), ("x", 100), ("0", 100)])
def test_width(columns: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """COLUMNS counts, between what can be read and what fits anything."""
    monkeypatch.setenv("COLUMNS", columns)
    assert console.style(io.StringIO()).width == width


def test_paint() -> None:
    """Without colours, and for nothing, there are no escapes."""
    assert Style(80, colours=True).paint("1;31", "x") == "\x1b[1;31mx\x1b[0m"
    assert Style(80, colours=True).paint("1", "") == ""
    assert Style(80, colours=False).paint("1;31", "x") == "x"


@pytest.mark.parametrize(
    ("text", "shown"),
    [("plain ü", "plain ü"), ("\x1b[31m\t\u202e\udcff\u009b", "\\x1b[31m\\t\\u202e\\udcff\\x9b"), ("", "")],
)
def test_printable(text: str, shown: str) -> None:
    """What a terminal would obey, or cannot show, stands as its escape."""
    assert console.printable(text) == shown


def _on_terminal(columns: int, file: Path, **environment: str) -> str:
    """Return what check writes to a terminal of that width."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR", "TERM")}
    with subprocess.Popen(
        [sys.executable, "-m", "ecsauth", "check", str(file)], stderr=theirs, env={**kept, **environment}
    ) as program:
        os.close(theirs)
        written = bytearray()
        try:
            while chunk := os.read(ours, 4096):
                written += chunk
        except OSError:  # how Linux says that the other end is closed
            pass
    os.close(ours)
    assert program.returncode == 3
    return written.decode().replace("\r\n", "\n")


def test_real_terminal(tmp_path: Path) -> None:
    """On a narrow terminal the prose is wrapped and the line is cut to its width, in colours unless unwanted."""
    file = tmp_path / "x"
    file.write_bytes(HUB)
    coloured, plain = _on_terminal(50, file), _on_terminal(50, file, NO_COLOR="1")
    assert "\x1b[1;31merror[A370]\x1b[0m" in coloured
    assert "\x1b" not in plain
    wrapped = [line for line in plain.splitlines() if " | " in line or " = " in line or line.startswith("    ")]
    assert len(wrapped) > 5
    assert all(len(line) <= 50 or "ecsauth check" in line for line in wrapped)


@pytest.mark.parametrize(
    ("finding", "command"),
    [
        (_finding(), "::error file=x,line=3,col=5,title=ecsauth A370::what%0Aconsequence: consequence%0Afix: fix\n"),
        (
            _finding(None, column=None, severity=Severity.WARNING),
            "::warning file=x,title=ecsauth A370::what%0Aconsequence: consequence%0Afix: fix\n",
        ),
        (
            _finding(None, column=None, severity=Severity.NOTE, message="100%: a,b\r", fix="1\n::error::2"),
            "::notice file=x,title=ecsauth A370::100%25: a,b%0D%0Aconsequence: consequence%0Afix: 1%0A::error::2\n",
        ),
    ],
)
def test_workflow_commands(finding: Finding, command: str) -> None:
    """Each finding is one command in one line, its severity as GitHub calls it, with all that has a meaning escaped."""
    assert workflow_commands((finding,), "x") == command


@pytest.mark.parametrize(
    ("file", "properties"),
    [
        ("dir/x", "file=dir/x,line=3,col=5,"),
        ("./dir/../x", "file=x,line=3,col=5,"),
        ("50%,a:b", "file=50%25%2Ca%3Ab,line=3,col=5,"),
        ("a\n::error::b", "file=a\\n%3A%3Aerror%3A%3Ab,line=3,col=5,"),
        ("/elsewhere/x", "file=/elsewhere/x,line=3,col=5,"),
        ("../x", f"file={os.path.dirname(os.getcwd()).rstrip('/')}/x,line=3,col=5,"),
        (f"{os.getcwd()}/dir/x", "file=dir/x,line=3,col=5,"),
        ("-", ""),
        ("s3://bucket/key", ""),
    ],
)  # fmt: skip
def test_workflow_commands_name_the_file(file: str, properties: str) -> None:
    """A path is relative to the working directory, where annotations are shown; what is no file is not named."""
    assert workflow_commands((_finding(),), file).startswith(f"::error {properties}title=ecsauth A370::")


@pytest.mark.parametrize(
    ("file", "name"), [("ecs.config", "ecs.config"), ("-", "<stdin>"), ("a\x1bb", "a\\x1bb"), ("s3://b/k", "s3://b/k")]
)
def test_names_for_people(file: str, name: str) -> None:
    """Standard input has a name of its own."""
    assert inputs.for_people(file) == name
