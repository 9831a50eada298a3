"""`ecsauth boot` that fails before it begins: `status`, the report and the alarm know of it all the same."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ecsauth.cli import persisted
from ecsauth.cli.persisted import Persisted
from fetching import STANDING
from program import Ended, run_here

if TYPE_CHECKING:
    from fetching import Instance

LOCAL = 6


def timer(instance: Instance, *options: str) -> Ended:
    """Run what the timer runs."""
    words = ("boot", "--as-persisted", "--state-dir", str(instance.state_place), "--launch=none", *options)
    return run_here(*words, env=instance.environment())


def keep(instance: Instance) -> str:
    """Keep the arguments of a boot, and return the path of their file."""
    words = instance.boot_arguments("--launch=none")[1:]
    persisted.write(str(instance.state_place), Persisted(tuple(words), ()))
    return persisted.path(str(instance.state_place))


def last_status(instance: Instance) -> int:
    """Return the status of the last run by the report."""
    found: int = json.loads((instance.state_place / "report.json").read_text())["last_run"]["status"]
    return found


def test_arguments_that_cannot_be_read(settled: Instance) -> None:
    """A timer that fails at its arguments is a failed run; the next good run ends that."""
    kept = Path(keep(settled))
    good = kept.read_bytes()
    kept.write_bytes(b"{")
    done = timer(settled)
    assert done.status == LOCAL
    assert "is damaged" in done.err
    failure = settled.state().failure
    assert failure is not None
    assert (failure.status, last_status(settled)) == (LOCAL, LOCAL)
    assert settled.env_file.read_bytes() == STANDING
    kept.write_bytes(good)
    assert timer(settled).status == 0
    assert (settled.state().failure, last_status(settled)) == (None, 0)


def test_a_line_for_the_log(settled: Instance) -> None:
    """A pipeline that counts runs counts this one, too."""
    os.chmod(keep(settled), 0o644)
    done = timer(settled, "--log-format=json")
    assert done.status == LOCAL
    (line,) = (json.loads(each) for each in done.err.splitlines() if each.startswith("{"))
    assert (line["outcome"], line["status"]) == ("failed", LOCAL)


def test_a_rehearsal_records_nothing(settled: Instance) -> None:
    """A dry run that fails is nobody's alarm."""
    os.chmod(keep(settled), 0o644)
    before = settled.state()
    assert timer(settled, "--dry-run").status == LOCAL
    assert settled.state() == before


def test_no_boot_has_run_here(instance: Instance) -> None:
    """Where nothing was ever installed, nothing is written."""
    assert timer(instance).status == LOCAL
    assert not instance.state_place.exists()
