# ruff: noqa: INP001 - a program for an image, no module of a package
"""The stand-in of agent.sh in Python, for hosts that have no static busybox, and for instances of the tests.

Its image holds no more of Python than what these imports load, so nothing is imported later. The options, and where
what it says comes from, stand in agent.sh.
"""

from __future__ import annotations

import hashlib
import json
import os
import selectors
import signal
import socket
import sys
import time
from typing import Any, NoReturn

PORT, CREDENTIALS = 51678, ("127.0.0.1", 51679)
ANSWERS = "/data/stand-in.ecs"
STATE = "stand-in.state"
OPTIONS = {
    "ecs": "registers",
    "until": "",
    "second": "0.02",
    "delay": "0",
    "exit": "",
    "listen": "yes",
    "registered": "yes",
    "tasks": "no",
    "cluster": "",
    "blab": "no",
}
OF_ECS = ("ecs", "until", "second")
TERMINAL = 5
TRIES = 3
# What Go's ParseBool takes.
TRUE, FALSE = ("1", "t", "T", "true", "TRUE", "True"), ("0", "f", "F", "false", "FALSE", "False")

ACCOUNT = "eu-central-1:123456789012"
REQUEST = "RequestID: 0d9f8a52-7e1c-4b6a-9a35-c1b2a3d4e5f6"
CALL = "error from RegisterContainerInstance call"
UNAVAILABLE = (
    f"exceeded maximum number of attempts, 3, https response error StatusCode: 503, {REQUEST}, "
    "api error ServiceUnavailable: Service Unavailable"
)
REFUSED = (
    "exceeded maximum number of attempts, 3, https response error StatusCode: 0, RequestID: , request send failed, "
    'Post "https://ecs.eu-central-1.amazonaws.com/": dial tcp 203.0.113.7:443: connect: connection refused'
)
DENIED = (
    f"https response error StatusCode: 400, {REQUEST}, api error AccessDeniedException: User: "
    "arn:aws:sts::123456789012:assumed-role/ecsInstanceRole/i-0123456789abcdef0 is not authorized to perform: "
    f"ecs:RegisterContainerInstance on resource: arn:aws:ecs:{ACCOUNT}:cluster/%s because no identity-based policy "
    "allows the ecs:RegisterContainerInstance action"
)
NO_CLUSTER = f"https response error StatusCode: 400, {REQUEST}, ClientException: Cluster not found."
# By the answer of ECS that ends the agent: its status, and what the SDK says. What that ends with is why.
ENDS = {"refused": (1, REFUSED), "denied": (1, DENIED), "no-cluster": (TERMINAL, NO_CLUSTER)}


class Agent:
    """The agent from its start until it has registered; `instance` is its container instance, empty before."""

    def __init__(self, options: dict[str, str]) -> None:
        self.options = options
        self.cluster = os.environ.get("ECS_CLUSTER") or "default"
        self.instance = ""
        self.state = os.path.join(os.environ.get("ECS_DATADIR") or "/data", STATE)

    def restore(self) -> None:
        """Read the saved state; another cluster's ends the agent."""
        try:
            with open(self.state, encoding="utf-8") as file:
                saved = file.read().splitlines() if keeps_state() else []
        except FileNotFoundError:
            return
        if not saved:
            return
        cluster, self.instance = saved
        if cluster != self.cluster:
            mismatch = (
                f"Data mismatch; saved cluster '{cluster}' does not match configured cluster '{self.cluster}'. "
                "Perhaps you want to delete the configured checkpoint file?"
            )
            clusters = {"previousCluster": cluster, "configuredCluster": self.cluster}
            log("critical", "Error restoring cluster", **clusters, error=mismatch)
            log("critical", f"Unable to initialize new task engine: {mismatch}")
            sys.exit(TERMINAL)
        log("info", "Restored from checkpoint file", containerInstanceARN=self.instance, cluster=cluster)

    def register(self) -> None:
        """Return when ECS has registered the agent; an answer that it does not sit out ends it."""
        if not self.instance:
            log("info", "Registering Instance with ECS")
        tries = 0
        while True:
            self._pause(1)
            answer = self._ask_ecs()
            if answer == "registers":
                break
            if answer == "unavailable":
                self._complain(f"Received non-terminal {CALL}, retrying with exponential backoff", UNAVAILABLE)
                self._pause(2)
            elif answer in ENDS:
                tries += 1
                if answer != "refused" or tries == TRIES:
                    self._give_up(*ENDS[answer])
                self._pause(5)
            elif answer != "silent":
                sys.exit(f"stand-in agent: unknown answer of ECS {answer}")
        if not self.instance:
            self.instance = f"arn:aws:ecs:{ACCOUNT}:container-instance/{self._name()}/{random_number()}"
            about = {"instanceArn": self.instance, "cluster": self.cluster}
            log("info", "Instance registration completed successfully", **about)
        self._save()

    def _ask_ecs(self) -> str:
        """Return how ECS answers now."""
        try:
            with open(ANSWERS, encoding="utf-8") as file:
                lines = [line.strip().split("=", 1) for line in file if "=" in line]
        except FileNotFoundError:
            lines = []
        self.options.update({name: value for name, value in lines if name in OF_ECS})
        until = self.options["until"]
        if until and time.time() >= float(until):
            self.options["ecs"] = "registers"
        return self.options["ecs"]

    def _save(self) -> None:
        if not keeps_state():
            return
        os.makedirs(os.path.dirname(self.state), exist_ok=True)
        with open(f"{self.state}.new", "w", encoding="utf-8") as file:
            file.write(f"{self.cluster}\n{self.instance}\n")
        os.replace(f"{self.state}.new", self.state)

    def _give_up(self, status: int, why: str) -> NoReturn:
        why = why.replace("%s", self._name())
        word = "re-regist" if self.instance else "regist"
        self._complain(f"Received terminal {CALL}, exiting", why)
        self._complain(f"Error {word}ering container instance", why)
        if status == TERMINAL:
            attempt = f"Instance {word}ration attempt with client performing invalid action"
            self._complain(attempt, why, "critical")
            self._complain("Agent will terminally exit, unable to register container instance:", why, "critical")
        sys.exit(status)

    def _complain(self, text: str, why: str, level: str = "error") -> None:
        log(level, text, error=f"operation error ECS: RegisterContainerInstance, {why}")

    def _pause(self, seconds: int) -> None:
        """Wait as long as the real agent in so many seconds."""
        time.sleep(seconds * float(self.options["second"]))

    def _name(self) -> str:
        return self.cluster.rpartition("/")[2]


