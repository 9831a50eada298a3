"""SARIF: no schema comes with any package, so what the specification asks of each object is checked here, strictly."""

from __future__ import annotations

import os
import re
from typing import Any, Callable

import pytest
from ecsauth import __version__
from ecsauth.check import check, rules
from ecsauth.cli.findings import sarif

Check = Callable[[Any], None]


def _object(properties: dict[str, Check], *required: str) -> Check:
    """Describe an object of SARIF 2.1.0: its properties that ecsauth writes, and those that it has to have."""

    def holds(value: Any) -> None:
        assert isinstance(value, dict)
        assert set(required) <= value.keys() <= properties.keys()
        for name, content in value.items():
            properties[name](content)

    return holds


def _array(item: Check) -> Check:
    def holds(value: Any) -> None:
        assert isinstance(value, list)
        for each in value:
            item(each)

    return holds


def _text(pattern: str = r"(?s).+") -> Check:
    def holds(value: Any) -> None:
        assert isinstance(value, str)
        assert re.fullmatch(pattern, value)

    return holds


def _integer(least: int) -> Check:
    def holds(value: Any) -> None:
        assert type(value) is int
        assert value >= least

    return holds


LEVEL = _text("none|note|warning|error")
# RFC 3986, 4.1: a relative reference whose first segment has no colon, or a URI.
URI = _text(r"(?:[a-z][a-z0-9+.-]*://)?(?:[A-Za-z0-9._~!$&'()*+,;=@/?-]|%[0-9A-F]{2})+")
MULTIFORMAT = _object({"text": _text()}, "text")  # 3.12
MESSAGE = _object({"text": _text()}, "text")  # 3.11
ARTIFACT_LOCATION = _object({"uri": URI, "uriBaseId": _text()})  # 3.4
REGION = _object({"startLine": _integer(1), "startColumn": _integer(1)}, "startLine")  # 3.30
PHYSICAL = _object({"artifactLocation": ARTIFACT_LOCATION, "region": REGION}, "artifactLocation")  # 3.29
LOCATION = _object({"physicalLocation": PHYSICAL})  # 3.28
RESULT = _object(  # 3.27
    {
        "ruleId": _text(),
        "ruleIndex": _integer(-1),
        "level": LEVEL,
        "message": MESSAGE,
        "locations": _array(LOCATION),
    },
    "message",
)
CONFIGURATION = _object({"level": LEVEL})  # 3.50
RULE = _object(  # 3.49, reportingDescriptor
    {
        "id": _text(),
        "shortDescription": MULTIFORMAT,
        "fullDescription": MULTIFORMAT,
        "help": MULTIFORMAT,
        "defaultConfiguration": CONFIGURATION,
    },
    "id",
)
DRIVER = _object({"name": _text(), "version": _text(), "rules": _array(RULE)}, "name")  # 3.19
TOOL = _object({"driver": DRIVER}, "driver")  # 3.18
RUN = _object(  # 3.14
    {"tool": TOOL, "columnKind": _text("utf16CodeUnits|unicodeCodePoints"), "results": _array(RESULT)},
    "tool",
)
LOG = _object(  # 3.13
    {"$schema": _text(r"https://\S+/sarif-schema-2\.1\.0\.json"), "version": _text(r"2\.1\.0"), "runs": _array(RUN)},
    "version",
    "runs",
)

EVERYTHING = tuple(
    finding for rule in rules.RULES for finding in check(rule.before.encode("utf-8", "surrogateescape"))[:3]
)


def _locations(file: str) -> list[Any]:
    log = sarif([(file, EVERYTHING[:1])])
    return [log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]]


def test_every_finding_makes_a_valid_log() -> None:
    """A log with findings of every rule has only what the specification knows, and all that it requires."""
    log = sarif([("ecs.config", EVERYTHING)])
    LOG(log)
    run = log["runs"][0]
    assert run["tool"]["driver"]["version"] == __version__
    assert {rule["id"] for rule in run["tool"]["driver"]["rules"]} == {rule.code for rule in rules.RULES}
    assert len(run["results"]) == len(EVERYTHING)


def test_a_clean_file_makes_a_valid_log() -> None:
    """No finding is an empty list of results: the scan was done (3.14.23)."""
    log = sarif([("ecs.config", ())])
    LOG(log)
    assert log["runs"][0]["results"] == []


def test_results_point_to_their_rules() -> None:
    """The index of a rule leads to the rule of that ID (3.27.6), which is there once (3.19.23)."""
    run = sarif([("ecs.config", EVERYTHING)])["runs"][0]
    listed = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(listed) == len(set(listed))
    for finding, result in zip(EVERYTHING, run["results"]):
        assert result["ruleId"] == finding.code == listed[result["ruleIndex"]]
        assert result["level"] == finding.severity.value


def test_regions() -> None:
    """A finding without a line has no region: it is about the whole file (3.29.4)."""
    results = sarif([("ecs.config", EVERYTHING)])["runs"][0]["results"]
    for finding, result in zip(EVERYTHING, results):
        region = result["locations"][0]["physicalLocation"].get("region", {})
        assert (region.get("startLine"), region.get("startColumn")) == (finding.line, finding.column)


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        ("ecs.config", "ecs.config"),
        ("./dir/../ecs.config", "ecs.config"),
        ("dir/ä b#?%.config", "dir/%C3%A4%20b%23%3F%25.config"),
        ("a:b", "a%3Ab"),
        ("\udcff", "%FF"),
        ("\x1b[31m", "%1B%5B31m"),
        (f"{os.getcwd()}/ecs.config", "ecs.config"),
        ("-", "stdin"),
    ],
)  # fmt: skip
def test_relative_uris(file: str, uri: str) -> None:
    """A file below the working directory is named relative to it, quoted as RFC 3986 wants."""
    LOG(sarif([(file, EVERYTHING)]))
    assert _locations(file) == [{"uri": uri, "uriBaseId": "%SRCROOT%"}]


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        ("/elsewhere/ä", "file:///elsewhere/%C3%A4"),
        ("s3://bucket/a b/ecs.config?versionId=x.y_z", "s3://bucket/a%20b/ecs.config?versionId=x.y_z"),
    ],
)
def test_absolute_uris(file: str, uri: str) -> None:
    """What is not below the working directory has an absolute URI and no base (3.4.4)."""
    LOG(sarif([(file, EVERYTHING)]))
    assert _locations(file) == [{"uri": uri}]
