"""The rules of an ordinary machine, made for real in a network namespace, and who can reach what afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import network
import pytest
from ecsauth.boot import host_rules
from ecsauth.errors import LaunchError
from ecsauth.host.commands import Commands
from ecsauth.host.network import HostRules
from needs import need
from network import Namespace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ecsauth.boot.host_rules import HostRule

RULES = host_rules.rules({}, ipv6=True)
INTROSPECTION, CREDENTIALS = 51678, 51679


class Network(NamedTuple):
    """A machine, a container on its docker0, and another host on its eth0."""

    machine: Namespace
    container: Namespace
    other: Namespace


@pytest.fixture(scope="module")
def lack() -> str | None:
    """Say once why namespaces cannot be used, or None."""
    return network.lack()


@pytest.fixture
def net(lack: str | None) -> Iterator[Network]:
    """Give a machine with docker0 and eth0, and somebody at the other end of each."""
    need(lack)
    with network.namespace() as machine, network.namespace() as container, network.namespace() as other:
        network.connect(machine, "docker0", container, "10.1.0")
        network.connect(machine, "eth0", other, "10.2.0")
        # A new namespace takes after the machine's first one, where the rules may stand.
        machine.run("sysctl", "-w", "net.ipv4.conf.all.route_localnet=0")
        for one, gateway in ((container, "10.1.0.1"), (other, "10.2.0.1")):
            one.run("ip", "route", "add", "default", "via", gateway)
        yield Network(machine, container, other)


def _missing(machine: Namespace, rules: tuple[HostRule, ...] = RULES) -> tuple[HostRule, ...]:
    return machine.entered(lambda: HostRules(Commands().call).missing(rules))


def _make(machine: Namespace, rules: tuple[HostRule, ...] = RULES) -> None:
    """Do what a boot does: look, then make what is missing."""
    for step in host_rules.steps(rules, _missing(machine, rules)):
        machine.entered(lambda step=step: Commands().run(step.command, step.seconds))  # type: ignore[misc]


def _standing(machine: Namespace) -> list[str]:
    return [
        line
        for command in (("iptables",), ("ip6tables",), ("iptables", "-t", "nat"))
        for line in machine.run(*command, "-S").stdout.splitlines()
        if line.startswith("-A")
    ]


def test_made_once(net: Network) -> None:
    """All are missing at first, none afterwards, and a second run makes nothing."""
    assert _missing(net.machine) == RULES
    _make(net.machine)
    assert _missing(net.machine) == ()
    first = _standing(net.machine)
    _make(net.machine)
    assert _standing(net.machine) == first
    assert len(first) == len(RULES) - 1
    assert net.machine.run("sysctl", "-n", "net.ipv4.conf.all.route_localnet").stdout == "1\n"


def test_undone(net: Network) -> None:
    """What was made can be taken back, in the other order, without a trace."""
    _make(net.machine)
    for rule in reversed(RULES):
        for command in rule.step.undo:
            net.machine.run(*command)
    assert _missing(net.machine) == RULES
    assert _standing(net.machine) == []


@pytest.mark.parametrize("number", range(len(RULES)))
def test_each_missing_rule_is_made_again(net: Network, number: int) -> None:
    """A rule that somebody took away comes back, and the open one of docker0 still stands above the closed one."""
    _make(net.machine)
    net.machine.run(*RULES[number].step.undo[0])
    assert _missing(net.machine) == (RULES[number],)
    _make(net.machine)
    assert _missing(net.machine) == ()
    for version in ("iptables", "ip6tables"):
        rules = net.machine.run(version, "-S", "INPUT").stdout.splitlines()
        (accept,) = [place for place, rule in enumerate(rules) if "-i docker0" in rule]
        (drop,) = [place for place, rule in enumerate(rules) if "! -i lo" in rule]
        assert accept < drop


def test_the_introspection_port_is_closed_to_other_hosts(net: Network) -> None:
    """Before the rules everyone can ask the agent what runs here; afterwards the machine and its containers can."""
    asked = {
        "loopback": (net.machine, "127.0.0.1"),
        "loopback, IPv6": (net.machine, "::1"),
        "container": (net.container, "10.1.0.1"),
        "container, IPv6": (net.container, "fd00:1::1"),
        "other": (net.other, "10.2.0.1"),
        "other, IPv6": (net.other, "fd00:2::1"),
    }

    def answers() -> dict[str, str]:
        return {name: who.knock(address, INTROSPECTION) for name, (who, address) in asked.items()}

    with net.machine.serving(INTROSPECTION, "agent"):
        assert set(answers().values()) == {"agent"}
        _make(net.machine)
        after = answers()
    assert {name for name, answer in after.items() if answer == "closed"} == {"other", "other, IPv6"}


def test_the_rules_win_over_a_firewall_that_was_there(net: Network) -> None:
    """A rule of the machine's owner that lets everybody in stands below."""
    net.machine.run("iptables", "-A", "INPUT", "-p", "tcp", "-j", "ACCEPT")
    with net.machine.serving(INTROSPECTION, "agent"):
        _make(net.machine)
        assert net.other.knock("10.2.0.1", INTROSPECTION) == "closed"