def keeps_state() -> bool:
    """Tell whether the agent saves its state: ECS_CHECKPOINT decides, or else whether there is a place."""
    checkpoint = os.environ.get("ECS_CHECKPOINT", "")
    return checkpoint in TRUE or (bool(os.environ.get("ECS_DATADIR")) and checkpoint not in FALSE)


def random_number() -> str:
    """Return the 32 digits that ECS gives to a container instance."""
    with open("/proc/sys/kernel/random/uuid", encoding="ascii") as file:
        return file.read().strip().replace("-", "")


def documents(options: dict[str, str], cluster: str, instance: str) -> dict[str, Any]:
    """Return what the agent answers, by path."""
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
            "ContainerInstanceArn": instance or None,
            "Version": "Amazon ECS Agent - v1.105.1 (stand-in)",
        },
        "/v1/tasks": {"Tasks": [task] if options["tasks"] == "yes" else []},
        "/proof": proof(),
    }


def proof() -> dict[str, str | None]:
    """Return the SHA-256 of each variable of the credentials."""
    return {name: hash_of(name) for name in ("ECS_ENGINE_AUTH_TYPE", "ECS_ENGINE_AUTH_DATA")}


def hash_of(name: str) -> str | None:
    """Return the SHA-256 of a variable's bytes, or None where it is not set."""
    value = os.environb.get(name.encode())
    return None if value is None else hashlib.sha256(value).hexdigest()


def everywhere() -> socket.socket:
    """Return a listener on all addresses of both families, as Go makes it."""
    try:
        return listener(socket.AF_INET6, ("::", PORT))
    except OSError:
        return listener(socket.AF_INET, ("0.0.0.0", PORT))  # noqa: S104 - the real agent listens there


def listener(family: socket.AddressFamily, place: tuple[str, int]) -> socket.socket:
    """Return a socket that listens at the place."""
    made = socket.socket(family)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family is socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    made.bind(place)
    made.listen()
    return made


def serve(answers: dict[str, Any]) -> NoReturn:
    """Answer one request after the other, for ever; the port of the task credentials has nothing to give."""
    waiting = selectors.DefaultSelector()
    waiting.register(listener(socket.AF_INET, CREDENTIALS), selectors.EVENT_READ, {})
    waiting.register(everywhere(), selectors.EVENT_READ, answers)
    while True:
        for ready, _ in waiting.select():
            connection, _ = ready.fileobj.accept()
            answer(connection, ready.data)


def answer(connection: socket.socket, answers: dict[str, Any]) -> None:
    """Answer one request."""
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


def log(level: str, text: str, **fields: str) -> None:
    """Write a line to the log as the real agent does."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    quoted = "".join(f" {name}={json.dumps(value)}" for name, value in fields.items())
    write(f"level={level} time={now} msg={json.dumps(text)}{quoted}")


def say(text: str) -> None:
    """Write a line to the log that the real agent does not write."""
    write(f"stand-in agent: {text}")


def write(line: str) -> None:
    """Write a line to the container's log."""
    sys.stdout.write(f"{line}\n")
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
    log("info", "Starting Amazon ECS Agent", version="1.105.1", commit="00000000")
    log("info", "Loading configuration")
    say(f"proof {json.dumps(proof())}")
    if options["blab"] == "yes":
        blab()
    time.sleep(float(options["delay"]))
    if options["exit"]:
        say(f"exits with {options['exit']}")
        sys.exit(int(options["exit"]))
    if options["listen"] != "yes":
        time.sleep(86_400)
    agent = Agent(options)
    if options["registered"] == "yes":
        agent.restore()
        agent.register()
    cluster = options["cluster"] or agent.cluster
    say(f"cluster {cluster}, listening on 51678, and on 127.0.0.1:51679")
    serve(documents(options, cluster, agent.instance))


if __name__ == "__main__":
    main()
