"""The effect of a value: booleans, integers, durations and texts, as amazon-ecs-agent agent/config reads them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Callable, NamedTuple, Optional, Union

from ecsauth.agent.variables import Variable, find
from ecsauth.go.values import atoi, parse_bool, parse_duration, parse_float, parse_uint, to_lower, trim_space

Scalar = Union[bool, int, None]


class ConfigVerdict(Enum):
    """How the program that reads a variable reacts to its value.

    FATAL: the agent does not start. WARNED: it logs a warning or an error and continues. QUIET: it logs nothing,
    whether it uses the value or not.
    """

    QUIET = "quiet"
    WARNED = "warned"
    FATAL = "fatal"


class Effect(NamedTuple):
    """The effect of an assignment.

    `effective` and `default` are the values of booleans, integers and durations (nanoseconds), None for all other
    kinds; `effective` is None too if the agent does not start. `lost`: the agent uses the default or a limit instead of
    the given value. `reason` says why, or has other information (for example that the value works only with another
    variable). It may be empty, and it never has the value.
    """

    verdict: ConfigVerdict
    effective: Scalar = None
    default: Scalar = None
    lost: bool = False
    reason: str = ""


def fatal(reason: str, default: Scalar = None) -> Effect:
    """Return the effect of a value with which the agent does not start."""
    return Effect(ConfigVerdict.FATAL, None, default, lost=True, reason=reason)


def lost(reason: str, *, warned: bool) -> Effect:
    """Return the effect of a text, list or object that is not used."""
    return Effect(ConfigVerdict.WARNED if warned else ConfigVerdict.QUIET, lost=True, reason=reason)


Environment = Mapping[str, str]

_DEFAULT = "so the default applies"
_QUIET_OR_WARNED = {"quiet": ConfigVerdict.QUIET, "warned": ConfigVerdict.WARNED}


def boolean(variable: Variable, value: str, other: Environment) -> Effect:
    """Return the effect of a boolean: strconv.ParseBool, mostly after TrimSpace.

    Sources: parseBooleanDefaultFalseConfig and ...TrueConfig warn about a bad value, utils.ParseBool logs nothing,
    ecs-init's readers do not trim, or compare with `true`.
    """
    default = _boolean_default(variable, other)
    text = trim_space(value) if variable.parsing.get("trim", True) else value
    needed = variable.parsing.get("needs")
    if not text:
        effect = Effect(ConfigVerdict.QUIET, default, default)
    elif needed is not None and not is_on(needed, other):
        effect = Effect(ConfigVerdict.QUIET, default, default, reason=f"read only while {needed} is on")
    elif "only" in variable.parsing:
        effect = _exact(value, variable.parsing["only"])
    else:
        effect = _parsed_boolean(variable, parse_bool(text), default)
    decide = _CAPABILITIES.get(variable.parsing.get("decides", ""))
    return effect if decide is None else _with_capability(effect, decide({**other, variable.name: value}))


def is_on(name: str, environment: Environment) -> bool:
    """Tell whether the boolean with this name is true, by its value or its default."""
    variable = find(name)
    return variable is not None and boolean(variable, environment.get(name, ""), environment).effective is True


def _parsed_boolean(variable: Variable, parsed: Optional[bool], default: bool) -> Effect:
    if parsed is not None:
        return Effect(ConfigVerdict.QUIET, parsed, default)
    verdict = _QUIET_OR_WARNED[variable.parsing.get("bad", "warned")]
    return Effect(verdict, default, default, lost=True, reason=f"not a boolean, {_DEFAULT}")


def _exact(value: str, only: str) -> Effect:
    """Return the effect of ecs-init's comparison `== "true"`."""
    if value == only:
        return Effect(ConfigVerdict.QUIET, effective=True, default=False)
    if parse_bool(value) is False:
        return Effect(ConfigVerdict.QUIET, effective=False, default=False)
    return Effect(
        ConfigVerdict.QUIET,
        effective=False,
        default=False,
        lost=True,
        reason=f"only the exact value {only} turns it on",
    )


