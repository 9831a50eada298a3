"""Files of an operator, files of the package, and directories that others than root could change."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys

import ecsauth
from ecsauth.envfile import LARGEST
from ecsauth.errors import InvalidError, LocalError
from ecsauth.secret import SecretBytes


def read_env_file(path: str, otherwise: str = "it is no env-file") -> SecretBytes:
    """Return the file's bytes, `-` for standard input; `otherwise` says what is wrong with a larger file.

    Raises LocalError where it cannot be read, InvalidError where it is larger than 256 KiB.
    """
    try:
        if path == "-":
            if sys.stdin is None:
                # Started with it closed, as by `<&-`.
                raise OSError(errno.EBADF, os.strerror(errno.EBADF))
            data = sys.stdin.buffer.read(LARGEST + 1)
        else:
            with open(path, "rb") as file:
                data = file.read(LARGEST + 1)
    except OSError as fault:
        raise LocalError(f"cannot read {path}: {os.strerror(fault.errno or 0).lower()}") from None
    if len(data) > LARGEST:
        raise InvalidError(f"{path} is larger than {LARGEST // 1024} KiB: {otherwise}")
    return SecretBytes(data)


# As the kernel follows in one path, path_resolution(7).
_MOST_LINKS = 40


def refuse_shared(path: str, found: os.stat_result) -> None:
    """A directory that others can write lets them put another file in the env-file's place."""
    if found.st_uid not in (0, os.geteuid()):
        raise LocalError(f"the directory {path} belongs to another user", f"chown root {path}")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise LocalError(f"the directory {path} can be written by others than its owner", f"chmod go-w {path}")


def refuse_open_way(path: str) -> None:
    """Whoever can change a directory above, or a link on the way, can put another directory in the place of this one.

    In a sticky directory others can add names, and change only their own. The way is resolved as the kernel does
    (path_resolution(7)).
    """
    ahead, links = path.split("/")[::-1], 0
    try:
        at, above = "/", os.stat("/")
        while ahead:
            name = ahead.pop()
            if name in ("", "."):
                continue
            if name == "..":
                at = os.path.dirname(at)
                above = os.stat(at)
                continue
            _refuse_open(at, path, above)
            here = os.path.join(at, name)
            found = os.lstat(here)
            if not stat.S_ISLNK(found.st_mode):
                # Whoever asks has opened what is there: what would be mounted on the way is, and this is it.
                at, above = here, found
                continue
            _refuse_foreign(f"the link {here}, on the way to {path},", found)
            target = os.readlink(here)
            if target.startswith("/"):
                at, above = "/", os.stat("/")
            ahead += target.split("/")[::-1]
            links += 1
            if links > _MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    except OSError as fault:
        raise local("follow", path, fault) from None


def refuse_sticky_way(path: str) -> None:
    """Refuse a way through a directory in which anybody may make names, sticky or not.

    What stands there today is gone after a reboot, or aged away, and then its name is anybody's: nothing that is run
    as root, or believed, later may stand below.
    """
    at = os.path.realpath(path)
    while at != "/":
        at = os.path.dirname(at)
        try:
            mode = os.stat(at).st_mode
        except FileNotFoundError:
            continue
        except OSError as fault:
            raise local("look at", at, fault) from None
        if mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise LocalError(f"{at}, above {path}, is not only root's to write in", "name a place that is")


def _refuse_open(above: str, path: str, found: os.stat_result) -> None:
    _refuse_foreign(f"{above}, above {path},", found)
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not found.st_mode & stat.S_ISVTX:
        raise LocalError(f"{above}, above {path}, can be written by others than its owner", f"chmod go-w {above}")


def _refuse_foreign(what: str, found: os.stat_result) -> None:
    if found.st_uid not in (0, os.geteuid()):
        raise LocalError(f"{what} belongs to another user", "name a place that only root can change")


def refuse_unusual(path: str, found: os.stat_result) -> None:
    """Refuse what is no plain file of ours: nothing else is read or replaced."""
    if not stat.S_ISREG(found.st_mode):
        raise LocalError(f"{path} is not a plain file", "move it away: only plain files are replaced")
    if found.st_uid not in (0, os.geteuid()):
        raise LocalError(f"{path} belongs to another user", f"chown root {path}, or move it away")


def close(descriptor: int) -> None:
    """Close what was opened. What a system says then is of no use: what had to be kept was fsynced before."""
    with contextlib.suppress(OSError):
        os.close(descriptor)


def local(verb: str, path: str, fault: OSError, elsewhere: str = "") -> LocalError:
    """Return what the system said about a path as a fault of this machine, with what helps.

    `elsewhere` is what helps where the path is not to be written: not root, with an operator's own file.
    """
    hints = {
        errno.EACCES: elsewhere,
        errno.EPERM: elsewhere,
        errno.ENOSPC: "free some space: nothing was changed",
        errno.EDQUOT: "free some space: nothing was changed",
        errno.EROFS: elsewhere or "the file system is mounted read-only: remount it, or name another place with --file",
    }
    hint = hints.get(fault.errno or 0)
    error = LocalError(
        f"cannot {verb} {path}: {(fault.strerror or 'unknown error').lower()}", *([hint] if hint else [])
    )
    if isinstance(fault, PermissionError) and not elsewhere:
        error.for_want_of_root(is_root=os.geteuid() == 0)
    return error


_FOLDER = "iam"


def read_policy(name: str) -> str:
    """Return the text of a file; raise LocalError where the program came without them."""
    package = os.path.dirname(os.path.abspath(ecsauth.__file__))
    for folder in (package, os.path.dirname(os.path.dirname(package))):
        try:
            with open(os.path.join(folder, _FOLDER, name), encoding="utf-8") as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, UnicodeDecodeError):
            break
    raise LocalError(
        f"{name} is not there, or cannot be read: this program came without its policies",
        "use an installed ecsauth, or a clone of its repository",
    )
