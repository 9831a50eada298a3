"""JSON lists and objects: what Go decodes of them, what it warns of, and what stops the agent."""

from __future__ import annotations

import json

import pytest
from ecsauth.agent.config import ConfigVerdict, Effect, effect
from hypothesis import given
from hypothesis import strategies as st

_TAKEN = Effect(ConfigVerdict.QUIET)
_QUIET, _WARNED, _FATAL = ConfigVerdict.QUIET, ConfigVerdict.WARNED, ConfigVerdict.FATAL

_PORTS = [
    pytest.param("[22, 80]", _QUIET, False, id="ports"),
    pytest.param(" [1] ", _QUIET, False, id="white space around"),
    pytest.param("[0,65535]", _QUIET, False, id="the bounds"),
    pytest.param("[22] trailing", _QUIET, False, id="a decoder stops behind the first value"),
    pytest.param("[22]]", _QUIET, False, id="even in front of a bracket"),
    pytest.param("", _QUIET, False, id="empty"),
    pytest.param(" \n", _QUIET, False, id="blank"),
    pytest.param("[1,null]", _QUIET, True, id="null becomes port 0 in silence"),
    pytest.param('[1,"x",3]', _WARNED, True, id="a string becomes port 0"),
    pytest.param('["null"]', _WARNED, True, id="a string that reads null"),
    pytest.param("[65536]", _WARNED, True, id="out of range"),
    pytest.param("[-1]", _WARNED, True, id="negative"),
    pytest.param("[1e2]", _WARNED, True, id="exponent"),
    pytest.param("[1.0]", _WARNED, True, id="decimal"),
    pytest.param("[[22]]", _WARNED, True, id="nested list"),
    pytest.param('[{"a":[1,2],"b":"],"},3]', _WARNED, True, id="nested object with commas and brackets"),
    pytest.param("22", _WARNED, True, id="a number"),
    pytest.param("22,80", _WARNED, True, id="commas without brackets"),
    pytest.param("{}", _WARNED, True, id="an object"),
    pytest.param('"[22]"', _WARNED, True, id="quoted"),
    pytest.param("'[22]'", _WARNED, True, id="shell quotes"),
    pytest.param("[22", _WARNED, True, id="cut short"),
    pytest.param("[22,]", _WARNED, True, id="trailing comma"),
    pytest.param("[01]", _WARNED, True, id="leading zero"),
    pytest.param("\ufeff[22]", _WARNED, True, id="byte order mark"),
]


@pytest.mark.parametrize(("value", "verdict", "lost"), _PORTS)
def test_ports(value: str, verdict: ConfigVerdict, lost: bool) -> None:
    """Decoder.Decode into []uint16."""
    outcome = effect("ECS_RESERVED_PORTS_UDP", value, {})
    assert (outcome.verdict, outcome.lost) == (verdict, lost)


@pytest.mark.parametrize("value", ["[]", "[ ]", "null", "null]"])
def test_an_empty_list_counts_as_not_set(value: str) -> None:
    """The default ports cannot be cleared."""
    outcome = effect("ECS_RESERVED_PORTS", value, {})
    assert (outcome.verdict, outcome.lost) == (_QUIET, True)
    assert effect("ECS_RESERVED_PORTS_UDP", value, {}) == _TAKEN


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        ('["json-file","awslogs","awsfirelens"]', _QUIET),
        ('["none"] x', _QUIET),
        ('["json\\u002dfile"]', _QUIET),
        ("", _QUIET),
        (" ", _QUIET),
        ("null", _QUIET),
        ("[]", _QUIET),
        ('["json-file"', _WARNED),
        ("json-file", _WARNED),
        ('{"a":1}', _WARNED),
        ('["local"]', _FATAL),
        ('["JSON-FILE"]', _FATAL),
        ('[" json-file"]', _FATAL),
        ('["json-file,awslogs"]', _FATAL),
        ('["json-file",null]', _FATAL),
        ("[1]", _FATAL),
        ('[["json-file"]]', _FATAL),
        ('["json-file\\ud800"]', _FATAL),
    ],
)
def test_logging_drivers(value: str, verdict: ConfigVerdict) -> None:
    """What cannot be decoded gives the default, what can be and is not known stops the agent."""
    assert effect("ECS_AVAILABLE_LOGGING_DRIVERS", value, {}).verdict is verdict


@pytest.mark.parametrize(
    ("value", "verdict", "lost"),
    [
        ('["efsAuth"]', _QUIET, False),
        ("[]", _QUIET, False),
        ("null", _QUIET, False),
        ("[null]", _QUIET, False),
        ("", _QUIET, False),
        (" ", _WARNED, True),
        ('["efsAuth",1]', _WARNED, True),
        ("efsAuth", _WARNED, True),
    ],
)
def test_capabilities(value: str, verdict: ConfigVerdict, lost: bool) -> None:
    """Decoder.Decode into []string; here a blank value is warned of, too."""
    outcome = effect("ECS_VOLUME_PLUGIN_CAPABILITIES", value, {})
    assert (outcome.verdict, outcome.lost) == (verdict, lost)


