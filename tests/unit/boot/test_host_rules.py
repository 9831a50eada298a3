"""The rules of an ordinary machine as data: which, in which order, and what is made when some of them are missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from ecsauth.boot import host_rules

if TYPE_CHECKING:
    from ecsauth.boot.host_rules import HostRule

FILTER = "INPUT --dst 127.0.0.0/8 ! --src 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP"
DROP = "INPUT -p tcp --dport 51678 ! -i lo -j DROP"
ACCEPT = "INPUT -p tcp --dport 51678 -i docker0 -j ACCEPT"
DNAT = "PREROUTING -p tcp -d 169.254.170.2 --dport 80 -j DNAT --to-destination 127.0.0.1:51679"
REDIRECT = "OUTPUT -p tcp -d 169.254.170.2 --dport 80 -j REDIRECT --to-ports 51679"

V4, V6 = "iptables -w -t filter", "ip6tables -w -t filter"
LOCALHOST = [f"{V4} -I {FILTER}"]
ROUTE = ["sysctl -w net.ipv4.conf.all.route_localnet=1"]
CLOSED = [f"{V4} -I {DROP}", f"{V4} -I {ACCEPT}"]
CLOSED_V6 = [f"{V6} -I {DROP}", f"{V6} -I {ACCEPT}"]
ROLES = [f"iptables -w -t nat -A {DNAT}", f"iptables -w -t nat -A {REDIRECT}"]


def _made(rules: tuple[HostRule, ...]) -> list[str]:
    return [" ".join(rule.step.command) for rule in rules]


@pytest.mark.parametrize(
    ("variables", "ipv6", "made"),
    [
        pytest.param({}, True, [*LOCALHOST, *ROUTE, *CLOSED, *CLOSED_V6, *ROLES], id="all"),
        pytest.param({}, False, [*LOCALHOST, *ROUTE, *CLOSED, *ROLES], id="no IPv6"),
        pytest.param({host_rules.ALLOW_OFFHOST: "true"}, True, [*LOCALHOST, *ROUTE, *ROLES], id="open to others"),
        pytest.param(
            {host_rules.SKIP_LOCALHOST_FILTER: "T"}, True, [*ROUTE, *CLOSED, *CLOSED_V6, *ROLES], id="no filter"
        ),
        pytest.param(
            {host_rules.ALLOW_OFFHOST: "1", host_rules.SKIP_LOCALHOST_FILTER: "t"}, True, [*ROUTE, *ROLES], id="neither"
        ),
        pytest.param({host_rules.ALLOW_OFFHOST: "yes"}, False, [*LOCALHOST, *ROUTE, *CLOSED, *ROLES], id="not Go's"),
        pytest.param({host_rules.ALLOW_OFFHOST: "false"}, False, [*LOCALHOST, *ROUTE, *CLOSED, *ROLES], id="false"),
        pytest.param({host_rules.ALLOW_OFFHOST: ""}, False, [*LOCALHOST, *ROUTE, *CLOSED, *ROLES], id="empty"),
    ],
)
def test_rules_follow_the_env_file(variables: dict[str, str], ipv6: bool, made: list[str]) -> None:
    """The rules are those of ecs-init, and its two switches are read as it reads them."""
    assert _made(host_rules.rules(variables, ipv6=ipv6)) == made


def test_the_bridge_may_have_another_name() -> None:
    """The network of docker may be on another interface."""
    made = _made(host_rules.rules({}, ipv6=False, bridge="br-ecs"))
    assert f"{V4} -I INPUT -p tcp --dport 51678 -i br-ecs -j ACCEPT" in made


def test_checks_and_undo_name_the_same_rule() -> None:
    """What is looked for, made and taken away is one and the same rule; the sysctl is compared with its value."""
    for rule in host_rules.rules({}, ipv6=True):
        (undo,) = rule.step.undo
        if rule.shows is not None:
            assert rule.check == ("sysctl", "-n", "net.ipv4.conf.all.route_localnet")
            assert (rule.shows, undo[-1]) == ("1", "net.ipv4.conf.all.route_localnet=0")
            continue
        actions = {command[4] for command in (rule.check, undo, rule.step.command)}
        assert actions in ({"-C", "-D", "-I"}, {"-C", "-D", "-A"})
        assert rule.check[:4] + rule.check[5:] == undo[:4] + undo[5:] == rule.step.command[:4] + rule.step.command[5:]


@pytest.mark.parametrize(
    ("missing", "made"),
    [
        pytest.param([], [], id="none"),
        pytest.param(ROLES, ROLES, id="appended ones"),
        pytest.param([*CLOSED], CLOSED, id="both"),
        pytest.param([CLOSED[1]], [CLOSED[1]], id="the upper one"),
        pytest.param([CLOSED[0]], [f"{V4} -D {ACCEPT}", *CLOSED], id="the lower one"),
        pytest.param([CLOSED_V6[0]], [f"{V6} -D {ACCEPT}", *CLOSED_V6], id="the lower one, IPv6"),
        pytest.param(LOCALHOST, LOCALHOST, id="one whose place does not matter"),
        pytest.param([*LOCALHOST, CLOSED[0]], [f"{V4} -D {ACCEPT}", *LOCALHOST, *CLOSED], id="all but the upper one"),
    ],
)
def test_missing_rules_come_below_the_later_ones(missing: list[str], made: list[str]) -> None:
    """A rule inserted at the head must not stand above one that has to be above it."""
    rules = host_rules.rules({}, ipv6=True)
    lacking = tuple(rule for rule in rules if " ".join(rule.step.command) in missing)
    assert [" ".join(step.command) for step in host_rules.steps(rules, lacking)] == made


def test_a_rule_made_anew_is_made_by_the_undo_too() -> None:
    """Taking everything back leaves the upper rule, which stood before."""
    rules = host_rules.rules({}, ipv6=False)
    lower = next(rule for rule in rules if " ".join(rule.step.command) == CLOSED[0])
    made = host_rules.steps(rules, (lower,))
    undo = [" ".join(command) for step in reversed(made) for command in step.undo]
    assert undo == [f"{V4} -D {ACCEPT}", f"{V4} -D {DROP}", f"{V4} -I {ACCEPT}"]
