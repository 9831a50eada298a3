"""A fleet kept in memory, which behaves to a roll as S3, ECS and Run Command do: ramp, MaxErrors, history.

A run of a roll can be killed at any of its calls, before or after the call has had its effect.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, NoReturn, Optional

from ecsauth.aws_names import S3URI
from ecsauth.errors import ConflictError
from ecsauth.fleet.census import Census, Scope
from ecsauth.fleet.commands import BATCH, BOOT, DOCTOR, STATUS, DocumentPin, GoneError
from ecsauth.fleet.edges import FleetEdges
from ecsauth.fleet.history import Candidate, Invocation, Outcome, Released, SentCommand, is_superseded
from ecsauth.fleet.instances import ONLINE
from ecsauth.status.instance_report import ATTRIBUTES
from ecsauth.timing import Moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ecsauth.fleet.census import Tag, Tell
    from ecsauth.fleet.commands import CommandOrder

URI = S3URI("fleet", "prod/ecs.config")
CLUSTER = "demo"
RELEASED, CANDIDATE = "r1", "c1"
_BEGAN = 1_700_000_000


class Killed(BaseException):
    """The client of the operator is dead."""


class MemoryClock:
    """Time that passes only while somebody waits; `pass_by` is called for each wait."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.pass_by: Callable[[], None] = lambda: None

    def now(self) -> float:
        """Return the monotonic time."""
        return self.seconds

    def wall(self) -> int:
        """Return the seconds since the epoch."""
        return _BEGAN + int(self.seconds)

    def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        self.seconds += seconds
        self.pass_by()

    def moment(self) -> Moment:
        """Return the point in time."""
        return Moment("boot", self.seconds)


@dataclass
class MemoryNode:
    """An instance. `code` is the exit status of a boot with the candidate; `alarms` are those of its status.

    One that `is_lost` boots, and then says nothing.
    """

    id: str
    ping: Optional[str] = ONLINE
    connected: bool = True
    code: int = 0
    alarms: tuple[str, ...] = ()
    tag: str = ""
    is_lost: bool = False
    installed: str = RELEASED
    ahead: Optional[str] = None
    boots: int = 0

    def boot(self, version: str) -> int:
        """Boot with a version, and return the exit status."""
        self.boots += 1
        if self.code and version not in ("withdraw", "released"):
            return self.code
        self.ahead = None if version in ("withdraw", "released") else version
        self.installed = self.ahead or RELEASED
        return 0

    def status(self) -> str:
        """Return what the status document prints."""
        alarms = ",".join(f'"{each}"' for each in self.alarms)
        ahead = f'{{"version":"{self.ahead}"}}' if self.ahead else "null"
        rest = '"on_disk":{},"agent":{"registered":true}'
        report = f'{{"uri":"{URI}","installed":"{self.installed}","ahead":{ahead},{rest}}}'
        return f'{{"schema":1,"alarms":[{alarms}],"report":{report}}}'

    def report(self) -> Mapping[str, Any]:
        """Return its inventory item."""
        found = dict.fromkeys(ATTRIBUTES, "-")
        return {
            **found,
            "Uri": str(URI),
            "Installed": self.installed,
            "Ahead": self.ahead or "-",
            "AgentRegistered": "true",
            "ConfirmedAt": str(_BEGAN),
            "LastRunAt": str(_BEGAN),
            "LastRunStatus": "0",
        }


@dataclass
class MemoryCommand:
    """A command: what is left to run, and what became of the rest."""

    id: str
    order: CommandOrder
    at: float
    left: list[str]
    results: dict[str, Invocation] = field(default_factory=dict)
    ramp: int = 1
    cancelled: bool = False
    asked: int = 0
    alarms: tuple[str, ...] = ()

    @property
    def errors(self) -> int:
        """The errors that count against MaxErrors."""
        return sum(1 for one in self.results.values() if one.outcome is Outcome.FAILED)

    @property
    def status(self) -> str:
        """The status as Run Command gives it."""
        if self.cancelled:
            return "Cancelled"
        if self.left:
            return "InProgress"
        return "Failed" if self.errors else "Success"

    def listed(self) -> SentCommand:
        """Return the command as it is listed."""
        total, completed = len(self.results) + len(self.left), len(self.results)
        counts = (total, completed, self.errors)
        return SentCommand(
            self.id, self.order.comment, self.status, self.at, *counts, self.alarms, alarm=self.order.alarm
        )


