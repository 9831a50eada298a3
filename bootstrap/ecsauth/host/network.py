"""The machine's own network: the rules of sysctl and iptables, and the agent's introspection API."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
from typing import TYPE_CHECKING, Any, Callable, Optional

from ecsauth.boot.command_error import cause_of
from ecsauth.boot.health import Registration
from ecsauth.command_hint import S3URI, CommandHint
from ecsauth.errors import LaunchError, LocalError, UnreachableError
from ecsauth.timing import within

if TYPE_CHECKING:
    from ecsauth.boot.host_rules import HostRule
    from ecsauth.boot.plan import Command, Ended

_CHECK = 15.0
_IPV6 = "/proc/sys/net/ipv6"
_HINT = CommandHint("if no task has a role, leave out the rules", "ecsauth", "boot", S3URI, "--no-host-rules")


class HostRules:
    """The rules that the agent needs on an ordinary machine. `call` runs a command to its end."""

    def __init__(self, call: Callable[[Command, float], Ended]) -> None:
        self._call = call

    def has_ipv6(self) -> bool:
        """Tell whether the kernel has IPv6, and with it a second set of rules."""
        return os.path.isdir(_IPV6)

    def missing(self, rules: tuple[HostRule, ...]) -> tuple[HostRule, ...]:
        """Return the rules that do not exist; raise LaunchError if they cannot be checked."""
        return tuple(rule for rule in rules if not self._exists(rule))

    def _exists(self, rule: HostRule) -> bool:
        try:
            done = self._call(rule.check, _CHECK)
        except LaunchError as fault:
            raise LaunchError(fault.message, *fault.hints, _HINT) from None
        if rule.shows is None and done.status == 1:
            return False
        if done.status:
            failure = LaunchError(f"{rule.check[0]} failed: {cause_of(done.err)}", _HINT)
            raise failure.for_want_of_root(is_root=os.geteuid() == 0)
        return rule.shows is None or done.out.strip() == rule.shows


_PLACE = ("127.0.0.1", 51678)
_TIMEOUT = 2.0
_LONGEST_TIME = 5.0
_LONGEST_ANSWER = 4 << 20


class Introspection:
    """The agent on this machine, however it was started."""

    def registration(self) -> Optional[Registration]:
        """Return the agent's answer, None if it does not answer."""
        answer = _ask("/v1/metadata")
        if answer is None or not isinstance(answer.get("Cluster"), str):
            return None
        instance = answer.get("ContainerInstanceArn")
        return Registration(answer["Cluster"], instance or None, str(answer.get("Version", "")))

    def running_tasks(self) -> Optional[int]:
        """Return the number of the agent's tasks that are not stopped, None if unknown."""
        answer = _ask("/v1/tasks")
        tasks = answer.get("Tasks") if answer else None
        if not isinstance(tasks, list):
            return None
        return sum(1 for task in tasks if isinstance(task, dict) and task.get("KnownStatus") != "STOPPED")


def _ask(path: str) -> Optional[dict[str, Any]]:
    """Return the JSON object at the path. A slow answer can evade the socket's timeout, but not the total one."""
    try:
        document = within(_LONGEST_TIME, lambda: _get(path), lambda: UnreachableError("the agent does not answer"))
    except (OSError, http.client.HTTPException, ValueError, RecursionError, UnreachableError, LocalError):
        return None
    return document if isinstance(document, dict) else None


def _get(path: str) -> Any:
    with contextlib.closing(http.client.HTTPConnection(*_PLACE, timeout=_TIMEOUT)) as connection:
        connection.request("GET", path)
        return json.loads(connection.getresponse().read(_LONGEST_ANSWER))
