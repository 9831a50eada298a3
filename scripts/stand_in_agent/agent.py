# ruff: noqa: INP001 - a program for an image, no module of a package
"""The stand-in of agent.sh in Python, for hosts that have no static busybox.

Its image holds no more of Python than what these imports load, so nothing is imported later.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import sys
import time
from typing import Any, NoReturn

ADDRESS = ("127.0.0.1", 51678)
OPTIONS = {
    "delay": "0",
    "exit": "",
    "listen": "yes",
    "registered": "yes",
    "tasks": "no",
    "cluster": "",
    "blab": "no",
}


def documents(options: dict[str, str]) -> dict[str, Any]:
    """Return what the agent answers, by path."""
    cluster = options["cluster"] or os.environ.get("ECS_CLUSTER") or "default"
    number = "00000000000000000000000000000001"
    instance = f"arn:aws:ecs:eu-central-1:123456789012:container-instance/{cluster}/{number}"
    task = {
        "Arn": "arn:aws:ecs:eu-central-1:123456789012:task/web/00000000000000000000000000000002",
        "DesiredStatus": "RUNNING",
        "KnownStatus": "RUNNING",
        "Family": "web",
        "Version": "1",
        "Containers": [{"DockerId": "0000000000000000", "DockerName": "ecs-web-1-web-00", "Name": "web"}],
    }
    return {
        "/v1/metadata": {
            "Cluster": cluster,
            "ContainerInstanceArn": instance if options["registered"] == "yes" else None,
            "Version": "Amazon ECS Agent - v1.105.1 (stand-in)",
        },
        "/v1/tasks": {"Tasks": [task] if options["tasks"] == "yes" else []},
        "/proof": {name: hash_of(name) for name in ("ECS_ENGINE_AUTH_TYPE", "ECS_ENGINE_AUTH_DATA")},
    }


def hash_of(name: str) -> str | None:
    """Return the SHA-256 of a variable's bytes, or None where it is not set."""
    value = os.environb.get(name.encode())
    return None if value is None else hashlib.sha256(value).hexdigest()


def serve(answers: dict[str, Any]) -> NoReturn:
    """Answer one request after the other, for ever."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(ADDRESS)
    listener.listen()
    while True:
        connection, _ = listener.accept()
        connection.settimeout(5)
        try:
            path = connection.recv(4096).split(b" ")[1].decode()
            body = json.dumps(answers.get(path, {})).encode()
            status = "200 OK" if path in answers else "404 Not Found"
            head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            connection.sendall(f"{head}Connection: close\r\n\r\n".encode() + body)
        except (OSError, IndexError):
            pass
        connection.close()


def say(text: str) -> None:
    """Write a line to the container's log."""
    sys.stdout.write(f"stand-in agent: {text}\n")
    sys.stdout.flush()


def blab() -> None:
    """Log the credentials, which the real agent must never do."""
    kind, data = (os.environ.get(f"ECS_ENGINE_AUTH_{name}", "none") for name in ("TYPE", "DATA"))
    for number in range(1, 11):
        say(f"try {number} with {data}")
    sys.stderr.write(f"stand-in agent: type {kind}, data {data}\n")
    sys.stderr.flush()


def main() -> None:
    """Do what the options say."""
    # Process 1 has no default handlers: without this, docker stop takes its full ten seconds.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    options = OPTIONS | dict(argument.split("=", 1) for argument in sys.argv[1:])
    answers = documents(options)
    say(f"proof {json.dumps(answers['/proof'])}")
    if options["blab"] == "yes":
        blab()
    time.sleep(float(options["delay"]))
    if options["exit"]:
        say(f"exits with {options['exit']}")
        sys.exit(int(options["exit"]))
    if options["listen"] != "yes":
        time.sleep(86_400)
    say(f"cluster {answers['/v1/metadata']['Cluster']}, listening on 127.0.0.1:51678")
    serve(answers)


if __name__ == "__main__":
    main()