class Life(NamedTuple):
    """When a client dies: at its call of this number, after the effect of the call or before it."""

    calls: int
    is_after: bool = False


class MemoryFleet:
    """The world. `meanwhile` maps the number of a wait to what happens then."""

    def __init__(self, count: int = 0) -> None:
        self.clock = MemoryClock()
        self.clock.pass_by = self._pass
        self.nodes = {f"i-{number:017x}": MemoryNode(f"i-{number:017x}") for number in range(count)}
        self.commands: list[MemoryCommand] = []
        self.released = Released(RELEASED, _BEGAN - 1000, '"r"')
        self.candidate: Optional[Candidate] = Candidate(CANDIDATE, _BEGAN, RELEASED)
        self.waits = 0
        self.meanwhile: dict[int, Callable[[], object]] = {}
        self.told: list[str] = []
        # How often the results of a command are asked for before they are listed.
        self.lag = 0
        self.alarm_after: Optional[int] = None
        # Only while a command runs that has this in its comment.
        self.alarm_in = ""

    def edges(self, life: Optional[Life] = None) -> FleetEdges:
        """Return the connections of one client."""
        client = _Client(self, life)
        pins = {kind: DocumentPin(f"ecsauth-{kind}", "1", "0" * 64) for kind in (BOOT, STATUS, DOCTOR)}
        census = Census(client, client, lambda *_: None)
        return FleetEdges(census, client, client, self.clock, pins, self.told.append, _shown)

    @property
    def scope(self) -> Scope:
        """The cluster of all instances."""
        return Scope((CLUSTER,))

    def ahead(self) -> set[str]:
        """Return the instances that run the candidate."""
        return {node.id for node in self.nodes.values() if node.ahead == CANDIDATE}

    def comments(self) -> list[str]:
        """Return the comments of the commands, oldest first, without what only looks."""
        return [one.order.comment for one in self.commands if " look " not in one.order.comment]

    def settle(self) -> None:
        """Let all commands end."""
        while any(one.left and not one.cancelled for one in self.commands):
            self._pass()

    def settle_without_wait(self) -> None:
        """Let all commands end before whoever waits looks again."""
        for command in self.commands:
            while command.left and not command.cancelled:
                self._step(command)

    def _pass(self) -> None:
        self.waits += 1
        self.meanwhile.get(self.waits, lambda: None)()
        for command in self.commands:
            if command.left and not command.cancelled:
                self._step(command)

    def _step(self, command: MemoryCommand) -> None:
        """Run the command on the next instances: one first, then two, four, …"""
        for _ in range(min(command.ramp, command.order.concurrency, len(command.left))):
            if command.errors > command.order.max_errors:
                self._end(command, Outcome.NOT_RUN)
                return
            each = command.left.pop(0)
            command.results[each] = self._ran(self.nodes[each], command.order)
        command.ramp *= 2
        if command.errors > command.order.max_errors:
            self._end(command, Outcome.NOT_RUN)
        is_on = self.alarm_after is not None and len(command.results) >= self.alarm_after
        if is_on and command.order.alarm and self.alarm_in in command.order.comment:
            self._end(command, Outcome.CANCELLED)
            command.cancelled, command.alarms = True, (command.order.alarm,)

    def _end(self, command: MemoryCommand, outcome: Outcome) -> None:
        command.results.update({each: Invocation(each, outcome) for each in command.left})
        command.left.clear()

    def _ran(self, node: MemoryNode, order: CommandOrder) -> Invocation:
        if node.ping != ONLINE:
            return Invocation(node.id, Outcome.UNREACHED)
        if order.document.name.endswith(STATUS):
            code = 3 if node.alarms else 0
            return Invocation(node.id, _outcome(code), code, node.status())
        code = node.boot(order.parameters["Version"])
        if node.is_lost:
            return Invocation(node.id, Outcome.LOST)
        return Invocation(node.id, _outcome(code), code)

    def cancel(self, command: str) -> None:
        """Cancel a command."""
        for one in self.commands:
            if one.id == command and one.left:
                self._end(one, Outcome.CANCELLED)
                one.cancelled = True

    def promote(self, candidate: Candidate) -> Released:
        """Copy the candidate, if nobody has released anything else."""
        if self.released.promoted_from == candidate.version:
            return self.released
        if is_superseded(candidate, self.released):
            raise ConflictError("somebody else has released another version")
        self.released = Released("r2", self.clock.wall(), '"r2"', candidate.version)
        return self.released


