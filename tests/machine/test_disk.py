"""The env-file's place on a real file system: what is written and with which mode, what is refused, who can read it."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import stat
from pathlib import Path
from typing import Callable, Optional

import pytest
import unprivileged
from aws_environment import aws_environment
from ecsauth.boot.state import State
from ecsauth.boot.trust import ObjectFacts
from ecsauth.errors import DamagedError, LocalError
from ecsauth.host import files
from ecsauth.host.disk import BACKUP_SUFFIX, LocalDisk, PrivateDirectory, write_private
from needs import need

ROOT_ONLY = None if os.geteuid() == 0 else "needs root"
NOBODY = 65_534
KEY = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OLD, NEW, EDITED = b"A=old\n", b"A=new\n", b"A=edited by hand\n"


def _names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o277, 0o777])
def test_makes_directories(tmp_path: Path, umask: int) -> None:
    """Whatever the umask, those above are as /etc and /var/lib, and the next run finds nothing to refuse."""
    disk = LocalDisk(str(tmp_path / "etc" / "deep" / "ecs.config"), str(tmp_path / "var" / "deep" / "state"))
    before = os.umask(umask)
    try:
        for _ in range(2):
            with disk.locked(1):
                disk.write_env_file(NEW)
    finally:
        os.umask(before)
    assert _mode(tmp_path / "var" / "deep" / "state") == 0o700
    for made in ("etc", "etc/deep", "var", "var/deep"):
        assert _mode(tmp_path / made) == 0o755, made
    assert _mode(tmp_path / "etc" / "deep" / "ecs.config") == 0o600


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o277, 0o777])
def test_writes_private_files(disk: LocalDisk, place: Path, umask: int) -> None:
    """Whatever the umask, every file is 0600, and the state's directory 0700."""
    before = os.umask(umask)
    try:
        with disk.locked(1):
            disk.write_env_file(NEW)
            disk.write_verified_copy(NEW)
            disk.write_pre_image(OLD)
            disk.back_up(OLD)
            disk.remember(State(in_progress=ObjectFacts("e", 1)))
    finally:
        os.umask(before)
    state = place.parent / "state"
    assert _mode(state) == 0o700
    assert _names(state) == ["lock", "pre-image", "state.json", "state.json.second", "verified"]
    assert _names(place) == ["ecs.config", f"ecs.config{BACKUP_SUFFIX}"]
    assert {_mode(path) for path in (*state.iterdir(), *place.iterdir())} == {0o600}
    assert {path.stat().st_uid for path in (*state.iterdir(), *place.iterdir())} == {os.geteuid()}


def test_reads_what_was_written(disk: LocalDisk) -> None:
    """Each file is its own; None removes one, and absence is None."""
    assert (disk.env_file(), disk.verified_copy(), disk.pre_image(), disk.state()) == (None, None, None, State())
    disk.write_env_file(b"1")
    disk.write_verified_copy(b"2")
    disk.write_pre_image(b"")
    disk.remember(State(applied=ObjectFacts("e", 1)))
    assert (disk.env_file(), disk.verified_copy(), disk.pre_image()) == (b"1", b"2", b"")
    assert disk.state() == State(applied=ObjectFacts("e", 1))
    disk.write_env_file(None)
    disk.write_env_file(None)
    assert disk.env_file() is None


def test_a_wider_file_becomes_private(disk: LocalDisk, place: Path) -> None:
    """The old file's mode does not survive: the file is a new one."""
    file = place / "ecs.config"
    file.write_bytes(OLD)
    file.chmod(0o644)
    inode = file.stat().st_ino
    disk.write_env_file(NEW)
    assert (_mode(file), file.read_bytes()) == (0o600, NEW)
    assert file.stat().st_ino != inode


def test_whoever_reads_the_old_file_keeps_it(disk: LocalDisk, place: Path) -> None:
    """A reader that has the file open sees one whole file, never a mixture."""
    disk.write_env_file(OLD)
    with (place / "ecs.config").open("rb") as file:
        disk.write_env_file(NEW)
        assert file.read() == OLD


def test_a_hard_link_keeps_the_old_bytes(disk: LocalDisk, place: Path) -> None:
    """Another name of the old file is not written through."""
    disk.write_env_file(OLD)
    os.link(place / "ecs.config", place / "other")
    disk.write_env_file(NEW)
    assert (place / "other").read_bytes() == OLD


