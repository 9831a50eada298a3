"""The machine's own network: which rules of sysctl and iptables stand."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Callable

from ecsauth.core.complaint import complaint
from ecsauth.core.errors import LaunchError

if TYPE_CHECKING:
    from ecsauth.core.host_rules import HostRule
    from ecsauth.core.plan import Command, Ended

_CHECK = 15.0
_IPV6 = "/proc/sys/net/ipv6"
_HINT = "where tasks have no roles of their own, leave the rules out: --no-host-rules"


class HostRules:
    """The rules that the agent needs on an ordinary machine. `call` runs a command to its end."""

    def __init__(self, call: Callable[[Command, float], Ended]) -> None:
        self._call = call

    def has_ipv6(self) -> bool:
        """Tell whether the kernel has IPv6, and with it a second set of rules."""
        return os.path.isdir(_IPV6)

    def missing(self, rules: tuple[HostRule, ...]) -> tuple[HostRule, ...]:
        """Return the rules that do not stand; raise LaunchError where that cannot be seen."""
        return tuple(rule for rule in rules if not self._stands(rule))

    def _stands(self, rule: HostRule) -> bool:
        try:
            done = self._call(rule.check, _CHECK)
        except LaunchError as fault:
            raise LaunchError(fault.message, *fault.hints, _HINT) from None
        if rule.shows is None and done.status == 1:
            return False
        if done.status:
            failure = LaunchError(f"{rule.check[0]} failed: {complaint(done.err)}", _HINT)
            raise failure.for_want_of_root(is_root=os.geteuid() == 0)
        return rule.shows is None or done.out.strip() == rule.shows
