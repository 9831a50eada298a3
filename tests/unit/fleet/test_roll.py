"""A roll over a fleet in memory: to the end, halted, interrupted at every call and resumed, with two at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

import pytest
from ecsauth.errors import ConflictError, DeniedError
from ecsauth.fleet.census import Scope, Tag
from ecsauth.fleet.commands import STATUS, CommandOrder, GoneError
from ecsauth.fleet.halt import cancel_open, mark_halt
from ecsauth.fleet.history import (
    IN_PROGRESS,
    Candidate,
    Mark,
    Purpose,
    Released,
    RollState,
    SentCommand,
    derive,
    of_roll,
    roll_id,
)
from ecsauth.fleet.ledger import Ledger
from ecsauth.fleet.marks import mark, unseen
from ecsauth.fleet.roll import Roll, RollTerms, find_unmanaged
from ecsauth.fleet.roll_report import RollOutcome
from ecsauth.fleet.waves import Share, order, parse_errors, parse_waves
from memory_fleet import CANDIDATE, RELEASED, URI, Killed, Life, MemoryFleet, MemoryNode, failing

if TYPE_CHECKING:
    from ecsauth.fleet.roll_report import RollReport

ID = roll_id(URI, CANDIDATE)


def _terms(world: MemoryFleet, **more: Any) -> RollTerms:
    assert world.candidate is not None
    waves = parse_waves(more.pop("waves", "1,10%,100%"))
    limit = parse_errors(more.pop("limit", "0"))
    scope = more.pop("scope", world.scope)
    more.setdefault("ends_halt", True)
    return RollTerms(URI, world.candidate, scope, waves, limit, **more)


def _roll(world: MemoryFleet, life: Life | None = None, **more: Any) -> RollReport:
    return Roll(_terms(world, **more), world.edges(life)).run()


def _order(world: MemoryFleet) -> tuple[str, ...]:
    return order(world.nodes, CANDIDATE)


def _state(world: MemoryFleet) -> RollState:
    commands = of_roll([one.listed() for one in world.commands], ID)
    return derive(world.candidate, world.released, commands, world.clock.wall()).state


def test_a_roll_to_the_end() -> None:
    """All instances take the candidate, wave after wave, and then it is released."""
    world = MemoryFleet(120)
    report = _roll(world)
    assert report.outcome is RollOutcome.PROMOTED
    assert [(count.number, count.size, count.done) for count in report.waves] == [(1, 1, 1), (2, 11, 11), (3, 108, 108)]
    assert world.ahead() == set(world.nodes)
    assert world.released.promoted_from == CANDIDATE
    assert {node.boots for node in world.nodes.values()} == {1}


def test_the_first_instance_comes_first() -> None:
    """The waves follow the order of the version."""
    world = MemoryFleet(60)
    _roll(world)
    named = [each for one in world.commands if " wave " in one.order.comment for each in one.order.instances]
    first = _order(world)
    assert (named[0], set(named[1:6]), set(named[6:])) == (first[0], set(first[1:6]), set(first[6:]))


def test_each_command_names_roll_and_wave() -> None:
    """Whoever reads the history of Run Command sees what a command belongs to."""
    world = MemoryFleet(120)
    _roll(world)
    assert world.comments() == [
        f"ecsauth roll {ID} wave 1/3",
        f"ecsauth roll {ID} wave 2/3",
        *[f"ecsauth roll {ID} wave 3/3"] * 3,
    ]


@pytest.mark.parametrize(("limit", "failures", "is_halted"), [("0", 1, True), ("3", 3, False), ("3", 4, True)])
def test_errors_are_counted_over_all_batches(limit: str, failures: int, is_halted: bool) -> None:
    """The limit of a wave holds for its batches together."""
    world = MemoryFleet(160)
    failing(world, [_order(world)[number] for number in (20, 80, 81, 140)[:failures]])
    report = _roll(world, limit=limit)
    assert (report.outcome is RollOutcome.HALTED) is is_halted
    assert (world.released.version == RELEASED) is is_halted


@pytest.mark.parametrize(("failures", "is_halted"), [(4, False), (5, True)])
def test_ten_percent_of_fifty_halts_at_the_fifth(failures: int, is_halted: bool) -> None:
    """A percentage is one of the instances of the wave."""
    world = MemoryFleet(50)
    failing(world, _order(world)[:failures])
    report = _roll(world, waves="100%", limit="10%")
    assert (report.outcome is RollOutcome.HALTED) is is_halted


def test_a_halt_leaves_the_rest_as_it_was() -> None:
    """After too many errors nothing is released, the waves to come have what they had, and the halt is marked."""
    world = MemoryFleet(120)
    failing(world, _order(world)[1:4])
    report = _roll(world)
    assert (report.outcome, report.reason[:7]) == (RollOutcome.HALTED, "wave 2:")
    assert {each for each, _ in report.failed} <= set(_order(world)[1:4])
    assert world.released.version == RELEASED
    assert {world.nodes[each].boots for each in _order(world)[12:]} == {0}
    assert _state(world) is RollState.HALTED


def test_the_canary_halts_the_roll() -> None:
    """If the first instance fails, no other one is asked to boot."""
    world = MemoryFleet(100)
    failing(world, _order(world)[:1])
    assert _roll(world, limit="0").outcome is RollOutcome.HALTED
    assert sum(node.boots for node in world.nodes.values()) == 1


@pytest.mark.parametrize("alarm", ["not-registered", "rejected"])
def test_an_instance_that_does_not_keep_it_halts_the_roll(alarm: str) -> None:
    """A wave that has taken the candidate is watched: an agent that is lost afterwards counts as an error."""
    world = MemoryFleet(30)
    world.nodes[_order(world)[0]].alarms = (alarm,)
    report = _roll(world)
    assert (report.outcome, len(report.waves)) == (RollOutcome.HALTED, 1)
    assert [each for each, _ in report.failed] == [_order(world)[0]]


def test_an_instance_that_ecs_has_lost_halts_the_roll() -> None:
    """What an instance says of itself does not help against ECS."""
    world = MemoryFleet(30)
    world.nodes[_order(world)[0]].connected = False
    assert _roll(world).outcome is RollOutcome.HALTED


def test_an_instance_that_reboots_while_ahead_is_waited_for() -> None:
    """ECS loses the agent of an instance that reboots; when it is back, the roll goes on."""
    world = MemoryFleet(3)
    first = world.nodes[_order(world)[0]]

    def reboot() -> None:
        first.connected, first.alarms = False, ("not-registered",)

    def return_() -> None:
        first.connected, first.alarms = True, ()

    # The first wait is for the command, the second is the soak.
    world.meanwhile = {2: reboot, 4: return_}
    assert _roll(world).outcome is RollOutcome.PROMOTED


def test_a_forged_report_does_not_promote() -> None:
    """An instance that says that all is well, but whose boot failed, has failed."""
    world = MemoryFleet(10)
    liar = world.nodes[_order(world)[0]]
    liar.code, liar.ahead, liar.installed = 7, CANDIDATE, CANDIDATE
    assert _roll(world).outcome is RollOutcome.HALTED
    assert world.released.version == RELEASED


@pytest.mark.parametrize(("ping", "connected"), [("ConnectionLost", True), ("ConnectionLost", False), (None, False)])
def test_a_stopped_instance_is_left_out_and_named(ping: str | None, connected: bool) -> None:
    """An instance that is stopped is no error; who reads the report sees it."""
    world = MemoryFleet(20)
    stopped = _order(world)[0]
    world.nodes[stopped].ping, world.nodes[stopped].connected = ping, connected
    report = _roll(world)
    assert (report.outcome, report.missed) == (RollOutcome.PROMOTED, (stopped,))
    assert world.ahead() == set(world.nodes) - {stopped}


def test_an_instance_that_stops_during_its_wave_is_not_reached() -> None:
    """Run Command refuses a whole batch for one instance that is gone: the others get the command all the same."""
    world = MemoryFleet(20)
    last = _order(world)[-1]

    def stop() -> None:
        world.nodes[last].ping = "ConnectionLost"

    terms = _terms(world, waves="100%")
    edges = world.edges()
    census = edges.census.take(world.scope, with_reports=False)
    stop()
    assert len(census) == 20
    report = Roll(terms, edges).run()
    assert (report.outcome, report.missed) == (RollOutcome.PROMOTED, (last,))


def test_an_instance_that_is_launched_during_the_roll_gets_the_candidate() -> None:
    """Each wave looks for its instances anew."""
    world = MemoryFleet(20)

    def launch() -> None:
        world.nodes["i-00000000000000fff"] = MemoryNode("i-00000000000000fff")

    world.meanwhile = {2: launch}
    assert _roll(world).outcome is RollOutcome.PROMOTED
    assert "i-00000000000000fff" in world.ahead()


def test_an_alarm_halts_the_roll() -> None:
    """An alarm of CloudWatch stops the command; that is told, and nothing is released."""
    world = MemoryFleet(40)
    world.alarm_after = 3
    report = _roll(world, alarm="Errors", waves="100%")
    assert report.outcome is RollOutcome.HALTED
    assert "alarm Errors" in report.reason
    assert world.released.version == RELEASED


def test_an_alarm_that_goes_on_after_the_last_wave_halts_the_roll() -> None:
    """The look after a wave bears the alarm too: an alarm in the last soak keeps the candidate from its promotion."""
    world = MemoryFleet(40)
    world.alarm_after, world.alarm_in = 0, " look 3/3"
    report = _roll(world, alarm="Errors")
    assert (report.outcome, report.reason) == (RollOutcome.HALTED, "wave 3: alarm Errors stopped it")
    assert world.released.version == RELEASED
    world.alarm_after = None
    assert _roll(world, alarm="Errors").outcome is RollOutcome.PROMOTED


def test_one_command_by_tag_where_a_wave_is_the_whole_fleet() -> None:
    """More than 50 instances that are all there is are reached by their tag, in one command with the same limit."""
    world = MemoryFleet(120)
    for node in world.nodes.values():
        node.tag = "ecsauth=prod"
    scope = Scope((), Tag("ecsauth", "prod"))
    report = _roll(world, scope=scope, limit="3")
    last = [one.order for one in world.commands if one.order.comment.endswith("wave 3/3")]
    assert report.outcome is RollOutcome.PROMOTED
    assert [(one.tag, one.instances, one.max_errors) for one in last] == [(Tag("ecsauth", "prod"), (), 3)]


def test_no_instance_can_be_reached() -> None:
    """A roll that reaches nobody is refused, before anything is sent."""
    world = MemoryFleet(2)
    for node in world.nodes.values():
        node.ping = "ConnectionLost"
    with pytest.raises(DeniedError, match="no instance"):
        _roll(world)
    assert world.commands == []


def test_unmanaged_instances_are_found() -> None:
    """Who is not managed by Systems Manager is named; one whose agent ECS has lost, too, is stopped."""
    world = MemoryFleet(3)
    world.nodes["i-00000000000000001"].ping = None
    world.nodes["i-00000000000000002"].ping = None
    world.nodes["i-00000000000000002"].connected = False
    assert find_unmanaged(world.edges().census.take(world.scope)) == ("i-00000000000000001",)


def _push(world: MemoryFleet) -> None:
    world.released = Released("r9", world.clock.wall())


def _new_candidate(world: MemoryFleet) -> None:
    world.candidate = Candidate("c9", world.clock.wall(), RELEASED)


@pytest.mark.parametrize("change", [_push, _new_candidate])
@pytest.mark.parametrize("wait", [1, 3, 5])
def test_somebody_else_is_faster(change: Callable[[MemoryFleet], None], wait: int) -> None:
    """A version that is released meanwhile, and another roll, end this one as a conflict, and nothing is promoted."""
    world = MemoryFleet(20)
    world.meanwhile = {wait: lambda: change(world)}
    with pytest.raises(ConflictError):
        _roll(world)
    assert world.released.promoted_from is None


def test_the_promotion_comes_too_late() -> None:
    """A version that is released between the last look and the copy is not replaced."""
    world = MemoryFleet(1)
    edges = world.edges()

    class Late:
        released, candidate = staticmethod(edges.objects.released), staticmethod(edges.objects.candidate)

        @staticmethod
        def promote(candidate: Candidate) -> Released:
            _push(world)
            return edges.objects.promote(candidate)

    with pytest.raises(ConflictError):
        Roll(_terms(world), edges._replace(objects=Late())).run()
    assert world.released.version == "r9"


def test_a_roll_without_promotion() -> None:
    """Where another role promotes, the roll ends after the last wave, and a resume of that role promotes."""
    world = MemoryFleet(20)
    assert _roll(world, promotes=False).outcome is RollOutcome.ROLLED
    sent = len(world.commands)
    assert world.released.version == RELEASED
    assert _roll(world).outcome is RollOutcome.PROMOTED
    assert len(world.commands) == sent


def _stop(world: MemoryFleet) -> None:
    edges = world.edges()
    names = [edges.documents[kind].name for kind in ("boot", "status")]
    ledger = Ledger(edges.run, ID, names, 0)
    cancel_open(edges.run, ledger)
    mark_halt(edges, ledger, ID, lambda: world.scope)


@pytest.mark.parametrize("wait", [1, 2, 3])
def test_halt_stops_whoever_rolls(wait: int) -> None:
    """A halt is seen during a wave and between two waves, and the client that rolls ends."""
    world = MemoryFleet(40)
    world.meanwhile = {wait: lambda: _stop(world)}
    report = _roll(world)
    assert report.outcome is RollOutcome.STOPPED
    assert (world.released.version, _state(world)) == (RELEASED, RollState.HALTED)


def test_a_halted_roll_can_go_on() -> None:
    """A resume after a halt brings the rest to the candidate and promotes it."""
    world = MemoryFleet(40)
    failing(world, _order(world)[2:3])
    assert _roll(world).outcome is RollOutcome.HALTED
    failing(world, _order(world)[2:3], code=0)
    assert _roll(world).outcome is RollOutcome.PROMOTED
    assert world.ahead() == set(world.nodes)


def test_a_resume_tries_again_what_has_failed() -> None:
    """If the fault lasts, the roll is halted again."""
    world = MemoryFleet(40)
    failing(world, _order(world)[2:3])
    assert [_roll(world).outcome for _ in range(2)] == [RollOutcome.HALTED, RollOutcome.HALTED]
    assert world.released.version == RELEASED


def test_a_wave_that_nobody_looked_at_is_looked_at() -> None:
    """If the client dies before a wave was looked at, the one after it does so before it goes on."""
    for number in range(1, 12):
        world = MemoryFleet(30)
        with pytest.raises(Killed):
            _roll(world, Life(number))
        world.settle()
        world.nodes[_order(world)[0]].alarms = ("rejected",)
        report = _roll(world)
        assert (report.outcome, world.released.version) == (RollOutcome.HALTED, RELEASED), number
        assert len(world.ahead()) == 1, number


def test_a_wave_that_was_found_broken_halts_again() -> None:
    """A resume does not step over a wave that has taken the candidate and lost its agent."""
    world = MemoryFleet(30)
    world.nodes[_order(world)[0]].alarms = ("rejected",)
    assert [_roll(world).outcome for _ in range(2)] == [RollOutcome.HALTED, RollOutcome.HALTED]
    world.nodes[_order(world)[0]].alarms = ()
    assert _roll(world).outcome is RollOutcome.PROMOTED


def test_two_clients_at_once() -> None:
    """Of two clients that carry out the same roll, one gives way; the instances have the candidate once."""
    world = MemoryFleet(40)
    others: list[RollReport] = []
    world.meanwhile = {2: lambda: others.append(_roll(world))}
    assert _roll(world).outcome in (RollOutcome.STOPPED, RollOutcome.PROMOTED)
    assert [each.outcome for each in others] == [RollOutcome.PROMOTED]
    assert world.ahead() == set(world.nodes)


def _calls() -> int:
    """Return how many calls a roll makes that is not killed."""
    world, number = MemoryFleet(60), 0
    edges = world.edges(Life(10_000))
    Roll(_terms(world), edges).run()
    number = edges.run.calls  # type: ignore[attr-defined]
    assert isinstance(number, int)
    return number


@pytest.mark.parametrize("is_after", [False, True])
def test_a_client_that_dies_between_any_two_calls_is_resumed(is_after: bool) -> None:
    """Whoever goes on after it brings all instances to the candidate, each at most twice, and promotes it once."""
    calls = _calls()
    assert calls > 30
    for number in range(1, calls + 1):
        world = MemoryFleet(60)
        with pytest.raises(Killed):
            _roll(world, Life(number, is_after))
        report = _roll(world)
        assert report.outcome is RollOutcome.PROMOTED, number
        assert world.ahead() == set(world.nodes), number
        assert max(node.boots for node in world.nodes.values()) <= 2, number


def test_a_client_that_dies_does_not_lose_a_failure() -> None:
    """A wave that fails while nobody watches is not taken for one that went well."""
    for number in range(1, 30):
        world = MemoryFleet(60)
        failing(world, _order(world)[3:5])
        try:
            _roll(world, Life(number))
        except Killed:
            world.settle()
            assert _roll(world).outcome is RollOutcome.HALTED, number
        assert world.released.version == RELEASED, number


def test_marks_of_others_do_not_stop_a_roll() -> None:
    """A command of another roll, and one of somebody without ecsauth, are none of ours."""
    world = MemoryFleet(10)
    edges = world.edges()
    for comment in (str(Mark("0" * 12, Purpose.HALT)), "by hand"):
        edges.run.send(CommandOrder(edges.documents[STATUS], comment, {}, instances=(_order(world)[0],)))
    assert _roll(world).outcome is RollOutcome.PROMOTED


def test_concurrency_opens_several_batches() -> None:
    """With more instances at once than a command may name, several commands run at the same time."""
    one, many = MemoryFleet(400), MemoryFleet(400)
    _roll(one, waves="100%", concurrency=Share(50))
    _roll(many, waves="100%", concurrency=Share(400))
    assert many.waits < one.waits
    assert one.ahead() == set(one.nodes)


@pytest.mark.parametrize("lag", [1, 3, 1000])
@pytest.mark.parametrize("has_failed", [False, True])
def test_results_that_lag_behind_lose_no_failure(lag: int, has_failed: bool) -> None:
    """Results are waited for; an instance of which there is none has failed, so nothing is promoted without it."""
    world = MemoryFleet(160)
    world.lag = lag
    if has_failed:
        failing(world, [_order(world)[130]])
    report = _roll(world, waves="1,100%")
    is_whole = lag < 1000 and not has_failed
    assert report.outcome is (RollOutcome.PROMOTED if is_whole else RollOutcome.HALTED)
    assert (world.released.version == RELEASED) is not is_whole


def test_an_alarm_is_seen_before_the_results() -> None:
    """A command that an alarm has stopped is followed by no other one, also while its results are not listed yet."""
    world = MemoryFleet(500)

    def alarm() -> None:
        world.cancel(world.commands[0].id)
        world.commands[0].alarms = ("Errors",)
        world.commands[0].asked = -1000

    world.meanwhile = {3: alarm}
    report = _roll(world, waves="100%", alarm="Errors", concurrency=Share(100))
    assert (report.outcome, report.reason) == (RollOutcome.HALTED, "wave 1: alarm Errors stopped it")
    assert len([one for one in world.commands if " wave " in one.order.comment]) == 2


def test_a_halt_between_two_commands_of_a_wave() -> None:
    """A halt that finds no command to cancel stops the wave all the same."""
    world = MemoryFleet(500)

    def stop() -> None:
        world.commands[-1].ramp = 64
        world.settle_without_wait()
        _stop(world)

    # The canary has two waits, the second wave begins with the third.
    world.meanwhile = {3: stop}
    report = _roll(world, waves="1,100%")
    assert (report.outcome, report.reason) == (RollOutcome.STOPPED, "it was halted by another command")
    assert len(world.ahead()) <= 51
    assert _state(world) is RollState.HALTED


def test_an_instance_that_says_nothing_more_may_have_the_candidate() -> None:
    """A boot of which there is no answer in time is no error, and `back` reaches the instance."""
    world = MemoryFleet(20)
    lost = _order(world)[5]
    world.nodes[lost].is_lost = True
    report = _roll(world)
    assert (report.outcome, report.missed) == (RollOutcome.PROMOTED, (lost,))
    edges = world.edges()
    ledger = Ledger(edges.run, ID, [edges.documents[kind].name for kind in ("boot", "status")], 0)
    ledger.refresh()
    assert lost in ledger.touched
    assert lost not in ledger.done


def test_most_instances_say_nothing_more() -> None:
    """A wave of which most say nothing more is halted: their agent may have taken the machine with it."""
    world = MemoryFleet(20)
    for each in _order(world)[1:12]:
        world.nodes[each].is_lost = True
    report = _roll(world, waves="1,100%")
    assert (report.outcome, report.reason) == (RollOutcome.HALTED, "wave 2: 11 instances gave no answer in time")


def test_batches_where_one_command_would_be_late() -> None:
    """One command by tag has a time for all instances together; where it may be too short, batches go."""
    world = MemoryFleet(1000)
    for node in world.nodes.values():
        node.tag = "ecsauth=prod"
    scope = Scope((), Tag("ecsauth", "prod"))
    assert _roll(world, scope=scope, waves="100%", concurrency=Share(50)).outcome is RollOutcome.PROMOTED
    assert {one.order.tag for one in world.commands} == {None}


def test_a_roll_that_was_halted_days_ago_can_go_on() -> None:
    """Instances whose candidate has expired meanwhile get it again."""
    world = MemoryFleet(40)
    failing(world, _order(world)[2:3])
    assert _roll(world).outcome is RollOutcome.HALTED
    failing(world, _order(world)[2:3], code=0)
    world.clock.seconds += 3 * 86_400
    for node in world.nodes.values():
        node.ahead, node.installed = None, RELEASED
    assert _roll(world).outcome is RollOutcome.PROMOTED
    assert world.ahead() == set(world.nodes)


def test_a_resumed_roll_is_in_progress_and_can_be_halted() -> None:
    """While a resume only watches a wave, a second roll is refused, and a halt is not lost."""
    world = MemoryFleet(30)
    world.nodes[_order(world)[0]].alarms = ("rejected",)
    assert _roll(world).outcome is RollOutcome.HALTED
    world.nodes[_order(world)[0]].alarms = ()
    seen: list[RollState] = []

    def stop() -> None:
        seen.append(_state(world))
        _stop(world)

    world.meanwhile = {world.waits + 1: stop}
    assert _roll(world).outcome is RollOutcome.STOPPED
    assert seen[0] in IN_PROGRESS
    assert (world.released.version, _state(world), len(world.ahead())) == (RELEASED, RollState.HALTED, 1)


def test_a_look_that_is_cancelled_stops_the_roll() -> None:
    """A look without a result is no look: nothing goes on after it."""
    world = MemoryFleet(40)
    world.nodes[_order(world)[0]].alarms = ("rejected",)

    def cancel() -> None:
        if " look " in world.commands[-1].order.comment:
            world.cancel(world.commands[-1].id)

    world.meanwhile = dict.fromkeys(range(20), cancel)
    report = _roll(world)
    assert (report.outcome, world.released.version) == (RollOutcome.STOPPED, RELEASED)
    assert _state(world) is RollState.HALTED


def test_the_role_that_promotes_sends_nothing() -> None:
    """After a roll without promotion a resume only promotes, whatever has happened to the instances meanwhile."""
    world = MemoryFleet(20)
    rebooting = world.nodes[_order(world)[0]]

    def reboot() -> None:
        rebooting.connected, rebooting.alarms = False, ("not-registered",)

    def return_() -> None:
        rebooting.connected, rebooting.alarms = True, ()

    world.meanwhile = {2: reboot, 4: return_}
    assert _roll(world, promotes=False).outcome is RollOutcome.ROLLED
    assert _state(world) is RollState.ROLLED
    world.nodes["i-00000000000000fff"] = MemoryNode("i-00000000000000fff")
    sent = len(world.commands)
    assert _roll(world).outcome is RollOutcome.PROMOTED
    assert len(world.commands) == sent


def test_a_mark_finds_an_instance() -> None:
    """A mark is left on the first instance that takes it: one may have stopped just now."""
    world = MemoryFleet(3)
    edges = world.edges()
    gone = min(world.nodes)

    class Stopping:
        commands, invocations, cancel = edges.run.commands, edges.run.invocations, edges.run.cancel

        @staticmethod
        def send(order: CommandOrder) -> str:
            if order.instances == (gone,):
                raise GoneError("it is gone")
            return edges.run.send(order)

    mark(edges._replace(run=Stopping()), Mark(ID, Purpose.HALT), sorted(world.nodes))
    assert [one.order.instances for one in world.commands] == [(sorted(world.nodes)[1],)]


def test_a_mark_where_the_touched_instances_are_gone() -> None:
    """A mark is left on any instance of the fleet if those that have got a command are gone: no halt is lost."""
    world = MemoryFleet(40)
    failing(world, _order(world)[:1])
    assert _roll(world).outcome is RollOutcome.HALTED
    del world.nodes[_order(world)[0]]
    _stop(world)
    assert _roll(world).outcome is RollOutcome.PROMOTED
    assert world.ahead() == set(world.nodes)


def test_a_candidate_that_an_instance_has_lost_is_not_promoted_after_a_crash() -> None:
    """Looks at one instance again and again do not stand for another one that has failed."""
    for number in range(20, 80):
        world = MemoryFleet(20)
        bad, rebooting = (world.nodes[each] for each in _order(world)[3:5])
        bad.alarms, rebooting.connected = ("rejected",), False
        try:
            _roll(world, Life(number), waves="1,50%,100%")
        except Killed:
            world.settle()
            rebooting.connected = True
            report = _roll(world, waves="1,50%,100%")
            assert (report.outcome, world.released.version) == (RollOutcome.HALTED, RELEASED), number


def test_a_wave_that_a_launch_has_moved_is_looked_at() -> None:
    """An instance that sorts first moves the failed one out of its wave: that one halts a resume all the same."""
    world = MemoryFleet(4)
    bad = _order(world)[0]
    world.nodes[bad].alarms = ("rejected",)
    assert _roll(world).outcome is RollOutcome.HALTED
    first = next(
        each for each in (f"i-{number:017x}" for number in range(10, 999)) if order((each, bad), CANDIDATE)[0] == each
    )
    world.nodes[first] = MemoryNode(first)
    report = _roll(world)
    assert (report.outcome, world.released.version) == (RollOutcome.HALTED, RELEASED)
    assert bad in dict(report.failed)


@pytest.mark.parametrize("is_alarm", [False, True])
def test_a_halt_while_a_resume_waits(is_alarm: bool) -> None:
    """Whoever resumes waits for the commands of the client before; a halt in that time is not taken back."""
    world = MemoryFleet(60)
    with pytest.raises(Killed):
        _roll(world, Life(11), waves="100%", alarm="Errors")
    assert any(one.left for one in world.commands)
    if is_alarm:
        world.alarm_after = 0
    else:
        world.meanwhile = {world.waits + 1: lambda: _stop(world)}
    report = _roll(world, waves="100%", alarm="Errors", ends_halt=False)
    assert (report.outcome, world.released.version) == (RollOutcome.STOPPED, RELEASED)
    assert _state(world) is RollState.HALTED


def test_a_halt_just_before_a_resume() -> None:
    """A halt that came after the roll was looked at is not ended by a resume that did not know of it."""
    world = MemoryFleet(40)
    world.meanwhile = {2: lambda: _stop(world)}
    assert _roll(world).outcome is RollOutcome.STOPPED
    sent = len(world.commands)
    assert _roll(world, ends_halt=False).outcome is RollOutcome.STOPPED
    assert (len(world.commands), _state(world)) == (sent, RollState.HALTED)


def test_a_withdrawal_just_before_a_resume() -> None:
    """Nor is a withdrawal."""
    world = MemoryFleet(40)
    edges = world.edges()
    mark(edges, Mark(ID, Purpose.BACK), sorted(world.nodes))
    assert _roll(world).outcome is RollOutcome.STOPPED
    assert world.ahead() == set()


def test_a_hung_instance_does_not_halt_every_resume() -> None:
    """One that never answers is compared with all that have taken the candidate, not with what a resume has sent."""
    world = MemoryFleet(40)
    hung, failed = _order(world)[20:22]
    world.nodes[hung].is_lost = True
    failing(world, [failed])
    assert _roll(world).outcome is RollOutcome.HALTED
    del world.nodes[failed]
    report = _roll(world)
    assert (report.outcome, report.missed) == (RollOutcome.PROMOTED, (hung,))


def test_an_instance_that_goes_before_a_command_by_tag_is_no_error() -> None:
    """A command by tag reaches the instances of its moment: one that was terminated before was not meant."""
    world = MemoryFleet(120)
    for node in world.nodes.values():
        node.tag = "ecsauth=prod"
    gone = _order(world)[-1]
    edges = world.edges()

    class Slow:
        commands, invocations, cancel = edges.run.commands, edges.run.invocations, edges.run.cancel

        @staticmethod
        def send(order: CommandOrder) -> str:
            if order.tag is not None:
                world.nodes.pop(gone, None)
            return edges.run.send(order)

    terms = _terms(world, scope=Scope((), Tag("ecsauth", "prod")))
    report = Roll(terms, edges._replace(run=Slow())).run()
    assert (report.outcome, report.missed) == (RollOutcome.PROMOTED, (gone,))


@pytest.mark.parametrize(("hours", "sends"), [(22, False), (40, True)])
def test_a_roll_that_waits_for_its_promotion(hours: int, sends: bool) -> None:
    """A candidate that has expired on the instances meanwhile is sent again before it is promoted."""
    world = MemoryFleet(20)
    assert _roll(world, promotes=False).outcome is RollOutcome.ROLLED
    sent = len(world.commands)
    world.clock.seconds += hours * 3600
    assert _roll(world).outcome is RollOutcome.PROMOTED
    assert (len(world.commands) > sent) is sends


def _listed(purpose: Purpose, number: int, targets: int = 1, errors: int = 0) -> SentCommand:
    mark_ = Mark(ID, purpose, number, 3 if number else 0)
    return SentCommand("c", str(mark_), "Success", 0, targets, targets, errors)


W, L, H = Purpose.WAVE, Purpose.LOOK, Purpose.HALT


@pytest.mark.parametrize(
    ("commands", "wave"),
    [
        ([], 0),
        ([_listed(W, 1)], 1),
        ([_listed(W, 1), _listed(L, 1)], 0),
        ([_listed(W, 1), _listed(L, 1), _listed(W, 2, 9)], 2),
        ([_listed(W, 1), _listed(L, 1), _listed(W, 2, 9), _listed(L, 2, 9)], 0),
        ([_listed(W, 1), _listed(L, 1), _listed(H, 0)], 1),
        ([_listed(W, 1), _listed(L, 1), _listed(W, 2, 9), _listed(L, 2, 9), _listed(H, 0)], 2),
        ([_listed(W, 3, 90), _listed(L, 3, 50), _listed(L, 3, 40)], 0),
        # One was looked at again, and that may be another one than the one that failed.
        ([_listed(W, 3, 90), _listed(L, 3, 90, 1), _listed(L, 3, 1)], 3),
        ([_listed(W, 3, 90), _listed(L, 3, 90, 1)], 3),
        # An instance that was launched came into the first wave of a resume, while the second was not looked at yet.
        ([_listed(W, 1), _listed(L, 1), _listed(W, 2, 9), _listed(W, 1, 1, 1), _listed(H, 0)], 2),
    ],
)
def test_a_wave_that_has_to_be_looked_at(commands: list[SentCommand], wave: int) -> None:
    """A wave counts as looked at when as many have answered well as have taken the candidate, since the last halt."""
    assert unseen(commands) == wave
