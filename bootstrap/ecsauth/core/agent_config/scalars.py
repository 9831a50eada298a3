"""Booleans, integers and durations, as agent/config/parse.go, parse_linux.go and config.go read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Callable, NamedTuple, Optional

from ecsauth.core.agent_config.effect import Effect, Scalar, Verdict
from ecsauth.core.agent_config.go_values import atoi, parse_bool, parse_duration, parse_uint, trim_space
from ecsauth.core.agent_variables import Variable, find

Environment = Mapping[str, str]

_DEFAULT = "the default is used"
_QUIET_OR_WARNED = {"quiet": Verdict.QUIET, "warned": Verdict.WARNED}


def boolean(variable: Variable, value: str, other: Environment) -> Effect:
    """Return what a boolean comes to: strconv.ParseBool, mostly after TrimSpace.

    Sources: parseBooleanDefaultFalseConfig and ...TrueConfig warn of a bad value, utils.ParseBool says nothing,
    ecs-init's readers do not trim or compare with `true`.
    """
    default = _boolean_default(variable, other)
    text = trim_space(value) if variable.parsing.get("trim", True) else value
    needed = variable.parsing.get("needs")
    if not text:
        effect = Effect(Verdict.QUIET, default, default)
    elif needed is not None and not is_on(needed, other):
        effect = Effect(Verdict.QUIET, default, default, reason=f"read only while {needed} is on")
    elif "only" in variable.parsing:
        effect = _exact(value, variable.parsing["only"])
    else:
        effect = _parsed_boolean(variable, parse_bool(text), default)
    decide = _CAPABILITIES.get(variable.parsing.get("decides", ""))
    return effect if decide is None else _with_capability(effect, decide({**other, variable.name: value}))


def is_on(name: str, environment: Environment) -> bool:
    """Say whether the boolean of this name is on, by its value or by its default."""
    variable = find(name)
    return variable is not None and boolean(variable, environment.get(name, ""), environment).effective is True


def _parsed_boolean(variable: Variable, parsed: Optional[bool], default: bool) -> Effect:
    if parsed is not None:
        return Effect(Verdict.QUIET, parsed, default)
    verdict = _QUIET_OR_WARNED[variable.parsing.get("bad", "warned")]
    return Effect(verdict, default, default, lost=True, reason=f"not a boolean: {_DEFAULT}")


def _exact(value: str, only: str) -> Effect:
    """Return what ecs-init's `== "true"` comes to."""
    if value == only:
        return Effect(Verdict.QUIET, effective=True, default=False)
    if parse_bool(value) is False:
        return Effect(Verdict.QUIET, effective=False, default=False)
    return Effect(Verdict.QUIET, effective=False, default=False, lost=True, reason=f"only {only}, exactly, turns it on")


def _boolean_default(variable: Variable, other: Environment) -> bool:
    """Return the default, which two variables take from another one."""
    if variable.name == "ECS_CHECKPOINT":  # parse.go, parseCheckpoint
        return other.get("ECS_DATADIR", "") != ""
    if variable.name == "ECS_EXCLUDE_IPV6_PORTBINDING":  # config_unix.go, setIPv6PortBindingDefault
        return trim_space(other.get("ECS_INSTANCE_IP_COMPATIBILITY", "")).lower() != "ipv6"
    default: bool = variable.parsing.get("default", False)
    return default


class _Capability(NamedTuple):
    """What the agent decides from several variables, and whether it logs an error about it."""

    on: bool
    refused: bool = False


def _with_capability(effect: Effect, capability: _Capability) -> Effect:
    """Return the effect on a capability instead of the one on a variable."""
    if effect.effective is True and not capability.on:
        effect = effect._replace(reason="no gMSA by itself: it takes variables that ecs-init adds")
    verdict = Verdict.WARNED if capability.refused else effect.verdict
    return effect._replace(verdict=verdict, effective=capability.on)


def _gmsa(environment: Environment) -> _Capability:
    """Return parse_linux.go's parseGMSACapability, for a credentials-fetcher directory that exists."""
    if not _lenient(environment, "ECS_GMSA_SUPPORTED"):
        return _Capability(on=False)
    if _lenient(environment, "ZZZ_SKIP_DOMAIN_JOIN_CHECK_NOT_SUPPORTED_IN_PRODUCTION"):
        return _Capability(on=True)
    if not environment.get("CREDENTIALS_FETCHER_HOST_DIR"):
        return _Capability(on=False)
    domainless = bool(environment.get("CREDENTIALS_FETCHER_SECRET_NAME_FOR_DOMAINLESS_GMSA"))
    joined = domainless or _lenient(environment, "ECS_DOMAIN_JOINED_LINUX_INSTANCE")
    return _Capability(on=joined, refused=not joined)