def test_backs_up_once(disk: LocalDisk, place: Path) -> None:
    """The first foreign file is kept, later ones do not replace it."""
    disk.back_up(OLD)
    disk.back_up(EDITED)
    backup = place / f"ecs.config{BACKUP_SUFFIX}"
    assert (backup.read_bytes(), _mode(backup)) == (OLD, 0o600)


def test_an_unchanged_state_is_not_written(disk: LocalDisk, place: Path) -> None:
    """A run that changes nothing leaves the disk alone."""
    state = State(verified=ObjectFacts("e", 1))
    disk.remember(state)
    file = place.parent / "state" / "state.json"
    before = file.stat()
    disk.remember(state)
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_damaged_state(disk: LocalDisk, place: Path) -> None:
    """A state file of zeros, as a power loss may leave it, is kept aside; the second copy takes its place."""
    state, own = State(verified=ObjectFacts("e", 1)), place.parent / "state"
    disk.remember(state)
    whole = (own / "state.json").read_bytes()
    (own / "state.json").write_bytes(b"\0" * 512)
    assert disk.state() == state
    assert "its second copy" in (disk.mend_record() or "")
    assert (own / "state.json").read_bytes() == whole
    assert (own / "state.json.damaged").read_bytes() == b"\0" * 512
    assert _mode(own / "state.json.damaged") == 0o600
    assert disk.mend_record() is None


def test_a_state_of_which_both_copies_are_damaged(disk: LocalDisk, place: Path) -> None:
    """Until a run begins a new record, and says what is lost with the old one, the state is unknown, not empty."""
    own = place.parent / "state"
    disk.remember(State(verified=ObjectFacts("e", 1)))
    for name in ("state.json", "state.json.second"):
        (own / name).write_bytes(b"{")
    with pytest.raises(DamagedError, match=r"state\.json is damaged"):
        disk.state()
    assert "a new record" in (disk.mend_record() or "")
    assert disk.state() == State()
    disk.remember(State(applied=ObjectFacts("e", 2)))
    (own / "state.json").write_bytes(b"")
    assert disk.state() == State(applied=ObjectFacts("e", 2))


def test_a_second_copy_that_cannot_be_written(disk: LocalDisk, place: Path) -> None:
    """The record is what counts: where only the copy has no place the run goes on."""
    (place.parent / "state" / "state.json.second" / "in the way").mkdir(parents=True)
    (place.parent / "state").chmod(0o700)
    disk.remember(State(verified=ObjectFacts("e", 1)))
    assert json.loads((place.parent / "state" / "state.json").read_bytes())["verified"]["etag"] == "e"


def test_directories_are_made(tmp_path: Path) -> None:
    """On a bare AMI neither directory is there."""
    disk = LocalDisk(str(tmp_path / "etc" / "ecs" / "ecs.config"), str(tmp_path / "lib" / "ecsauth"))
    assert disk.env_file() is None
    with disk.locked(1):
        disk.write_env_file(NEW)
    assert _mode(tmp_path / "etc" / "ecs") == 0o755
    assert _mode(tmp_path / "lib" / "ecsauth") == 0o700


def test_a_relative_path_is_fixed_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A later change of the working directory moves nothing."""
    monkeypatch.chdir(tmp_path)
    disk = LocalDisk("ecs.config", "state")
    monkeypatch.chdir("/")
    disk.write_env_file(NEW)
    assert (tmp_path / "ecs.config").read_bytes() == NEW


def test_what_a_killed_run_left_beside_an_operators_file(tmp_path: Path) -> None:
    """The next write removes it; what another process is writing, and other files' leftovers, stay."""
    left, held, other = (tmp_path / f".{name}.ecsauth-{number}" for name, number in (("a", 1), ("a", 2), ("b", 3)))
    for path in (left, held, other):
        path.write_bytes(OLD)
    with held.open("rb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        write_private(str(tmp_path / "a"), NEW)
    assert _names(tmp_path) == sorted([held.name, other.name, "a"])


def test_an_operators_file_is_written_private(tmp_path: Path) -> None:
    """What `check --fix` writes is 0600 and comes in one step, with nothing left beside it."""
    write_private(str(tmp_path / "fixed"), NEW)
    assert (_mode(tmp_path / "fixed"), _names(tmp_path)) == (0o600, ["fixed"])
    with pytest.raises(LocalError, match="cannot write"):
        write_private(str(tmp_path / "absent" / "fixed"), NEW)


def _link(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def _dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def _large(path: Path) -> None:
    path.write_bytes(b"A=" + b"x" * (1 << 20))


def _foreign(path: Path) -> None:
    need(ROOT_ONLY)
    path.write_bytes(OLD)
    os.chown(path, NOBODY, NOBODY)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        pytest.param(_link, "is a symbolic link", id="link"),
        pytest.param(_dangling, "is a symbolic link", id="dangling link"),
        pytest.param(Path.mkdir, "is not a plain file", id="directory"),
        pytest.param(os.mkfifo, "is not a plain file", id="pipe"),
        pytest.param(_foreign, "belongs to another user", id="foreign owner"),
        pytest.param(_large, "is larger than", id="too large"),
    ],
)
@pytest.mark.parametrize("which", ["ecs.config", "state.json", "verified", "pre-image"])
def test_refuses_what_is_no_plain_file_of_ours(
    disk: LocalDisk, place: Path, make: Callable[[Path], None], reason: str, which: str
) -> None:
    """A link, a directory, a pipe, somebody else's file: a fault of this machine, told at once, nothing followed."""
    state = place.parent / "state"
    state.mkdir(mode=0o700)
    path = (place if which == "ecs.config" else state) / which
    make(path)
    found = path.lstat()
    read = {"ecs.config": disk.env_file, "state.json": disk.state, "verified": disk.verified_copy}
    with pytest.raises(LocalError, match=reason) as raised:
        read.get(which, disk.pre_image)()
    assert str(path) in raised.value.message
    assert (path.lstat().st_ino, path.lstat().st_mode) == (found.st_ino, found.st_mode)


