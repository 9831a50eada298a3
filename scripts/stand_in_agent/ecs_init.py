#!/usr/bin/python3 -I
"""Stands in for ecs-init, which ecs.service runs on an ECS-optimized AMI: agent.py is a child process, no container.

As the real one it gives the agent the variables of its two files and nothing of its own environment, starts an agent
that has ended again, with back-off, and ends when the agent ends with 0 or 5. Source: amazon-ecs-agent 1.105.1,
ecs-init/docker/docker.go (getContainerConfig, LoadEnvVars), ecs-init/engine/engine.go (StartSupervised).

OPTIONS holds the agent's options, a line each, read at each start; and three of this program: init=N ends it with that
status in place of starting the agent, pre-start=N does so before, and with only-if=TEXT the other options hold only
for a file in which the text stands.
"""

from __future__ import annotations

import subprocess
import sys
import time

AGENT = "/usr/libexec/stand-in-agent.py"
OPTIONS = "/var/lib/stand-in-agent/options"
# Amazon's own for the instance, then the user's, which wins.
FILES = ("/var/lib/ecs/ecs.config", "/etc/ecs/ecs.config")
# What it sets itself, unless a file does. Its place is in the agent's container; here that is a link.
OWN = {b"ECS_DATADIR": b"/data"}
TERMINAL_SUCCESS, TERMINAL_FAILURE = 0, 5
SHORTEST_RETRY_S, LONGEST_RETRY_S = 0.5, 15.0


def lines(path: str) -> list[bytes]:
    """Return the lines of a file, none where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read().strip().split(b"\n")
    except OSError:
        return []


def assignments(path: str) -> dict[bytes, bytes]:
    """Read a file as ecs-init does: trimmed lines, split at the first `=`; nothing is a comment."""
    split = (line.strip().split(b"=", 1) for line in lines(path))
    return {parts[0]: parts[1] for parts in split if len(parts) > 1}


def options() -> dict[str, str]:
    """Return the options as they are now, those that hold."""
    given = assignments(OPTIONS)
    text = given.pop(b"only-if", b"")
    if text and text not in b"\n".join(lines(FILES[-1])):
        return {}
    return {name.decode(): value.decode() for name, value in given.items()}


def end_if_told(name: str) -> None:
    """End with the status that the option names, if any."""
    status = options().get(name)
    if status is not None:
        say(f"ends with {status}")
        sys.exit(int(status))


def start_agent() -> int:
    """Run the agent to its end and return its status."""
    environment = dict(OWN)
    environment.update((name, value) for path in FILES for name, value in assignments(path).items())
    arguments = (f"{name}={value}" for name, value in options().items())
    return subprocess.call(["/usr/bin/python3", "-I", "-S", "-B", AGENT, *arguments], env=environment)


def supervise() -> int:
    """Start the agent again whenever it ends, until it ends for good; return the status to end with."""
    pause = SHORTEST_RETRY_S
    while True:
        say("starting the agent")
        status = start_agent()
        say(f"agent exited with code {status}")
        if status in (TERMINAL_SUCCESS, TERMINAL_FAILURE):
            return status
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_RETRY_S)


def say(text: str) -> None:
    """Write a line to the journal."""
    sys.stdout.write(f"stand-in ecs-init: {text}\n")
    sys.stdout.flush()


def main() -> int:
    """Do one of pre-start, start, stop, post-stop; systemd itself ends what is to be stopped."""
    action = sys.argv[1]
    if action == "pre-start":
        end_if_told("pre-start")
    if action == "start":
        end_if_told("init")
        return supervise()
    return 0


if __name__ == "__main__":
    sys.exit(main())