def _domainless_gmsa(environment: Environment) -> _Capability:
    """Return parse_linux.go's parseGMSADomainlessCapability, for a credentials-fetcher directory that exists."""
    if not _lenient(environment, "ECS_GMSA_SUPPORTED"):
        return _Capability(on=False)
    skipped = _lenient(environment, "ZZZ_SKIP_DOMAIN_LESS_CHECK_NOT_SUPPORTED_IN_PRODUCTION")
    return _Capability(on=skipped or bool(environment.get("CREDENTIALS_FETCHER_HOST_DIR")))


def _lenient(environment: Environment, name: str) -> bool:
    """Return agent/utils ParseBool with false as its default."""
    return parse_bool(trim_space(environment.get(name, ""))) or False


_CAPABILITIES: Mapping[str, Callable[[Environment], _Capability]] = {"gmsa": _gmsa, "domainless gmsa": _domainless_gmsa}


def integer(variable: Variable, value: str, _other: Environment) -> Effect:
    """Return what an integer comes to: strconv.Atoi, or ParseUint where `bits` says so; bad values are warned of."""
    default = atoi(variable.default).value
    if not value:
        return Effect(Verdict.QUIET, default, default)
    if "bits" in variable.parsing:
        unsigned = parse_uint(value, variable.parsing["bits"])
        return _not_used(f"not {variable.accepted}", default) if unsigned is None else _used(unsigned, default)
    number = atoi(trim_space(value) if variable.parsing.get("trim") else value)
    # Atoi returns the nearest number beside its error; the parsers that look at the error only to log it keep that.
    if number.fault is not None and not (number.value and variable.parsing.get("overflow") == "kept"):
        return _not_used(number.fault, default)
    if number.value == 0 and variable.parsing.get("zero") == "default":
        return _zero(default)
    outside = _outside(number.value, variable.parsing.get("min"), variable.parsing.get("max"))
    if outside:
        return _not_used(outside, default)
    if number.fault is not None:
        reason = f"{number.fault}: the largest number is used"
        return Effect(Verdict.WARNED, number.value, default, lost=True, reason=reason)
    return _used(number.value, default)


def duration(variable: Variable, value: str, other: Environment) -> Effect:
    """Return what a duration comes to, in nanoseconds: time.ParseDuration, not trimmed; zero counts as not set."""
    default = parse_duration(variable.default) or 0
    if not value:
        return Effect(Verdict.QUIET, default, default)
    parsed = parse_duration(value)
    if parsed is None:
        return _not_used(_why_no_duration(value), default)
    if parsed == 0:
        return _zero(default)
    needed = variable.parsing.get("needs")
    if needed is not None and not is_on(needed, other):
        return _used(parsed, default, f"used only while {needed} is on")
    lowest, highest = (_limit(variable, bound) for bound in ("min", "max"))
    outside = _outside(parsed, lowest, highest)
    if not outside:
        return _used(parsed, default, variable.parsing.get("negative", "") if parsed < 0 else "")
    which = "min" if lowest is not None and parsed < lowest else "max"
    said = f"{_BEYOND[which]} of {variable.parsing[which]}"
    if variable.parsing["outside"] == "default":
        return _not_used(said, default)
    reason = f"{said}, which is used instead"
    return Effect(Verdict.WARNED, _limit(variable, which), default, lost=True, reason=reason)


_BEYOND = {"min": "below the minimum", "max": "above the maximum"}


def _limit(variable: Variable, bound: str) -> Optional[int]:
    """Return a duration's bound in nanoseconds, None where it has none."""
    text = variable.parsing.get(bound)
    return None if text is None else parse_duration(text)


def _outside(value: int, lowest: Optional[int], highest: Optional[int]) -> str:
    """Say how a value is out of bounds; empty if it is not."""
    if lowest is not None and value < lowest:
        return f"{_BEYOND['min']} of {lowest}"
    if highest is not None and value > highest:
        return f"{_BEYOND['max']} of {highest}"
    return ""


def _why_no_duration(value: str) -> str:
    """Say what is wrong with a duration that Go does not take."""
    if atoi(value).value:
        return "a number without a unit such as s, m or h"
    if parse_duration(trim_space(value)) is not None:
        return "white space beside the duration"
    return "not a duration such as 10m or 1h30m"


def _used(value: Scalar, default: Scalar, reason: str = "") -> Effect:
    return Effect(Verdict.QUIET, value, default, reason=reason)


def _zero(default: int) -> Effect:
    """Return the effect of 0 where the zero value of Go means not set (config.go, Merge)."""
    reason = f"0 counts as not set: {_DEFAULT}" if default else ""
    return Effect(Verdict.QUIET, default, default, lost=default != 0, reason=reason)


def _not_used(why: str, default: int) -> Effect:
    return Effect(Verdict.WARNED, default, default, lost=True, reason=f"{why}: {_DEFAULT}")
