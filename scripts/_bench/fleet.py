"""Measures a roll over simulated instances on which ecsauth runs for real; scripts/bench --fleet starts it.

What takes time in AWS takes none here: watching a wave, the delivery of a command, the pauses between looks. So the
requests are what to quote; the times say what the work itself costs on this machine.
"""

from __future__ import annotations

import argparse
import contextlib
import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Callable, NamedTuple

from aws_environment import OPERATOR
from fleet_world import FleetWorld
from forked_program import ForkedProgram
from machine import auth_file
from metadata_service import MetadataService
from s3_faults import Fault, Reply
from s3_server import S3Server
from s3_upload_tags import UploadTagsProxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loopback_server import Answer
    from program import Ended
    from s3_request import Request

_WAVES = ("--waves=1,10%,50%,100%",)
_OK, _INVALID, _HALTED = 0, 3, 7
# Of the requests of instances, while S3 says SlowDown: one in so many is answered.
_ONE_IN = 3


class Act(NamedTuple):
    """One part of the story: how long it took, and which requests it made, by whom."""

    name: str
    seconds: float
    by_instances: Counter[str]
    by_operator: Counter[str]


class SlowDown(Fault):
    """S3 answers one in three requests of the instances, and asks them to slow down in the others."""

    def __init__(self) -> None:
        self._seen = 0

    def respond(self, request: Request, forward: Callable[[], Answer]) -> Answer:
        """Carry a request out, or refuse it."""
        if request.access_key != OPERATOR["AWS_ACCESS_KEY_ID"]:
            self._seen += 1
            if self._seen % _ONE_IN:
                return Reply(503, "SlowDown", "Please reduce your request rate.").respond(request, forward)
        return forward()


class Story:
    """The acts of the story, one after the other."""

    def __init__(self, world: FleetWorld) -> None:
        self._world = world
        self.acts: list[Act] = []

    @contextlib.contextmanager
    def act(self, name: str) -> Iterator[None]:
        """Measure what is done inside the `with` block."""
        world = self._world
        world.proxy.requests.clear()
        world.service.calls.clear()
        begin = time.monotonic()
        yield
        seconds = time.monotonic() - begin
        operator = Counter(f"{call.service} {call.operation}" for call in world.service.calls)
        instances: Counter[str] = Counter()
        for request in world.proxy.requests:
            own = request.access_key == OPERATOR["AWS_ACCESS_KEY_ID"]
            (operator if own else instances)[f"s3 {request.operation}"] += 1
        self.acts.append(Act(name, seconds, instances, operator))
        _say(f"{name}: {seconds:.0f} s")


def _tell(world: FleetWorld, story: Story, count: int) -> None:
    with story.act(f"{count} first boots"):
        world.launch(count)
    with story.act("a roll in four waves"):
        _expect(world.roll(auth_file("the-second-password"), *_WAVES), _OK)
    with story.act("the next run of all timers"):
        world.boot_all()
    with story.act("a roll that halts in its second wave"):
        world.engine.before_script = lambda _node, _script: _let_second_fail(world)
        _expect(world.roll(auth_file("the-third-password"), *_WAVES), _HALTED)
        world.engine.before_script = lambda _node, _script: None
    with story.act("back"):
        _expect(world.fleet("back", "--yes"), _OK)
    with story.act("holders of the first version"):
        _expect(world.fleet("holders", "--version", world.released), _INVALID)
    with story.act("all forget the previous file"):
        world.boot_all("--forget-previous")
        world.engine.managed.collect()
    with story.act("holders of the first version, after that"):
        _expect(world.fleet("holders", "--version", world.released), _OK)
    with story.act("a roll while S3 answers one in three requests"):
        world.proxy.inject(SlowDown())
        _expect(world.roll(auth_file("the-fourth-password"), *_WAVES), _OK)


def _let_second_fail(world: FleetWorld) -> None:
    world.node(world.order(world.candidates[0])[1]).let_fail(world.candidates[0])


def _expect(done: Ended, status: int) -> None:
    if done.status != status:
        sys.exit(f"bench: ended with {done.status} instead of {status}:\n{done.out}{done.err}")


def _table(acts: list[Act], count: int) -> Iterator[str]:
    yield f"| {count} instances | seconds | requests of an instance | calls of the operator |"
    yield "|---|---|---|---|"
    for act in acts:
        each = sum(act.by_instances.values()) / count
        named = ", ".join(f"{number} {name}" for name, number in sorted(act.by_operator.items()))
        calls = f"{sum(act.by_operator.values())}: {named}" if named else "none"
        yield f"| {act.name} | {act.seconds:.0f} | {each:.2f} | {calls} |"


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def main() -> None:
    """Tell the story, and print a table."""
    parser = argparse.ArgumentParser(description=main.__doc__, allow_abbrev=False)
    parser.add_argument("-n", type=int, default=200, metavar="COUNT", help="simulated instances (default: 200)")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(S3Server.as_process())
        proxy = stack.enter_context(UploadTagsProxy(server.url))
        metadata = stack.enter_context(MetadataService())
        program = stack.enter_context(ForkedProgram())
        world = FleetWorld(folder, server, proxy, metadata, program)
        stack.enter_context(world.service)
        story = Story(world)
        _tell(world, story, options.n)
    sys.stdout.writelines(f"{line}\n" for line in _table(story.acts, options.n))
    used = resource.getrusage(resource.RUSAGE_SELF)
    _say(f"largest memory of the operator, with all servers: {used.ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
