"""dialect: a file in python-dotenv's dialect, written out in docker's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecsauth import envfile
from ecsauth.check import check
from ecsauth.envfile import dotenv
from ecsauth.errors import InvalidError

from _fuzz.on_check import errors_of
from _fuzz.secrecy import assert_hidden, secrets
from _fuzz.seeds import env_files
from _fuzz.target import holds

if TYPE_CHECKING:
    from ecsauth.envfile.dotenv import DotenvReading

seeds = env_files


def run(data: bytes) -> None:
    """Read as python-dotenv does, write it out, and read that as docker does."""
    secret = secrets(data)
    try:
        dotenv.refuse_long_blanks(data)
        reading = dotenv.read(data)
        _check_places(reading, data)
        if reading.refusal or reading.unparsable:
            return
        written = dotenv.write(data, reading.entries)
    except InvalidError as error:
        assert_hidden(secret, (error.message, *error.hints))
        return
    assert_hidden(secret, (text for _, text in written.differences))
    if not errors_of(check(written.data)):
        given = {name: value.reveal() for name, value in envfile.docker(written.data).environment().items()}
        meant = {name: _one_line(value.reveal()) for name, value in reading.environment().items() if value is not None}
        holds(given == meant, "docker reads something else than was authored")
    lines = data.decode("utf-8-sig").count("\n") + data.count(b"\r") + 1
    holds(written.data.count(b"\n") <= lines, "lines of the result do not stand for those of the file")


def _one_line(value: str) -> str:
    return value.replace("\r", " ").replace("\n", " ")


def _check_places(reading: DotenvReading, data: bytes) -> None:
    count = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").count(b"\n") + 1
    places = [*(one.line for one in reading.entries), *(one.line for one in reading.unparsable)]
    holds(all(1 <= place <= count for place in places), "no such line")
    holds(not (reading.refusal and reading.entries), "refused and read")
