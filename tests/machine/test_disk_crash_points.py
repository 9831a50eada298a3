"""An install, and taking it back, on real files: killed or failing before each change, on full and read-only disks."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
from typing import TYPE_CHECKING, Optional

import pytest
from ecsauth.boot import install
from ecsauth.boot.fetch import Accepted
from ecsauth.boot.state import PRIVATE, Source, State
from ecsauth.boot.trust import ObjectFacts
from ecsauth.errors import EcsauthError, LocalError
from ecsauth.host.clock import SystemClock
from ecsauth.host.disk import BACKUP_SUFFIX, LocalDisk
from ecsauth.secret import SecretBytes
from needs import need

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CLOCK = SystemClock()
ROOT_ONLY = None if os.geteuid() == 0 else "needs root"
OLD, NEW, EDITED = b"A=old\n", b"A=new\n", b"A=edited by hand\n"


def _names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def _accepted(data: bytes, number: int) -> Accepted:
    facts = ObjectFacts(f"e{number}", number, f"v{number}", "aws:kms", "key")
    return Accepted(facts, SecretBytes(data), Source("s3://b/k", "1", ("key",), "/f", (), "1"), is_new=True)


def _install(disk: install.Disk, data: bytes, number: int) -> State:
    """Install as a run with `--launch none` does."""
    state = install.install(disk, disk.state(), _accepted(data, number), CLOCK)
    disk.remember(install.closed(state))
    return disk.state()


class _Killed(BaseException):
    """The run ends here."""


class Mortal:
    """A disk whose process dies right before its n-th change: nothing that it does afterwards happens."""

    def __init__(self, disk: LocalDisk, changes: int) -> None:
        self._disk = disk
        self._left = changes
        self.locked, self.state, self.env_file = disk.locked, disk.state, disk.env_file
        self.verified_copy, self.pre_image = disk.verified_copy, disk.pre_image
        self.env_file_mode, self.mend_record = disk.env_file_mode, disk.mend_record

    def _live(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise _Killed

    def remember(self, state: State) -> None:
        """Record the state."""
        self._live()
        self._disk.remember(state)

    def write_env_file(self, data: Optional[bytes], mode: int = PRIVATE) -> None:
        """Put the env-file in its place."""
        self._live()
        self._disk.write_env_file(data, mode)

    def write_verified_copy(self, data: Optional[bytes]) -> None:
        """Keep what was proved good."""
        self._live()
        self._disk.write_verified_copy(data)

    def write_pre_image(self, data: Optional[bytes]) -> None:
        """Keep what stands in the env-file's place."""
        self._live()
        self._disk.write_pre_image(data)

    def back_up(self, data: bytes) -> None:
        """Keep a file that is not ecsauth's."""
        self._live()
        self._disk.back_up(data)

    def forget_previous(self) -> bool:
        """Remove the pre-image and the copy of a file that is not ecsauth's."""
        self._live()
        return self._disk.forget_previous()

    def mark(self, *, checked: bool) -> None:
        """Say that a checked file stands, or that none does."""
        self._live()
        self._disk.mark(checked=checked)


# More changes than an install and taking it back make.
CHANGES = range(10)
STANDING = [
    pytest.param(None, None, id="nothing"),
    pytest.param(EDITED, None, id="a foreign file"),
    pytest.param(b"", None, id="an empty foreign file"),
    pytest.param(OLD, OLD, id="our old file"),
    pytest.param(EDITED, OLD, id="our old file, edited since"),
]


def _prepare(disk: LocalDisk, standing: Optional[bytes], ours: Optional[bytes]) -> None:
    if ours is not None:
        _install(disk, ours, 1)
    disk.write_env_file(standing)


def _fits(disk: LocalDisk, standing: Optional[bytes]) -> None:
    """Assert that the env-file is whole, and that a state that is closed tells the truth about it."""
    assert disk.env_file() in (standing, NEW)
    state = disk.state()
    if state.in_progress is None and state.installed is not None and state.installed.facts.etag == "e2":
        assert disk.env_file() == disk.verified_copy() == NEW