@pytest.mark.parametrize(
    "value",
    [
        '["10.0.15.0/24"]',
        '["10.0.15.7/24","0.0.0.0/0"]',
        '["::1/128","2001:db8::/032"]',
        '["::ffff:10.0.0.1/96"]',
        '["10.0.0.0\\/8"]',
        pytest.param('["10.0.0.0/' + "0" * 5000 + '8"]', id="zeros"),
        "[]",
        "null",
        "",
        " [ ] ",
    ],
)
def test_routes(value: str) -> None:
    """net.ParseCIDR: host bits and zeros in front of the size are fine."""
    assert effect("ECS_AWSVPC_ADDITIONAL_LOCAL_ROUTES", value, {}) == _TAKEN


@pytest.mark.parametrize(
    "value",
    [
        *('["10.0.15.0"]', '["10.0.0.0/33"]', '["::/129"]', '["10.0.0/8"]', '["010.0.0.0/8"]', '["10.0.0.0/ 8"]'),
        *('["10.0.0.0/+8"]', '["10.0.0.0/8/8"]', '["fe80::1%eth0/64"]', '["/8"]', '[""]', "[null]", "[1]", '[["x"]]'),
        *("10.0.0.0/8", '"10.0.0.0/8"', "{}", '["10.0.0.0/8",]', '["10.0.0.0/8"] x', " ", '["10.0.0.0/\u0668"]'),
        pytest.param('["10.0.0.0/' + "9" * 5000 + '"]', id="nines"),
    ],
)
def test_bad_routes_stop_the_agent(value: str) -> None:
    """Anything else, trailing text and null elements included."""
    assert effect("ECS_AWSVPC_ADDITIONAL_LOCAL_ROUTES", value, {}).verdict is _FATAL


_OBJECTS = [
    ('{"stack":"prod"}', True),
    (' {"a": "b c"}\n', True),
    ('{"a":null}', True),
    ('{"a":"1","a":"2"}', True),
    ('{"a":"\\ud83d"}', True),
    ("{}", True),
    ("null", True),
    ("", True),
    (" ", False),
    ("[]", False),
    ("true", False),
    ('"a"', False),
    ('{"a":1}', False),
    ('{"a":true}', False),
    ('{"a":{}}', False),
    ('{"a":"b"} x', False),
    ('\'{"a":"b"}\'', False),
    ("{'a':'b'}", False),
    ('{"a":"b",}', False),
    ('{"a":"b"', False),
    ("a=b", False),
]


@pytest.mark.parametrize(("value", "good"), _OBJECTS)
@pytest.mark.parametrize("name", ["ECS_INSTANCE_ATTRIBUTES", "ECS_CONTAINER_INSTANCE_TAGS"])
def test_bad_objects_stop_the_agent(name: str, value: str, good: bool) -> None:
    """json.Unmarshal into map[string]string, and a document as a whole."""
    outcome = effect(name, value, {})
    assert outcome.verdict is (_QUIET if good else _FATAL)
    assert outcome.lost is not good


@pytest.mark.parametrize(("value", "good"), _OBJECTS)
def test_bad_labels_are_logged(value: str, good: bool) -> None:
    """The same reading, but the labels are left out."""
    assert effect("ECS_PAUSE_LABELS", value, {}).verdict is (_QUIET if good else _WARNED)


def test_log_options_are_the_first_value() -> None:
    """ecs-init reads them with a Decoder."""
    assert effect("ECS_LOG_OPTS", '{"max-size":"16m"} x', {}) == _TAKEN
    assert effect("ECS_LOG_OPTS", '{"max-size":16}', {}).verdict is _WARNED


def test_the_reason_says_where() -> None:
    """A place and a flaw, nothing of the text."""
    outcome = effect("ECS_INSTANCE_ATTRIBUTES", '{"a":"hunter2",}', {})
    assert outcome.reason == "invalid JSON at character 16 (a comma before a closing bracket)"


@pytest.mark.slow
def test_long_and_deep_lists() -> None:
    """A quarter of a megabyte of elements, and nesting up to Go's limit."""
    assert effect("ECS_RESERVED_PORTS", "[" + "1," * 130_000 + "1]", {}) == _TAKEN
    assert effect("ECS_RESERVED_PORTS", "[" * 10_000 + "]" * 10_000, {}).verdict is _WARNED
    assert effect("ECS_INSTANCE_ATTRIBUTES", "[" * 200_000, {}).verdict is _FATAL


@pytest.mark.slow
@given(st.lists(st.integers(0, 65_535) | st.none() | st.text(max_size=5) | st.lists(st.text(max_size=3), max_size=2)))
def test_lists_are_cut_where_their_commas_are(elements: list[object]) -> None:
    """The verdict on a list is the worst of its elements', whatever their strings hold."""
    warned = any(not (element is None or isinstance(element, int)) for element in elements)
    assert effect("ECS_RESERVED_PORTS", json.dumps(elements), {}).verdict is (_WARNED if warned else _QUIET)
