"""systemd's EnvironmentFile= reader, quirk by quirk (env-file.c of systemd 252)."""

from __future__ import annotations

import pytest
from ecsauth import envfile
from ecsauth.envfile import Refusal, RefusalReason, Skipped, SkipReason


def _environment(data: bytes) -> dict[str, str]:
    return {name: value.reveal() for name, value in envfile.systemd(data).environment().items()}


@pytest.mark.parametrize(
    ("data", "environment"),
    [
        pytest.param(b"A=1\rB=2\r\nC=3", {"A": "1", "B": "2", "C": "3"}, id="a lone CR ends a line"),
        pytest.param(b" \tA \t= \t1 \t\n", {"A": "1"}, id="space and TAB go on all sides"),
        pytest.param("A=\u00a01\u00a0".encode(), {"A": "\u00a01\u00a0"}, id="NBSP stays"),
        pytest.param(b"A=1\f", {"A": "1\f"}, id="FF stays"),
        pytest.param(b" # A=1\n;B=2\nC=3", {"C": "3"}, id="hash and semicolon are comments"),
        pytest.param(b"A=1 # c ; d", {"A": "1 # c ; d"}, id="no inline comment"),
        pytest.param(b"A\nB=1", {"B": "1"}, id="a bare name is ignored"),
        pytest.param(b"A\\\nB=1", {"B": "1"}, id="a backslash in a name joins nothing"),
        pytest.param(b"=1\nB=2", {"B": "2"}, id="an empty name"),
        pytest.param(b"==1\n=1=2\nB=2", {"B": "2"}, id="a name that begins with ="),
        pytest.param(b"A-B=1\n1=1\nA B=1\nexport C=1\n_=2", {"_": "2"}, id="invalid names are dropped"),
        pytest.param(b"\xef\xbb\xbfA=1\nB=2", {"B": "2"}, id="the BOM spoils the first name"),
        pytest.param(b"A=1\nB=2\nA=3", {"A": "3", "B": "2"}, id="the last one wins"),
        pytest.param(b"A=", {"A": ""}, id="empty at the end of the file"),
    ],
)
def test_lines_and_names(data: bytes, environment: dict[str, str]) -> None:
    """What ends a line, what is a comment and what is a name."""
    assert _environment(data) == environment


@pytest.mark.parametrize(
    ("data", "value"),
    [
        pytest.param(b"'x \\n'", "x \\n", id="single quotes are literal"),
        pytest.param(b"'x\r\ny'", "x\r\ny", id="single quotes span lines"),
        pytest.param(b'"x\ny"', "x\ny", id="double quotes span lines"),
        pytest.param(b'"\\"\\\\\\`\\$\\n"', '"\\`$\\n', id="double quotes escape four characters"),
        pytest.param(b'"x\\\ny"', "xy", id="double quotes join lines"),
        pytest.param(b'"x\\\r\ny"', "x\\\r\ny", id="but not over a CR"),
        pytest.param(b'"x"y', "xy", id="text after a quote"),
        pytest.param(b'"x" # c', "x# c", id="no comment after a quote"),
        pytest.param(b"'x' \"y\"'z'", "xyz", id="quotes in a row, space between them goes"),
        pytest.param(b'"x  " ', "x  ", id="space in quotes stays"),
        pytest.param(b'x"y"', 'x"y"', id="quotes later are ordinary"),
        pytest.param(b'"x\nB=2\n', "x\nB=2\n", id="an unclosed quote runs to the end"),
        pytest.param(b'"x\\', "x", id="a backslash at the end of a quote and file"),
        pytest.param(b"C:\\path\\n", "C:pathn", id="bare backslashes go"),
        pytest.param(b'{"p":"\\"\\u0041\\\\"}', '{"p":""u0041\\"}', id="bare JSON with backslashes is changed"),
        pytest.param(b"x\\\n  y", "x  y", id="bare lines join"),
        pytest.param(b"x \\\n", "x ", id="space before a joining backslash stays"),
        pytest.param(b"x\\ \t ", "x ", id="an escaped space stays, those after it go"),
        pytest.param(b"\\\n  y", "  y", id="leading space after a joined line stays"),
        pytest.param(b"\\\n  \n", "", id="only space after a joined line"),
        pytest.param(b"x  \\", "x  ", id="a backslash ends the file, space stays"),
        pytest.param(b"$HOME %n", "$HOME %n", id="no expansion"),
        pytest.param(b"\xc3\\\xa9", "\u00e9", id="UTF-8 is asked after the backslashes are gone"),
    ],
)
def test_values(data: bytes, value: str) -> None:
    """Quotes, backslashes and white space of a value."""
    assert _environment(b"A=" + data) == {"A": value}


