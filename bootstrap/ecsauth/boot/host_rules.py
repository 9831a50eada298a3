"""The network rules of an ordinary machine: routes for task roles, and a closed introspection port.

On ECS-optimized AMIs ecs-init makes these rules (ecs-init/exec/iptables/iptables.go). The documentation of ordinary
AMIs has only the first half. Rules are data: a check that changes nothing, and the step that makes the rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth.boot.plan import Command, Step
from ecsauth.go import values

if TYPE_CHECKING:
    from collections.abc import Mapping

BRIDGE = "docker0"
ALLOW_OFFHOST = "ECS_ALLOW_OFFHOST_INTROSPECTION_ACCESS"
SKIP_LOCALHOST_FILTER = "ECS_SKIP_LOCALHOST_TRAFFIC_FILTER"

_ROUTE_LOCALNET = "net.ipv4.conf.all.route_localnet"
_TASK_ROLES = ("-p", "tcp", "-d", "169.254.170.2", "--dport", "80")
_CREDENTIALS_PORT = "51679"
_INTROSPECTION = ("-p", "tcp", "--dport", "51678")
_LOOPBACK = "127.0.0.0/8"
# -w waits for the lock of iptables, which docker takes, too.
_V4 = ("iptables", "-w")
_V6 = ("ip6tables", "-w")


class HostRule(NamedTuple):
    """One rule: the command that checks whether it exists, and the step that makes it.

    The rule exists if `check` exits 0 and, if `shows` is given, prints that text. `check` exits 1 if the rule does not
    exist. `above` is the check of another rule in the same chain that this rule must precede.
    """

    check: Command
    step: Step
    shows: Optional[str] = None
    above: Optional[Command] = None


def rules(variables: Mapping[str, str], *, ipv6: bool, bridge: str = BRIDGE) -> tuple[HostRule, ...]:
    """Return the rules in the order in which they are made.

    `variables` are the env-file's; `ipv6` tells whether the kernel has IPv6; `bridge` is docker's network interface.
    """
    found = [_route_localnet()]
    if not _is_true(variables, SKIP_LOCALHOST_FILTER):
        # Before the routes, so that the loopback network is never open to other hosts.
        found.insert(0, _localhost_filter())
    if not _is_true(variables, ALLOW_OFFHOST):
        found += _closed_port(_V4, bridge)
        found += _closed_port(_V6, bridge) if ipv6 else []
    return (*found, *_task_role_routes())


def steps(all_rules: tuple[HostRule, ...], missing: tuple[HostRule, ...]) -> tuple[Step, ...]:
    """Return the steps that make the missing rules.

    A rule that must precede a missing one is removed first and made again, because the missing rule is inserted at the
    head of the chain and would hide it. If the run is killed in between, the next run finds the missing rules.
    """
    lacking = {rule.check for rule in missing}
    anew = tuple(rule for rule in all_rules if rule.above in lacking and rule.check not in lacking)
    away = tuple(Step(f"make again: {rule.step.why}", rule.step.undo[0], undo=(rule.step.command,)) for rule in anew)
    return (*away, *(rule.step for rule in all_rules if rule in missing or rule in anew))


def _is_true(variables: Mapping[str, str], name: str) -> bool:
    """Tell whether a variable is true. ecs-init treats a value that strconv.ParseBool refuses as false."""
    return values.parse_bool(variables.get(name, "")) is True


def _route_localnet() -> HostRule:
    """Return the sysctl without which the kernel drops a packet from a container to 127.0.0.1."""
    step = Step(
        "allow containers to reach the agent on the loopback interface",
        ("sysctl", "-w", f"{_ROUTE_LOCALNET}=1"),
        undo=(("sysctl", "-w", f"{_ROUTE_LOCALNET}=0"),),
    )
    return HostRule(("sysctl", "-n", _ROUTE_LOCALNET), step, shows="1")


def _localhost_filter() -> HostRule:
    """Return the rule that drops packets from other hosts to the loopback network.

    With route_localnet another host on the network could reach every port of the loopback interface. The rule accepts
    packets of the DNAT rule.
    """
    match = ("--dst", _LOOPBACK, "!", "--src", _LOOPBACK, "-m", "conntrack", "!", "--ctstate")
    rule = (*match, "RELATED,ESTABLISHED,DNAT", "-j", "DROP")
    return _inserted(_V4, "block other hosts from the loopback network, which is now routed", rule)


def _closed_port(program: Command, bridge: str) -> list[HostRule]:
    """Return the rules that close the introspection port to other hosts, but not to containers.

    The agent listens on all addresses and lists the running tasks to every client.
    """
    version = "IPv6" if program == _V6 else "IPv4"
    drop = (*_INTROSPECTION, "!", "-i", "lo", "-j", "DROP")
    accept = (*_INTROSPECTION, "-i", bridge, "-j", "ACCEPT")
    closed = _inserted(program, f"close the agent's introspection port to other hosts ({version})", drop)
    opened = _inserted(program, f"keep the introspection port open to containers ({version})", accept)
    return [closed, opened._replace(above=closed.check)]


def _task_role_routes() -> tuple[HostRule, ...]:
    """Return the rules that route 169.254.170.2, where SDKs in tasks request role credentials, to the agent's port."""
    dnat = (*_TASK_ROLES, "-j", "DNAT", "--to-destination", f"127.0.0.1:{_CREDENTIALS_PORT}")
    redirect = (*_TASK_ROLES, "-j", "REDIRECT", "--to-ports", _CREDENTIALS_PORT)
    return (
        _rule(_V4, "route tasks to the agent for role credentials", ("nat", "-A", "PREROUTING"), dnat),
        _rule(
            _V4,
            "route tasks on the host's network to the agent for role credentials",
            ("nat", "-A", "OUTPUT"),
            redirect,
        ),
    )


def _inserted(program: Command, why: str, rule: Command) -> HostRule:
    return _rule(program, why, ("filter", "-I", "INPUT"), rule)


def _rule(program: Command, why: str, place: tuple[str, str, str], rule: Command) -> HostRule:
    table, make, chain = place
    in_table = (*program, "-t", table)
    step = Step(why, (*in_table, make, chain, *rule), undo=((*in_table, "-D", chain, *rule),))
    return HostRule((*in_table, "-C", chain, *rule), step)
