"""Answers of docker's command line that say nothing of a container: they are no container that is absent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from ecsauth.errors import LaunchError
from ecsauth.host.commands import Commands
from ecsauth.host.docker import Docker

if TYPE_CHECKING:
    from pathlib import Path

NAME = "ecs-agent"


@pytest.fixture
def answering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Docker:
    """Give a docker whose every command is one script."""
    program = tmp_path / "docker"
    program.write_text(f"#!/bin/sh\n{request.param}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    commands = Commands()
    return Docker(commands.call, commands.run)


@pytest.mark.parametrize(
    ("answering", "message"),
    [
        pytest.param(
            "echo '{\"container_id\":'", f"cannot parse docker's answer about the container {NAME}", id="cut off"
        ),
        pytest.param("", f"cannot parse docker's answer about the container {NAME}", id="nothing"),
        pytest.param("echo 'first'; echo 'a plugin' >&2; echo 'no space' >&2; exit 1", f"{NAME}: no space$", id="last"),
        pytest.param("exit 1", f"{NAME}: no reason given$", id="mute"),
    ],
    indirect=["answering"],
)
def test_a_container_that_docker_does_not_show_is_a_fault(answering: Docker, message: str) -> None:
    """Another agent would be started beside one that is only not seen."""
    with pytest.raises(LaunchError, match=message):
        answering.agent()
    with pytest.raises(LaunchError, match=message):
        answering.environment()


@pytest.mark.parametrize("answering", [f"echo 'Error: No such container: {NAME}' >&2; exit 1"], indirect=True)
def test_a_container_that_is_absent_is_none(answering: Docker) -> None:
    """Words of docker tell it, not the status of its command."""
    assert answering.agent() is None
    assert answering.environment() is None


# Fails until the second try.
ONCE = (
    'echo x >> "$0.tries"; test "$(wc -l < "$0.tries")" -ge 2 || { echo "Error: Cannot update container" >&2; exit 1; }'
)


@pytest.mark.parametrize("answering", [ONCE], indirect=True)
def test_an_update_is_tried_again(answering: Docker) -> None:
    """Docker refuses it for a container that exits at that moment."""
    answering.run(("docker", "update", "--restart=no", NAME), 30.0)


@pytest.mark.parametrize("answering", [ONCE], indirect=True)
def test_other_commands_are_not_tried_again(answering: Docker) -> None:
    """A start that failed is not made twice."""
    with pytest.raises(LaunchError, match="Cannot update"):
        answering.run(("docker", "start", NAME), 30.0)


@pytest.mark.parametrize("answering", ["echo no >&2; exit 1"], indirect=True)
def test_an_update_that_is_always_refused(answering: Docker) -> None:
    """The tries end."""
    with pytest.raises(LaunchError, match="no"):
        answering.run(("docker", "update", "--restart=no", NAME), 30.0)
