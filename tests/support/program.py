"""The program under test: as a process of its own, as its users run it, or inside this one, which takes a tenth."""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest import mock

import boot_archive
import hurried
from ecsauth.cli.main import main
from json_schemas import validated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "bootstrap"
TIMEOUT_S = 120.0
# How the program is run: as the package of this tree, or from the boot archive, built of it.
FROM_ARCHIVE = os.environ.get("ECSAUTH_TESTS_PROGRAM") == "archive"
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ended(NamedTuple):
    """A run that has ended: its exit status and what it wrote."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The JSON document on standard output, in which a field that its schema does not know is an error."""
        return validated(json.loads(self.out))


def command(name: str = "boot") -> tuple[str, ...]:
    """Return the words that start the program for a command; `PYTHONPATH` has to name this tree."""
    return (sys.executable, *_program(name))


def _program(name: str) -> tuple[str, ...]:
    if FROM_ARCHIVE and name in boot_archive.COMMANDS:
        return (str(boot_archive.built()),)
    return ("-m", "ecsauth")


def run(*arguments: str, env: Mapping[str, str], stdin: bytes = b"", timeout_s: float = TIMEOUT_S) -> Ended:
    """Run the whole program to its end; raise `subprocess.TimeoutExpired`, after killing it."""
    by = (hurried.__file__,) if hurried.HURRIED in arguments else ()
    arguments = tuple(argument for argument in arguments if argument != hurried.HURRIED)
    done = subprocess.run(
        [sys.executable, *by, *_program(*arguments[:1]), *arguments],
        env={**env, "PYTHONPATH": str(SOURCES)},
        input=stdin,
        capture_output=True,
        timeout=timeout_s,
        check=False,
    )
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


def run_here(*arguments: str, env: Mapping[str, str], stdin: bytes = b"") -> Ended:
    """Run the program's `main` in this process, with that environment and input; what it changes is put back.

    The archive's is in no process but its own.
    """
    if FROM_ARCHIVE and arguments[0] in boot_archive.COMMANDS:
        return run(*arguments, env=env, stdin=stdin)
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with contextlib.ExitStack() as stack:
        stack.enter_context(_put_back())
        if hurried.HURRIED in arguments:
            stack.enter_context(hurried.hurried())
        stack.enter_context(mock.patch.dict(os.environ, env, clear=True))
        stack.enter_context(mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin))))
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(err))
        try:
            status = int(main([argument for argument in arguments if argument != hurried.HURRIED]))
        except SystemExit as end:  # argparse's
            status = int(end.code or 0)
    return Ended(status, *(stream.detach().getvalue().decode() for stream in (out, err)))


@contextlib.contextmanager
def _put_back() -> Iterator[None]:
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        gc.enable()