@pytest.mark.parametrize(
    ("data", "reason", "line"),
    [
        pytest.param(b"A=1\nB=\xff", RefusalReason.INVALID_UTF8, 2, id="bad byte in a value"),
        pytest.param(b"\n\n\xff=1", RefusalReason.INVALID_UTF8, 3, id="bad byte in a name"),
        pytest.param(b"A-B=\xff", RefusalReason.INVALID_UTF8, 1, id="also where the name would be dropped"),
        pytest.param("A=\ufffe".encode(), RefusalReason.INVALID_UTF8, 1, id="U+FFFE"),
        pytest.param("A=\ufdd0".encode(), RefusalReason.INVALID_UTF8, 1, id="U+FDD0"),
        pytest.param("A=\U0010ffff".encode(), RefusalReason.INVALID_UTF8, 1, id="U+10FFFF"),
        pytest.param(b"A=1\n# \x00", RefusalReason.NUL, 2, id="NUL anywhere"),
    ],
)
def test_refuses(data: bytes, reason: RefusalReason, line: int) -> None:
    """The unit fails, or with the dash starts with none of the variables."""
    reading = envfile.systemd(data)
    assert reading.refusal == Refusal(reason, line)
    assert reading.environment() == {}


def test_invalid_utf8_without_assignment_is_harmless() -> None:
    """Bad bytes in a comment or in a line without `=` refuse nothing."""
    assert _environment(b"# \xff\n\xff\nA=1") == {"A": "1"}


@pytest.mark.parametrize(
    ("data", "skipped"),
    [
        pytest.param(b"# c\n\nA\n", [(3, SkipReason.NO_EQUALS)], id="bare name"),
        pytest.param(b"=1\n", [(1, SkipReason.EMPTY_NAME)], id="empty name, silent"),
        pytest.param(b"=1=2\n", [(1, SkipReason.INVALID_NAME)], id="name that begins with =, logged"),
        pytest.param(b"A-B=1", [(1, SkipReason.INVALID_NAME)], id="invalid name, logged"),
        pytest.param(b"#\\\nA=1\nB=2", [(2, SkipReason.SWALLOWED)], id="a comment swallows the next line"),
        pytest.param(b"#\\\nA=1\\\nB=2", [(2, SkipReason.SWALLOWED), (3, SkipReason.SWALLOWED)], id="and the next"),
        pytest.param(b"#\\\\\nA=1", [], id="an escaped backslash swallows nothing"),
        pytest.param(b"#\\\r\nA=1", [], id="nor does one before CRLF"),
        pytest.param(b"#\\\n# c\n#\\\n\nA=1", [], id="swallowed comments and blank lines are no loss"),
        pytest.param(b"A=1\\\nB=2\nC=3", [(2, SkipReason.JOINED)], id="joined by a backslash"),
        pytest.param(b"A='1\n\nB=2\n' # c\n", [(3, SkipReason.JOINED), (4, SkipReason.JOINED)], id="joined by a quote"),
    ],
)
def test_skipped(data: bytes, skipped: list[tuple[int, SkipReason]]) -> None:
    """Which lines do not become a variable of their own, and why."""
    assert envfile.systemd(data).skipped == tuple(Skipped(line, reason) for line, reason in skipped)


@pytest.mark.parametrize(
    ("data", "places"),
    [
        (b"A=1\n  B = 2", [(1, 1), (2, 3)]),
        (b"A=1\rB=2\n", [(1, 1), (1, 5)]),
        (b"# \xc3\xa4\xff\rA=1", [(1, 6)]),
        (b"A='\n\xc3\xa4' \"\n\" \\\nB\rC=2", [(1, 1), (4, 3)]),
        (b"A=\n", [(1, 1)]),
    ],
)
def test_places(data: bytes, places: list[tuple[int, int]]) -> None:
    """Lines end at LF for the place, although CR ends them for systemd."""
    assert [(one.line, one.column) for one in envfile.systemd(data).assignments] == places


@pytest.mark.parametrize(("length", "starts"), [(131_069, True), (131_070, False)])
def test_start_failure(length: int, starts: bool) -> None:
    """A string above the kernel's limit keeps the unit from starting, with the dash too."""
    reading = envfile.systemd(b"A=" + b"x" * length)
    assert (reading.start_failure is None) == starts
    assert bool(reading.process_environment()) == starts
