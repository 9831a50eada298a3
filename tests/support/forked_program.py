"""The program as processes that are forked from one in which everything slow is loaded.

Each run is a process of its own, with an environment of its own, so that many may go on at once; it costs a tenth of
one that starts an interpreter. How the program is loaded is seen in none of them.

Also a program: `python tests/support/forked_program.py --stop-at-eof SOCKET` serves until its standard input ends.
"""

from __future__ import annotations

import gc
import importlib
import json
import pkgutil
import select
import socket
import sys
import tempfile
from pathlib import Path
from socketserver import ForkingMixIn, StreamRequestHandler, UnixStreamServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self

if __name__ == "__main__":
    # Started by its path, from wherever.
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import program
from program import Ended
from service_program import ServiceProcess

TIMEOUT_S = 120.0
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

    def run(self, *arguments: str, env: Mapping[str, str]) -> Ended:
        """Run the program to its end; raise TimeoutError or AssertionError if it does not come to one."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(TIMEOUT_S)
            connection.connect(self._server.url)
            with connection.makefile("rw", encoding="utf-8") as stream:
                stream.write(json.dumps({"arguments": arguments, "env": dict(env)}) + "\n")
                stream.flush()
                answer = stream.readline()
        assert answer, "the process that ran the program has died"
        return Ended(*json.loads(answer))


class _Handler(StreamRequestHandler):
    """One run, in a process of its own."""

    def handle(self) -> None:
        """Run what is asked for and answer how it has ended."""
        order = json.loads(self.rfile.readline())
        ended = program.run_here(*order["arguments"], env=order["env"])
        self.wfile.write(json.dumps(ended).encode() + b"\n")


class _Server(ForkingMixIn, UnixStreamServer):
    """Forks for each connection."""

    request_queue_size = 64


def main() -> None:
    """Load everything, then fork until told to stop."""
    import botocore.session
    import sdk_data

    import bootstrap

    for module in pkgutil.walk_packages(bootstrap.__path__, "bootstrap."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    with sdk_data.read_once(), _Server(sys.argv[-1], _Handler) as server:
        botocore.session.Session().create_client("s3", region_name="us-east-1").close()
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
