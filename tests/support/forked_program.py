"""The program as processes that are forked from one in which everything slow is loaded.

Each run is a process of its own, with the environment, directory and open files of whoever asks for it, so that many
may go on at once; it costs a tenth of one that starts an interpreter. How the program is loaded is seen in none of
them, and it cannot be killed or interrupted: for that there is `program.command`.

Also a program: `python tests/support/forked_program.py --stop-at-eof SOCKET` serves until its standard input ends.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import select
import socket
import sys
import tempfile
import time
from pathlib import Path
from socketserver import BaseRequestHandler, ForkingMixIn, UnixStreamServer
from typing import IO, TYPE_CHECKING, Any, Optional
from unittest import mock

if __name__ == "__main__":
    # Started by its path, from wherever.
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import boot_archive
import hurried
import program
from program import TIMEOUT_S, Ended
from service_program import ServiceProcess

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from typing_extensions import Self

# Where those that ask begin: this much of Python starts in no time.
_ASK = """\
#!{python} -IS
import json, os, sys
arguments = sys.argv[1:]
{change}
opened = []
for number in range(3):
    try:
        os.fstat(number)
        opened.append(number)
    except OSError:
        os.open(os.devnull, os.O_RDONLY)
import socket
order = {{"arguments": arguments, "env": dict(os.environ), "cwd": os.getcwd(), "opened": opened}}
with socket.socket(socket.AF_UNIX) as server:
    server.connect({socket!r})
    socket.send_fds(server, [b"!"], opened)
    server.sendall(json.dumps(order).encode() + b"\\n")
    status = server.makefile().readline()
sys.exit(int(status) if status else "the process that ran the program has died")
"""
# How often those that have ended are looked for.
_PAUSE_S = 0.5


class ForkedProgram:
    """Runs the program, from any thread; a context manager."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._server = ServiceProcess(Path(__file__), str(Path(self._folder.name) / "socket"))

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()
        self._folder.cleanup()

    def write_command(self, path: Path, change: str = "") -> None:
        """Make a command of it; `change` is a statement that may change the list `arguments` before."""
        path.write_text(_ASK.format(python=sys.executable, change=change, socket=self._server.url), encoding="utf-8")
        path.chmod(0o755)

    def run(self, *arguments: str, env: Mapping[str, str]) -> Ended:
        """Run the program to its end; raise TimeoutError or AssertionError if it does not come to one.

        The archive's is in no process but its own.
        """
        if program.FROM_ARCHIVE and arguments[0] in boot_archive.COMMANDS:
            return program.run(*arguments, env=env)
        order = {"arguments": arguments, "env": dict(env), "cwd": os.getcwd(), "opened": [0, 1, 2]}
        with open(os.devnull, "rb") as nothing, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            status = self._ask(order, nothing, out, err)
            return Ended(status, *(_content(file) for file in (out, err)))

    def _ask(self, order: dict[str, Any], *opened: IO[bytes]) -> int:
        with socket.socket(socket.AF_UNIX) as server:
            server.settimeout(TIMEOUT_S)
            server.connect(self._server.url)
            socket.send_fds(server, [b"!"], [file.fileno() for file in opened])
            server.sendall(json.dumps(order).encode() + b"\n")
            status = server.makefile().readline()
        assert status, "the process that ran the program has died"
        return int(status)


def _content(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


class _Handler(BaseRequestHandler):
    """One run, in a process of its own."""

    def handle(self) -> None:
        """Run what is asked for and answer with its status."""
        _, files, _, _ = socket.recv_fds(self.request, 1, 3)
        order = json.loads(self.request.makefile().readline())
        for number in range(3):
            os.close(number)
        for number, file in zip(order["opened"], files):
            os.dup2(file, number)
            os.close(file)
        os.chdir(order["cwd"])
        os.environ.clear()
        os.environ.update(order["env"])
        time.tzset()
        self.request.sendall(f"{_run(order['arguments'])}\n".encode())


def _run(arguments: list[str]) -> int:
    """Do what the interpreter does around the program."""
    from ecsauth.cli.main import main

    for number, name in enumerate(("stdin", "stdout", "stderr")):
        setattr(sys, name, _stream(number))
    hurries = hurried.HURRIED in arguments
    arguments = [argument for argument in arguments if argument != hurried.HURRIED]
    sys.argv = ["ecsauth", *arguments]
    try:
        with hurried.hurried() if hurries else contextlib.nullcontext(), _on_its_own():
            status = int(main(arguments))
    except SystemExit as end:  # argparse's
        status = int(end.code or 0)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    return status


@contextlib.contextmanager
def _on_its_own() -> Iterator[None]:
    """Give the run an agent and a folder of Systems Manager of its own, where its environment names them.

    Both have one fixed place on a machine. A network and a file system of its own would do the same; they take root.
    """
    port, folder = os.environ.pop("STAND_IN_AGENT", None), os.environ.pop("STAND_IN_SSM", None)
    with contextlib.ExitStack() as stack:
        if port is not None:
            stack.enter_context(mock.patch("ecsauth.host.network._PLACE", ("127.0.0.1", int(port))))
        if folder is not None:
            stack.enter_context(mock.patch("ecsauth.host.inventory._ROOT", folder))
        yield


def _stream(number: int) -> Optional[IO[Any]]:
    """Return the stream as the interpreter makes it, None for one that is closed."""
    try:
        os.fstat(number)
    except OSError:
        return None
    if number == 0:
        return open(number, encoding="utf-8", errors="surrogateescape", closefd=False)
    if number == 1:
        return open(number, "w", encoding="utf-8", errors="surrogateescape", closefd=False)
    return open(number, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)


class _Server(ForkingMixIn, UnixStreamServer):
    """Forks for each connection."""

    request_queue_size = 64


def main() -> None:
    """Load everything, then fork until told to stop."""
    import boto3
    import ecsauth
    import sdk_data

    for module in pkgutil.walk_packages(ecsauth.__path__, "ecsauth."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    with sdk_data.read_once(), _Server(sys.argv[-1], _Handler) as server:
        # Of a session of its own: nothing of it is in a run but what was read.
        boto3.Session().client("s3", region_name="us-east-1").close()
        sys.stdout.write(f"{server.server_address!s}\n")
        sys.stdout.flush()
        # What a collection looks at is copied: not for what all have in common.
        gc.freeze()
        # Without a thread: a process that has some is no good one to fork.
        while sys.stdin not in (ready := select.select([sys.stdin, server], [], [], _PAUSE_S)[0]):
            if ready:
                server.handle_request()
            server.service_actions()


if __name__ == "__main__":
    main()
