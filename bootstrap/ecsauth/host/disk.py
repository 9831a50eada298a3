"""The env-file on disk, and ecsauth's own files."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import time
from typing import TYPE_CHECKING, Optional

from ecsauth.boot import state as states
from ecsauth.boot.state import State
from ecsauth.command_hint import CommandHint
from ecsauth.errors import DamagedError, LocalError, UnreachableError
from ecsauth.host import files
from ecsauth.host.private_directory import PrivateDirectory, write_private

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ecsauth.secret import SecretBytes

__all__ = ["BACKUP_SUFFIX", "MARK", "LocalDisk", "PrivateDirectory", "write_private"]

BACKUP_SUFFIX = ".before-ecsauth"
# This file exists in the state directory while the installed env-file is a validated one.
MARK = "checked"
_POLL = 0.1
# The record, a second copy in case the first is damaged, and a damaged record kept for the operator.
_RECORD, _SECOND, _ASIDE = "state.json", "state.json.second", "state.json.damaged"


class LocalDisk:
    """The files of `boot`: the env-file, and ecsauth's own files in a separate state directory."""

    def __init__(self, env_file: str, state_directory: str) -> None:
        folder, self._name = os.path.split(os.path.abspath(env_file))
        self._place = PrivateDirectory(folder, mode=0o755)
        self._own = PrivateDirectory(state_directory, mode=0o700)

    @contextlib.contextmanager
    def locked(self, seconds: float) -> Iterator[None]:
        """Hold the lock, and remove the temporary files of a killed run; raise UnreachableError after `seconds`."""
        path = os.path.join(self._own.path, "lock")
        with self._own.opened(create=True) as directory:
            try:
                lock = os.open("lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=directory)
            except OSError as fault:
                raise files.local("open", path, fault) from None
        try:
            _keep_private(lock, path)
            _lock(lock, path, seconds)
            for name in (self._name, self._name + BACKUP_SUFFIX):
                self._place.sweep(name)
            for name in (_RECORD, _SECOND, _ASIDE, "verified", "pre-image", MARK):
                self._own.sweep(name)
            yield
        finally:
            files.close(lock)

    def state(self) -> State:
        """Return the recorded state; raise DamagedError if it cannot be parsed.

        If the record is damaged, its second copy. A missing record was never written, or was removed.
        """
        data = self._own.read(_RECORD)
        if data is None:
            return State()
        try:
            return states.from_json(data, self._path(_RECORD))
        except DamagedError:
            second = self._second()
            if second is None:
                raise
            return second

    def remember(self, state: State) -> None:
        """Record the state, twice. A state that is recorded already is not written again.

        The second copy omits the failure of the last run. If it cannot be written, the run continues.
        """
        if state != self.state():
            self._own.write(_RECORD, states.to_json(state))
        without_failure = state._replace(failure=None)
        with contextlib.suppress(LocalError):
            if without_failure != (self._second() or State()):
                self._own.write(_SECOND, states.to_json(without_failure))

    def mend_record(self) -> Optional[str]:
        """Move a damaged record aside and replace it by its second copy, or by a new one.

        Returns the warning to show, None if the record is not damaged.
        """
        data = self._own.read(_RECORD)
        try:
            if data is not None:
                states.from_json(data, self._path(_RECORD))
        except DamagedError as damage:
            self._own.write(_ASIDE, data)
            second = self._second()
            self._own.write(_RECORD, None if second is None else states.to_json(second))
            told = f"{damage.message}; it is kept as {self._path(_ASIDE)}, and boot uses "
            if second is not None:
                return told + "its second copy"
            return told + "a new record: this run cannot tell whether the object is older than the installed version"
        return None

    def _second(self) -> Optional[State]:
        data = self._own.read(_SECOND)
        try:
            return None if data is None else states.from_json(data, self._path(_SECOND))
        except DamagedError:
            return None

    def _path(self, name: str) -> str:
        return os.path.join(self._own.path, name)

    def env_file(self) -> Optional[SecretBytes]:
        """Return the env-file, None if there is none; raise LocalError if its path is not safe."""
        return self._place.read(self._name)

    def env_file_mode(self) -> int:
        """Return the permission bits of the env-file, 0600 if there is none."""
        return self._place.mode(self._name)

    def verified_copy(self) -> Optional[SecretBytes]:
        """Return the last env-file that ecsauth verified and validated, None if there is none."""
        return self._own.read("verified")

    def pre_image(self) -> Optional[SecretBytes]:
        """Return the env-file before the open change, None if there was none."""
        return self._own.read("pre-image")

    def write_env_file(self, data: Optional[bytes], mode: int = states.PRIVATE) -> None:
        """Write the env-file; None removes it. A rollback passes the mode that the previous file had."""
        self._place.write(self._name, data, mode)

    def write_verified_copy(self, data: Optional[bytes]) -> None:
        """Write the verified copy; None removes it."""
        self._own.write("verified", data)

    def write_pre_image(self, data: Optional[bytes]) -> None:
        """Write the pre-image; None says that there is no env-file."""
        self._own.write("pre-image", data)

    def forget_previous(self) -> bool:
        """Remove the pre-image and the copy of a file that ecsauth did not install; tell whether there was one."""
        backup = self._name + BACKUP_SUFFIX
        found = [(place, name) for place, name in ((self._own, "pre-image"), (self._place, backup)) if place.has(name)]
        for place, name in found:
            place.write(name, None)
        return bool(found)

    def has_backup(self) -> bool:
        """Tell whether the copy of a file that ecsauth did not install is still there."""
        return self._place.has(self._name + BACKUP_SUFFIX)

    def mark(self, *, checked: bool) -> None:
        """Create the mark, a file, if the installed env-file was validated, else remove it."""
        is_marked = self._own.read(MARK) is not None
        if is_marked != checked:
            self._own.write(MARK, b"" if checked else None)

    def back_up(self, data: bytes) -> None:
        """Keep a copy of a file that ecsauth did not install, beside the env-file, once."""
        backup = self._name + BACKUP_SUFFIX
        if self._place.read(backup) is None:
            self._place.write(backup, data)


def _keep_private(descriptor: int, path: str) -> None:
    """Set the mode of a new file, because the umask may have removed bits."""
    try:
        if stat.S_IMODE(os.fstat(descriptor).st_mode) != states.PRIVATE:
            os.fchmod(descriptor, states.PRIVATE)
    except OSError as fault:
        raise files.local("open", path, fault) from None


def _lock(descriptor: int, path: str, seconds: float) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                raise UnreachableError(
                    f"another ecsauth has locked {path} and did not end in time",
                    # The name of the process is that of its Python.
                    CommandHint("find that process", "pgrep", "-af", "ecsauth"),
                ) from None
            time.sleep(_POLL)
        except OSError as fault:
            raise files.local("lock", path, fault) from None
        else:
            return
