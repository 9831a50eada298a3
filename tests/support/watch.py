"""What a program does to the file system, seen from outside with strace.

`watch` runs a command and returns its system calls as events; `assert_installed_privately` says of them that a file was
never readable by others and never half written, at no instant. `kill_points`, `command_points` and `watch(kill=…)` end
a run at each single call.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Optional

from needs import lack_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

# A question mark: calls that some architectures do not have.
CALLS = (
    "?open,openat,?openat2,?creat,?rename,?renameat,renameat2,?link,linkat,?symlink,symlinkat,?unlink,unlinkat,"
    "?chmod,fchmod,?fchmodat,?fchmodat2,write,pwrite64,ftruncate,truncate,fsync,fdatasync,close,umask"
)
# How a program starts another one, waits for what it says, and for its end.
RUNS = "?fork,?vfork,clone,?clone3,?poll,ppoll,wait4"
TIMEOUT_S = 120.0
PRIVATE = 0o600

_CREATES = ("open", "openat", "openat2", "creat")
_RENAMES = ("rename", "renameat", "renameat2")
_LINKS = ("link", "linkat", "symlink", "symlinkat")
_WRITES = ("write", "pwrite64", "ftruncate", "truncate")
_SYNCS = ("fsync", "fdatasync")
_SPAWNS = ("fork", "vfork", "clone", "clone3")
_POLLS = ("poll", "ppoll")
_CHMODS = ("chmod", "fchmod", "fchmodat", "fchmodat2")

# 1700000000.123456 openat(AT_FDCWD</dir>, "/dir/file", O_RDWR|O_CREAT, 0600) = 3</dir/file>
_LINE = re.compile(r"^(\d+\.\d+) (\w+)\((.*)\)\s+= (-?\d+|\?)(?:<(.*?)>)?")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
_DESCRIPTOR = re.compile(r"(?:AT_FDCWD|\d+)<(.*?)>")
# The last argument of open, creat and chmod, before the flags of fchmodat2, a field in the last one of openat2.
_MODE = re.compile(r"(?:mode=|, |^)(0[0-7]*)(?:, resolve=.*|, AT_.*|, 0|}.*|)$")


class Event(NamedTuple):
    """One system call that has succeeded or failed.

    `paths` are absolute, as named in the call, or what the call's descriptor stands for; a relative one counts from
    where the program was started. `mode` is that of a call that creates or chmods. `failed` calls changed nothing.
    """

    time: float
    pid: int
    call: str
    arguments: str
    paths: tuple[str, ...]
    mode: Optional[int]
    failed: bool

    @property
    def creates(self) -> bool:
        """Whether the call may make a new file: open with O_CREAT or O_TMPFILE, or creat."""
        return self.call == "creat" or (self.call in _CREATES and bool({"O_CREAT", "O_TMPFILE"} & self._flags))

    @property
    def writes(self) -> bool:
        """Whether the call opens a file for writing."""
        return self.creates or (self.call in _CREATES and bool({"O_WRONLY", "O_RDWR"} & self._flags))

    @property
    def exclusive(self) -> bool:
        """Whether the call fails when the file is there already."""
        return bool({"O_EXCL", "O_TMPFILE"} & self._flags)

    @property
    def _flags(self) -> set[str]:
        return set(re.findall(r"O_[A-Z]+", self.arguments))


class Watched(NamedTuple):
    """A command that has ended: as `subprocess.CompletedProcess`, and its events in order of time."""

    returncode: int
    stdout: bytes
    stderr: bytes
    events: tuple[Event, ...]

    def on(self, path: Path) -> list[Event]:
        """Return the successful events that name the path."""
        return [event for event in self.events if str(path) in event.paths and not event.failed]


def lack() -> Optional[str]:
    """Return why strace cannot be used here, or None."""
    return lack_of("strace", "-f", "-o", os.devnull, "true")


def watch(
    argv: Sequence[str],
    *,
    env: Optional[Mapping[str, str]] = None,
    stdin: bytes = b"",
    kill: Optional[tuple[str, int]] = None,
    by: str = "KILL",
    alone: bool = False,
    timeout_s: float = TIMEOUT_S,
) -> Watched:
    """Run the command under strace to its end; the contents of files are not recorded.

    `kill` is (call, n): SIGKILL at the entry of the n-th such call of a process, which is then not carried out; the
    return code is -9, so assert that, or a kill that never happened passes. `by` is another signal, as `TERM`: what
    catches it does so when the call has been carried out. `alone`: only the first thread of the command is looked at
    and killed at its calls, not what it starts, and the calls with which it starts things are seen too. Raises
    `subprocess.TimeoutExpired`.
    """
    # -ff: a file for each process, so that no line is broken by another process's; -s 0: no contents.
    options = ["-y", "-ttt", "-qq", "-s", "0", "-e", "signal=none"]
    options += ["-e", f"trace={CALLS},{RUNS}"] if alone else ["-ff", "-e", f"trace={CALLS}"]
    if kill:
        options += ["-e", f"inject={kill[0]}:signal={by}:when={kill[1]}"]
    with tempfile.TemporaryDirectory() as directory:
        # With -ff strace adds the number of each process to the name.
        traced = ["strace", *options, "-o", f"{directory}/trace{'.0' if alone else ''}", "--", *argv]
        child = subprocess.Popen(
            traced,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        with child:
            try:
                stdout, stderr = child.communicate(stdin, timeout_s)
            except subprocess.TimeoutExpired:
                # The whole session: strace alone would let go of the program and leave it running.
                os.killpg(child.pid, signal.SIGKILL)
                raise
        events = [event for file in Path(directory).iterdir() for event in _read(file)]
    return Watched(child.returncode, stdout, stderr, tuple(sorted(events, key=lambda event: event.time)))


def kill_points(watched: Watched, *directories: Path) -> list[tuple[str, int]]:
    """Return every (call, n) at which `watch(kill=…)` can end another run like this one.

    Those of the first process that concern a path in one of the directories, in order: (`rename`, 1), …
    """
    first = watched.events[0].pid
    counts: dict[str, int] = {}
    points = []
    for event in watched.events:
        if event.pid == first:
            counts[event.call] = counts.get(event.call, 0) + 1
            if any(_inside(event, directory) for directory in directories):
                points.append((event.call, counts[event.call]))
    return points


def command_points(watched: Watched) -> list[tuple[str, int]]:
    """Return three points for each command that a run `alone` has started: before it, while it runs, when it ended.

    As Python's subprocess does it: a fork, polls for what the command says, a wait.
    """
    counts: dict[str, int] = {}
    points = []
    ahead: tuple[str, ...] = ()
    for event in watched.events:
        counts[event.call] = counts.get(event.call, 0) + 1
        if event.call in _SPAWNS and "CLONE_THREAD" not in event.arguments:
            ahead = (*_POLLS, "wait4")
        elif event.call not in ahead:
            continue
        else:
            ahead = () if event.call == "wait4" else ("wait4",)
        points.append((event.call, counts[event.call]))
    return points


def assert_installed_privately(watched: Watched, target: Path) -> None:
    """Assert that the run has put the file in place with 0600 at every instant, whole, and for good.

    That is: nothing in the directory was created or chmod'ed wider than 0600; the target itself was never written to
    or linked; it appeared by a rename of a file that was created there exclusively and fsynced after the last write,
    and the directory was fsynced after it.
    """
    made: dict[str, int] = {}
    renamed = None
    done = [event for event in watched.events if not event.failed]
    for at, event in enumerate(done):
        if not _inside(event, target.parent):
            continue
        _assert_private(event)
        _assert_not_in_place(event, str(target))
        if event.creates and event.exclusive:
            made[event.paths[0]] = at
        if event.call in _RENAMES and event.paths[-1] == str(target):
            assert event.paths[0] in made, f"renamed from a file that was not made exclusively here: {event}"
            assert _synced(done[made[event.paths[0]] : at], event.paths[0]), f"renamed before it was fsynced: {event}"
            renamed = at
    assert renamed is not None, f"{target} has not appeared by a rename"
    assert _synced(done[renamed:], str(target.parent)), f"the directory was not fsynced after the rename to {target}"


def _assert_private(event: Event) -> None:
    if event.creates or event.call in _CHMODS:
        assert event.mode is not None, f"mode not understood: {event}"
        assert not event.mode & ~PRIVATE, f"open to others: {event}"


def _assert_not_in_place(event: Event, target: str) -> None:
    assert not (target in event.paths and (event.writes or event.call in _WRITES)), f"written in place: {event}"
    assert not (target == event.paths[-1] and event.call in _LINKS), f"put in place by a link: {event}"


def _inside(event: Event, directory: Path) -> bool:
    return any(path == str(directory) or path.startswith(f"{directory}/") for path in event.paths)


def _synced(events: Iterable[Event], path: str) -> bool:
    """Tell whether the last word on the path's contents is an fsync: nothing was written after it."""
    last = [event.call for event in events if path in event.paths and event.call in (*_WRITES, *_SYNCS)]
    return bool(last) and last[-1] in _SYNCS


def _read(file: Path) -> Iterable[Event]:
    pid = int(file.suffix.lstrip("."))
    for line in file.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        match = _LINE.match(line)
        if match:
            moment, call, arguments, result, opened = match.groups()
            paths = tuple(_paths(call, arguments)) or ((opened,) if opened else ())
            mode = _MODE.search(arguments)
            # A question mark: the process did not live to see the result.
            failed = not result.isdigit()
            yield Event(float(moment), pid, call, arguments, paths, int(mode[1], 8) if mode else None, failed)


def _paths(call: str, arguments: str) -> Iterable[str]:
    """Return the paths that a call names: each string, counted from the directory before it if it is relative."""
    base = str(Path.cwd())
    rest = arguments
    named = False
    while rest:
        string, descriptor = _STRING.search(rest), _DESCRIPTOR.search(rest)
        if descriptor and (string is None or descriptor.start() < string.start()):
            base, rest = descriptor[1], rest[descriptor.end() :]
        elif string:
            # What write() wrote is no path.
            if call not in _WRITES:
                named = True
                yield os.path.normpath(Path(base, string[1]))
            rest = rest[string.end() :]
        else:
            break
    if not named:
        yield base
