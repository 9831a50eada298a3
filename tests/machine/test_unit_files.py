"""Unit files in their directory: written once, replaced whole, and nobody else's touched."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest
from ecsauth.boot import units
from ecsauth.boot.units import UnitFile
from ecsauth.errors import LocalError
from ecsauth.host.units import UnitFiles

if TYPE_CHECKING:
    from pathlib import Path

UNIT = UnitFile(units.FETCH, "[Service]\nExecStart=/bin/true\n")
GATE = units.gate("/var/lib/ecsauth/checked", "/etc/ecs/ecs.config")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a directory like /etc/systemd/system, with units of others in it."""
    folder = tmp_path / "system"
    folder.mkdir(mode=0o755)
    (folder / "sshd.service").write_text("[Service]\n")
    (folder / "ecsauth.conf").write_text("\n")
    return folder


@pytest.fixture
def files(folder: Path) -> UnitFiles:
    """Give the units in it."""
    return UnitFiles(str(folder))


def _everything(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o277])
def test_written_once(files: UnitFiles, folder: Path, umask: int) -> None:
    """A unit is readable to everyone, and one that is there already is not written again."""
    before = os.umask(umask)
    try:
        assert files.write(UNIT) is True
        found = (folder / UNIT.name).stat()
        assert files.write(UNIT) is False
    finally:
        os.umask(before)
    assert stat.S_IMODE(found.st_mode) == 0o644
    assert (folder / UNIT.name).stat().st_ino == found.st_ino
    assert files.read(UNIT.name) == UNIT.text.encode()


@pytest.mark.parametrize("mode", [0o600, 0o666, 0o755])
def test_another_mode_is_mended(files: UnitFiles, folder: Path, mode: int) -> None:
    """A unit that others could write is made anew."""
    files.write(UNIT)
    (folder / UNIT.name).chmod(mode)
    assert files.write(UNIT) is True
    assert stat.S_IMODE((folder / UNIT.name).stat().st_mode) == 0o644


def test_replaced_whole(files: UnitFiles, folder: Path) -> None:
    """Whoever has the old file open reads it to its end; nothing is left beside it."""
    files.write(UNIT)
    with (folder / UNIT.name).open() as old:
        assert files.write(UNIT._replace(text="[Unit]\n")) is True
        assert old.read() == UNIT.text
    assert (folder / UNIT.name).read_text() == "[Unit]\n"
    assert _everything(folder) == {"sshd.service", "ecsauth.conf", UNIT.name}


def test_a_killed_writer_is_cleared_away(files: UnitFiles, folder: Path) -> None:
    """What a killed run left beside a unit goes with the next one."""
    (folder / f".{UNIT.name}.ecsauth-0123456789abcdef").touch()
    files.write(UNIT)
    assert _everything(folder) == {"sshd.service", "ecsauth.conf", UNIT.name}


def test_the_gate_has_a_directory(files: UnitFiles, folder: Path) -> None:
    """The drop-in's directory comes and goes with it, unless somebody else has put something there."""
    assert files.write(GATE) is True
    assert files.write(GATE) is False
    assert files.names() == (GATE.name,)
    assert files.remove(GATE.name) is True
    assert _everything(folder) == {"sshd.service", "ecsauth.conf"}
    files.write(GATE)
    (folder / "ecs.service.d" / "override.conf").touch()
    assert files.remove(GATE.name) is True
    assert _everything(folder) == {"sshd.service", "ecsauth.conf", "ecs.service.d", "ecs.service.d/override.conf"}


def test_the_gate_of_upstart(files: UnitFiles, folder: Path) -> None:
    """Its name is one that others may use: it is told by how it begins."""
    gate = units.upstart_gate("/var/lib/ecsauth/checked")
    assert files.is_written_by_ecsauth(gate.name) is False
    assert (files.write(gate), files.has(gate), files.path(gate.name)) == (True, True, str(folder / "ecs.override"))
    assert files.is_written_by_ecsauth(gate.name) is True
    assert files.names() == ()
    (folder / gate.name).write_text("env ECS_LOGLEVEL=debug\n")
    assert (files.has(gate), files.is_written_by_ecsauth(gate.name)) == (False, False)


def test_an_override_of_somebody_else(files: UnitFiles, folder: Path) -> None:
    """What somebody else has written for upstart stays, and is named."""
    (folder / units.UPSTART_GATE).write_text("manual\n")
    with pytest.raises(LocalError, match="was not written by ecsauth"):
        files.write(units.upstart_gate("/var/lib/ecsauth/checked"))
    assert (folder / units.UPSTART_GATE).read_text() == "manual\n"


def test_only_ours_are_named_and_removed(files: UnitFiles, folder: Path) -> None:
    """All that was written is found again, and nothing else."""
    assert files.names() == ()
    made = units.render(units.UnitSpec(("/bin/true",), ("s3://b/k",), "service", 120.0, 60.0, 252))
    for unit in (*made.files, GATE):
        files.write(unit)
    (folder / f"{units.TIMER}.d").mkdir()
    assert set(files.names()) == {GATE.name, *(unit.name for unit in made.files)}
    assert [files.remove(name) for name in files.names()] == [True] * 5
    assert files.names() == ()
    assert _everything(folder) == {"sshd.service", "ecsauth.conf", f"{units.TIMER}.d"}
    assert files.remove(units.FETCH) is False


def test_a_unit_of_somebody_else(files: UnitFiles, folder: Path) -> None:
    """A name like ours does not make it ours."""
    (folder / "ecsauth-alert.service").write_text("[Service]\nExecStart=/bin/true\n")
    files.write(units.UnitFile(units.TIMER, f"{units.SIGNATURE}\n"))
    assert files.names() == (units.TIMER,)


def test_there_may_be_no_directory(tmp_path: Path) -> None:
    """Without systemd nothing is there, and nothing is removed."""
    files = UnitFiles(str(tmp_path / "absent"))
    assert (files.names(), files.read(units.FETCH), files.remove(units.FETCH)) == ((), None, False)
    assert not (tmp_path / "absent").exists()


@pytest.mark.parametrize(
    ("mode", "owner"), [pytest.param(0o775, 0, id="open"), pytest.param(0o755, 65534, id="foreign")]
)
def test_a_directory_that_others_can_change(files: UnitFiles, folder: Path, mode: int, owner: int) -> None:
    """What they put there would be run as root."""
    if os.geteuid():
        pytest.skip("needs root")
    folder.chmod(mode)
    os.chown(folder, owner, 0)
    with pytest.raises(LocalError, match=r"is writable for other users|belongs to another user"):
        files.write(UNIT)
    assert not (folder / UNIT.name).exists()


def test_a_masked_unit_stays_masked(files: UnitFiles, folder: Path) -> None:
    """`systemctl mask` makes a link to /dev/null: the operator wants the unit not to run."""
    (folder / UNIT.name).symlink_to("/dev/null")
    with pytest.raises(LocalError, match="symbolic link"):
        files.write(UNIT)
    assert (folder / UNIT.name).is_symlink()
