"""The env-file is private and whole at every instant, and a place that is not fit for it is refused in time."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Callable

import pytest
import small_disk
from machine import FIRST, SECOND, auth_file
from needs import need
from watch import assert_installed_privately

if TYPE_CHECKING:
    from collections.abc import Iterator

    from machine import Machine
    from watch import Watched

LOCAL = 6
NOBODY = 65534


@pytest.fixture
def disks(bare_machine: Machine) -> Iterator[Callable[[str], small_disk.SmallDisk]]:
    """Give a function that mounts a small file system for `env-file` or `state`, before anything is there."""
    machine = bare_machine
    need(small_disk.lack(machine.folder / "trial"))
    with contextlib.ExitStack() as mounts:
        places = {"env-file": machine.place, "state": machine.state_place}
        yield lambda which: mounts.enter_context(small_disk.mounted(places[which]))


@pytest.fixture(params=["env-file", "state"])
def disk(request: pytest.FixtureRequest, disks: Callable[[str], small_disk.SmallDisk]) -> small_disk.SmallDisk:
    """Mount a small file system for one of the two places."""
    return disks(request.param)


def test_made_privately(bare_machine: Machine, watch: Callable[..., Watched]) -> None:
    """The first env-file is made exclusively, with 0600 from the start, and appears by a rename only."""
    machine = bare_machine
    done = watch(machine.command("--launch=none"), env=machine.environment())
    assert done.returncode == 0, done.stderr
    for file in (machine.env_file, machine.state_place / "verified", machine.state_place / "state.json"):
        assert_installed_privately(done, file)


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_replaced_privately(bare_machine: Machine, watch: Callable[..., Watched], umask: int) -> None:
    """So is each later one, and the copy of what it replaces, under any umask."""
    machine = bare_machine
    machine.place.mkdir()
    machine.env_file.write_bytes(b"ECS_CLUSTER=demo\n")
    before = os.umask(umask)
    try:
        done = watch(machine.command("--launch=none"), env=machine.environment())
    finally:
        os.umask(before)
    assert done.returncode == 0, done.stderr
    backup = machine.env_file.with_name("ecs.config.before-ecsauth")
    for file in (machine.env_file, backup, machine.state_place / "pre-image"):
        assert_installed_privately(done, file)
    machine.assert_private()


def test_nothing_is_written_the_second_time(bare_machine: Machine, watch: Callable[..., Watched]) -> None:
    """A second run makes, renames and removes nothing in either place."""
    machine = bare_machine
    machine.install()
    done = watch(machine.command("--launch=none"), env=machine.environment())
    assert done.returncode == 0
    places = (f"{machine.place}/", f"{machine.state_place}/")
    touched = {
        path
        for event in done.events
        if event.writes or event.call.startswith(("rename", "unlink", "fsync"))
        for path in event.paths
        if path.startswith(places)
    }
    assert touched == {str(machine.state_place / "lock")}


def test_disk_full(disk: small_disk.SmallDisk, booted: Machine) -> None:
    """Without space nothing is lost, and once there is some the next run installs."""
    booted.put(SECOND)
    disk.fill()
    before = booted.standing()
    done = booted.launch()
    assert done.status == LOCAL
    assert "no space left on device\necsauth: hint: free some space" in done.err
    assert booted.standing() == before
    disk.clear()
    assert not booted.strays()
    assert booted.launch().status == 0
    assert booted.standing().env_file != before.env_file


@pytest.mark.parametrize("which", ["env-file", "state"])
def test_disk_almost_full(disks: Callable[[str], small_disk.SmallDisk], bare_machine: Machine, which: str) -> None:
    """However little space there is, a run installs all, or nothing."""
    machine, disk = bare_machine, disks(which)
    machine.install()
    machine.put(auth_file("second-password", f"# {'x' * small_disk.PAGE}"))
    statuses = []
    for pages_left in range(8):
        before, recorded = machine.env_file.stat(), machine.record()
        disk.fill(pages_left=pages_left)
        done = machine.install()
        disk.clear()
        statuses.append(done.status)
        assert not machine.strays()
        machine.assert_private()
        if done.status == 0:
            break
        assert (done.status, machine.env_file.read_bytes()) == (LOCAL, FIRST)
        after = machine.env_file.stat()
        assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
        # The pre-image was written before the disk was full: it is of the version that stays.
        assert machine.record()._replace(pre_image_of=recorded.pre_image_of) == recorded
    assert statuses[0] == LOCAL
    assert statuses[-1] == 0


def test_read_only(disk: small_disk.SmallDisk, booted: Machine) -> None:
    """A file system that is read-only is named, before the agent is touched."""
    booted.put(SECOND)
    disk.make_read_only()
    before = booted.standing()
    done = booted.launch()
    assert done.status == LOCAL
    assert "read-only" in done.err
    assert booted.standing() == before
    disk.make_writable()
    assert not booted.strays()


def open_place(machine: Machine) -> None:
    """Let everybody write beside the env-file."""
    machine.place.chmod(0o777)


def open_state_place(machine: Machine) -> None:
    """Let a group write among ecsauth's own files."""
    machine.state_place.chmod(0o770)


def foreign_place(machine: Machine) -> None:
    """Give the env-file's directory to somebody else."""
    os.chown(machine.place, NOBODY, NOBODY)


def foreign_file(machine: Machine) -> None:
    """Give the env-file to somebody else."""
    os.chown(machine.env_file, NOBODY, NOBODY)


def link(machine: Machine) -> None:
    """Put a symbolic link in the env-file's place."""
    machine.env_file.rename(machine.folder / "elsewhere")
    machine.env_file.symlink_to(machine.folder / "elsewhere")


def directory(machine: Machine) -> None:
    """Put a directory in the env-file's place."""
    machine.env_file.unlink()
    machine.env_file.mkdir()


def pipe(machine: Machine) -> None:
    """Put a named pipe in the env-file's place: whoever opens it waits for ever."""
    machine.env_file.unlink()
    os.mkfifo(machine.env_file)


def link_as_place(machine: Machine) -> None:
    """Make the env-file's directory a link into a place that everybody can write."""
    shared = machine.folder / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    machine.place.rename(shared / "ecs")
    machine.place.symlink_to(shared / "ecs")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (open_place, "is writable for other users"),
        (open_state_place, "is writable for other users"),
        (foreign_place, "belongs to another user"),
        (foreign_file, "belongs to another user"),
        (link, "is a symbolic link"),
        (directory, "is not a plain file"),
        (pipe, "is not a plain file"),
        (link_as_place, "is writable for other users"),
    ],
)
def test_unsafe_place(booted: Machine, spoil: Callable[[Machine], None], message: str) -> None:
    """Where somebody else could exchange the file, or what stands there is no file, nothing is touched."""
    booted.put(SECOND)
    spoil(booted)
    before = booted.standing()
    done = booted.launch()
    assert done.status == LOCAL
    assert message in done.err
    assert "ecsauth: hint: " in done.err
    assert booted.standing() == before
    assert not booted.strays()
