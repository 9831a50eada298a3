"""Lets every system call of a boot fail; scripts/fault-sweep starts it."""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import watch
from failing_program import Loader
from fault_walk import FaultWalk
from machine import FIRST, Machine
from metadata_service import MetadataService
from s3_proxy import S3Proxy
from s3_server import S3Server

if TYPE_CHECKING:
    from collections.abc import Iterator


def main() -> int:
    """Sweep, and tell what was seen; return the exit status."""
    options = _options()
    lack = watch.lack()
    if lack is not None:
        sys.stderr.write(f"fault-sweep: {lack}\n")
        return 2
    began, wrong = time.monotonic(), []
    with Loader(loaded=not options.cold) as loader, _machine() as machine:
        walk = FaultWalk(machine, loader, FIRST)
        points = walk.points()[:: options.every]
        for number, point in enumerate(points, start=1):
            _say(f"\r{number} of {len(points)}")
            try:
                walk.fail_at(point)
            except (AssertionError, OSError) as fault:
                wrong.append(f"{point.call} number {point.number} with {point.error}: {fault}")
                _say(f"\nwrong: {wrong[-1]}\n")
    _say("\n")
    sys.stdout.write(f"{len(points)} faults, {len(wrong)} wrong, {time.monotonic() - began:.0f} s\n")
    sys.stdout.writelines(f"wrong: {one}\n" for one in wrong)
    return 1 if wrong else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/fault-sweep", description=__doc__, allow_abbrev=False)
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--every", metavar="N", type=int, default=1)
    options = parser.parse_args()
    if options.every < 1:
        parser.error("--every takes a number of at least 1")
    return options


@contextlib.contextmanager
def _machine() -> Iterator[Machine]:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ecsauth-fault-sweep-")))
        server = stack.enter_context(S3Server.as_process())
        proxy = stack.enter_context(S3Proxy(server.url))
        machine = Machine(folder, server, proxy, stack.enter_context(MetadataService()))
        machine.put(FIRST)
        yield machine


def _say(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AssertionError as fault:
        sys.exit(f"fault-sweep: {fault}")
    except KeyboardInterrupt:
        sys.exit(130)
