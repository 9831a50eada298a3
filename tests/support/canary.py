"""A password that must be seen nowhere, and the places to look for it.

`Canary` looks in texts, files and directories, for the password itself and for what it is easily turned into.
`run` runs a command to its end and keeps, beside its output, the arguments and environments of all its descendants.
`Recorder` puts a wrapper in front of a program on PATH, which notes every call of it and then is the program.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
import shlex
import shutil
import subprocess
import threading
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Optional, Union

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

BLOCK = 1024 * 1024
SAMPLE_PAUSE_S = 0.005
TIMEOUT_S = 120.0


class Canary:
    """One password; a new one each time unless it is given."""

    def __init__(self, password: Optional[str] = None) -> None:
        # Nothing that JSON, a URL or a shell would have to escape, so that it is the same in all of them.
        self.password = password or f"canary{secrets.token_hex(12)}"
        self._forms = dict(_forms(self.password.encode()))

    def form_in(self, content: bytes) -> Optional[str]:
        """Return in which form the password is in the bytes: `plain`, `base64` …; None when it is in none."""
        return next((name for form, name in self._forms.items() if form in content), None)

    def assert_not_in(self, content: Union[bytes, str], where: str) -> None:
        """Assert that a text does not hold it; `where` names the text in the message, which never quotes it."""
        form = self.form_in(content.encode(errors="surrogateescape") if isinstance(content, str) else content)
        assert form is None, f"the canary is in {where} ({form})"

    def assert_not_under(self, *directories: Path, apart_from: Iterable[Path] = ()) -> None:
        """Assert that no file below the directories holds it, in its contents, name or link target."""
        excepted = {Path(path) for path in apart_from}
        for path in _walk(directories):
            if path in excepted:
                continue
            self.assert_not_in(os.fsencode(path), f"the name of a file in {path.parent}")
            if path.is_symlink():
                self.assert_not_in(os.fsencode(path.readlink()), f"the target of {path}")
            elif path.is_file():
                self._assert_not_in_file(path)

    def _assert_not_in_file(self, path: Path) -> None:
        overlap = max(len(form) for form in self._forms)
        tail = b""
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                self.assert_not_in(tail + block, str(path))
                tail = block[-overlap:]

    def assert_not_shown_by(self, done: Run) -> None:
        """Assert that a run showed it nowhere: output, arguments and environments of all its processes."""
        self.assert_not_in(done.stdout, "standard output")
        self.assert_not_in(done.stderr, "standard error")
        for arguments in done.arguments:
            self.assert_not_in(arguments, "the arguments of a process")
        for environment in done.environments:
            self.assert_not_in(environment, "the environment of a process")

    def assert_not_given_to(self, recorder: Recorder) -> None:
        """Assert that no recorded call of a program had it in its arguments or environment."""
        for call in recorder.calls():
            self.assert_not_in("\0".join(call.argv), f"the arguments of {recorder.program}")
            self.assert_not_in(call.environ, f"the environment of {recorder.program}")


def _forms(password: bytes) -> Iterator[tuple[bytes, str]]:
    yield password, "plain"
    yield json.dumps(password.decode())[1:-1].encode(), "JSON"
    yield password.decode().encode("unicode_escape"), "escaped"
    yield password.hex().encode(), "hexadecimal"
    yield password.hex().upper().encode(), "hexadecimal"
    yield urllib.parse.quote(password).encode(), "percent-encoded"
    yield password.decode().encode("utf-16-le"), "UTF-16"
    # Inside a longer text (user:password) base64 looks different at each offset modulo 3; what comes before and after
    # takes part in the first and the last characters.
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + password)
        inner = encoded[(offset * 8 + 5) // 6 : (offset + len(password)) * 8 // 6]
        yield inner, "base64"
        yield inner.translate(bytes.maketrans(b"+/", b"-_")), "base64"


def _walk(directories: Iterable[Path]) -> Iterator[Path]:
    for directory in directories:
        for root, folders, files in os.walk(directory):
            for name in (*folders, *files):
                yield Path(root, name)


class Run(NamedTuple):
    """A command that has ended; arguments and environments are those of all its processes that were seen."""

    returncode: int
    stdout: bytes
    stderr: bytes
    arguments: frozenset[bytes]
    environments: frozenset[bytes]


def run(
    argv: Sequence[str],
    *,
    env: Optional[Mapping[str, str]] = None,
    stdin: bytes = b"",
    timeout_s: float = TIMEOUT_S,
) -> Run:
    """Run a command to its end and sample, as `ps` would, what its processes show of themselves.

    A process of less than a few milliseconds may be missed: `Recorder` misses none. Raises
    `subprocess.TimeoutExpired`, after killing the command.
    """
    child = subprocess.Popen(argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    sampler = _Sampler(child.pid)
    with child:
        try:
            stdout, stderr = child.communicate(stdin, timeout_s)
        except subprocess.TimeoutExpired:
            child.kill()
            raise
        finally:
            sampler.stop()
    return Run(child.returncode, stdout, stderr, frozenset(sampler.arguments), frozenset(sampler.environments))


@contextlib.contextmanager
def sampling(pid: int) -> Iterator[_Sampler]:
    """Sample, inside the `with` block, what a process and its descendants show; those to come, too."""
    sampler = _Sampler(pid)
    try:
        yield sampler
    finally:
        sampler.stop()


class _Sampler:
    """Reads /proc over and over, in a thread, for one process and its descendants."""

    def __init__(self, pid: int) -> None:
        self.arguments: set[bytes] = set()
        self.environments: set[bytes] = set()
        self._family = {pid}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample_until_ended)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._ended.set()
        self._thread.join()

    def _sample_until_ended(self) -> None:
        while True:
            self._sample()
            if self._ended.wait(SAMPLE_PAUSE_S):
                return

    def _sample(self) -> None:
        # In order of their numbers: parents first, but for the rare wrap-around.
        for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):
            try:
                if pid not in self._family and _parent(pid) not in self._family:
                    continue
                self._family.add(pid)
                self.arguments.add(Path(f"/proc/{pid}/cmdline").read_bytes())
                self.environments.add(Path(f"/proc/{pid}/environ").read_bytes())
            except OSError:
                # It has ended meanwhile, or belongs to somebody else.
                continue


def _parent(pid: int) -> int:
    # The name, in parentheses, may hold anything; the parent is the second field after it (proc(5)).
    return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])


class Call(NamedTuple):
    """One call of a recorded program: its arguments without the program, its environment as the kernel keeps it."""

    argv: tuple[str, ...]
    environ: bytes


class Recorder:
    """A wrapper of a program, to be put in front of PATH: `env["PATH"] = recorder.path(env["PATH"])`."""

    def __init__(self, directory: Path, program: str) -> None:
        real = shutil.which(program)
        assert real is not None, f"{program} is not installed"
        self.program = program
        self._wrappers = directory / "wrappers"
        self._calls = directory / "calls"
        for made in (self._wrappers, self._calls):
            made.mkdir()
        # What the kernel shows of the shell is what the caller has given: its /proc/…/environ never changes.
        lines = (
            "#!/bin/sh",
            f'note={shlex.quote(str(self._calls))}/$(date +%s.%N).$$ && mkdir "$note" || exit 125',
            'cat "/proc/$$/cmdline" >"$note/cmdline"',
            'cat "/proc/$$/environ" >"$note/environ"',
            f'exec {shlex.quote(real)} "$@"',
        )
        wrapper = self._wrappers / program
        wrapper.write_text("\n".join(lines) + "\n", encoding="utf-8")
        wrapper.chmod(0o755)

    def path(self, path: str) -> str:
        """Return a PATH with the wrapper in front."""
        return f"{self._wrappers}{os.pathsep}{path}"

    def calls(self) -> list[Call]:
        """Return the calls so far, in order."""
        return [self._call(note) for note in sorted(self._calls.iterdir())]

    def _call(self, note: Path) -> Call:
        # /bin/sh, the wrapper, then the arguments; each ends with a NUL.
        argv = os.fsdecode((note / "cmdline").read_bytes()).split("\0")[2:-1]
        return Call(tuple(argv), (note / "environ").read_bytes())
