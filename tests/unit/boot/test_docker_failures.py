"""Every plan from every situation, failing or killed at every place: the agent that ran before must run again.

The plans are played against a model of the docker engine.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Optional

import pytest
from docker_model import DockerModel, Failure, One
from ecsauth.boot import docker_plan
from ecsauth.boot.docker_plan import NAME, PREVIOUS_NAME, WantedContainer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ecsauth.boot.plan import Command, Plan, Step

WANTED = WantedContainer(docker_plan.IMAGE, "/etc/ecs/ecs.config", "v2", frozenset({"ECS_CLUSTER"}))
POLICY = "on-failure:10"


class Engine(DockerModel):
    """The engine, and the plan from what it shows."""

    def plan(self, *, force: bool = False, on_trial: bool = False) -> Plan:
        """Return the plan from what docker shows now."""
        agent, parked = self.shown(NAME), self.shown(PREVIOUS_NAME)
        return docker_plan.plan(WANTED, agent, parked, has_image=True, force=force, unverified=on_trial)


def _execute(
    engine: Engine, plan: Plan, fails_at: Optional[int] = None, failure: Optional[Failure] = None
) -> list[Step]:
    """Run the plan's steps up to one that fails, if any; return those that were begun."""
    done = []
    for number, step in enumerate(plan.steps):
        done.append(step)
        if not engine.do(step.command, failure if number == fails_at else None):
            assert number == fails_at, f"docker refuses: {step.command}"
            break
    return done


def _going_back(plan: Plan, done: list[Step]) -> Iterator[Command]:
    """Yield what takes the steps back, and then what brings back an agent that an earlier run had parked."""
    for step in reversed(done):
        yield from step.undo
    yield from plan.back


def _go_back(engine: Engine, plan: Plan, done: list[Step], at_most: Optional[int] = None) -> None:
    for command in itertools.islice(_going_back(plan, done), at_most):
        engine.do(command)


def _agents() -> list[Optional[One]]:
    wrong, foreign = One("wrong", True, POLICY, "v1", "older"), One("foreign", True, POLICY)
    right = One("right", True, POLICY, WANTED.version, docker_plan.fingerprint(WANTED))
    kinds = (right, right._replace(policy="no"), wrong, wrong._replace(policy="no"))
    policies = [foreign._replace(policy=policy) for policy in ("no", "always", "unless-stopped", "on-failure:3")]
    running = [*kinds, *policies]
    return [None, *running, *(one._replace(running=False) for one in running)]


def _parked() -> list[Optional[One]]:
    ours, foreign = One("parked", False, "no", "v0", "oldest"), One("parked-foreign", False, "no")
    always = foreign._replace(policy="always")
    return [None, ours, foreign, always, always._replace(running=True)]


def _name(one: Optional[One]) -> str:
    return f"{one.container_id}-{one.policy}-{'running' if one.running else 'stopped'}" if one else "none"


SITUATIONS = [
    pytest.param(agent, parked, {"force": force}, id=f"{_name(agent)} {_name(parked)}{' forced' if force else ''}")
    for agent, parked, force in itertools.product(_agents(), _parked(), (False, True))
]
ON_TRIAL = [
    pytest.param(agent, parked, {"on_trial": True}, id=f"{_name(agent)} on trial {_name(parked)}")
    for agent, parked in itertools.product(_agents()[1:], _parked())
]
FAILURES = tuple(Failure)


def _goes_back_to(agent: Optional[One], parked: Optional[One], how: dict[str, bool]) -> Optional[One]:
    """Return what has to stand under the agent's name after a failure, as it has to stand there."""
    is_right = agent is not None and agent.container_id == "right" and not how.get("force")
    if parked is not None and (agent is None or is_right or not agent.running or how.get("on_trial")):
        return parked._replace(running=True, policy=POLICY if parked.policy == "no" else parked.policy)
    if agent is None:
        return None
    # Of ours only a killed run takes the policy away; whatever had stopped the agent, it has to run again.
    policy = POLICY if agent.is_ours and agent.policy == "no" else agent.policy
    return agent._replace(running=agent.running or not is_right, policy=policy)


def _agent(engine: Engine) -> Optional[One]:
    return engine.containers.get(NAME)


