"""The machine's own commands: docker, systemctl, iptables.

They run without the caller's environment, because docker copies the value of a name without a value in an env-file from
it. They run in a separate session, so that Ctrl-C reaches only ecsauth, which then rolls back.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Optional

from ecsauth.boot.command_error import cause_of, lacks_rights
from ecsauth.boot.plan import Ended
from ecsauth.command_hint import S3URI, CommandHint
from ecsauth.errors import LaunchError, reason_of

if TYPE_CHECKING:
    from ecsauth.boot.plan import Command

# The variables that docker's command line reads. No others are passed on.
_KEPT = ("PATH", "HOME", "DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY")
# sysctl and iptables are in sbin, which a PATH may lack.
_SBIN = "/usr/local/sbin:/usr/sbin:/sbin"
_INSTEAD = {
    "docker": CommandHint("install docker, or install only the env-file", "ecsauth", "boot", S3URI, "--launch", "none"),
    "systemctl": CommandHint(
        "on a machine without systemd, start the agent by docker", "ecsauth", "boot", S3URI, "--launch", "docker"
    ),
}


class Commands:
    """Runs commands, each with a time limit in seconds. It searches PATH, then the directories of `sbin`."""

    def __init__(self, sbin: str = _SBIN) -> None:
        self._sbin = sbin

    def call(self, command: Command, seconds: float) -> Ended:
        """Run a command to its end, whatever its status; raise LaunchError if it cannot be run, or takes longer."""
        name = command[0]
        kept = {variable: os.environ[variable] for variable in _KEPT if variable in os.environ}
        path = f"{kept.get('PATH', os.defpath)}:{self._sbin}"
        program = _program(name, path)
        try:
            done = subprocess.run(
                (program or name, *command[1:]),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                text=True,
                errors="replace",
                timeout=seconds,
                env={**kept, "PATH": path, "LC_ALL": "C.UTF-8"},
                start_new_session=True,
            )
        except FileNotFoundError:
            hints = [_INSTEAD[name]] if name in _INSTEAD else []
            raise LaunchError(f"{name} is not installed", *hints) from None
        except PermissionError:
            refusal = LaunchError(f"{name} cannot be executed")
            raise refusal.for_want_of_root(is_root=os.geteuid() == 0) from None
        except OSError as fault:
            # There is no process, no descriptor or no memory left: this is not a fault of the command.
            raise LaunchError(f"{_name(command)} cannot be run: {reason_of(fault)}") from None
        except subprocess.TimeoutExpired:
            raise LaunchError(f"{_name(command)} did not end within {seconds:.0f} s") from None
        return Ended(done.returncode, done.stdout, done.stderr)

    def run(self, command: Command, seconds: float) -> None:
        """Run a command; raise LaunchError, with its own reason, if it fails or takes longer."""
        done = self.call(command, seconds)
        if done.status:
            # It never holds a line of the env-file: docker is shown checked ones only.
            failure = LaunchError(f"{_name(command)} failed: {cause_of(done.err)}", *_hints(done.err))
            if lacks_rights(done.err):
                failure.for_want_of_root(is_root=os.geteuid() == 0)
            raise failure


def _program(name: str, path: str) -> Optional[str]:
    """Return where a program is; shutil finds the same, and loads compression libraries for other things."""
    places = (os.path.join(folder, name) for folder in path.split(os.pathsep))
    return next((place for place in places if os.access(place, os.X_OK) and not os.path.isdir(place)), None)


def _name(command: Command) -> str:
    """Return the program and its subcommand, as `docker run`."""
    verb = next((word for word in command[1:] if not word.startswith("-")), "")
    return f"{command[0]} {verb}".rstrip()


def _hints(text: str) -> tuple[str, ...]:
    lowered = text.lower()
    if "toomanyrequests" in lowered:
        return ("the registry limits the rate of pulls: add the image to the AMI",)
    if "manifest unknown" in lowered or "not found" in lowered or "no such host" in lowered:
        return ("check the name of the image (--image), and that this machine can reach its registry",)
    return ()
