"""What a WWW-Authenticate header asks for, as RFC 9110 writes it and as servers do."""

from __future__ import annotations

import pytest
from ecsauth.login.endpoints import Challenge, parse

REALM = "https://auth.example.com/token"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([], [], id="none"),
        pytest.param([""], [], id="empty"),
        pytest.param(["Basic"], [("basic", {})], id="bare scheme"),
        pytest.param(['Basic realm="x"'], [("basic", {"realm": "x"})], id="quoted"),
        pytest.param(["Basic realm=x"], [("basic", {"realm": "x"})], id="token"),
        pytest.param(["bAsIc ReAlM = x"], [("basic", {"realm": "x"})], id="any case, blanks around the sign"),
        pytest.param(['Basic realm=""'], [("basic", {"realm": ""})], id="empty realm"),
        pytest.param([r'Basic realm="a \"b\" \\ c"'], [("basic", {"realm": 'a "b" \\ c'})], id="escapes"),
        pytest.param(['Basic realm="a, Bearer realm=b"'], [("basic", {"realm": "a, Bearer realm=b"})], id="in quotes"),
        pytest.param(
            [f'Bearer realm="{REALM}",service="s",scope="repository:a/b:pull,push"'],
            [("bearer", {"realm": REALM, "service": "s", "scope": "repository:a/b:pull,push"})],
            id="bearer of docker",
        ),
        pytest.param(
            [f'Bearer realm="{REALM}" , , service="s" ,'],
            [("bearer", {"realm": REALM, "service": "s"})],
            id="empty elements",
        ),
        pytest.param(
            ['Basic realm="x", Bearer realm="y", service=z'],
            [("basic", {"realm": "x"}), ("bearer", {"realm": "y", "service": "z"})],
            id="two in one value",
        ),
        pytest.param(
            ['Basic realm="x"', 'Bearer realm="y"'],
            [("basic", {"realm": "x"}), ("bearer", {"realm": "y"})],
            id="two values",
        ),
        pytest.param(
            ['Negotiate, NTLM, Basic realm="x"'],
            [("negotiate", {}), ("ntlm", {}), ("basic", {"realm": "x"})],
            id="schemes without parameters",
        ),
        pytest.param(
            ['Negotiate YII=, Basic realm="x"'],
            [("negotiate", {}), ("basic", {"realm": "x"})],
            id="token68",
        ),
        pytest.param(['Basic realm="x'], [], id="open quote"),
        pytest.param([f"Bearer realm={REALM}"], [], id="URL without quotes"),
        pytest.param(['Basic realm="x", realm="y"'], [], id="repeated"),
        pytest.param(['Basic realm="x", Realm="y", Bearer realm="z"'], [("bearer", {"realm": "z"})], id="one of two"),
        pytest.param(['Basic realm="x" garbage'], [], id="no comma"),
        pytest.param(['"Basic" realm="x"'], [], id="no scheme"),
        pytest.param(['Basic realm="x"', "@@"], [("basic", {"realm": "x"})], id="a value that is none"),
    ],
)
def test_challenges(values: list[str], expected: list[tuple[str, dict[str, str]]]) -> None:
    """Each challenge has its own parameters, and what is only half understood is left out."""
    found = [(challenge.scheme, dict(challenge.parameters)) for challenge in parse(values)]
    assert found == expected


@pytest.mark.parametrize("text", ['Basic realm="', "a=" * 30_000, ", " * 30_000, "Basic " * 10_000, '\\"' * 30_000])
def test_time_is_linear(text: str) -> None:
    """The longest header that the client takes is read at once, whatever is in it."""
    parse([text[:65_536], 'Basic realm="' + text[:65_000]])


def test_a_parameter_that_is_not_there_is_empty() -> None:
    """Whoever asks for it need not look first."""
    assert Challenge("bearer").get("realm") == ""
