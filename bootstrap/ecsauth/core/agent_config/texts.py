"""Words, ranges, pairs of limits, decimal numbers and plain texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecsauth.core.agent_config.effect import Effect, Verdict, lost
from ecsauth.core.agent_config.go_values import atoi, parse_float, parse_uint, to_lower, trim_space

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ecsauth.core.agent_variables import Variable

    Environment = Mapping[str, str]

_TAKEN = Effect(Verdict.QUIET)
_PORT_BITS = 16


def plain(variable: Variable, value: str, _other: Environment) -> Effect:
    """Return what a text comes to that nobody checks at the start, but for a prefix that ecs-init asks for."""
    prefix = variable.parsing.get("prefix", "")
    if value and not value.startswith(prefix):
        return lost(f"does not begin with {prefix}: the default is used", warned=False)
    return _TAKEN


def string_list(_variable: Variable, value: str, _other: Environment) -> Effect:
    """Return what a list with commas comes to: strings.Split, the items as they are."""
    if any(item != trim_space(item) for item in value.split(",")):
        return _TAKEN._replace(reason="the white space beside a comma is part of the item")
    return _TAKEN


def choice(variable: Variable, value: str, _other: Environment) -> Effect:
    """Return what a word comes to: trimmed and folded as `parsing` says, else compared as it is."""
    parsing = variable.parsing
    text = trim_space(value) if parsing.get("trim") else value
    text = to_lower(text) if parsing.get("fold") else text
    if not text or text in parsing["values"]:
        return _TAKEN
    instead = parsing.get("instead", "the default is used")
    return lost(f"not one of {', '.join(parsing['values'])}: {instead}", warned=parsing.get("bad") == "warned")


def port_range(_variable: Variable, value: str, _other: Environment) -> Effect:
    """Return what FIRST-LAST comes to: docker's nat.ParsePortRange, which takes one port and ignores a third."""
    if not value:
        return _TAKEN
    ports = [parse_uint(part, _PORT_BITS) for part in value.split("-", 2)[:2]]
    first, last = ports[0], ports[-1]
    if first is None or last is None:
        return lost("not two ports from 0 to 65535 with a dash between: the default is used", warned=True)
    if last < first:
        return lost("the last port is below the first: the default is used", warned=True)
    return _TAKEN


def rate_limits(variable: Variable, value: str, _other: Environment) -> Effect:
    """Return what RATE,BURST comes to: parseTaskMetadataThrottles, Merge and validateAndOverrideBounds."""
    if not value:
        return _TAKEN
    limits = [atoi(trim_space(part)) for part in value.split(",", 2)]
    instead = f"{variable.default} is used"
    if len(limits) != 2 or any(limit.fault for limit in limits):  # noqa: PLR2004 -- a pair
        return lost(f"not two integers with a comma between: {instead}", warned=True)
    if any(limit.value < 0 for limit in limits):
        return lost(f"below 0: {instead}", warned=True)
    if any(limit.value == 0 for limit in limits):
        return lost(f"0 counts as not set: its default, of {variable.default}, is used", warned=False)
    return _TAKEN


def decimal(_variable: Variable, value: str, _other: Environment) -> Effect:
    """Return what a number with decimals comes to: strconv.ParseFloat, not trimmed."""
    if value and parse_float(value) is None:
        return lost("not a number: the default is used", warned=True)
    return _TAKEN
