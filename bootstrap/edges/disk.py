"""The env-file's place and ecsauth's own files.

Every file is created 0600 under a temporary name in its own directory, written, fsynced and renamed: at no
instant does a wider mode or a partial file exist. All work on a directory goes through a descriptor of it, so
that what was checked is what is written to.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import stat
import time
from typing import TYPE_CHECKING, Optional

from bootstrap.core import state as states
from bootstrap.core.errors import LocalError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootstrap.core.state import State

BACKUP_SUFFIX = ".before-ecsauth"
# In the state's directory, while a checked file stands in the env-file's place.
MARK = "checked"
_TEMPORARY = ".ecsauth-"
# More than any env-file, and than the state, may hold: a bound for every read.
_LONGEST = 1 << 20
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_POLL = 0.1
# As the kernel follows in one path, path_resolution(7).
_MOST_LINKS = 40


class PrivateDirectory:
    """A directory in which only its owner can write, and the files in it that are ecsauth's."""

    def __init__(self, path: str, mode: int) -> None:
        self.path = os.path.abspath(path)
        self._mode = mode

    @contextlib.contextmanager
    def opened(self, *, create: bool = False) -> Iterator[int]:
        """Give a descriptor of the directory; raise LocalError if others could change what is in it."""
        try:
            if create:
                os.makedirs(self.path, mode=self._mode, exist_ok=True)
            descriptor = os.open(self.path, _DIRECTORY)
        except OSError as fault:
            raise _local("open the directory", self.path, fault) from None
        try:
            _refuse_shared(self.path, os.fstat(descriptor))
            _refuse_open_way(self.path)
            yield descriptor
        finally:
            os.close(descriptor)

    def read(self, name: str) -> Optional[bytes]:
        """Return the file's bytes, None if there is none; raise LocalError if it is no plain file of ours."""
        if not os.path.lexists(self.path):
            return None
        path = os.path.join(self.path, name)
        with self.opened() as directory:
            try:
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
                descriptor = os.open(name, flags, dir_fd=directory)
            except FileNotFoundError:
                return None
            except OSError as fault:
                if fault.errno == errno.ELOOP:
                    raise LocalError(f"{path} is a symbolic link", "remove it: only plain files are replaced") from None
                raise _local("read", path, fault) from None
        try:
            return _contents(descriptor, path)
        except OSError as fault:
            raise _local("read", path, fault) from None
        finally:
            os.close(descriptor)

    def mode(self, name: str) -> int:
        """Return the permission bits of a file, 0600 if there is none; raise LocalError."""
        path = os.path.join(self.path, name)
        try:
            return stat.S_IMODE(os.lstat(path).st_mode)
        except FileNotFoundError:
            return states.PRIVATE
        except OSError as fault:
            raise _local("look at", path, fault) from None

    def write(self, name: str, data: Optional[bytes], mode: int = states.PRIVATE) -> None:
        """Replace the file in one step, or remove it (None); raise LocalError with the old file still in place."""
        path = os.path.join(self.path, name)
        with self.opened(create=True) as directory:
            try:
                if data is None:
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(name, dir_fd=directory)
                else:
                    _replace(directory, name, data, mode)
                os.fsync(directory)
            except OSError as fault:
                raise _local("write", path, fault) from None

    def sweep(self, name: str) -> None:
        """Remove the temporary files that killed runs left beside `name`."""
        if not os.path.lexists(self.path):
            return
        with self.opened() as directory:
            try:
                names = os.listdir(directory)
            except OSError as fault:
                raise _local("look into", self.path, fault) from None
            for leftover in names:
                if leftover.startswith(_temporary_prefix(name)):
                    with contextlib.suppress(OSError):
                        os.unlink(leftover, dir_fd=directory)


