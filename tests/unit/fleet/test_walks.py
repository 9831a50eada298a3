"""Random walks over a fleet in memory: clients that die, halts, withdrawals, launches, in any order.

How many walks are made is 100, or what the variable ECSAUTH_TESTS_EXAMPLES says. Each is the same in every run.
"""

from __future__ import annotations

import contextlib
import os
import random
from typing import TYPE_CHECKING

import pytest
from ecsauth.errors import EcsauthError
from ecsauth.fleet.back import Withdrawal
from ecsauth.fleet.halt import cancel_open, mark_halt
from ecsauth.fleet.history import RESUMABLE, RollState, derive, of_roll, roll_id
from ecsauth.fleet.ledger import Ledger
from ecsauth.fleet.roll import Roll, RollTerms
from ecsauth.fleet.waves import Share, parse_errors, parse_waves
from memory_fleet import CANDIDATE, RELEASED, URI, Killed, Life, MemoryFleet, MemoryNode

if TYPE_CHECKING:
    from typing import Optional

ID = roll_id(URI, CANDIDATE)
EXAMPLES = int(os.environ.get("ECSAUTH_TESTS_EXAMPLES", "100"))


class Walk:
    """A fleet to which things happen. Of its instances some fail with the candidate, and some say nothing more."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - keeps no secret
        choose = self.random.choice
        self.world = MemoryFleet(choose([5, 20, 60, 130]))
        self.world.lag = choose([0, 0, 1, 3])
        names = self.random.sample(sorted(self.world.nodes), 3)
        self.bad = set(names[: choose([0, 0, 1, 2])])
        fails_at_boot = choose([True, False])
        for each in self.bad:
            node = self.world.nodes[each]
            node.code, node.alarms = (7, ()) if fails_at_boot else (0, ("rejected",))
        self.world.nodes[names[2]].is_lost = choose([True, False])
        self.waves = choose(["1,100%", "1,10%,100%", "100%", "1,50%,100%"])
        self.log: list[str] = []

    @property
    def state(self) -> RollState:
        """The state of the roll, as everybody derives it."""
        world = self.world
        commands = of_roll([one.listed() for one in world.commands], ID)
        return derive(world.candidate, world.released, commands, world.clock.wall()).state

    def step(self) -> None:
        """Let one thing happen; a client may die, and a command may go on after it."""
        event = self.random.choice(
            [self.roll, self.roll, self.halt_a_roll, self.halt, self.back, self.launch, self.end]
        )
        self.log.append(f"{event.__name__} while {self.state.value}")
        try:
            event()
        except Killed:
            self.log.append("killed")
            if self.random.random() < 0.5:
                self.world.settle_without_wait()
        except EcsauthError as fault:
            self.log.append(fault.message)
        self.world.meanwhile = {}

    def roll(self) -> None:
        """Roll, or resume, maybe not to the end."""
        if self.state not in RESUMABLE:
            return
        assert self.world.candidate is not None
        terms = RollTerms(
            URI,
            self.world.candidate,
            self.world.scope,
            parse_waves(self.waves),
            parse_errors("0"),
            concurrency=self.random.choice([Share(10, is_percentage=True), Share(100)]),
            ends_halt=self.state is RollState.HALTED,
        )
        self.log.append(Roll(terms, self.world.edges(self._life(90))).run().outcome.value)

    def halt_a_roll(self) -> None:
        """Halt the roll while somebody carries it out: unless it was promoted before, it stays halted."""
        halted: list[int] = []

        def halt() -> None:
            self.halt()
            halted.append(1)

        self.world.meanwhile = {self.world.waits + self.random.randint(1, 12): halt}
        with contextlib.suppress(Killed):
            self.roll()
        assert not halted or self.state in (RollState.HALTED, RollState.PROMOTED), self.log

    def halt(self) -> None:
        """Halt the roll."""
        if self.state not in RESUMABLE:
            return
        ledger = self._ledger()
        cancel_open(self.world.edges().run, ledger)
        mark_halt(self.world.edges(), ledger, ID, lambda: self.world.scope)
        assert self.state is RollState.HALTED, self.log

    def back(self) -> None:
        """Withdraw the candidate, maybe not to the end."""
        if self.state not in (*RESUMABLE, RollState.WITHDRAWN):
            return
        assert self.world.candidate is not None
        edges = self.world.edges(self._life(40))
        Withdrawal(edges, self._ledger(), URI, self.world.candidate, self.world.scope).withdraw()
        assert (self.world.ahead(), self.state) == (set(), RollState.WITHDRAWN), self.log

    def launch(self) -> None:
        """Launch an instance."""
        name = f"i-{self.random.getrandbits(60):017x}"
        self.world.nodes[name] = MemoryNode(name)

    def end(self) -> None:
        """Terminate an instance on which no command runs."""
        name = self.random.choice(sorted(self.world.nodes))
        if len(self.world.nodes) > 2 and not any(name in one.left for one in self.world.commands):
            del self.world.nodes[name]

    def _ledger(self) -> Ledger:
        edges = self.world.edges()
        return Ledger(edges.run, ID, [edges.documents[kind].name for kind in ("boot", "status")], 0)

    def _life(self, calls: int) -> Optional[Life]:
        is_mortal = self.random.random() < 0.5
        return Life(self.random.randint(1, calls), self.random.random() < 0.5) if is_mortal else None


@pytest.mark.parametrize("seed", range(EXAMPLES))
def test_walk(seed: int) -> None:
    """Nothing is promoted that failed anywhere, or that somebody has not; a halt and a withdrawal are not lost."""
    walk = Walk(seed)
    for _ in range(6):
        walk.step()
        if walk.state is RollState.PROMOTED:
            break
        assert walk.world.released.version == RELEASED, walk.log
    if walk.state is RollState.PROMOTED:
        nodes = walk.world.nodes
        answering = {each for each, node in nodes.items() if not node.is_lost}
        assert not walk.bad & answering, walk.log
        assert answering <= walk.world.ahead(), walk.log
