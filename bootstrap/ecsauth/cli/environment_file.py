"""Read and change `ecsauth.toml`."""

from __future__ import annotations

import os
import shlex
import stat
from typing import NamedTuple, Optional

from ecsauth.cli import environments
from ecsauth.cli.environment_search import NAME, VARIABLE, find
from ecsauth.cli.environments import KEYS, Environment
from ecsauth.cli.toml_places import KeyPlace, places
from ecsauth.errors import LocalError, UsageError, reason_of
from ecsauth.host import files
from ecsauth.host.private_directory import write_private

_LARGEST = 64 * 1024
# The file has no secrets, and a team shares it.
_MODE = 0o644


class EnvironmentFile(NamedTuple):
    """A file that was read: its path, and its environments by name."""

    path: str
    environments: dict[str, Environment]


def load() -> Optional[EnvironmentFile]:
    """Return the file that `find` finds, None if there is none; raise LocalError or UsageError."""
    path = find()
    return None if path is None else EnvironmentFile(path, environments.parse(_read(path), path))


def _read(path: str) -> bytes:
    """Return the bytes of a plain file; raise LocalError, or UsageError if it is too large."""
    try:
        # Without O_NONBLOCK the open of a pipe would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            _refuse(path, os.fstat(descriptor))
            with open(descriptor, "rb", closefd=False) as file:
                data = file.read(_LARGEST + 1)
        finally:
            files.close(descriptor)
    except OSError as fault:
        reason = f"cannot read {path}: {reason_of(fault)}, so no environment is known"
        raise LocalError(reason, f"make it readable, or name another file with {VARIABLE}") from None
    if len(data) > _LARGEST:
        raise UsageError(
            f"{path} is larger than {_LARGEST // 1024} KiB, so ecsauth does not read it", "keep only the environments"
        )
    return data


def _refuse(path: str, found: os.stat_result) -> None:
    """Refuse what is not a plain file, and a file that another user can change: it decides where secrets are put.

    The file that the variable names may belong to anybody: this user has chosen it.
    """
    if not stat.S_ISREG(found.st_mode):
        raise LocalError(
            f"{path} is not a plain file, so no environment is known", f"name another file with {VARIABLE}"
        )
    is_foreign = found.st_uid not in (0, os.geteuid())
    named = os.environ.get(VARIABLE)
    is_chosen = bool(named) and os.path.realpath(str(named)) == os.path.realpath(path)
    if not is_chosen and (is_foreign or found.st_mode & stat.S_IWOTH):
        why = "belongs to another user" if is_foreign else "can be written by every user"
        raise LocalError(
            f"{path} {why}, who could send your secrets to another bucket",
            f"if you trust the file, name it: export {VARIABLE}={shlex.quote(path)}",
        )


def default_path() -> str:
    """Return the path that `write_entry` is for: the file that the variable names or that is found, else one here."""
    return os.environ.get(VARIABLE) or find() or os.path.abspath(NAME)


def write_entry(path: str, environment: Environment) -> None:
    """Add or replace one entry of the file, in one step; all other bytes stay. A new file is 0644.

    Raises UsageError, with the file unchanged, for a file that `load` would refuse, or with an entry that is not a
    table of its own; LocalError if it cannot be written.
    """
    path = os.path.realpath(path)
    is_there = os.path.lexists(path)
    before = _read(path) if is_there else b""
    after = _changed(before, environment, path)
    if after != before:
        mode = stat.S_IMODE(os.stat(path).st_mode) if is_there else _MODE
        write_private(path, after, mode)


def _changed(before: bytes, environment: Environment, file: str) -> bytes:
    """Return the file with the entry; raise UsageError unless it then says this, and all that it said before."""
    present = environments.parse(before, file)
    text = before.decode("utf-8")
    wanted = {**present, environment.name: environment._replace(source=file)}
    made = (
        _replaced(text, present[environment.name], environment)
        if environment.name in present
        else _added(text, environment)
    )
    try:
        is_right = environments.parse(made.encode("utf-8"), file) == wanted
    except UsageError:
        is_right = False
    if not is_right:
        shown = "; ".join(environment.entry().splitlines())
        raise UsageError(f"{file} has no place for a table [env.{environment.name}]", f"write it by hand: {shown}")
    return made.encode("utf-8")


def _added(text: str, environment: Environment) -> str:
    end = _line_end(text)
    separator = "" if not text.strip() else end if text.endswith("\n") else 2 * end
    return text + separator + environment.entry().replace("\n", end)


def _replaced(text: str, before: Environment, after: Environment) -> str:
    """Return the text with the values that differ. A new key is written below the last one, an old one is removed."""
    old, new = before.values(), after.values()
    found = {one.path[-1]: one for one in places(text) if one.path[:-1] == ("env", after.name) and one.value}
    edits = [_edit(text, place, new.get(key)) for key, place in found.items() if old[key] != new.get(key)]
    added = "".join(
        f"{key} = {environments.quoted(new[key])}{_line_end(text)}" for key in KEYS if key in new.keys() - old
    )
    if added and found:
        edits.append(_below(text, max(found.values(), key=lambda place: place.start), added))
    for start, end, instead in sorted(edits, reverse=True):
        text = text[:start] + instead + text[end:]
    return text


def _edit(text: str, place: KeyPlace, value: Optional[str]) -> tuple[int, int, str]:
    """Return the offsets of a value, or of the lines of a key without one, and the text instead of it."""
    start, end = place.value or (place.start, place.start)
    if value is not None:
        return start, end, environments.quoted(value)
    return text.rfind("\n", 0, place.start) + 1, _next_line(text, end), ""


def _below(text: str, place: KeyPlace, added: str) -> tuple[int, int, str]:
    at = _next_line(text, place.value[1] if place.value else place.start)
    before = "" if text[:at].endswith("\n") else _line_end(text)
    return at, at, before + added


def _next_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end + 1


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
