"""A copy of the tree, in which mutants live, and the runs of pytest in it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parents[2]
_RUN_TESTS = Path(__file__).with_name("run_tests.py")
_SITE = Path(sysconfig.get_path("purelib"))
_LEFT_OUT = (".git", ".venv*", "build", "dist", "__pycache__", ".*_cache", ".hypothesis")
# The same examples for every mutant, an order of the tests that is ours, and nothing remembered between runs.
_PYTEST = ("-q", "-p", "no:cacheprovider", "-p", "no:randomly", "--hypothesis-seed=0")
_GRACE_S = 30.0


class Test(NamedTuple):
    """How a test ended: passed, failed or skipped."""

    test: str
    outcome: str
    seconds: float


class Run(NamedTuple):
    """How a run of pytest ended; `status` is its exit status, None where it was stopped at its time limit."""

    status: int | None
    tests: tuple[Test, ...]
    seconds: float
    output: str

    @property
    def failed(self) -> tuple[str, ...]:
        """The tests that failed, of files that could not be collected the files."""
        return tuple(one.test for one in self.tests if one.outcome == "failed")


class Tree:
    """The copy, at `root`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root = folder, folder / "tree"
        self._changes = 0

    @contextlib.contextmanager
    def mutated(self, file: str, code: str) -> Iterator[None]:
        """Change a file for a while."""
        path = self.root / file
        original = path.read_text(encoding="utf-8")
        self._write(path, code)
        try:
            yield
        finally:
            self._write(path, original)

    def run(
        self,
        arguments: Sequence[str],
        tests: Sequence[str] | None = None,
        limit_s: float | None = None,
        measured: Path | None = None,
    ) -> Run:
        """Run pytest, with all tests that the arguments choose or only these; stop it at the limit."""
        order, outcomes, output = (self.folder / name for name in ("order", "outcomes", "output"))
        folder = None if measured is None else str(measured)
        outcomes.write_text("")
        order.write_text(
            json.dumps({"tests": None if tests is None else list(tests), "folder": folder, "outcomes": str(outcomes)})
        )
        began = time.monotonic()
        with output.open("wb") as sink:
            command = (sys.executable, str(_RUN_TESTS), str(order), *_PYTEST, *arguments)
            status = _finished(command, self.root, sink.fileno(), limit_s)
        lines = outcomes.read_text(encoding="utf-8").splitlines()
        ended = tuple(Test(**json.loads(line)) for line in lines)
        said = output.read_text(encoding="utf-8", errors="replace")
        return Run(status, ended, time.monotonic() - began, said)

    def _write(self, path: Path, code: str) -> None:
        """Write a file with a time that no other had: Python knows by size and seconds whether its cache is current."""
        self._changes += 1
        at = path.stat().st_mtime + self._changes * 2
        path.write_text(code, encoding="utf-8")
        os.utime(path, (at, at))


@contextlib.contextmanager
def copied() -> Iterator[Tree]:
    """Copy the tree and have .venv-mutate run the copy; remove it at the end, also where that is Ctrl-C or SIGTERM."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    with contextlib.ExitStack() as stack:
        lock = stack.enter_context((Path(sys.prefix) / "lock").open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit("mutate: another run of it uses .venv-mutate") from None
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ecsauth-mutate-")))
        # As a checkout is: some tests run the program as somebody else.
        folder.chmod(0o755)
        tree = Tree(folder)
        shutil.copytree(ROOT, tree.root, symlinks=True, ignore=shutil.ignore_patterns(*_LEFT_OUT))
        stack.enter_context(_installed(tree.root))
        yield tree


@contextlib.contextmanager
def started_in_children(folder: Path) -> Iterator[None]:
    """Have every Python of .venv-mutate measure itself into the folder, if a test started it."""
    script = Path(__file__).with_name("measure.py")
    # One line, and quiet if the file is left behind and what it names is not.
    line = f"import os; m = {{}}; os.path.exists({str(folder)!r}) and (exec(open({str(script)!r}).read(), m), "
    line += f"m['start_child']({str(folder)!r}))\n"
    path = _SITE / "ecsauth-measure.pth"
    path.write_text(line, encoding="utf-8")
    try:
        yield
    finally:
        path.unlink()


@contextlib.contextmanager
def _installed(root: Path) -> Iterator[None]:
    """Have the editable installation in .venv-mutate name the copy: `ecsauth`, and python -I, import it from there."""
    links = list(_SITE.glob("*_ecsauth.pth"))
    if len(links) != 1:
        raise SystemExit(f"mutate: {_SITE} has not one editable installation of ecsauth: remove .venv-mutate")
    links[0].write_text(str(root / "bootstrap"), encoding="utf-8")
    try:
        yield
    finally:
        links[0].write_text(str(ROOT / "bootstrap"), encoding="utf-8")


def _finished(command: Sequence[str], cwd: Path, output: int, limit_s: float | None) -> int | None:
    """Run to the end, or to the limit: then first as Ctrl-C does it, so that the tests take back what they started."""
    process = subprocess.Popen(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        return process.wait(limit_s)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE_S)
            process.kill()
            process.wait()
