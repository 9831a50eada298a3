"""Log in at registries, for the commands that test credentials, and show the results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

from ecsauth.cli import console, progress
from ecsauth.cli.console import printable
from ecsauth.errors import DeniedError, ExitCode, UnreachableError
from ecsauth.host.clock import SystemClock
from ecsauth.host.http import RegistryClient
from ecsauth.login import client as login_client
from ecsauth.login import endpoints
from ecsauth.login import result as login_result
from ecsauth.login import targets as login_targets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ecsauth.login.result import LoginResult
    from ecsauth.login.targets import LoginTarget

_WAITING = "logging in at registries"

TIMEOUT = 10.0
"""Seconds for each registry."""

BOUND = 30.0
"""Seconds for all of them, where something waits for the end: a boot, a push."""


def check(data: bytes, *, total: Optional[float] = BOUND) -> tuple[LoginResult, ...]:
    """Log in with every credential that docker would pass to the agent. The file must have been validated before."""
    return verify(login_targets.targets(data), TIMEOUT, total=total)


def verify(
    targets: Sequence[LoginTarget], timeout: float, *, insecure: Sequence[str] = (), total: Optional[float] = None
) -> tuple[LoginResult, ...]:
    """Log in at each target, a few at once, and return the results in order; show the progress on a terminal."""
    trust = endpoints.insecure(insecure)
    client = RegistryClient(SystemClock(), timeout, total)
    # A password under several keys of a host is tried once: some registries lock an account after several failures.
    same = [(endpoints.api(each.registry), each.credential, each.image) for each in targets]
    logins = dict(zip(same, targets))
    results: dict[object, LoginResult] = {}
    with progress.waiting(_WAITING):
        progress.tell(_WAITING, 0, len(logins))
        for number, result in client.run([login_client.login(each, trust) for each in logins.values()]):
            results[list(logins)[number]] = result
            progress.tell(_WAITING, len(results), len(logins))
    return tuple(results[key]._replace(registry=each.shown) for key, each in zip(same, targets))


def document(results: Sequence[LoginResult]) -> list[dict[str, Any]]:
    """Return the results for programs. No username means an anonymous request, no image that none was tested."""
    return [
        {
            "registry": each.registry,
            **({"username": each.username} if each.username else {}),
            "result": each.verdict.value,
            "detail": each.detail,
            "consequence": each.consequence or None,
            "fix": each.fix or None,
            **({"image": each.image} if each.image else {}),
        }
        for each in results
    ]


def text(results: Sequence[LoginResult]) -> str:
    """Return the results for people."""
    lines = []
    for each in results:
        lines.append(printable(str(each)))
        lines += [f"  consequence: {each.consequence}", f"  fix: {each.fix}"] if each.consequence else []
    return "".join(f"{line}\n" for line in lines)


class Gate:
    """The logins before a push or a boot. A denied or unanswered login is a warning, or it stops the command."""

    def __init__(self, *, refuses: bool) -> None:
        self._refuses = refuses

    def check(self, data: bytes) -> None:
        """Return if all logins succeed, or if a warning is enough; raise DeniedError or UnreachableError."""
        results = check(data)
        failed = [each for each in results if each.exit_code is not ExitCode.OK]
        if not failed:
            return
        if not self._refuses:
            for each in failed:
                console.warn(f"{each.told}; {each.consequence}")
                console.say(f"hint: {each.fix}")
            return
        worst = login_result.exit_code(results)
        fault = DeniedError if worst is ExitCode.DENIED else UnreachableError
        first, *others = sorted(failed, key=lambda each: each.exit_code is not worst)
        raise fault(f"the login failed at {first.told}", first.fix, *(each.told for each in others))
