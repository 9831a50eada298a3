"""Kills a boot at every call that touches its files or docker; scripts/kill-sweep starts it."""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Optional

import docker_engine
import watch
from kill_walk import SCENES, Scene, Walk
from machine import Machine
from metadata_service import MetadataService
from s3_proxy import S3Proxy
from s3_server import S3Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kill_walk import Point

# There is one agent on a machine: tests that want it, too, get their turn between so many kills, in that time.
_TURN, _PAUSE_S = 20, 0.5


class Tally(NamedTuple):
    """How a scene has ended: its calls, at how many of them a run was killed, what was wrong, and the time."""

    launch: str
    scene: str
    calls: int
    kills: int
    wrong: tuple[str, ...]
    seconds: float


def main() -> int:
    """Sweep, and tell what was seen; return the exit status."""
    options = _options()
    launches = [options.launch] if options.launch else list(SCENES)
    lack = watch.lack() or ("docker" in launches and docker_engine.lack()) or None
    if lack is not None:
        sys.stderr.write(f"kill-sweep: {lack}\n")
        return 2
    tallies = [_sweep(launch, scene, options.every) for launch in launches for scene in SCENES[launch]]
    sys.stdout.write(_table(tallies))
    return 1 if any(tally.wrong for tally in tallies) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/kill-sweep", description=__doc__, allow_abbrev=False)
    parser.add_argument("--launch", choices=tuple(SCENES))
    parser.add_argument("--every", metavar="N", type=int, default=1)
    options = parser.parse_args()
    if options.every < 1:
        parser.error("--every takes a number of at least 1")
    return options


def _sweep(launch: str, scene: Scene, every: int) -> Tally:
    """Kill at every N-th call of the scene, and say so while it goes on."""
    began = time.monotonic()
    wrong: list[str] = []
    calls: list[Point] = []
    with _machine() as machine:
        walk = Walk(machine, scene)
        with _engine(scene):
            try:
                calls = walk.points()
            except (AssertionError, OSError) as fault:
                wrong.append(_told(f"{scene.name}, not killed: {fault}"))
        points = calls[::every]
        for at in range(0, len(points), _TURN):
            time.sleep(0.0 if scene.variant is None else _PAUSE_S)
            with _engine(scene):
                walk.begin()
                for number, point in enumerate(points[at : at + _TURN], start=at + 1):
                    _say(f"\r{launch}, {scene.name}: {number} of {len(points)}")
                    wrong += _violations(walk, point, scene)
    _say("\n")
    return Tally(launch, scene.name, len(calls), len(points), tuple(wrong), time.monotonic() - began)


def _violations(walk: Walk, point: Point, scene: Scene) -> list[str]:
    """Return what is wrong after a kill, and say it at once."""
    try:
        walk.kill_at(point)
    except (AssertionError, OSError) as fault:
        walk.begin()
        return [_told(f"{scene.name}, killed at {point[0]} number {point[1]}: {fault}")]
    return []


def _told(what: str) -> str:
    """Return what is wrong, having said it: there may be a long time to the end."""
    _say(f"\nwrong: {what}\n")
    return what


@contextlib.contextmanager
def _machine() -> Iterator[Machine]:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ecsauth-kill-sweep-")))
        server = stack.enter_context(S3Server.as_process())
        proxy = stack.enter_context(S3Proxy(server.url))
        yield Machine(folder, server, proxy, stack.enter_context(MetadataService()))


def _engine(scene: Scene) -> contextlib.AbstractContextManager[Optional[docker_engine.DockerEngine]]:
    """Be alone with docker, where the scene has an agent."""
    return contextlib.nullcontext() if scene.variant is None else docker_engine.exclusive()


def _say(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def _table(tallies: list[Tally]) -> str:
    rows: list[tuple[str, ...]] = [("launch", "run", "calls", "killed at", "wrong", "seconds")]
    rows += [
        (one.launch, one.scene, str(one.calls), str(one.kills), str(len(one.wrong)), f"{one.seconds:.0f}")
        for one in tallies
    ]
    sums = (sum(column) for column in zip(*((one.calls, one.kills, len(one.wrong), one.seconds) for one in tallies)))
    rows.append(("", "all", *(f"{number:.0f}" for number in sums)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)
    faults = "".join(f"wrong: {what}\n" for one in tallies for what in one.wrong)
    return "\n".join(lines) + "\n" + faults


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AssertionError as fault:
        sys.exit(f"kill-sweep: {fault}")
    except KeyboardInterrupt:
        sys.exit(130)
