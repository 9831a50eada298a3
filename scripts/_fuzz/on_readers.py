"""readers: docker, ecs-init and systemd take any bytes, and name places that exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecsauth import envfile

from _fuzz.seeds import env_files
from _fuzz.target import holds

if TYPE_CHECKING:
    from ecsauth.envfile import Reading

seeds = env_files
_HOST = {"ECS_HOST_VAR": "from-host"}


def run(data: bytes) -> None:
    """Read the bytes in each way."""
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    for reading in (envfile.docker(data), envfile.ecs_init(data), envfile.systemd(data)):
        _check_places(reading, lines)
        _check_environment(reading)
    plain, hosted = envfile.docker(data), envfile.docker(data, _HOST)
    holds(plain.refusal == hosted.refusal, "the host's environment changes a refusal")
    holds(set(hosted.environment()) - set(plain.environment()) <= set(_HOST), "a variable came from nowhere")
    for read in (envfile.docker, envfile.ecs_init):
        for one in read(data).assignments:
            written = lines[one.line - 1][one.column - 1 :]
            holds(written.startswith(f"{one.name}={one.value.reveal()}"), "the value does not stand behind its name")


def _check_places(reading: Reading, lines: list[str]) -> None:
    for one in reading.assignments:
        line = lines[one.line - 1]
        holds(line[one.column - 1 :].startswith(one.name), "the name does not stand in its place")
        holds(line[one.column - 1 + len(one.name) :].lstrip().startswith("="), "no = behind the name")
    places = [one.line for one in (*reading.skipped, reading.refusal, reading.start_failure) if one is not None]
    holds(all(1 <= place <= len(lines) for place in places if place is not None), "no such line")


def _check_environment(reading: Reading) -> None:
    last = {one.name: one.value for one in reading.assignments}
    holds(reading.environment() == ({} if reading.refusal else last), "the last of each name does not count")
    holds(not (reading.refusal and reading.start_failure), "what is refused cannot fail to start")
    for name, value in reading.process_environment().items():
        (name + value.reveal()).encode()