def test_tasks_reach_the_agent_for_their_roles(net: Network) -> None:
    """169.254.170.2 leads to the agent's port, from a container and from the host's own network."""
    net.machine.run("ip", "route", "add", "169.254.0.0/16", "dev", "eth0")
    with net.machine.serving(CREDENTIALS, "roles"):
        assert net.container.knock("169.254.170.2", 80) == "closed"
        assert net.machine.knock("169.254.170.2", 80) == "closed"
        _make(net.machine)
        assert net.container.knock("169.254.170.2", 80) == "roles"
        assert net.machine.knock("169.254.170.2", 80) == "roles"


@pytest.mark.parametrize(
    ("variables", "answer"),
    [
        pytest.param({}, "closed", id="filter"),
        pytest.param({host_rules.SKIP_LOCALHOST_FILTER: "true"}, "local", id="skipped"),
    ],
)
def test_the_loopback_network_is_not_routed_to_others(net: Network, variables: dict[str, str], answer: str) -> None:
    """With route_localnet alone a neighbour reaches what listens on 127.0.0.1; the filter is what keeps it out."""
    _make(net.machine, host_rules.rules(variables, ipv6=True))
    net.other.run("sysctl", "-w", "net.ipv4.conf.all.route_localnet=1")
    net.other.run("ip", "address", "del", "127.0.0.1/8", "dev", "lo")
    net.other.run("ip", "route", "add", "127.0.0.1/32", "via", "10.2.0.1", "src", "10.2.0.2")
    with net.machine.serving(8080, "local"):
        assert net.other.knock("127.0.0.1", 8080) == answer


def test_iptables_is_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without iptables the rules cannot be seen, and the way round is named."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LaunchError, match="iptables is not installed") as caught:
        HostRules(Commands(sbin=str(tmp_path)).call).missing(RULES[:1])
    assert any("--no-host-rules" in hint for hint in caught.value.hints)


@pytest.mark.parametrize(
    ("script", "message", "patience"),
    [
        pytest.param("echo 'iptables: Permission denied' >&2; exit 4", "iptables: Permission denied", 60, id="refused"),
        pytest.param("exit 2", "no reason given", 60, id="mute"),
        pytest.param("exec sleep 30", "did not end within", 0.3, id="slow"),
    ],
)
def test_a_check_that_fails_is_no_missing_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, message: str, patience: float
) -> None:
    """Only status 1 says that a rule is missing: what could not be seen is not made a second time."""
    fake = tmp_path / "iptables"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr("ecsauth.host.network._CHECK", patience)
    with pytest.raises(LaunchError, match=message):
        HostRules(Commands().call).missing(RULES[:1])
