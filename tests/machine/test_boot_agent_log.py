"""An agent that failed is quoted, so that one sees why, and nothing of what it says of its credentials is shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Callable

import canary as canaries
import needs
import pytest
import stand_in_image
from docker_engine import AGENT
from machine import auth_file

if TYPE_CHECKING:
    from pathlib import Path

    from canary import Canary
    from machine import Machine

LAUNCH = 7
QUOTE = "ecsauth:   | "
VARIANT = "crashing-blabbing"


def private_files(machine: Machine) -> list[Path]:
    """Return the files that hold the env-file's content by design."""
    return [machine.env_file, *(machine.state_place / name for name in ("verified", "pre-image"))]


def busybox() -> stand_in_image.Root:
    """Return the agent in shell."""
    found = stand_in_image.static_busybox()
    needs.need(None if found else "there is no static busybox with httpd")
    assert found is not None
    return stand_in_image.busybox_root(found)


@pytest.fixture(params=[busybox, stand_in_image.python_root])
def blabbing(machine: Machine, request: pytest.FixtureRequest) -> str:
    """Build an agent that logs its credentials and crashes, both ways that it can be made of."""
    make: Callable[[], stand_in_image.Root] = request.param
    del machine
    return stand_in_image.build(VARIANT, make())


@pytest.mark.parametrize("style", ["text", "json"])
def test_credentials_in_the_log(machine: Machine, blabbing: str, canary: Canary, style: str) -> None:
    """The last lines of its log, both streams, are shown to people and programs, and each secret in them is masked."""
    machine.put(auth_file(canary.password))
    done = canaries.run(machine.command(f"--image={blabbing}", f"--format={style}"), env=machine.environment())
    assert done.returncode == LAUNCH
    assert canary.form_in(machine.docker.logs().encode())
    canary.assert_not_shown_by(done)
    canary.assert_not_under(machine.folder, apart_from=private_files(machine))
    shown = quoted(done.stderr.decode())
    assert "stand-in agent: exits with 1" in shown
    assert "stand-in agent: try 10 with ***" in shown
    assert "stand-in agent: type docker, data ***" in shown
    assert not any("fleet" in line for line in shown)
    assert style == "text" or json.loads(done.stdout)["log"] == shown


def quoted(err: str) -> list[str]:
    """Return the lines that the agent had written."""
    return [line[len(QUOTE) :] for line in err.splitlines() if line.startswith(QUOTE)]


def test_after_a_rotation(booted: Machine, canary: Canary) -> None:
    """So it is where the failed agent is removed again because the one of before comes back: it is asked before."""
    booted.put(auth_file(canary.password))
    done = booted.launch(variant=VARIANT)
    assert done.status == LAUNCH
    assert "; the previous state is restored\n" in done.err
    assert "stand-in agent: exits with 1" in quoted(done.err)
    canary.assert_not_in(done.out + done.err, "the output")
    canary.assert_not_under(booted.folder)
    again = booted.launch(variant=VARIANT)
    assert again.status == LAUNCH
    assert not quoted(again.err)
    canary.assert_not_in(again.out + again.err, "the output")


def test_what_is_no_secret(booted: Machine) -> None:
    """An agent that says nothing of its credentials is quoted as it is."""
    booted.put(auth_file("second-password"))
    said = quoted(booted.launch(variant="crashing").err)
    assert said[-1] == "stand-in agent: exits with 1"
    assert not any("***" in line for line in said)
    assert booted.docker.agents() == [AGENT]