class Disk:
    """What `boot` keeps: the env-file, and beside it nothing; the rest in a directory of its own."""

    def __init__(self, env_file: str, state_directory: str) -> None:
        folder, self._name = os.path.split(os.path.abspath(env_file))
        self._place = PrivateDirectory(folder, mode=0o755)
        self._own = PrivateDirectory(state_directory, mode=0o700)

    @contextlib.contextmanager
    def locked(self, seconds: float) -> Iterator[None]:
        """Keep other runs out, and clear away what a killed one left; raise UnreachableError after `seconds`."""
        path = os.path.join(self._own.path, "lock")
        with self._own.opened(create=True) as directory:
            try:
                lock = os.open("lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=directory)
            except OSError as fault:
                raise _local("open", path, fault) from None
        try:
            _lock(lock, path, seconds)
            for name in (self._name, self._name + BACKUP_SUFFIX):
                self._place.sweep(name)
            for name in ("state.json", "verified", "pre-image", MARK):
                self._own.sweep(name)
            yield
        finally:
            os.close(lock)

    def state(self) -> State:
        """Return what the last run recorded."""
        return states.from_json(self._own.read("state.json") or b"")

    def remember(self, state: State) -> None:
        """Record the state; one that is recorded already is not written again."""
        if state != self.state():
            self._own.write("state.json", states.to_json(state))

    def env_file(self) -> Optional[bytes]:
        """Return what stands in the env-file's place; raise LocalError if the place is not safe."""
        return self._place.read(self._name)

    def env_file_mode(self) -> int:
        """Return the permission bits of what stands in the env-file's place, 0600 where nothing does."""
        return self._place.mode(self._name)

    def verified_copy(self) -> Optional[bytes]:
        """Return what ecsauth last proved good."""
        return self._own.read("verified")

    def pre_image(self) -> Optional[bytes]:
        """Return what stood in the env-file's place before the change under way."""
        return self._own.read("pre-image")

    def write_env_file(self, data: Optional[bytes], mode: int = states.PRIVATE) -> None:
        """Put the env-file in its place; None removes it. Another mode is for a file that had it before."""
        self._place.write(self._name, data, mode)

    def write_verified_copy(self, data: Optional[bytes]) -> None:
        """Keep what was proved good; None removes it."""
        self._own.write("verified", data)

    def write_pre_image(self, data: Optional[bytes]) -> None:
        """Keep what stands in the env-file's place; None says that nothing does."""
        self._own.write("pre-image", data)

    def mark(self, *, checked: bool) -> None:
        """Say, by a file that is there or not, that a checked file stands in the env-file's place."""
        is_marked = self._own.read(MARK) is not None
        if is_marked != checked:
            self._own.write(MARK, b"" if checked else None)

    def back_up(self, data: bytes) -> None:
        """Keep a file that is not ecsauth's beside the env-file, once."""
        backup = self._name + BACKUP_SUFFIX
        if self._place.read(backup) is None:
            self._place.write(backup, data)


def write_private(path: str, data: bytes) -> None:
    """Replace an operator's file in one step, 0600; raise LocalError with the old file still in place."""
    folder, name = os.path.split(os.path.abspath(path))
    try:
        directory = os.open(folder, _DIRECTORY)
        try:
            _replace(directory, name, data)
        finally:
            os.close(directory)
    except OSError as fault:
        raise _local("write", path, fault) from None


def _temporary_prefix(name: str) -> str:
    return f".{name}{_TEMPORARY}"


def _replace(directory: int, name: str, data: bytes, mode: int = states.PRIVATE) -> None:
    temporary = _temporary_prefix(name) + secrets.token_hex(8)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, 0o600, dir_fd=directory)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            if mode != states.PRIVATE:
                os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=directory)
        raise


def _refuse_shared(path: str, found: os.stat_result) -> None:
    """A directory that others can write lets them put another file in the env-file's place."""
    if found.st_uid not in (0, os.geteuid()):
        raise LocalError(f"the directory {path} belongs to another user", f"chown root {path}")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise LocalError(f"the directory {path} can be written by others than its owner", f"chmod go-w {path}")


def _refuse_open_way(path: str) -> None:
    """Whoever can change a directory above, or a link on the way, can put another directory in the place of this one.

    In a sticky directory others can add names, and change only their own. The way is resolved as the kernel does
    (path_resolution(7)).
    """
    at, ahead, links = "/", path.split("/")[::-1], 0
    try:
        while ahead:
            name = ahead.pop()
            if name in ("", ".", ".."):
                at = os.path.dirname(at) if name == ".." else at
                continue
            _refuse_open(at, path, os.stat(at))
            found = os.lstat(os.path.join(at, name))
            if not stat.S_ISLNK(found.st_mode):
                at = os.path.join(at, name)
                continue
            _refuse_foreign(f"the link {os.path.join(at, name)}, on the way to {path},", found)
            target = os.readlink(os.path.join(at, name))
            at = "/" if target.startswith("/") else at
            ahead += target.split("/")[::-1]
            links += 1
            if links > _MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    except OSError as fault:
        raise _local("follow", path, fault) from None


def _refuse_open(above: str, path: str, found: os.stat_result) -> None:
    _refuse_foreign(f"{above}, above {path},", found)
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not found.st_mode & stat.S_ISVTX:
        raise LocalError(f"{above}, above {path}, can be written by others than its owner", f"chmod go-w {above}")


def _refuse_foreign(what: str, found: os.stat_result) -> None:
    if found.st_uid not in (0, os.geteuid()):
        raise LocalError(f"{what} belongs to another user", "name a place that only root can change")


def _refuse_unusual(path: str, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise LocalError(f"{path} is not a plain file", "move it away: only plain files are replaced")
    if found.st_uid not in (0, os.geteuid()):
        raise LocalError(f"{path} belongs to another user", f"chown root {path}, or move it away")


def _contents(descriptor: int, path: str) -> bytes:
    """Return what a plain file of ours holds: a directory, a pipe or a device is not even read."""
    _refuse_unusual(path, os.fstat(descriptor))
    data = bytearray()
    while chunk := os.read(descriptor, _LONGEST + 1 - len(data)):
        data += chunk
        if len(data) > _LONGEST:
            raise LocalError(f"{path} is larger than {_LONGEST} bytes", "it is no env-file: move it away")
    return bytes(data)


def _lock(descriptor: int, path: str, seconds: float) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                raise UnreachableError(
                    f"another ecsauth holds {path} and did not end in time", "see what it waits for: ps -C ecsauth"
                ) from None
            time.sleep(_POLL)
        except OSError as fault:
            raise _local("lock", path, fault) from None
        else:
            return


def _local(verb: str, path: str, fault: OSError) -> LocalError:
    hints = {
        errno.EACCES: "run as root",
        errno.EPERM: "run as root",
        errno.ENOSPC: "free some space: nothing was changed",
        errno.EDQUOT: "free some space: nothing was changed",
        errno.EROFS: "the file system is mounted read-only: remount it, or name another place with --file",
    }
    hint = hints.get(fault.errno or 0)
    return LocalError(f"cannot {verb} {path}: {(fault.strerror or 'unknown error').lower()}", *([hint] if hint else []))
