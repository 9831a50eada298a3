"""What a unit says has a priority in the journal; what a person or a program reads has none in it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from program import SOURCES

if TYPE_CHECKING:
    from pathlib import Path

ERROR, HINT = "ecsauth: error: ", "ecsauth: hint: "
COMMAND = (sys.executable, "-m", "ecsauth", "check", "s3://bucket/key?versionId=")


@pytest.mark.parametrize(
    ("stream", "marks"),
    [
        pytest.param("{device}:{inode}", ("<3>", "<5>"), id="the journal"),
        pytest.param("{device}:1", ("", ""), id="elsewhere, below a unit"),
        pytest.param("", ("", ""), id="no unit"),
    ],
)
def test_priorities(tmp_path: Path, stream: str, marks: tuple[str, str]) -> None:
    """An error is one in the journal too, and its hint a notice: `journalctl --priority` finds them."""
    with (tmp_path / "stderr").open("w+") as words:
        found = os.fstat(words.fileno())
        named = stream.format(device=found.st_dev, inode=found.st_ino)
        env = {"PATH": os.defpath, "PYTHONPATH": str(SOURCES), "JOURNAL_STREAM": named}
        done = subprocess.run(COMMAND, env=env, cwd="/", stderr=words, timeout=60, check=False)
        words.seek(0)
        lines = words.read().splitlines()
    assert done.returncode
    assert [line for line in lines if line.startswith((marks[0] + ERROR, marks[1] + HINT))] == lines
    assert len(lines) > 1