@pytest.mark.parametrize("changes", CHANGES)
@pytest.mark.parametrize(("standing", "ours"), STANDING)
def test_an_install_killed_anywhere_is_finished_by_the_next(
    disk: LocalDisk, standing: Optional[bytes], ours: Optional[bytes], changes: int
) -> None:
    """Killed before any of its changes, an install leaves the old or the new file; the next one completes it."""
    _prepare(disk, standing, ours)
    with contextlib.suppress(_Killed):
        _install(Mortal(disk, changes), NEW, 2)
    _fits(disk, standing)
    state = _install(disk, NEW, 2)
    assert disk.env_file() == disk.verified_copy() == NEW
    assert state.installed is not None
    assert state.installed.facts.etag == "e2"
    assert (state.in_progress, state.previous) == (None, None)


@pytest.mark.parametrize("changes", CHANGES)
@pytest.mark.parametrize(("standing", "ours"), STANDING)
def test_an_install_killed_anywhere_can_be_taken_back(
    disk: LocalDisk, standing: Optional[bytes], ours: Optional[bytes], changes: int
) -> None:
    """Killed before any of its changes, an install can be taken back by a later run: what stood there stands there."""
    _prepare(disk, standing, ours)
    with contextlib.suppress(_Killed):
        install.install(Mortal(disk, changes), disk.state(), _accepted(NEW, 2), CLOCK)
    install.roll_back(disk, disk.state(), CLOCK.moment())
    _assert_as_before(disk, standing, ours)


@pytest.mark.parametrize("changes", CHANGES)
@pytest.mark.parametrize(("standing", "ours"), STANDING)
def test_taking_back_killed_anywhere_is_finished_by_the_next(
    disk: LocalDisk, standing: Optional[bytes], ours: Optional[bytes], changes: int
) -> None:
    """An agent failed, and the run was killed while it took the file back: taking it back again completes it."""
    _prepare(disk, standing, ours)
    install.install(disk, disk.state(), _accepted(NEW, 2), CLOCK)
    with contextlib.suppress(_Killed):
        install.roll_back(Mortal(disk, changes), disk.state(), CLOCK.moment())
    assert disk.env_file() in (standing, NEW)
    install.roll_back(disk, disk.state(), CLOCK.moment())
    _assert_as_before(disk, standing, ours)


@pytest.mark.parametrize("changes", CHANGES)
@pytest.mark.parametrize(("standing", "ours"), STANDING)
def test_an_install_that_fails_anywhere_takes_itself_back(
    disk: LocalDisk, standing: Optional[bytes], ours: Optional[bytes], changes: int
) -> None:
    """One change fails and all others work: what stood there stands there, or the install is complete."""
    _prepare(disk, standing, ours)
    try:
        install.install(Failing(disk, changes), disk.state(), _accepted(NEW, 2), CLOCK)
    except EcsauthError:
        install.roll_back(disk, disk.state(), CLOCK.moment())
        _assert_as_before(disk, standing, ours)
    else:
        assert disk.env_file() == disk.verified_copy() == NEW


class Failing(Mortal):
    """A disk whose n-th change fails, and no other."""

    def _live(self) -> None:
        self._left -= 1
        if self._left == -1:
            raise LocalError("cannot write: no space left on device")


def _assert_as_before(disk: LocalDisk, standing: Optional[bytes], ours: Optional[bytes]) -> None:
    """Assert that the env-file is what it was, and that the record claims no more than that."""
    assert disk.env_file() == standing
    state = disk.state()
    assert (state.in_progress, state.previous) == (None, None)
    if ours is not None and standing == ours:
        assert state.installed is not None
        assert state.installed.facts.etag == "e1"
        assert disk.verified_copy() == ours
    else:
        assert disk.env_file() is None or disk.env_file() != disk.verified_copy()


def test_a_foreign_file_is_backed_up_before_it_is_replaced(disk: LocalDisk, place: Path) -> None:
    """The AMI's file is kept beside ours, once, 0600; ours never is."""
    (place / "ecs.config").write_bytes(EDITED)
    _install(disk, OLD, 1)
    _install(disk, NEW, 2)
    assert _names(place) == ["ecs.config", f"ecs.config{BACKUP_SUFFIX}"]
    assert (place / f"ecs.config{BACKUP_SUFFIX}").read_bytes() == EDITED


