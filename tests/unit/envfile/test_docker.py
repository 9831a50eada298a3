"""docker's --env-file reader, quirk by quirk (docker/cli pkg/kvfile)."""

from __future__ import annotations

import pytest
from ecsauth import envfile
from ecsauth.envfile import Refusal, RefusalReason, Skipped, SkipReason

_LONGEST = 65_535


def _pairs(data: bytes, host: dict[str, str] | None = None) -> list[tuple[str, str]]:
    return [(one.name, one.value.reveal()) for one in envfile.docker(data, host or {}).assignments]


@pytest.mark.parametrize(
    ("data", "pairs"),
    [
        pytest.param(b"", [], id="empty file"),
        pytest.param(b"A=1\r\nB=2\r\n", [("A", "1"), ("B", "2")], id="CRLF is a line end"),
        pytest.param(b"A=1\r\r\nB=2", [("A", "1\r"), ("B", "2")], id="only one CR goes"),
        pytest.param(b"A=1\rB=2\r", [("A", "1\rB=2")], id="a lone CR stays, but at the end of the file"),
        pytest.param(b"\xef\xbb\xbfA=1", [("A", "1")], id="one BOM goes"),
        pytest.param(b"\xef\xbb\xbf\xef\xbb\xbfA=1", [("\ufeffA", "1")], id="the second BOM stays"),
        pytest.param(b"\n\xef\xbb\xbfA=1", [("\ufeffA", "1")], id="a BOM on line 2 stays"),
        pytest.param(b" \xef\xbb\xbfA=1", [("\ufeffA", "1")], id="a BOM after white space stays"),
        pytest.param(b"\xef\xbb\xbf  A=1", [("A", "1")], id="white space after a BOM goes"),
        pytest.param("\u00a0\u2003\u0085\v\f\u2028A=1".encode(), [("A", "1")], id="leading Unicode space goes"),
        pytest.param(b"\x1cA=1", [("\x1cA", "1")], id="FS is no space for Go"),
        pytest.param("\u200bA=1".encode(), [("\u200bA", "1")], id="zero-width space is no space"),
        pytest.param(b"  # A=1\n#\nB=2", [("B", "2")], id="comments begin with a hash"),
        pytest.param(b";A=1", [(";A", "1")], id="a semicolon is no comment"),
        pytest.param(b"A=1 # c", [("A", "1 # c")], id="no inline comment"),
        pytest.param(b'A= "x\\" $y \' \t', [("A", ' "x\\" $y \' \t')], id="the value stays as it is"),
        pytest.param(b"A=1=2", [("A", "1=2")], id="the first = splits"),
        pytest.param(b'1A=1\nA-B=2\n"A"=3\nA\xc2\xa0=4', [("1A", "1"), ("A-B", "2"), ('"A"', "3"), ("A\xa0", "4")]),
        pytest.param(b"A=1\nA=2", [("A", "1"), ("A", "2")], id="every occurrence is kept"),
        pytest.param(b"A=\x00", [("A", "\0")], id="NUL is valid UTF-8"),
        pytest.param("A=\ufffe".encode(), [("A", "\ufffe")], id="noncharacters are valid UTF-8"),
        pytest.param(b"A=" + b"x" * (_LONGEST - 2), [("A", "x" * (_LONGEST - 2))], id="the longest line"),
    ],
)
def test_reads(data: bytes, pairs: list[tuple[str, str]]) -> None:
    """What docker keeps of a file, occurrence by occurrence."""
    assert _pairs(data) == pairs
    assert envfile.docker(data).refusal is None


