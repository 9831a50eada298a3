"""Run the operator's editor on a private file in memory."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shlex
import shutil
import signal
import stat
import subprocess
import tempfile
from typing import TYPE_CHECKING, Any, Optional

from ecsauth.envfile import LARGEST
from ecsauth.errors import LocalError
from ecsauth.host.files import close
from ecsauth.secret import SecretBytes

if TYPE_CHECKING:
    from collections.abc import Iterator

# A key sends these to every process at the terminal, but they are meant for the editor.
_KEYS = (signal.SIGINT, signal.SIGQUIT)
_PATIENCE_S = 2.0
# A command line with one of these needs a shell. Otherwise none is used: Ctrl-C would kill it before the editor ends.
_FOR_A_SHELL = frozenset("|&;<>()$`\\*?[#~=%\n")
# The exit statuses of a shell if there is no such command.
_ABSENT = (126, 127)
_VARIABLES = "check the variables VISUAL and EDITOR"


def edit(path: str) -> None:
    """Let the user edit a file with $VISUAL, else $EDITOR, else vi; raise LocalError if the editor fails.

    The variable is a command line, as in git. A signal for this process alone ends the editor, too.
    """
    editor = next((text for text in map(os.environ.get, ("VISUAL", "EDITOR")) if text and text.strip()), "vi")
    with _keys_for_the_editor():
        try:
            child = subprocess.Popen(_command(editor, path))
        except (OSError, ValueError) as fault:
            reason = os.strerror(fault.errno or 0).lower() if isinstance(fault, OSError) else "its quotes do not match"
            raise LocalError(f"the editor cannot be started: {reason}", _VARIABLES) from None
        try:
            status = child.wait()
        except BaseException:
            _end(child)
            raise
    if status in _ABSENT:
        raise LocalError("the editor cannot be started", _VARIABLES)
    if status:
        raise LocalError(f"the editor ended with status {status}: nothing was uploaded")


def _command(editor: str, path: str) -> list[str]:
    if _FOR_A_SHELL.isdisjoint(editor):
        return [*shlex.split(editor), path]
    return ["/bin/sh", "-c", f'{editor} "$@"', "editor", path]


@contextlib.contextmanager
def _keys_for_the_editor() -> Iterator[None]:
    """Leave Ctrl-C to the editor, by a handler: the editor would inherit SIG_IGN."""

    def leave(_number: int, _frame: Any) -> None:
        pass

    before = {number: signal.signal(number, leave) for number in _KEYS}
    try:
        yield
    finally:
        for number, handler in before.items():
            # If another handler is installed meanwhile, an interrupt has come: keep that handler.
            if signal.getsignal(number) is leave:
                signal.signal(number, handler)


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - a directory of one's own is made in it
_MOUNTS = "/proc/self/mounts"
_IN_MEMORY = frozenset(("tmpfs", "ramfs"))
_WIPED = 1 << 22
_PREFIX = "ecsauth-edit-"
_PRIVATE = 0o700
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_TRIES = 5


class ScratchFile:
    """A file, 0600, in a private directory, 0700. `is_in_memory` tells whether no disk contains the directory."""

    def __init__(self, path: str, *, is_in_memory: bool) -> None:
        self.path = path
        self.is_in_memory = is_in_memory

    def read(self) -> SecretBytes:
        """Return the bytes after the edit; raise LocalError if the file is gone or is no longer a plain file."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as fault:
            raise LocalError(f"the edited file cannot be opened: {_reason(fault)}") from None
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise LocalError("the edited file is not a plain file")
            with open(descriptor, "rb", closefd=False) as file:
                data = file.read(LARGEST + 1)
        except OSError as fault:
            raise LocalError(f"cannot read the edited file: {_reason(fault)}") from None
        finally:
            close(descriptor)
        if len(data) > LARGEST:
            raise LocalError(f"the edited file is larger than {LARGEST // 1024} KiB: it is not an env-file")
        return SecretBytes(data)