def test_locks_of_other_programs_do_not_matter(disk: LocalDisk, place: Path) -> None:
    """A shared lock on the env-file itself, as an editor may hold, keeps nobody out."""
    disk.write_env_file(OLD)
    with (place / "ecs.config").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        _install(disk, NEW, 2)
    assert disk.env_file() == NEW


@contextlib.contextmanager
def _mounted(path: Path, options: str) -> Iterator[None]:
    need(ROOT_ONLY)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"mode=755,{options}", "ecsauth-test", str(path)],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    need(f"cannot mount: {mounted.stderr.strip()}" if mounted.returncode else None)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(path)], timeout=20, check=True)


def _fill(path: Path) -> None:
    """Leave no space at all."""
    with contextlib.suppress(OSError), (path / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


@pytest.fixture
def small(place: Path) -> Iterator[LocalDisk]:
    """Give a disk of 64 KiB, mounted at `place`, with our old file on it."""
    with _mounted(place, "size=64k"):
        (place / "ecs").mkdir(mode=0o755)
        disk = LocalDisk(str(place / "ecs" / "ecs.config"), str(place / "state"))
        _install(disk, OLD, 1)
        yield disk


def _everything(directory: Path) -> dict[str, tuple[bytes, int]]:
    """Return content and mode of every file."""
    files = (path for path in sorted(directory.rglob("*")) if path.is_file() and path.name != "filler")
    return {str(path.relative_to(directory)): (path.read_bytes(), path.stat().st_mode) for path in files}


def test_a_full_disk_keeps_the_old_file(small: LocalDisk, place: Path) -> None:
    """No space left: the fault says so, and every file is as it was, with nothing beside it."""
    before = _everything(place)
    _fill(place)
    for write in (small.write_env_file, small.write_verified_copy, small.write_pre_image):
        with pytest.raises(LocalError, match="no space left on device") as raised:
            write(NEW * 1000)
        assert "nothing was changed" in " ".join(raised.value.hints)
    assert _everything(place) == before


def test_an_install_on_a_full_disk_is_taken_back(small: LocalDisk, place: Path) -> None:
    """With no space the old file stays, and with space again the install goes through."""
    _fill(place)
    with pytest.raises(LocalError, match="no space"):
        _install(small, NEW * 1000, 2)
    assert small.env_file() == OLD
    (place / "filler").unlink()
    _install(small, NEW * 1000, 2)
    assert small.env_file() == small.verified_copy() == NEW * 1000


@pytest.mark.parametrize("room", range(1, 6))
def test_an_install_on_a_nearly_full_disk(small: LocalDisk, place: Path, room: int) -> None:
    """Some of an install's files still fit: the env-file is the old one or the new one, and the record says which."""
    _fill(place)
    os.truncate(place / "filler", (place / "filler").stat().st_size - room * 4096)
    with contextlib.suppress(LocalError):
        _install(small, NEW, 2)
    installed = small.state().installed
    assert installed is not None
    assert small.env_file() == (NEW if installed.facts.etag == "e2" else OLD)
    (place / "filler").unlink()
    _install(small, NEW, 2)
    assert (small.env_file(), small.verified_copy()) == (NEW, NEW)


def test_a_read_only_disk_is_a_local_fault(small: LocalDisk, place: Path) -> None:
    """Read-only: reading goes on, locking and writing are faults that say so, and nothing changes."""
    before = _everything(place)
    subprocess.run(["mount", "-o", "remount,ro", str(place)], timeout=20, check=True)
    assert small.env_file() == OLD
    for write in (small.write_env_file, small.write_verified_copy, small.write_pre_image, small.back_up):
        with pytest.raises(LocalError, match="read-only file system") as raised:
            write(NEW)
        assert raised.value.hints
    with pytest.raises(LocalError, match="read-only file system"), small.locked(0):
        pass
    assert _everything(place) == before


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o600])
def test_a_foreign_file_comes_back_with_its_mode(disk: LocalDisk, place: Path, mode: int) -> None:
    """What stood there before ecsauth comes back as it was, bytes and mode; in between it is 0600."""
    file = place / "ecs.config"
    file.write_bytes(EDITED)
    file.chmod(mode)
    state = install.install(disk, disk.state(), _accepted(NEW, 1), CLOCK)
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (NEW, 0o600)
    install.roll_back(disk, state, CLOCK.moment())
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (EDITED, mode)
