"""The effect of an assignment at the agent's start (amazon-ecs-agent, agent/config), from the facts in `variables`.

The real loader (config.go, NewConfig) reads the environment first. It fills zero values from its JSON file, from EC2
user data and from its defaults; this model assumes that file and user data are empty. The variables of the logger and
of ecs-init are modelled too; `registry.auth` models the registry credentials.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Callable, Optional

from ecsauth.agent import config_values
from ecsauth.agent.config_values import ConfigVerdict, Effect, fatal, lost
from ecsauth.agent.variables import Variable, find
from ecsauth.go import json
from ecsauth.go.json import Flaw, JsonError, JsonKind
from ecsauth.go.values import parse_uint, trim_space

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ConfigVerdict", "Effect", "effect"]

_EXTERNAL = "ECS_EXTERNAL"
_REGION = "AWS_DEFAULT_REGION"


def effect(name: str, value: str, other: Mapping[str, str], *, region_elsewhere: bool = True) -> Effect:
    """Return the effect of `name=value`, with `other` as the rest of the environment; an unknown name has none.

    `region_elsewhere`: the agent can get its region from the instance identity document or its JSON file.
    """
    variable = find(name)
    if variable is None:
        return Effect(ConfigVerdict.QUIET)
    if variable.ignored is not None:
        return Effect(ConfigVerdict.QUIET, lost=bool(value), reason=variable.ignored)
    outcome = _PARSERS.get(variable.kind, config_values.plain)(variable, value, other)
    if name in (_EXTERNAL, _REGION):
        external, region = (value if name == key else other.get(key, "") for key in (_EXTERNAL, _REGION))
        variable_at_fault, reason = _region_fault(external, region, region_elsewhere=region_elsewhere)
        if variable_at_fault == name:
            return fatal(reason, outcome.default)
    return outcome


def _region_fault(external: str, region: str, *, region_elsewhere: bool) -> tuple[Optional[str], str]:
    """Return the variable to fix and the reason, if the agent does not start because it has no region.

    config.go, NewConfig, then checkMissingAndDepreciated after trimming.
    """
    if not region and config_values.is_on(_EXTERNAL, {_EXTERNAL: external}):
        return _EXTERNAL, "true without AWS_DEFAULT_REGION"
    if region and not trim_space(region):
        return _REGION, "only white space, so the agent has no region"
    if not region and not region_elsewhere:
        return _REGION, "the agent has no region"
    return None, ""


def _json_value(variable: Variable, value: str, other: Mapping[str, str]) -> Effect:
    # only if a file has JSON

    return json_value(variable, value, other)


_PARSERS: Mapping[str, Callable[[Variable, str, Mapping[str, str]], Effect]] = {
    "bool": config_values.boolean,
    "int": config_values.integer,
    "duration": config_values.duration,
    "enum": config_values.choice,
    "string-list": config_values.string_list,
    "port-range": config_values.port_range,
    "rate-limits": config_values.rate_limits,
    "float": config_values.decimal,
    "json-list": _json_value,
    "json-object": _json_value,
}


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ecsauth.agent.variables import Variable

    Environment = Mapping[str, str]

_TAKEN = Effect(ConfigVerdict.QUIET)
_PORT_BITS = 16
# The structure of a valid array; a string matches as a whole, so that its commas do not count.
_STRUCTURE = r'"[^"\\]*(?:\\.[^"\\]*)*"|[][{},]'
# The first characters of the values of a valid document, except numbers.
_KINDS = {
    "[": JsonKind.ARRAY,
    "{": JsonKind.OBJECT,
    '"': JsonKind.STRING,
    "n": JsonKind.NULL,
    "t": JsonKind.BOOLEAN,
    "f": JsonKind.BOOLEAN,
}
# One element of an array: its kind, and the decoded text of a string or the JSON of any other element.
_Element = tuple[JsonKind, str]


def json_value(variable: Variable, value: str, _other: Environment) -> Effect:
    """Return the effect of a JSON list or object; `parsing` has its type and the effect of an invalid one."""
    if not value:
        return _TAKEN
    parsing = variable.parsing
    try:
        root = _decode(value, first_only=parsing["reads"] == "first")
    except JsonError as error:
        # The agent does not warn about io.EOF of a Decoder, except for one variable.
        if error.flaw is Flaw.EMPTY and parsing["reads"] == "first" and parsing.get("blank") != "bad":
            return _TAKEN
        return _bad(variable, f"invalid JSON at character {error.offset + 1} ({error.flaw.value})")
    if root.kind is JsonKind.NULL:
        return _empty(variable)
    if parsing["shape"] == "object":
        return _object(variable, root)
    if root.kind is not JsonKind.ARRAY:
        return _bad(variable, "not a JSON list")
    return _LISTS[parsing["of"]](variable, tuple(_elements(value[root.start : root.end])))


def _decode(value: str, *, first_only: bool) -> json.Value:
    """Return the JSON value that Go decodes; a Decoder stops after the first one."""
    try:
        return json.decode(value)
    except JsonError as error:
        if first_only and error.flaw is Flaw.TRAILING:
            return json.decode(value[: error.offset])
        raise


def _elements(array: str) -> Iterator[_Element]:
    """Yield the elements of a valid array: the texts between its own commas."""
    depth, start = 0, 1
    for match in re.finditer(_STRUCTURE, array):
        mark = match.group()
        if mark in ("[", "{"):
            depth += 1
        elif mark in ("]", "}"):
            depth -= 1
        if (mark == "," and depth == 1) or depth == 0:
            piece = array[start : match.start()].strip(json.SPACE)
            start = match.end()
            if piece:
                yield _element(piece)


def _element(piece: str) -> _Element:
    """Return the element; the content of a nested list or object does not matter."""
    kind = _KINDS.get(piece[0], JsonKind.NUMBER)
    text = json.decode(piece).text if kind is JsonKind.STRING else None
    return kind, piece if text is None else text.reveal()


def _object(variable: Variable, root: json.Value) -> Effect:
    """Return the effect of json.Unmarshal into map[string]string: null is an empty string, any other kind an error."""
    if root.kind is not JsonKind.OBJECT:
        return _bad(variable, "not a JSON object")
    if any(member.value.kind not in (JsonKind.STRING, JsonKind.NULL) for member in root.members):
        return _bad(variable, "a value in the object is not a string")
    return _TAKEN


def _ports(variable: Variable, elements: tuple[_Element, ...]) -> Effect:
    """Return the effect of decoding into []uint16: a bad element becomes 0 with a warning, null without one."""
    if not elements:
        return _empty(variable)
    others = [kind for kind, text in elements if kind is not JsonKind.NUMBER or parse_uint(text, _PORT_BITS) is None]
    if not others:
        return _TAKEN
    warned = any(kind is not JsonKind.NULL for kind in others)
    return lost("an element is not a port from 0 to 65535 and becomes port 0", warned=warned)


def _texts(variable: Variable, elements: tuple[_Element, ...]) -> Effect:
    """Return the effect of decoding into []string; an element that is not a string becomes an empty one.

    config.go, validateAndOverrideBounds, refuses logging drivers that it does not know.
    """
    if not elements:
        return _empty(variable)
    known = variable.parsing.get("values")
    if known is not None and any(kind is not JsonKind.STRING or text not in known for kind, text in elements):
        return fatal("a name in the list is not known")
    if any(kind not in (JsonKind.STRING, JsonKind.NULL) for kind, _text in elements):
        return lost("an element of the list is not a string", warned=True)
    return _TAKEN


def _networks(_variable: Variable, elements: tuple[_Element, ...]) -> Effect:
    """Return the effect of decoding into []cniTypes.IPNet: net.ParseCIDR reads every element, also null."""
    if all(kind is JsonKind.STRING and _is_cidr(text) for kind, text in elements):
        return _TAKEN
    return fatal("an element of the list is not a CIDR block")


_LISTS = {"port": _ports, "text": _texts, "cidr": _networks}


def _is_cidr(text: str) -> bool:
    """Tell whether net.ParseCIDR accepts the text: an address without a zone, a slash, a decimal number of bits."""
    from ipaddress import ip_address  # two milliseconds that few files need

    address, _slash, bits = text.partition("/")
    if "%" in address or not (bits.isascii() and bits.isdigit()):
        return False
    try:
        size = ip_address(address).max_prefixlen
    except ValueError:
        return False
    significant = bits.lstrip("0") or "0"
    return len(significant) <= len(str(size)) and int(significant) <= size


def _bad(variable: Variable, reason: str) -> Effect:
    """Return the effect of a value that cannot be decoded."""
    if variable.parsing["bad"] == "fatal":
        return fatal(reason)
    return lost(f"{reason}, so the default applies", warned=True)


def _empty(variable: Variable) -> Effect:
    """Return the effect of null or an empty list: Go's zero value counts as not set (config.go, Merge)."""
    if variable.default in ("", "[]", "{}"):
        return _TAKEN
    return lost("an empty list counts as not set, so the default applies", warned=False)
