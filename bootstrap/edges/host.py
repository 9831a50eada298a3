"""The machine's own network: sysctl and iptables, by their command lines."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from bootstrap.core.errors import LaunchError

if TYPE_CHECKING:
    from bootstrap.core.agent_container import Command
    from bootstrap.core.host_rules import HostRule

_CHECK = 15.0
_IPV6 = "/proc/sys/net/ipv6"
# iptables is in sbin, which a user's PATH may lack.
_SBIN = "/usr/local/sbin:/usr/sbin:/sbin"
_HINT = "or leave the rules out, if task roles are not used here: --no-host-rules"


class HostRules:
    """The rules that the agent needs on an ordinary machine."""

    def has_ipv6(self) -> bool:
        """Tell whether the kernel has IPv6, and with it a second set of rules."""
        return os.path.isdir(_IPV6)

    def missing(self, rules: tuple[HostRule, ...]) -> tuple[HostRule, ...]:
        """Return the rules that do not stand; raise LaunchError where that cannot be seen."""
        return tuple(rule for rule in rules if not _stands(rule))

    def run(self, command: Command, seconds: float) -> None:
        """Run one command of a plan; raise LaunchError if it fails or takes longer."""
        done = _call(command, seconds)
        if done.returncode:
            raise _failed(command, done)


def _stands(rule: HostRule) -> bool:
    done = _call(rule.check, _CHECK)
    if rule.shows is None and done.returncode == 1:
        return False
    if done.returncode:
        raise _failed(rule.check, done)
    return rule.shows is None or done.stdout.strip() == rule.shows


def _call(command: Command, seconds: float) -> subprocess.CompletedProcess[str]:
    """Run a command without the caller's environment, in a session of its own: a Ctrl-C is for ecsauth."""
    path = f"{os.environ.get('PATH', os.defpath)}:{_SBIN}"
    program = shutil.which(command[0], path=path)
    if program is None:
        raise LaunchError(f"{command[0]} is not installed", "install it", _HINT)
    try:
        return subprocess.run(
            (program, *command[1:]),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            text=True,
            errors="replace",
            timeout=seconds,
            env={"PATH": path, "LC_ALL": "C"},
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        raise LaunchError(f"{command[0]} did not end within {seconds:.0f} s", _HINT) from None
    except OSError:
        raise LaunchError(f"{command[0]} cannot be executed", "run as root", _HINT) from None


def _failed(command: Command, done: subprocess.CompletedProcess[str]) -> LaunchError:
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    hints = ("run as root", _HINT) if os.geteuid() else (_HINT,)
    return LaunchError(f"{command[0]} failed: {lines[0] if lines else 'it gave no reason'}", *hints)
