"""A directory that only its owner can change, and the files in it.

Every file is created 0600 under a temporary name in its own directory, written, fsynced and renamed, so that a wider
mode or a partial file never exists. All work on a directory goes through its descriptor, so that the directory that was
checked is the one that is written to.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import stat
from typing import TYPE_CHECKING, Optional

from ecsauth.boot import state as states
from ecsauth.errors import LocalError
from ecsauth.host import files
from ecsauth.secret import SecretBytes

if TYPE_CHECKING:
    from collections.abc import Iterator

_TEMPORARY = ".ecsauth-"
# The limit of every read: larger than any env-file and than the state.
_LONGEST = 1 << 20
# The mode of new parent directories: every user may enter them, as /etc and /var/lib.
_ABOVE = 0o755
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class PrivateDirectory:
    """A directory in which only its owner can write, and ecsauth's files in it."""

    def __init__(self, path: str, mode: int) -> None:
        self.path = os.path.abspath(path)
        self._mode = mode

    @contextlib.contextmanager
    def opened(self, *, create: bool = False) -> Iterator[int]:
        """Provide a descriptor of the directory; raise LocalError if other users could change its contents."""
        try:
            if create:
                _make(self.path, self._mode)
            descriptor = os.open(self.path, _DIRECTORY)
        except OSError as fault:
            raise files.local("open the directory", self.path, fault) from None
        try:
            files.refuse_shared(self.path, _looked_at(descriptor, self.path))
            files.refuse_open_way(self.path)
            yield descriptor
        finally:
            files.close(descriptor)

    def read(self, name: str) -> Optional[SecretBytes]:
        """Return the file's bytes, None if there is none; raise LocalError if it is not a plain file of this user."""
        if not self._is_there():
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
                    raise LocalError(
                        f"{path} is a symbolic link", "remove it: ecsauth replaces only plain files"
                    ) from None
                raise files.local("read", path, fault) from None
        try:
            return _contents(descriptor, path)
        except OSError as fault:
            raise files.local("read", path, fault) from None
        finally:
            files.close(descriptor)

    def has(self, name: str) -> bool:
        """Tell whether there is anything of this name; raise LocalError if that cannot be checked."""
        path = os.path.join(self.path, name)
        try:
            os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as fault:
            raise files.local("look at", path, fault) from None
        return True

    def mode(self, name: str) -> int:
        """Return the permission bits of a file, 0600 if there is none; raise LocalError."""
        path = os.path.join(self.path, name)
        try:
            return stat.S_IMODE(os.lstat(path).st_mode)
        except FileNotFoundError:
            return states.PRIVATE
        except OSError as fault:
            raise files.local("access", path, fault) from None

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
                raise files.local("write", path, fault) from None

    def sweep(self, name: str) -> None:
        """Remove the temporary files that killed runs left beside `name`."""
        if not self._is_there():
            return
        with self.opened() as directory:
            try:
                names = os.listdir(directory)
            except OSError as fault:
                raise files.local("list", self.path, fault) from None
            for leftover in names:
                if leftover.startswith(_temporary_prefix(name)):
                    with contextlib.suppress(OSError):
                        os.unlink(leftover, dir_fd=directory)

    def _is_there(self) -> bool:
        """Tell whether the path exists; raise LocalError if that cannot be checked, because it may exist."""
        try:
            os.lstat(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as fault:
            raise files.local("access", self.path, fault) from None
        return True


def write_private(path: str, data: bytes, mode: int = states.PRIVATE) -> None:
    """Replace an operator's file in one step, 0600; raise LocalError with the old file still in place.

    Another `mode` is for a file that is not secret.
    """
    folder, name = os.path.split(os.path.abspath(path))
    try:
        directory = os.open(folder, _DIRECTORY)
        try:
            _remove_leftovers(directory, name)
            _replace(directory, name, data, mode)
        finally:
            files.close(directory)
    except OSError as fault:
        raise files.local("write", path, fault, "use another file") from None


def _remove_leftovers(directory: int, name: str) -> None:
    """Remove the temporary files that killed runs left beside a file; a file that is being written is locked."""
    for leftover in os.listdir(directory):
        if leftover.startswith(_temporary_prefix(name)):
            with contextlib.suppress(OSError):
                descriptor = os.open(
                    leftover, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory
                )
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    os.unlink(leftover, dir_fd=directory)
                finally:
                    files.close(descriptor)


def _looked_at(descriptor: int, path: str) -> os.stat_result:
    try:
        return os.fstat(descriptor)
    except OSError as fault:
        raise files.local("access", path, fault) from None


def _make(path: str, mode: int) -> None:
    """Make the directory and its parents if they do not exist; the umask does not change their modes."""
    above = os.path.dirname(path)
    if not os.path.isdir(above):
        _make(above, _ABOVE)
    try:
        os.mkdir(path, mode)
    except FileExistsError:
        if not stat.S_ISDIR(os.stat(path).st_mode):
            raise
    else:
        if stat.S_IMODE(os.stat(path).st_mode) != mode:
            os.chmod(path, mode)


def _temporary_prefix(name: str) -> str:
    return f".{name}{_TEMPORARY}"


def _replace(directory: int, name: str, data: bytes, mode: int = states.PRIVATE) -> None:
    temporary = _temporary_prefix(name) + secrets.token_hex(8)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        # Inside: a signal may come as soon as the file is there.
        descriptor = os.open(temporary, flags, 0o600, dir_fd=directory)
        with os.fdopen(descriptor, "wb") as file:
            # The lock keeps `_remove_leftovers` from removing it while this process lives.
            with contextlib.suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.write(data)
            file.flush()
            # For 0600, too: the umask may have removed bits.
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=directory)
        raise


def _contents(descriptor: int, path: str) -> SecretBytes:
    """Return the contents of a plain file of this user; a directory, a pipe or a device is not read."""
    files.refuse_unusual(path, os.fstat(descriptor))
    data = bytearray()
    while chunk := os.read(descriptor, _LONGEST + 1 - len(data)):
        data += chunk
        if len(data) > _LONGEST:
            raise LocalError(f"{path} is larger than {_LONGEST} bytes", "it is not an env-file: move it away")
    return SecretBytes(data)