def _outcome(code: int) -> Outcome:
    return Outcome.FAILED if code else Outcome.DONE


def _shown(what: str, number: int = 0, of: int = 0, more: str = "") -> None:
    assert 0 <= number <= of, (what, number, of, more)


class _Client:
    """What one client of the operator calls, until it is killed."""

    def __init__(self, world: MemoryFleet, life: Optional[Life]) -> None:
        self._world = world
        self._life = life
        self.calls = 0

    def _spend(self, effect: Callable[[], Any]) -> Any:
        self.calls += 1
        is_last = self._life is not None and self.calls == self._life.calls
        if is_last and self._life is not None and not self._life.is_after:
            self._die()
        found = effect()
        if is_last:
            self._die()
        return found

    def _die(self) -> NoReturn:
        raise Killed

    def instances(self, cluster: str, tell: Tell) -> Mapping[str, bool]:
        """Return the instances of the cluster."""
        del tell
        assert cluster == CLUSTER
        found: Mapping[str, bool] = self._spend(
            lambda: {node.id: node.connected for node in self._world.nodes.values()}
        )
        return found

    def pings(self, instances: Sequence[str], tell: Tell) -> Mapping[str, str]:
        """Return the managed ones."""
        del tell
        nodes = self._world.nodes
        return {each: str(nodes[each].ping) for each in instances if each in nodes and nodes[each].ping is not None}

    def tagged(self, tag: Tag, tell: Tell) -> Mapping[str, str]:
        """Return the managed ones with the tag."""
        del tell
        return {
            node.id: node.ping for node in self._world.nodes.values() if node.tag == str(tag) and node.ping is not None
        }

    def reports(self, instances: Sequence[str], tell: Tell) -> Mapping[str, Mapping[str, Any]]:
        """Return the inventory items."""
        del tell
        return {each: self._world.nodes[each].report() for each in instances}

    def send(self, order: CommandOrder) -> str:
        """Send the command."""
        targets = [*order.instances]
        if order.tag is not None:
            targets = [node.id for node in self._world.nodes.values() if node.tag == str(order.tag)]
        assert order.tag is not None or 0 < len(targets) <= BATCH
        nodes = self._world.nodes
        if order.tag is None and any(each not in nodes or nodes[each].ping != ONLINE for each in targets):
            raise GoneError("one of them is gone")

        def effect() -> str:
            # Each command is a little later than the one before.
            self._world.clock.seconds += 0.001
            at = _BEGAN + self._world.clock.seconds
            command = MemoryCommand(f"command-{len(self._world.commands)}", order, at, targets)
            self._world.commands.append(command)
            return command.id

        return str(self._spend(effect))

    def commands(self, document: str, since: int) -> tuple[SentCommand, ...]:
        """Return the commands with a document."""
        found: tuple[SentCommand, ...] = self._spend(
            lambda: tuple(
                one.listed()
                for one in reversed(self._world.commands)
                if one.order.document.name == document and one.at >= since
            )
        )
        return found

    def invocations(self, command: str, *, with_output: bool = False) -> Iterator[Invocation]:
        """Yield the results of a command."""
        for found in self._spend(lambda: [one for one in self._world.commands if one.id == command]):
            found.asked += 1
            for each in found.results.values():
                if found.asked <= self._world.lag:
                    # Of every second one nothing is listed yet.
                    if int(each.instance[-1], 16) % 2:
                        yield Invocation(each.instance, Outcome.WAITING)
                    continue
                yield each if with_output else each._replace(output="")

    def cancel(self, command: str) -> None:
        """Cancel a command."""
        self._spend(lambda: self._world.cancel(command))

    def released(self) -> Released:
        """Return the released version."""
        found: Released = self._spend(lambda: self._world.released)
        return found

    def candidate(self) -> Optional[Candidate]:
        """Return the candidate."""
        found: Optional[Candidate] = self._spend(lambda: self._world.candidate)
        return found

    def promote(self, candidate: Candidate) -> Released:
        """Promote the candidate."""
        found: Released = self._spend(lambda: self._world.promote(candidate))
        return found


def failing(world: MemoryFleet, instances: Sequence[str], code: int = 7) -> None:
    """Let the candidate fail on these instances."""
    for each in instances:
        world.nodes[each] = replace(world.nodes[each], code=code)