@contextlib.contextmanager
def scratch_file(name: str, data: bytes) -> Iterator[ScratchFile]:
    """Provide a file with the data to edit. At the end it is overwritten and removed, with all files beside it."""
    place = next(_places_in_memory(), None)
    try:
        folder, lock = _held_folder(place)
    except OSError as fault:
        raise LocalError(f"cannot make a directory for the editor: {_reason(fault)}") from None
    try:
        path = os.path.join(folder, name)
        _write(path, data)
        yield ScratchFile(path, is_in_memory=place is not None)
    finally:
        try:
            _remove(folder)
        except KeyboardInterrupt:
            # The first signal interrupts; those that follow are ignored.
            _remove(folder)
            raise
        finally:
            close(lock)


def remove_leftovers() -> tuple[str, ...]:
    """Remove the directories that killed runs of this user have left, and return their paths."""
    removed = []
    for place in dict.fromkeys(_places()):
        with contextlib.suppress(OSError):
            names = sorted(name for name in os.listdir(place) if name.startswith(_PREFIX))
            removed += [path for path in (os.path.join(place, name) for name in names) if _is_left_and_removed(path)]
    return tuple(removed)


def _is_left_and_removed(path: str) -> bool:
    """Remove a directory if it is this user's and no process locks it; tell whether it was removed."""
    try:
        lock = os.open(path, _DIRECTORY)
    except OSError:
        return False
    try:
        found = os.fstat(lock)
        if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) != _PRIVATE or not _is_held(lock):
            return False
        _remove(path)
    except (OSError, LocalError):
        return False
    finally:
        close(lock)
    return True


def _held_folder(place: Optional[str]) -> tuple[str, int]:
    """Make a directory and lock it while this process lives. The kernel releases the lock of a killed process.

    Before it is locked, another process that removes leftovers may remove it.
    """
    for _ in range(_TRIES):
        folder = tempfile.mkdtemp(prefix=_PREFIX, dir=place)
        # As for the file in it: a umask may have removed rights of the owner.
        os.chmod(folder, _PRIVATE)
        lock = os.open(folder, _DIRECTORY)
        if _is_held(lock):
            return folder, lock
        close(lock)
    raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))


def _is_held(lock: int) -> bool:
    """Lock a directory; tell whether this process has the lock, and the directory still exists."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return os.fstat(lock).st_nlink > 0


def _places() -> Iterator[str]:
    """Yield every directory in which an edit may have created its file."""
    yield from _places_in_memory()
    with contextlib.suppress(OSError):
        yield tempfile.gettempdir()


def _places_in_memory() -> Iterator[str]:
    """Yield the writable directories in memory."""
    for folder in (os.environ.get("XDG_RUNTIME_DIR"), _SHARED_MEMORY):
        if not folder or not os.path.isabs(folder) or not os.access(folder, os.W_OK | os.X_OK):
            continue
        if _kind(os.path.realpath(folder)) in _IN_MEMORY:
            yield folder


def _kind(folder: str) -> str:
    """Return the type of a directory's file system, proc(5)."""
    found = ("", "")
    with contextlib.suppress(OSError), open(_MOUNTS, encoding="utf-8", errors="surrogateescape") as mounts:
        for line in mounts:
            _, point, kind, *_ = line.split(" ")
            inside = folder == point or folder.startswith(point.rstrip("/") + "/")
            if inside and len(point) >= len(found[0]):
                found = (point, kind)
    return found[1]


def _write(path: str, data: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600)
            file.write(data)
    except OSError as fault:
        raise LocalError(f"cannot write a file for the editor: {_reason(fault)}") from None


def _remove(folder: str) -> None:
    """Overwrite and remove all files, including the backups and swap files of the editor."""
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                _overwrite(os.path.join(place, name))
    shutil.rmtree(folder, ignore_errors=True)
    if os.path.lexists(folder):
        raise LocalError(f"cannot remove {folder}, which contains the env-file: remove it yourself")


def _overwrite(path: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.write(descriptor, bytes(min(os.fstat(descriptor).st_size, _WIPED)))
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reason(fault: OSError) -> str:
    return os.strerror(fault.errno or 0).lower()
