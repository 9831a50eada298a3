"""Every way to take a word out of a policy, or to make one reach further: each has to be noticed by some row."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from access_world import Place, is_allowed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from access_table import Case
    from policy_evaluator import Policy

_PREFIX = "prod/*"


class Change(NamedTuple):
    """A change: of which policy, and where in it, as a path of names and numbers.

    What is there is taken out; or, where it ends with a prefix, ends so instead.
    """

    policy: str
    sid: str
    path: tuple[Any, ...]
    instead: str = ""

    def __str__(self) -> str:
        place = ".".join(str(step) for step in self.path[2:])
        return f"{self.policy} {self.sid} {place}".strip() + (f" = {self.instead}" if self.instead else "")

    def __call__(self, policies: Mapping[str, Policy], /) -> dict[str, Policy]:
        """Return the policies with the change made."""
        changed: dict[str, Any] = json.loads(json.dumps(policies))
        where = changed[self.policy]
        for step in self.path[:-1]:
            where = where[step]
        if self.instead:
            where[self.path[-1]] = where[self.path[-1]].replace(_PREFIX, self.instead)
        else:
            where.pop(self.path[-1])
        return changed


def all_changes(policies: Mapping[str, Policy]) -> list[Change]:
    """Return all of them."""
    return [change for name, policy in policies.items() for change in (*removals(name, policy), *changes(name, policy))]


def noticed(change: Change, place: Place, cases: Iterable[Case]) -> Optional[Case]:
    """Return the first case that is answered differently after the change, None if there is none."""
    changed = change(place.policies())
    return next((case for case in cases if is_allowed(case, place, changed) is not case.is_allowed), None)


def with_cases(changes: Iterable[Change], cases: Sequence[Case]) -> list[tuple[Change, Case]]:
    """Return the changes that some case notices, each with the first that does."""
    place = Place()
    found = ((change, noticed(change, place, cases)) for change in changes)
    return [(change, case) for change, case in found if case]


def removals(name: str, policy: Policy) -> Iterator[Change]:
    """Yield the statements of a policy, each gone."""
    for number, statement in enumerate(policy["Statement"]):
        yield Change(name, statement["Sid"], ("Statement", number))


def changes(name: str, policy: Policy) -> Iterator[Change]:
    """Yield what else can be taken out of a policy, and what can be made to reach further."""
    for number, statement in enumerate(policy["Statement"]):
        of = Change(name, statement["Sid"], ("Statement", number))
        for element in ("Action", "Resource"):
            if isinstance(statement.get(element), list):
                yield from _each_gone(of, (element,), statement[element])
        for operator, block in statement.get("Condition", {}).items():
            for key, values in block.items():
                yield of._replace(path=(*of.path, "Condition", operator, key))
                if isinstance(values, list):
                    yield from _each_gone(of, ("Condition", operator, key), values)
        yield from _wider(of, statement)


def _each_gone(of: Change, path: tuple[Any, ...], values: list[Any]) -> Iterator[Change]:
    if len(values) > 1:
        for number in range(len(values)):
            yield of._replace(path=(*of.path, *path, number))


def _wider(of: Change, value: Any, path: tuple[Any, ...] = ()) -> Iterator[Change]:
    """Yield each text that ends with a prefix as one that takes other prefixes in, too."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from _wider(of, one, (*path, key))
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _wider(of, one, (*path, number))
    elif isinstance(value, str) and value.endswith(_PREFIX):
        for instead in ("prod*", "*"):
            yield of._replace(path=(*of.path, *path), instead=instead)