@pytest.mark.parametrize(("agent", "parked", "how"), [*SITUATIONS, *ON_TRIAL])
def test_a_plan_that_succeeds(agent: One | None, parked: One | None, how: dict[str, bool]) -> None:
    """Docker takes every command, the wanted agent runs, alone but for one that is parked until all is well."""
    engine = Engine(agent, parked)
    plan = engine.plan(**how)
    _execute(engine, plan)
    made = _agent(engine)
    assert made is not None
    assert (made.running, made.policy, made.version) == (True, POLICY, WANTED.version)
    aside = engine.containers.get(PREVIOUS_NAME)
    assert (aside is not None) is plan.previous
    if any(step.command[1] == "run" for step in plan.steps) and aside is not None:
        assert (aside.running, aside.policy) == (False, "no")
    assert all(engine.do(step.command) for step in plan.finish)
    assert list(engine.containers) == [NAME]
    again = engine.plan()
    assert not again.steps
    assert not again.finish


@pytest.mark.parametrize(("agent", "parked", "how"), [*SITUATIONS, *ON_TRIAL])
def test_a_failure_at_any_step(agent: One | None, parked: One | None, how: dict[str, bool]) -> None:
    """Whatever step fails, and however: the agent of before is back under its name, running, with its policy."""
    plan = Engine(agent, parked).plan(**how)
    if not plan.previous and agent is not None:
        return  # nothing was put aside: the right agent is only mended, one on trial is given up
    for fails_at, failure in itertools.product(range(len(plan.steps)), FAILURES):
        engine = Engine(agent, parked)
        _go_back(engine, plan, _execute(engine, plan, fails_at, failure))
        engine.settle()
        assert _agent(engine) == _goes_back_to(agent, parked, how), (plan.steps[fails_at].command, failure)


@pytest.mark.parametrize(("agent", "parked", "how"), [*SITUATIONS, *ON_TRIAL])
def test_a_new_agent_that_does_not_come_up(agent: One | None, parked: One | None, how: dict[str, bool]) -> None:
    """The steps went well and the agent failed: the one of before comes back as well, and nothing is left parked."""
    engine = Engine(agent, parked)
    plan = engine.plan(**how)
    done = _execute(engine, plan)
    if not plan.previous:
        return
    _go_back(engine, plan, done)
    assert _agent(engine) == _goes_back_to(agent, parked, how)
    assert PREVIOUS_NAME not in engine.containers


def _killed(agent: One) -> Iterator[Engine]:
    """Yield the engine after a run was killed at each place, on its way there and on its way back."""
    plan = Engine(agent, None).plan()
    for killed_at, failure in itertools.product(range(len(plan.steps)), FAILURES):
        engine = Engine(agent, None)
        _execute(engine, plan, killed_at, failure)
        engine.settle()
        yield engine
    for count in range(sum(1 for _ in _going_back(plan, list(plan.steps)))):
        engine = Engine(agent, None)
        _go_back(engine, plan, _execute(engine, plan), at_most=count)
        yield engine


OURS = One("wrong", True, POLICY, "v1", "older")
FOREIGN = One("foreign", True, "always")


@pytest.mark.parametrize("force", [False, True], ids=["plain", "forced"])
@pytest.mark.parametrize("agent", [OURS, FOREIGN], ids=["ours", "foreign"])
def test_a_killed_run_is_finished_by_the_next(agent: One, force: bool) -> None:
    """Wherever a run was killed, the next one gets to the wanted agent and leaves nothing behind."""
    for engine in _killed(agent):
        plan = engine.plan(force=force)
        _execute(engine, plan)
        assert all(engine.do(step.command) for step in plan.finish)
        (made,) = engine.containers.values()
        assert _agent(engine) == made
        assert (made.running, made.policy, made.version) == (True, POLICY, WANTED.version)


@pytest.mark.parametrize("force", [False, True], ids=["plain", "forced"])
def test_a_killed_run_is_taken_back_by_the_next(force: bool) -> None:
    """Wherever a run was killed, a next one that fails at its end goes back to the agent of before both."""
    for engine in _killed(OURS):
        plan = engine.plan(force=force)
        if force and engine.containers.get(NAME, OURS).container_id == "new":
            continue  # the first run's agent runs: it is what the second goes back to
        _go_back(engine, plan, _execute(engine, plan))
        assert _agent(engine) == OURS
