"""Several runs and users at one place: locks, leftovers of killed runs, and who can read what is written."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from ecsauth.errors import UnreachableError
from ecsauth.host.disk import BACKUP_SUFFIX, LocalDisk
from needs import need

ROOT_ONLY = None if os.geteuid() == 0 else "needs root"
NOBODY = 65_534
OLD, NEW, EDITED = b"A=old\n", b"A=new\n", b"A=edited by hand\n"


def _names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_leftovers_are_swept(disk: LocalDisk, place: Path) -> None:
    """Temporary files that a killed run left are removed by the next, those of all our files and no others."""
    state = place.parent / "state"
    state.mkdir(mode=0o700)
    swept = [
        place / ".ecs.config.ecsauth-0123456789abcdef",
        place / f".ecs.config{BACKUP_SUFFIX}.ecsauth-0123456789abcdef",
        state / ".state.json.ecsauth-0123456789abcdef",
        state / ".verified.ecsauth-0123456789abcdef",
        state / ".pre-image.ecsauth-0123456789abcdef",
    ]
    kept = [
        place / "ecs.config",
        place / f"ecs.config{BACKUP_SUFFIX}",
        place / ".ecs.config",
        place / ".other.ecsauth-0123456789abcdef",
        place / "ecs.config.ecsauth-x",
    ]
    for path in (*swept, *kept):
        path.write_bytes(OLD)
    (place / ".ecs.config.ecsauth-directory").mkdir()
    with disk.locked(1):
        assert not [path for path in swept if path.exists()]
    assert [path for path in kept if not path.exists()] == []


KILLED = """
import sys
from ecsauth.host.disk import LocalDisk
disk = LocalDisk(sys.argv[1], sys.argv[2])
with disk.locked(5):
    print("ready", flush=True)
    for number in range(10**9):
        disk.write_env_file(b"A=" + str(number % 10).encode() * 100_000 + b"\\n")
"""


@pytest.mark.parametrize("after", [0.0, 0.003, 0.011, 0.02])
def test_a_killed_writer_leaves_one_whole_file(disk: LocalDisk, place: Path, after: float) -> None:
    """SIGKILL in the middle of writing: an old or a new file, whole, 0600; the lock is free, the next run cleans up."""
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(place / "ecs.config"), str(place.parent / "state")], stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(after)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    with disk.locked(0):
        data = disk.env_file()
        if data is not None:
            assert len(data) == 100_003
            assert len(set(data)) == 4
            assert _mode(place / "ecs.config") == 0o600
        assert _names(place) == (["ecs.config"] if data is not None else [])


def test_the_lock_keeps_other_runs_out(disk: LocalDisk, place: Path) -> None:
    """While another process holds the lock a run waits for its time, and no longer, and says what it waits for."""
    with disk.locked(1):
        began = time.monotonic()
        with pytest.raises(UnreachableError, match=r"another ecsauth has locked .*/lock"), disk.locked(0.3):
            pass
        assert 0.3 <= time.monotonic() - began < 60
    with disk.locked(0):
        assert _mode(place.parent / "state" / "lock") == 0o600


def test_the_lock_of_another_process_is_waited_for(disk: LocalDisk, place: Path) -> None:
    """A run that ends in time lets the next one in."""
    holder = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(place / "ecs.config"), str(place.parent / "state")], stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"ready\n"
        with pytest.raises(UnreachableError), disk.locked(0):
            pass
        killer = threading.Timer(0.3, holder.kill)
        killer.start()
        with disk.locked(60):
            killer.join()


def test_the_lock_is_freed_by_a_fault(disk: LocalDisk) -> None:
    """A run that fails does not lock out the next one."""
    with pytest.raises(KeyboardInterrupt), disk.locked(0):
        raise KeyboardInterrupt
    with disk.locked(0):
        pass


def test_the_lock_is_not_inherited(disk: LocalDisk, place: Path) -> None:
    """A child that outlives the run does not hold the lock."""
    with disk.locked(0), subprocess.Popen(["sleep", "30"], close_fds=False) as child:
        lock = str(place.parent / "state" / "lock")
        links = []
        for name in os.listdir(f"/proc/{child.pid}/fd"):
            # Closed since it was listed.
            with contextlib.suppress(FileNotFoundError):
                links.append(os.readlink(f"/proc/{child.pid}/fd/{name}"))
        child.kill()
        assert lock not in links


def test_another_user_can_read_nothing() -> None:
    """Neither the env-file nor the state is readable to others, even where all directories above are open to them."""
    need(ROOT_ONLY)
    with tempfile.TemporaryDirectory() as open_to_all:
        place = Path(open_to_all)
        place.chmod(0o755)
        disk = LocalDisk(str(place / "ecs.config"), str(place / "state"))
        with disk.locked(1):
            disk.write_env_file(NEW)
        files = [str(place / "ecs.config"), str(place / "state" / "lock")]
        done = subprocess.run(
            ["cat", *files], user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True, timeout=20, check=False
        )
    assert done.stdout == b""
    assert done.stderr.count(b"Permission denied") == len(files)
