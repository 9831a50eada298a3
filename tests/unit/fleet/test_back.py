"""The way back over a fleet in memory: before the promotion, after it, and while somebody rolls."""

from __future__ import annotations

import contextlib

import pytest
from ecsauth.fleet.back import BackReport, Withdrawal
from ecsauth.fleet.commands import CommandOrder
from ecsauth.fleet.history import Mark, Purpose, Released, RollState, derive, of_roll, roll_id
from ecsauth.fleet.ledger import Ledger
from ecsauth.fleet.roll import Roll, RollTerms
from ecsauth.fleet.roll_report import RollOutcome
from ecsauth.fleet.waves import parse_waves
from memory_fleet import CANDIDATE, URI, Killed, Life, MemoryFleet, failing

ID = roll_id(URI, CANDIDATE)


def _withdrawal(world: MemoryFleet, life: Life | None = None) -> Withdrawal:
    edges = world.edges(life)
    names = [edges.documents[kind].name for kind in ("boot", "status")]
    assert world.candidate is not None
    return Withdrawal(edges, Ledger(edges.run, ID, names, 0), URI, world.candidate, world.scope)


def _roll(world: MemoryFleet, waves: str = "1,50%,100%", life: Life | None = None) -> RollOutcome:
    assert world.candidate is not None
    terms = RollTerms(URI, world.candidate, world.scope, parse_waves(waves), soak=0)
    return Roll(terms, world.edges(life)).run().outcome


def _state(world: MemoryFleet) -> RollState:
    commands = of_roll([one.listed() for one in world.commands], ID)
    return derive(world.candidate, world.released, commands, world.clock.wall()).state


def test_those_that_are_ahead_return() -> None:
    """After a roll that was halted, the instances that have the candidate return; nobody else boots."""
    world = MemoryFleet(40)
    failing(world, sorted(world.nodes)[:5])
    assert _roll(world) is RollOutcome.HALTED
    boots = {node.id: node.boots for node in world.nodes.values()}
    result = _withdrawal(world).withdraw()
    assert (world.ahead(), result.failed) == (set(), ())
    touched = {each for each, count in boots.items() if count}
    assert {node.id for node in world.nodes.values() if node.boots > boots[node.id]} == touched
    assert _state(world) is RollState.WITHDRAWN


def test_a_dry_run_names_them() -> None:
    """Who may have the candidate is known before anything is sent."""
    world = MemoryFleet(20)
    failing(world, sorted(world.nodes)[:5])
    assert _roll(world) is RollOutcome.HALTED
    sent = len(world.commands)
    found = _withdrawal(world).affected()
    assert (world.ahead() - set(found), len(world.commands)) == (set(), sent)
    assert {each for each in found if not world.nodes[each].boots} == set()


@pytest.mark.parametrize("calls", range(5, 40, 3))
def test_back_after_a_client_has_died(calls: int) -> None:
    """Wherever the client that rolled has died, no instance keeps the candidate."""
    world = MemoryFleet(40)
    with pytest.raises(Killed):
        _roll(world, life=Life(calls))
    _withdrawal(world).withdraw()
    assert (world.ahead(), _state(world)) == (set(), RollState.WITHDRAWN)


@pytest.mark.parametrize("calls", range(1, 30, 2))
def test_back_can_be_repeated(calls: int) -> None:
    """Wherever the client that withdraws has died, the next one reaches the instances that are left."""
    world = MemoryFleet(40)
    failing(world, sorted(world.nodes)[:5])
    assert _roll(world) is RollOutcome.HALTED
    with contextlib.suppress(Killed):
        _withdrawal(world, Life(calls)).withdraw()
    _withdrawal(world).withdraw()
    assert (world.ahead(), _state(world)) == (set(), RollState.WITHDRAWN)


def test_a_batch_that_is_sent_after_the_mark() -> None:
    """Whoever rolls may send one more batch before it sees the mark: its instances return, too."""
    world = MemoryFleet(40)
    assert _roll(world, "1,100%") is RollOutcome.PROMOTED
    world.released = Released("r1", 0)
    edges, late = world.edges(), sorted(world.nodes)[-5:]
    for each in late:
        world.nodes[each].ahead = None
    world.commands = [one for one in world.commands if not set(late) & set(one.order.instances)]

    def send() -> None:
        mark = Mark(ID, Purpose.WAVE, 2, 2)
        order = CommandOrder(edges.documents["boot"], str(mark), {"Version": CANDIDATE}, instances=tuple(late))
        edges.run.send(order)

    world.meanwhile = {world.waits + 1: send}
    result = _withdrawal(world).withdraw()
    assert set(late) <= set(result.done)
    assert world.ahead() == set()


def test_back_stops_whoever_rolls() -> None:
    """A client that rolls sees that the candidate was withdrawn, and ends."""
    world = MemoryFleet(40)
    world.meanwhile = {2: lambda: _withdrawal(world).withdraw()}
    assert _roll(world) is RollOutcome.STOPPED
    assert world.ahead() == set()


def test_nobody_has_the_candidate() -> None:
    """A candidate that was put and never sent is withdrawn, so that another roll can begin."""
    world = MemoryFleet(5)
    assert _withdrawal(world).withdraw() == BackReport((), (), ())
    assert _state(world) is RollState.WITHDRAWN


def test_an_instance_that_is_offline_is_named() -> None:
    """It returns by itself when the time of its candidate is over."""
    world = MemoryFleet(5)
    assert _roll(world) is RollOutcome.PROMOTED
    world.released = Released("r1", 0)
    offline = min(world.nodes)
    world.nodes[offline].ping = "ConnectionLost"
    assert _withdrawal(world).withdraw().not_reached == (offline,)
    assert world.ahead() == {offline}


def test_all_follow_after_a_promotion() -> None:
    """When another version was released again, every instance is asked to take it."""
    world = MemoryFleet(60)
    assert _roll(world) is RollOutcome.PROMOTED
    result = _withdrawal(world).follow_released()
    assert (len(result.done), world.ahead()) == (60, set())