@pytest.mark.parametrize("make", [_link, _dangling, Path.mkdir], ids=["link", "dangling link", "directory"])
def test_refuses_a_lock_that_is_no_plain_file(disk: LocalDisk, place: Path, make: Callable[[Path], None]) -> None:
    """What stands in the lock's place is not followed and not made."""
    state = place.parent / "state"
    state.mkdir(mode=0o700)
    make(state / "lock")
    with pytest.raises(LocalError, match=r"cannot open .*/lock"), disk.locked(0):
        pass
    assert _names(state) == ["lock"]


def _shared(path: Path) -> None:
    path.chmod(0o775)


def _open(path: Path) -> None:
    path.chmod(0o777)


def _sticky(path: Path) -> None:
    path.chmod(0o1777)


def _given_away(path: Path) -> None:
    need(ROOT_ONLY)
    os.chown(path, NOBODY, -1)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(_shared, "writable for other users", id="group can write"),
        pytest.param(_open, "writable for other users", id="all can write"),
        pytest.param(_sticky, "writable for other users", id="sticky"),
        pytest.param(_given_away, "another user", id="foreign owner"),
    ],
)
@pytest.mark.parametrize("which", ["etc", "state"])
def test_refuses_a_directory_that_others_can_change(
    disk: LocalDisk, place: Path, change: Callable[[Path], None], reason: str, which: str
) -> None:
    """Others who can write beside the file can put another one in its place: nothing is read and nothing written."""
    state = place.parent / "state"
    state.mkdir(mode=0o700)
    change(place if which == "etc" else state)
    read, write = (
        (disk.env_file, disk.write_env_file) if which == "etc" else (disk.verified_copy, disk.write_verified_copy)
    )
    with pytest.raises(LocalError, match=reason):
        read()
    with pytest.raises(LocalError, match=reason):
        write(NEW)
    with pytest.raises(LocalError, match=reason), disk.locked(1):
        pass
    assert _names(place) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(_shared, "above .* is writable for other users", id="group can write"),
        pytest.param(_open, "above .* is writable for other users", id="all can write"),
        pytest.param(_given_away, "above .* another user", id="foreign owner"),
        pytest.param(_sticky, None, id="sticky"),
    ],
)
def test_refuses_a_way_that_others_can_change(
    place: Path, change: Callable[[Path], None], reason: Optional[str]
) -> None:
    """Whoever can write above the directory can put another directory there, unless what is above is sticky."""
    (place / "ecs").mkdir(mode=0o755)
    change(place)
    file = PrivateDirectory(str(place / "ecs"), mode=0o755)
    with pytest.raises(LocalError, match=reason) if reason else contextlib.nullcontext():
        file.write("ecs.config", NEW)
    assert _names(place / "ecs") == ([] if reason else ["ecs.config"])


def test_a_foreign_directory_in_a_sticky_one_is_refused(place: Path) -> None:
    """In a sticky directory anybody can have made the directory that is found there."""
    need(ROOT_ONLY)
    place.chmod(0o1777)
    (place / "theirs" / "ecs").mkdir(parents=True, mode=0o755)
    os.chown(place / "theirs", NOBODY, NOBODY)
    with pytest.raises(LocalError, match=r"theirs, above .* another user"):
        PrivateDirectory(str(place / "theirs" / "ecs"), mode=0o755).read("ecs.config")


