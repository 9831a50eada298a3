"""A docker in front of the real one on PATH that does something of its own at one call, once.

It makes docker slow, and it ends the program that called it, at a point that no signal from outside would hit.
"""

from __future__ import annotations

import os
import shlex
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# Longer than a test waits for anything, and an end all the same.
SLEEP_S = 300

# What to do, as lines of shell; "$docker" is the real one, $PPID the program under test. What does not exit goes on
# to the real docker.
SLOW_BEFORE = f"exec sleep {SLEEP_S}"
SLOW_AFTER = f'"$docker" "$@"; : >"$told"; exec sleep {SLEEP_S}'
LATE = "sleep 1"
KILL_BEFORE = "kill -9 $PPID; exit 1"
KILL_MEANWHILE = 'kill -9 $PPID; exec "$docker" "$@"'
KILL_AFTER = '"$docker" "$@"; kill -9 $PPID; exit 1'


class DockerFront:
    """A wrapper of docker: `env["PATH"] = front.path(env["PATH"])`.

    The first call whose arguments, joined by spaces, match the shell pattern does what `action` says.
    """

    def __init__(self, directory: Path, pattern: str, action: str) -> None:
        real = shutil.which("docker")
        assert real is not None, "docker is not installed"
        self._wrappers = directory / "docker-front"
        self._wrappers.mkdir(parents=True)
        self.reached, self.told = self._wrappers / "reached", self._wrappers / "told"
        escaped = pattern.replace(" ", "\\ ")
        lines = (
            "#!/bin/sh",
            f"docker={shlex.quote(real)} told={shlex.quote(str(self.told))}",
            'case "$*" in',
            # mkdir: of all calls that match one is the first, also when two programs run at once.
            f"{escaped}) if mkdir {shlex.quote(str(self.reached))} 2>/dev/null; then {action}; fi ;;",
            "esac",
            'exec "$docker" "$@"',
        )
        wrapper = self._wrappers / "docker"
        wrapper.write_text("\n".join(lines) + "\n", encoding="utf-8")
        wrapper.chmod(0o755)

    def path(self, path: str) -> str:
        """Return a PATH with the wrapper in front."""
        return f"{self._wrappers}{os.pathsep}{path}"