@pytest.mark.parametrize(
    ("data", "reason", "line"),
    [
        pytest.param(b"A=1\n# \xff\n", RefusalReason.INVALID_UTF8, 2, id="bad byte in a comment"),
        pytest.param(b"A=\xed\xa0\x80", RefusalReason.INVALID_UTF8, 1, id="encoded surrogate"),
        pytest.param(b"A=\xc0\x80", RefusalReason.INVALID_UTF8, 1, id="overlong NUL"),
        pytest.param(b"A=\xf4\x90\x80\x80", RefusalReason.INVALID_UTF8, 1, id="above U+10FFFF"),
        pytest.param(b"A=1\n =1", RefusalReason.EMPTY_NAME, 2, id="nothing before the ="),
        pytest.param(b"A =1", RefusalReason.NAME_WITH_SPACE, 1, id="space before the ="),
        pytest.param(b"export\tA=1", RefusalReason.NAME_WITH_SPACE, 1, id="TAB in the name"),
        pytest.param(b"just words", RefusalReason.NAME_WITH_SPACE, 1, id="prose"),
        pytest.param(b"A \n", RefusalReason.NAME_WITH_SPACE, 1, id="bare name, trailing space"),
        pytest.param(b"A=1\n#" + b"x" * _LONGEST, RefusalReason.LINE_TOO_LONG, 2, id="long comment, no LF"),
        pytest.param(b" " * (_LONGEST + 1) + b"\n", RefusalReason.LINE_TOO_LONG, 1, id="long blank line"),
        pytest.param(b"A=" + b"x" * (_LONGEST - 2) + b"\r\n", RefusalReason.LINE_TOO_LONG, 1, id="the CR counts"),
        pytest.param(b"=1\n\xff\nA 1", RefusalReason.EMPTY_NAME, 1, id="the first fault counts"),
    ],
)
def test_refuses(data: bytes, reason: RefusalReason, line: int) -> None:
    """One fault anywhere and docker refuses the whole file."""
    reading = envfile.docker(data)
    assert reading.refusal == Refusal(reason, line)
    assert reading.environment() == {}


def test_bare_name_is_copied_from_the_host() -> None:
    """A line without `=` takes the value from the environment of the docker command."""
    assert _pairs(b"A=1\nB\nB=3", {"B": "2"}) == [("A", "1"), ("B", "2"), ("B", "3")]


def test_bare_name_unset_on_the_host_is_skipped() -> None:
    """A line without `=` vanishes silently when the docker command does not have the variable."""
    reading = envfile.docker(b"A=1\nB\n")
    assert reading.skipped == (Skipped(2, SkipReason.BARE_NAME),)
    assert list(reading.environment()) == ["A"]


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"A=1", (1, 1)),
        (b"\n\n  AB=1", (3, 3)),
        ("\ufeff\u00a0A=1".encode(), (1, 3)),
        ("\u00a0\u00c4\U0001f600=".encode(), (1, 2)),
    ],
)
def test_places_count_characters(data: bytes, place: tuple[int, int]) -> None:
    """Line and column of the name are counted from 1, in characters, before trimming."""
    (one,) = envfile.docker(data).assignments
    assert (one.line, one.column) == place


def test_place_of_a_copied_value() -> None:
    """A variable that is copied from the host has a place too, that of its name."""
    (one,) = envfile.docker(b" AB\n", {"AB": "x"}).assignments
    assert (one.line, one.column) == (1, 2)


@pytest.mark.parametrize(
    ("data", "host", "failure"),
    [
        pytest.param(b"A=1\nB=\x00", {}, Refusal(RefusalReason.NUL, 2), id="NUL in a value"),
        pytest.param(b"A\x00=1", {}, Refusal(RefusalReason.NUL, 1), id="NUL in a name"),
        pytest.param(b"A=\x00\nA=1", {}, Refusal(RefusalReason.NUL, 1), id="runc looks at replaced ones too"),
        pytest.param(b"# \x00\nA=1", {}, None, id="NUL in a comment is harmless"),
        pytest.param(b"A", {"A": "x" * 131_069}, None, id="the longest string"),
        pytest.param(b"\nA", {"A": "x" * 131_070}, Refusal(RefusalReason.STRING_TOO_LONG, 2), id="one byte more"),
        pytest.param(b"A\nA=1", {"A": "x" * 131_070}, None, id="exec sees the last one only"),
    ],
)
def test_start_failure(data: bytes, host: dict[str, str], failure: Refusal | None) -> None:
    """Docker takes the file, but no process can be started with it."""
    reading = envfile.docker(data, host)
    assert reading.refusal is None
    assert reading.start_failure == failure
    assert bool(reading.process_environment()) == (failure is None)
