"""`ecsauth fleet` at a terminal: the line that shows a wave, and Ctrl-C."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fleet_world import CANDIDATE
from pseudo_terminal import PseudoTerminal

if TYPE_CHECKING:
    from fleet_world import FleetWorld


@pytest.fixture
def words(models: FleetWorld) -> tuple[str, ...]:
    """Give the command line of a roll in two waves, which are watched for a while."""
    path = models.folder / "candidate.config"
    path.write_bytes(CANDIDATE)
    return ("fleet", "roll", str(path), models.uri, "--waves=2,100%", "--soak=40s")


@pytest.mark.slow
def test_interrupted_while_a_wave_is_watched(models: FleetWorld, words: tuple[str, ...]) -> None:
    """Ctrl-C leaves the roll as it is and says how to continue; another client then resumes it to the end."""
    with PseudoTerminal(*words, env=models.operator_env, term="xterm") as terminal:
        terminal.wait_for("[y/N] ")
        terminal.type("y\n")
        terminal.wait_for("\r\033[Kecsauth: watching wave 1/2 for 40 seconds (2 s)")
        terminal.type("\x03")
        ended = terminal.end()
    assert ended.status == 130, ended.seen
    assert "\r\033[Kecsauth: wave 1/2, 1 of 2, 0 failed, 1 waiting (" in ended.seen
    last = ended.seen.rpartition("watching it for")[2]
    assert "the roll stays as it is: commands that were sent go on, and nothing else is sent" in last
    assert f"hint: continue: ecsauth fleet resume {models.uri} --waves 2,100% --soak 40" in last
    assert f"hint: stop it: ecsauth fleet halt {models.uri}" in last
    assert "error: interrupted by SIGINT" in last
    assert models.model_versions == {models.released, models.candidates[0]}
    assert models.fleet("resume", "--waves=2,100%", "--soak=0").status == 0
    assert models.model_versions == {models.candidates[0]}


def test_declined(models: FleetWorld, words: tuple[str, ...]) -> None:
    """At a terminal a roll asks before anything is put; no answer but yes begins it."""
    with PseudoTerminal(*words, env=models.operator_env) as terminal:
        terminal.wait_for("[y/N] ")
        terminal.type("n\n")
        ended = terminal.end()
    assert (ended.status, models.candidates, models.sent()) == (130, [], [])
