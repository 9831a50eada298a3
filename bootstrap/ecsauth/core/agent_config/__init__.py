"""What the agent makes of a value: agent/config of amazon-ecs-agent, driven by the facts in `agent_variables`.

The real loader (config.go, NewConfig) takes the environment first and fills what is zero from its JSON file, from EC2
user data and from its defaults; here the file and the user data are taken to say nothing. The variables of the logger
and of ecs-init are modelled likewise; what the registry credentials come to is the matter of `registry_auth`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, NamedTuple, Optional

from ecsauth.core.agent_config import scalars, texts
from ecsauth.core.agent_config.effect import Effect, Verdict, fatal
from ecsauth.core.agent_config.go_values import trim_space
from ecsauth.core.agent_variables import Variable, find

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Effect", "StartFault", "Verdict", "effect", "start_faults"]

_EXTERNAL = "ECS_EXTERNAL"
_REGION = "AWS_DEFAULT_REGION"


class StartFault(NamedTuple):
    """Why the agent does not start, and the variable to set right."""

    variable: str
    reason: str


def effect(name: str, value: str, other: Mapping[str, str], *, region_elsewhere: bool = True) -> Effect:
    """Return what `name=value` does, with `other` as the rest of the environment; an unknown name does nothing.

    `region_elsewhere`: the agent can learn its region from the instance identity document or its JSON file.
    """
    variable = find(name)
    if variable is None:
        return Effect(Verdict.QUIET)
    if variable.ignored is not None:
        return Effect(Verdict.QUIET, lost=bool(value), reason=variable.ignored)
    outcome = _PARSERS.get(variable.kind, texts.plain)(variable, value, other)
    if name in (_EXTERNAL, _REGION):
        external, region = (value if name == key else other.get(key, "") for key in (_EXTERNAL, _REGION))
        fault = _region_fault(external, region, region_elsewhere=region_elsewhere)
        if fault is not None and fault.variable == name:
            return fatal(fault.reason, outcome.default)
    return outcome


def start_faults(environment: Mapping[str, str], *, region_elsewhere: bool = True) -> tuple[StartFault, ...]:
    """Return why the agent does not start with these variables together, whatever each of them says alone.

    `effect` reports the same of the variable named, where the file has it.
    """
    external, region = (environment.get(name, "") for name in (_EXTERNAL, _REGION))
    fault = _region_fault(external, region, region_elsewhere=region_elsewhere)
    return () if fault is None else (fault,)


def _region_fault(external: str, region: str, *, region_elsewhere: bool) -> Optional[StartFault]:
    """Return what is wrong with the region: config.go, NewConfig, then checkMissingAndDepreciated after trimming."""
    if not region and scalars.is_on(_EXTERNAL, {_EXTERNAL: external}):
        return StartFault(_EXTERNAL, "true without AWS_DEFAULT_REGION")
    if region and not trim_space(region):
        return StartFault(_REGION, "nothing but white space, which leaves the agent without a region")
    if not region and not region_elsewhere:
        return StartFault(_REGION, "no region from anywhere")
    return None


def _json_value(variable: Variable, value: str, other: Mapping[str, str]) -> Effect:
    from ecsauth.core.agent_config import documents  # only if a file has JSON

    return documents.json_value(variable, value, other)


_PARSERS: Mapping[str, Callable[[Variable, str, Mapping[str, str]], Effect]] = {
    "bool": scalars.boolean,
    "int": scalars.integer,
    "duration": scalars.duration,
    "enum": texts.choice,
    "string-list": texts.string_list,
    "port-range": texts.port_range,
    "rate-limits": texts.rate_limits,
    "float": texts.decimal,
    "json-list": _json_value,
    "json-object": _json_value,
}