def test_our_own_links_to_the_directory_are_followed(place: Path) -> None:
    """A directory may be a link that root made, relative, over several links, or with dots in it."""
    (place / "real").mkdir(mode=0o755)
    (place / "first").symlink_to("real")
    (place / "second").symlink_to(place / "x" / ".." / "first" / ".")
    (place / "x").mkdir(mode=0o755)
    PrivateDirectory(str(place / "second"), mode=0o755).write("ecs.config", NEW)
    assert (place / "real" / "ecs.config").read_bytes() == NEW


def test_a_link_on_the_way_that_others_can_turn_is_refused(place: Path) -> None:
    """A link of somebody else may lead to another place tomorrow."""
    need(ROOT_ONLY)
    (place / "real").mkdir(mode=0o755)
    (place / "link").symlink_to("real")
    os.chown(place / "link", NOBODY, NOBODY, follow_symlinks=False)
    with pytest.raises(LocalError, match=r"the link .* in .* another user"):
        PrivateDirectory(str(place / "link"), mode=0o755).read("ecs.config")


def test_a_link_in_an_open_directory_is_refused(place: Path) -> None:
    """A link that stands where others can write can be replaced by theirs, however safe its target is."""
    (place / "real").mkdir(mode=0o755)
    (place / "open").mkdir()
    (place / "open" / "link").symlink_to(place / "real")
    (place / "open").chmod(0o777)
    (place / "way").symlink_to(place / "open" / "link")
    with pytest.raises(LocalError, match=r"open, above .* writable for other users"):
        PrivateDirectory(str(place / "way"), mode=0o755).read("ecs.config")


@pytest.mark.parametrize("make", [Path.touch, lambda path: path.symlink_to(path.name)], ids=["a file", "a link loop"])
def test_a_directory_that_is_none_is_refused(place: Path, make: Callable[[Path], None]) -> None:
    """What stands in the directory's place is a fault of this machine, and stays."""
    make(place / "ecs")
    directory = PrivateDirectory(str(place / "ecs"), mode=0o755)
    with pytest.raises(LocalError, match="cannot open the directory"):
        directory.read("ecs.config")
    with pytest.raises(LocalError, match="cannot open the directory"):
        directory.write("ecs.config", NEW)


@pytest.mark.parametrize("name", ["a" * 300, "a/../" * 900 + "b"], ids=["name", "path"])
def test_names_that_the_system_refuses(place: Path, name: str) -> None:
    """A name that is too long is a fault of this machine, not of the program."""
    with pytest.raises(LocalError, match="file name too long"):
        PrivateDirectory(str(place), mode=0o755).write(name, NEW)


@pytest.mark.parametrize(
    ("number", "elsewhere", "root_helps", "hints"),
    [
        (errno.EACCES, "", True, ()),
        (errno.EPERM, "", True, ()),
        (errno.EPERM, "use another file", False, ("use another file",)),
        (errno.EIO, "use another file", False, ()),
    ],
)
def test_what_the_system_refuses_comes_with_what_helps(
    number: int, elsewhere: str, root_helps: bool, hints: tuple[str, ...]
) -> None:
    """Whom root's rights would help hears so, unless another place is better; a broken disk has no hint."""
    fault = files.local("write", "/etc/ecs/ecs.config", OSError(number, os.strerror(number)), elsewhere)
    is_told = root_helps and os.geteuid() != 0
    assert fault.needs_root is is_told
    assert fault.hints == (("run as root",) if is_told else hints)


def test_operator_may_not_write_there(open_place: Path) -> None:
    """On a workstation it is not root that helps, but another file; of the files of an instance it is."""
    need(ROOT_ONLY)
    env = aws_environment(open_place, endpoint="http://127.0.0.1:1")
    made = ("--bucket=fleet", "--prefix=prod", "--account=111122223333", "--kms-key", KEY)
    done = unprivileged.run("iam", "instance-role", *made, f"-o{open_place}/role.json", env=env)
    assert done.status == 6
    assert f"error: cannot write {open_place}/role.json: permission denied\n" in done.err
    assert done.err.endswith("hint: use another file\n")
    done = unprivileged.run("boot", "s3://fleet/prod", "--kms-key", KEY, f"--state-dir={open_place}/state", env=env)
    assert done.status == 6
    assert "hint: run as root\n" in done.err
    assert list(open_place.iterdir()) == []
