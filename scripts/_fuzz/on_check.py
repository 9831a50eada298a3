"""check: findings point into the file, hold nothing secret of it, and a file without errors is a good one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecsauth import envfile
from ecsauth.check import check, rules
from ecsauth.check.examine import Target
from ecsauth.finding import Severity
from ecsauth.go.values import GO_SPACE

from _fuzz.secrecy import assert_hidden, secrets
from _fuzz.seeds import env_files
from _fuzz.target import holds

if TYPE_CHECKING:
    from ecsauth.finding import Finding

seeds = env_files
_CODES = frozenset(rule.code for rule in rules.RULES)
_SPACE_AROUND = frozenset({"F132", "F133"})


def run(data: bytes) -> None:
    """Check the bytes, and once more in another way."""
    found = check(data)
    check_places(found, data)
    assert_hidden(secrets(data), (text for one in found for text in spoken(one)))
    _AGAIN[len(data) % len(_AGAIN)](data, found)
    if not errors_of(found):
        check_agreement(data, frozenset(one.line for one in found if one.code in _SPACE_AROUND))


def _same_again(data: bytes, found: tuple[Finding, ...]) -> None:
    holds(check(data) == found, "the findings are not the same twice")


def _one_target(data: bytes, found: tuple[Finding, ...]) -> None:
    for target in (Target.DOCKER, Target.ECS_INIT):
        holds(set(errors_of(check(data, target))) <= set(errors_of(found)), f"{target} has errors that all do not have")


def _ignoring(data: bytes, found: tuple[Finding, ...]) -> None:
    holds(set(check(data, ignore=_CODES)) == set(errors_of(found)), "ignoring leaves out errors, or not all else")


_AGAIN = (_same_again, _one_target, _ignoring)


def spoken(finding: Finding) -> tuple[object, ...]:
    """Return all texts of a finding that come to people."""
    return (finding.message, finding.consequence, finding.fix, finding.variable, finding.registry)


def errors_of(found: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Return the errors among findings."""
    return tuple(one for one in found if one.severity is Severity.ERROR)


def check_places(found: tuple[Finding, ...], data: bytes) -> None:
    """Every line and column exists; a column may be one past the end of its line."""
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    for one in found:
        holds(one.column is None or one.line is not None, f"{one.code} has a column and no line")
        if one.line is not None:
            holds(1 <= one.line <= len(lines), f"{one.code} is in no line")
            holds(1 <= (one.column or 1) <= len(lines[one.line - 1]) + 1, f"{one.code} is outside of its line")


def check_agreement(data: bytes, spaced: frozenset[int | None] = frozenset()) -> None:
    """Docker takes the file and gives the agent what ecs-init gives; white space may differ in lines with a finding."""
    docker, ecs_init = envfile.docker(data), envfile.ecs_init(data)
    for reading in (docker, ecs_init):
        holds(reading.refusal is None and reading.start_failure is None, "no error, and yet no agent")
    theirs = {one.name: one for one in ecs_init.assignments}
    ours = {one.name: one for one in docker.assignments}
    for name in {*ours, *theirs}:
        if not name.startswith("ECS_"):
            continue
        holds(name in ours and name in theirs, "one of them loses a variable")
        one, other = ours[name].value.reveal(), theirs[name].value.reveal()
        if ours[name].line in spaced or not one.strip(GO_SPACE):
            one, other = one.strip(GO_SPACE), other.strip(GO_SPACE)
        holds(one == other, "they read a variable in two ways")
