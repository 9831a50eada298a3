"""ecs-init's reader, quirk by quirk (getEnvVars, and the engine that gets its result)."""

from __future__ import annotations

import pytest
from ecsauth import envfile
from ecsauth.envfile import Refusal, RefusalReason, Skipped, SkipReason


def _environment(data: bytes) -> dict[str, str]:
    return {name: value.reveal() for name, value in envfile.ecs_init(data).environment().items()}


@pytest.mark.parametrize(
    ("data", "environment"),
    [
        pytest.param(b"A=1\r\r\n\tB=2 \n", {"A": "1", "B": "2"}, id="trimmed at both ends"),
        pytest.param("\u00a0A=1\u2003\u0085\f".encode(), {"A": "1"}, id="Unicode space is trimmed"),
        pytest.param("\u200bA=1\u200b".encode(), {"\u200bA": "1\u200b"}, id="zero-width space is not"),
        pytest.param(b"A=1\x1c", {"A": "1\x1c"}, id="FS is no space for Go"),
        pytest.param(b"A=1\xa0\n", {"A": "1\udca0"}, id="half an NBSP is not trimmed"),
        pytest.param(b"A=1\rB=2", {"A": "1\rB=2"}, id="a lone CR ends no line"),
        pytest.param(b"# A=1\n#B=2\n; C=3", {"# A": "1", "#B": "2", "; C": "3"}, id="comments become variables"),
        pytest.param(b"A =1\nB = 2", {"A ": "1", "B ": " 2"}, id="the name is not trimmed on its right"),
        pytest.param(b"export A=1", {"export A": "1"}, id="export becomes part of the name"),
        pytest.param(b"A=\"x\" \\\nB='$y'", {"A": '"x" \\', "B": "'$y'"}, id="quotes and backslashes stay"),
        pytest.param(b"A=1\nA=2", {"A": "2"}, id="the last one wins"),
        pytest.param(b"\xef\xbb\xbfA=1\nB=2", {"\ufeffA": "1", "B": "2"}, id="the BOM joins the first name"),
        pytest.param(b"A=1=2", {"A": "1=2"}, id="split once"),
        pytest.param(b"A=" + b"x" * 70_000, {"A": "x" * 70_000}, id="no limit to a line"),
    ],
)
def test_reads(data: bytes, environment: dict[str, str]) -> None:
    """What ecs-init hands to the engine."""
    assert _environment(data) == environment


def test_lines_without_equals_are_skipped() -> None:
    """Prose and bare names are ignored silently; blank lines and real comments are not worth a word."""
    reading = envfile.ecs_init(b"\n# comment\nA\n  some words\n{\nB=1")
    assert reading.skipped == tuple(Skipped(line, SkipReason.NO_EQUALS) for line in (3, 4, 5))


@pytest.mark.parametrize("data", [b"A=1\n=1", b"A=1\n = ", b"A=1\n=\n=2\n"])
def test_empty_name_is_refused_by_the_engine(data: bytes) -> None:
    """The container is not created: the engine answers 400; what ecs-init has read is still told."""
    reading = envfile.ecs_init(data)
    assert reading.refusal == Refusal(RefusalReason.EMPTY_NAME, 2)
    assert reading.assignments[0].name == "A"
    assert reading.environment() == reading.process_environment() == {}


def test_invalid_utf8_becomes_replacement_characters() -> None:
    """go-dockerclient sends JSON: each bad byte is one U+FFFD in the process, in names too."""
    reading = envfile.ecs_init(b"A=\xed\xa0\x80\nB\xff=\xe2\x82")
    sent = {name: value.reveal() for name, value in reading.process_environment().items()}
    assert sent == {"A": "\ufffd" * 3, "B\ufffd": "\ufffd" * 2}


@pytest.mark.parametrize(
    ("data", "failure"),
    [
        pytest.param(b"A=\x00\nA=1", None, id="a replaced NUL is never sent"),
        pytest.param(b"A=1\nA=\x00", Refusal(RefusalReason.NUL, 2), id="NUL"),
        pytest.param(b"#A=\x00", Refusal(RefusalReason.NUL, 1), id="NUL in what was meant as a comment"),
        pytest.param(b"A=" + b"x" * 131_069, None, id="the longest string"),
        pytest.param(b"A=" + b"x" * 131_070, Refusal(RefusalReason.STRING_TOO_LONG, 1), id="one byte more"),
        pytest.param(b"A=" + b"\xff" * 43_690, Refusal(RefusalReason.STRING_TOO_LONG, 1), id="bad bytes grow"),
        pytest.param(b"A=" + b"\xff" * 43_689, None, id="bad bytes grow to just fit"),
    ],
)
def test_start_failure(data: bytes, failure: Refusal | None) -> None:
    """The container is created, but the agent cannot be started in it."""
    assert envfile.ecs_init(data).start_failure == failure


@pytest.mark.parametrize(
    ("data", "place"),
    [(b"\n \tAB =1", (2, 3)), (b"\xff\xc2\xa0A=1", (1, 1)), ("\ufeffA=".encode(), (1, 1))],
)
def test_places_count_characters(data: bytes, place: tuple[int, int]) -> None:
    """Columns count characters, and a byte that is not UTF-8 as one."""
    (one,) = envfile.ecs_init(data).assignments
    assert (one.line, one.column) == place
