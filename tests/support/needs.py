"""What a test needs of the machine: skipped where it is missing, failed in CI, where nothing may be missing."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Optional

import pytest


def need(lack: Optional[str]) -> None:
    """Skip the test for the lack, if any; with `CI=true` in the environment fail it."""
    if lack is None:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"needed in CI: {lack}", pytrace=False)
    pytest.skip(lack)


def lack_of(program: str, *arguments: str, timeout_s: float = 20.0) -> Optional[str]:
    """Return why the program cannot be used here (absent, or the given call of it fails), or None when it can."""
    if shutil.which(program) is None:
        return f"{program} is not installed"
    try:
        done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired:
        return f"{program} did not answer within {timeout_s:.0f} s"
    complaint = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
    return f"{program} does not work here: {complaint}" if done.returncode else None