def _boolean_default(variable: Variable, other: Environment) -> bool:
    """Return the default; for two variables it depends on another one."""
    if variable.name == "ECS_CHECKPOINT":  # parse.go, parseCheckpoint
        return other.get("ECS_DATADIR", "") != ""
    if variable.name == "ECS_EXCLUDE_IPV6_PORTBINDING":  # config_unix.go, setIPv6PortBindingDefault
        return trim_space(other.get("ECS_INSTANCE_IP_COMPATIBILITY", "")).lower() != "ipv6"
    default: bool = variable.parsing.get("default", False)
    return default


class _Capability(NamedTuple):
    """A decision of the agent that depends on several variables; `refused`: it logs an error."""

    on: bool
    refused: bool = False


def _with_capability(effect: Effect, capability: _Capability) -> Effect:
    """Return the effect on the capability in place of that on the variable."""
    if effect.effective is True and not capability.on:
        effect = effect._replace(reason="gMSA also needs variables that ecs-init adds")
    verdict = ConfigVerdict.WARNED if capability.refused else effect.verdict
    return effect._replace(verdict=verdict, effective=capability.on)


def _gmsa(environment: Environment) -> _Capability:
    """Return the result of parseGMSACapability (parse_linux.go), if the credentials-fetcher directory exists."""
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
    """Return the result of parseGMSADomainlessCapability (parse_linux.go), if the same directory exists."""
    if not _lenient(environment, "ECS_GMSA_SUPPORTED"):
        return _Capability(on=False)
    skipped = _lenient(environment, "ZZZ_SKIP_DOMAIN_LESS_CHECK_NOT_SUPPORTED_IN_PRODUCTION")
    return _Capability(on=skipped or bool(environment.get("CREDENTIALS_FETCHER_HOST_DIR")))


def _lenient(environment: Environment, name: str) -> bool:
    """Return the result of ParseBool (agent/utils) with the default false."""
    return parse_bool(trim_space(environment.get(name, ""))) or False


_CAPABILITIES: Mapping[str, Callable[[Environment], _Capability]] = {"gmsa": _gmsa, "domainless gmsa": _domainless_gmsa}


def integer(variable: Variable, value: str, _other: Environment) -> Effect:
    """Return the effect of an integer: strconv.Atoi, or ParseUint if `bits` is set; a bad value gives a warning."""
    default = atoi(variable.default).value
    if not value:
        return Effect(ConfigVerdict.QUIET, default, default)
    if "bits" in variable.parsing:
        unsigned = parse_uint(value, variable.parsing["bits"])
        return _not_used(f"not {variable.accepted}", default) if unsigned is None else _used(unsigned, default)
    number = atoi(trim_space(value) if variable.parsing.get("trim") else value)
    # Atoi also returns the nearest number with its error; parsers that only log the error use that number.
    if number.fault is not None and not (number.value and variable.parsing.get("overflow") == "kept"):
        return _not_used(number.fault, default)
    if number.value == 0 and variable.parsing.get("zero") == "default":
        return _zero(default)
    outside = _outside(number.value, variable.parsing.get("min"), variable.parsing.get("max"))
    if outside:
        return _not_used(outside, default)
    if number.fault is not None:
        reason = f"{number.fault}, so the largest number applies"
        return Effect(ConfigVerdict.WARNED, number.value, default, lost=True, reason=reason)
    return _used(number.value, default)


def duration(variable: Variable, value: str, other: Environment) -> Effect:
    """Return the effect of a duration, in nanoseconds: time.ParseDuration, not trimmed; zero counts as not set."""
    default = parse_duration(variable.default) or 0
    if not value:
        return Effect(ConfigVerdict.QUIET, default, default)
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
    reason = f"{said}, which applies"
    return Effect(ConfigVerdict.WARNED, _limit(variable, which), default, lost=True, reason=reason)


_BEYOND = {"min": "below the minimum", "max": "above the maximum"}


def _limit(variable: Variable, bound: str) -> Optional[int]:
    """Return the limit of a duration in nanoseconds, None if it has none."""
    text = variable.parsing.get(bound)
    return None if text is None else parse_duration(text)


