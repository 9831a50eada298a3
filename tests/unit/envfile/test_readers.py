"""What holds for every reader, whatever the bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from ecsauth import envfile
from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

    Reader = Callable[[bytes], envfile.Reading]

_READERS = [
    pytest.param(envfile.docker, id="docker"),
    pytest.param(envfile.ecs_init, id="ecs-init"),
    pytest.param(envfile.systemd, id="systemd"),
]
_SIZE = 256 * 1024

# Mostly files that look like env-files: uniform bytes are refused too soon to reach much.
_LINE = st.tuples(
    st.sampled_from(["A=", "  B=", "\u00a0C =", "=", "# ", "D", "\ufeffE=\ufffe", ""]), st.text(max_size=8)
)
_LIKELY = st.lists(_LINE.map("".join), max_size=8).map(lambda lines: "\n".join(lines).encode("utf-8", "replace"))
_FILES = st.one_of(_LIKELY, st.binary(max_size=64), st.tuples(_LIKELY, st.binary(max_size=4), _LIKELY).map(b"".join))


def _lines(data: bytes) -> list[str]:
    return data.decode("utf-8", "surrogateescape").split("\n")


@pytest.mark.parametrize("reader", _READERS)
@given(data=_FILES)
def test_places_point_into_the_file(reader: Reader, data: bytes) -> None:
    """Each assignment's line and column lead to its name, and every other line given exists."""
    lines = _lines(data)
    reading = reader(data)
    for one in reading.assignments:
        line = lines[one.line - 1]
        assert line[one.column - 1 :].startswith(one.name)
        assert line[one.column - 1 + len(one.name) :].lstrip().startswith("=")
    numbers = [one.line for one in reading.skipped]
    numbers += [one.line for one in (reading.refusal, reading.start_failure) if one and one.line]
    assert all(1 <= number <= len(lines) for number in numbers)


@pytest.mark.parametrize("reader", [envfile.docker, envfile.ecs_init])
@given(data=_FILES)
def test_value_stands_behind_its_name(reader: Reader, data: bytes) -> None:
    """Docker and ecs-init take values as they stand, so that the text behind the name and its = is the value."""
    for one in reader(data).assignments:
        written = _lines(data)[one.line - 1][one.column - 1 :]
        assert written.startswith(f"{one.name}={one.value.reveal()}")


@pytest.mark.parametrize("reader", _READERS)
@given(data=_FILES)
def test_environment_follows_from_the_assignments(reader: Reader, data: bytes) -> None:
    """The environment is the last of each name, and empty for a refused file; a process has no more than that."""
    reading = reader(data)
    last = {one.name: one.value for one in reading.assignments}
    assert reading.environment() == ({} if reading.refusal else last)
    assert len(reading.process_environment()) <= len(reading.environment())
    assert not (reading.refusal and reading.start_failure)


@pytest.mark.slow
@pytest.mark.parametrize("reader", _READERS)
@pytest.mark.parametrize(
    "piece",
    [
        b"A=\r",
        b"A=1\n",
        b"\\",
        b"#\\\n",
        b"'",
        b'"',
        b'"\\',
        b"A='\n",
        b'A="\\\n',
        b" ",
        b"A",
        b"\xc3\xa4=\r",
        b"\xff",
        b"=",
    ],
    ids=repr,
)
def test_hard_files_are_read_in_one_pass(reader: Reader, piece: bytes) -> None:
    """256 KiB of what would make a scan start over again and again, alone and as a value; the suite would hang."""
    data = piece * (_SIZE // len(piece))
    reader(data)
    reader(b"A=" + data)


@pytest.mark.parametrize("reader", _READERS)
def test_nothing_shows_a_value(reader: Reader) -> None:
    """The repr of a reading has no value, and no text of a dropped line."""
    shown = repr(reader(b"A=canary-1\nB C canary-2\ncanary-3\nD-E=canary-4\n"))
    assert "canary" not in shown
