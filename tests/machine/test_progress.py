"""What commands show at a terminal while they wait: `boot` and `doctor` for a service, `check` for the user."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from odd_registry import Odd, OddRegistry
from pseudo_terminal import PseudoTerminal
from screen import screen

if TYPE_CHECKING:
    from pathlib import Path

KEY = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@pytest.mark.parametrize(
    ("arguments", "awaited", "status", "last"),
    [
        pytest.param(
            ("boot", "s3://bucket/key", "--kms-key", KEY, "--dry-run", "--launch=none", "--deadline=3"),
            "ecsauth: asking the metadata service who this instance is (",
            5,
            "ecsauth: ",
            id="boot",
        ),
        pytest.param(
            ("doctor", "s3://bucket/key", "--launch=none", "--deadline=3"),
            "ecsauth: checking metadata, ",
            3,
            "fix: ",
            id="doctor",
        ),
    ],
)
def test_metadata_service_that_is_silent(
    tmp_path: Path, arguments: tuple[str, ...], awaited: str, status: int, last: str
) -> None:
    """What is awaited is named, and the report has no trace of it."""
    places = (f"--file={tmp_path / 'ecs.config'}", f"--state-dir={tmp_path / 'state'}")
    with OddRegistry(lambda _: Odd.HANG) as silent:
        env = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": f"http://{silent.name}", "HOME": str(tmp_path), "NO_COLOR": "1"}
        with PseudoTerminal(*arguments, *places, env=env, term="xterm") as terminal:
            terminal.wait_for(awaited)
            done = terminal.end()
    assert done.status == status
    shown = screen(done.seen)
    assert not [line for line in shown if awaited in line]
    assert shown[-2].startswith(last)
    assert shown[-1] == ""


def test_standard_input_that_is_typed(tmp_path: Path) -> None:
    """While the user types one of several files, no line is written into it; then the count goes on."""
    (tmp_path / "ecs.config").write_text("ECS_CLUSTER=prod\n")
    arguments = ("check", str(tmp_path / "ecs.config"), "-")
    with PseudoTerminal(*arguments, env={"HOME": str(tmp_path)}, term="xterm") as terminal:
        terminal.wait_for("ecs.config: ")
        terminal.type("ECS_CLUSTER=")
        # Longer than it takes for a line to appear.
        time.sleep(1.0)
        terminal.type("prod\n\x04")
        done = terminal.end()
    assert done.status == 0
    assert "ECS_CLUSTER=prod\n" in done.seen
    assert "1 of 2" not in done.seen