def _outside(value: int, lowest: Optional[int], highest: Optional[int]) -> str:
    """Return how a value is out of bounds, empty if it is not."""
    if lowest is not None and value < lowest:
        return f"{_BEYOND['min']} of {lowest}"
    if highest is not None and value > highest:
        return f"{_BEYOND['max']} of {highest}"
    return ""


def _why_no_duration(value: str) -> str:
    """Return why Go refuses a duration."""
    if atoi(value).value:
        return "a number without a unit such as s, m or h"
    if parse_duration(trim_space(value)) is not None:
        return "white space beside the duration"
    return "not a duration such as 10m or 1h30m"


def _used(value: Scalar, default: Scalar, reason: str = "") -> Effect:
    return Effect(ConfigVerdict.QUIET, value, default, reason=reason)


def _zero(default: int) -> Effect:
    """Return the effect of 0 if Go's zero value means not set (config.go, Merge)."""
    reason = f"0 counts as not set, {_DEFAULT}" if default else ""
    return Effect(ConfigVerdict.QUIET, default, default, lost=default != 0, reason=reason)


def _not_used(why: str, default: int) -> Effect:
    return Effect(ConfigVerdict.WARNED, default, default, lost=True, reason=f"{why}, {_DEFAULT}")


_TAKEN = Effect(ConfigVerdict.QUIET)
_PORT_BITS = 16


def plain(variable: Variable, value: str, _other: Environment) -> Effect:
    """Return the effect of a text. The agent does not check it at its start; ecs-init may require a prefix."""
    prefix = variable.parsing.get("prefix", "")
    if value and not value.startswith(prefix):
        return lost(f"does not begin with {prefix}, {_DEFAULT}", warned=False)
    return _TAKEN


def string_list(_variable: Variable, value: str, _other: Environment) -> Effect:
    """Return the effect of a list with commas: strings.Split, without trimming the items."""
    if any(item != trim_space(item) for item in value.split(",")):
        return _TAKEN._replace(reason="the white space beside a comma is part of the item")
    return _TAKEN


def choice(variable: Variable, value: str, _other: Environment) -> Effect:
    """Return the effect of a word from a fixed list; `parsing` says whether it is trimmed and in lower case."""
    parsing = variable.parsing
    text = trim_space(value) if parsing.get("trim") else value
    text = to_lower(text) if parsing.get("fold") else text
    if not text or text in parsing["values"]:
        return _TAKEN
    instead = parsing.get("instead", "the default applies")
    return lost(f"not one of {', '.join(parsing['values'])}, so {instead}", warned=parsing.get("bad") == "warned")


def port_range(_variable: Variable, value: str, _other: Environment) -> Effect:
    """Return the effect of FIRST-LAST: docker's nat.ParsePortRange, which accepts one port and ignores a third."""
    if not value:
        return _TAKEN
    ports = [parse_uint(part, _PORT_BITS) for part in value.split("-", 2)[:2]]
    first, last = ports[0], ports[-1]
    if first is None or last is None:
        return lost(f"not two ports from 0 to 65535 with a dash between, {_DEFAULT}", warned=True)
    if last < first:
        return lost(f"the last port is below the first, {_DEFAULT}", warned=True)
    return _TAKEN


def rate_limits(variable: Variable, value: str, _other: Environment) -> Effect:
    """Return the effect of RATE,BURST: parseTaskMetadataThrottles, Merge and validateAndOverrideBounds."""
    if not value:
        return _TAKEN
    limits = [atoi(trim_space(part)) for part in value.split(",", 2)]
    instead = f"so {variable.default} applies"
    if len(limits) != 2 or any(limit.fault for limit in limits):  # noqa: PLR2004 -- a pair
        return lost(f"not two integers with a comma between, {instead}", warned=True)
    if any(limit.value < 0 for limit in limits):
        return lost(f"below 0, {instead}", warned=True)
    if any(limit.value == 0 for limit in limits):
        return lost(f"0 counts as not set, {instead}", warned=False)
    return _TAKEN


def decimal(_variable: Variable, value: str, _other: Environment) -> Effect:
    """Return the effect of a number with decimals: strconv.ParseFloat, not trimmed."""
    if value and parse_float(value) is None:
        return lost(f"not a number, {_DEFAULT}", warned=True)
    return _TAKEN
