"""Files of an operator, files of the package, and directories that users other than root can change."""

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


def read_env_file(path: str, otherwise: str = "it is not an env-file") -> SecretBytes:
    """Return the file's bytes; `-` means standard input. `otherwise` is the message for a file that is too large.

    Raises LocalError if it cannot be read, InvalidError if it is larger than 256 KiB.
    """
    try:
        if path == "-":
            if sys.stdin is None:
                # Standard input was closed at the start, as by `<&-`.
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


# The limit of the kernel in one path, path_resolution(7).
_MOST_LINKS = 40


def refuse_shared(path: str, found: os.stat_result) -> None:
    """Refuse a directory that other users can write: they could replace the env-file."""
    if found.st_uid not in (0, os.geteuid()):
        raise LocalError(f"the directory {path} belongs to another user", f"chown root {path}")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise LocalError(f"the directory {path} is writable for other users", f"chmod go-w {path}")


def refuse_open_way(path: str) -> None:
    """Refuse a path if another user can change one of its directories or links: they could replace the last directory.

    In a sticky directory other users can add names, but change only their own. The path is resolved as by the kernel
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
                # The caller has opened this path, so an automount has happened already: this is the mounted directory.
                at, above = here, found
                continue
            _refuse_foreign(f"the link {here} in {path}", found)
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
    """Refuse a path through a directory in which every user can create names, sticky or not.

    A reboot or a cleanup of old files removes what is there now, and then any user can take its name. So such a
    directory must not contain a file that root runs or trusts later.
    """
    at = os.path.realpath(path)
    while at != "/":
        at = os.path.dirname(at)
        try:
            mode = os.stat(at).st_mode
        except FileNotFoundError:
            continue
        except OSError as fault:
            raise local("access", at, fault) from None
        if mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise LocalError(
                f"{at}, above {path}, is writable for other users", "use a directory that only root can write"
            )


def _refuse_open(above: str, path: str, found: os.stat_result) -> None:
    _refuse_foreign(f"{above}, above {path},", found)
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not found.st_mode & stat.S_ISVTX:
        raise LocalError(f"{above}, above {path}, is writable for other users", f"chmod go-w {above}")


def _refuse_foreign(what: str, found: os.stat_result) -> None:
    if found.st_uid not in (0, os.geteuid()):
        raise LocalError(f"{what} belongs to another user", "use a path that only root can change")


def refuse_unusual(path: str, found: os.stat_result) -> None:
    """Refuse anything but a plain file of this user: nothing else is read or replaced."""
    if not stat.S_ISREG(found.st_mode):
        raise LocalError(f"{path} is not a plain file", "move it away: ecsauth replaces only plain files")
    if found.st_uid not in (0, os.geteuid()):
        raise LocalError(f"{path} belongs to another user", f"chown root {path}, or move it away")


def close(descriptor: int) -> None:
    """Close the descriptor. An error is ignored, because data that matters was fsynced before."""
    with contextlib.suppress(OSError):
        os.close(descriptor)


def local(verb: str, path: str, fault: OSError, elsewhere: str = "") -> LocalError:
    """Return an error of the system about a path as a LocalError, with a hint.

    `elsewhere` is the hint if the path cannot be written: for an operator's own file, root is not the answer.
    """
    hints = {
        errno.EACCES: elsewhere,
        errno.EPERM: elsewhere,
        errno.ENOSPC: "free some space: nothing was changed",
        errno.EDQUOT: "free some space: nothing was changed",
        errno.EROFS: elsewhere or "the file system is mounted read-only: remount it, or use another path with --file",
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
    """Return the text of a policy file; raise LocalError if the program was installed without them."""
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
        f"{name} is missing or cannot be read: this program was installed without its policies",
        "install ecsauth with pip, or use a clone of its repository",
    )
