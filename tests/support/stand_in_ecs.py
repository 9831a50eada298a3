"""ECS as the stand-in agents find it, and what they save: two files in the directory that agents have as `/data`.

How ECS answers is one thing for all agents of a machine, whatever their images: the agents read it before each try, so
it can change while they run. scripts/stand_in_agent/agent.sh says what each answer does to an agent.
"""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import time
from enum import Enum
from pathlib import Path
from typing import NamedTuple, Optional

import stand_in_image

# What the documented `docker run` mounts at /data.
PLACE = Path("/var/lib/ecs/data")
ANSWERS, STATE = "stand-in.ecs", "stand-in.state"
COMMAND_TIMEOUT_S = 60.0


class Answer(Enum):
    """How ECS answers an agent that registers; what the real agent does then.

    registers: it registers. unavailable (503), silent (packets are dropped): it stays, and registers later.
    refused (the connection, three times), denied (AccessDeniedException): it exits with 1. no-cluster (`Cluster not
    found.`): it exits with 5.
    """

    REGISTERS = "registers"
    UNAVAILABLE = "unavailable"
    SILENT = "silent"
    REFUSED = "refused"
    DENIED = "denied"
    NO_CLUSTER = "no-cluster"


class Saved(NamedTuple):
    """What an agent has saved."""

    cluster: str
    container_instance: str


def text(answer: Answer, *, for_s: Optional[float] = None, second: Optional[float] = None) -> str:
    """Return the file of ECS's answer, which holds for so many seconds of the clock from now, or for good.

    `second` is how long a second of the real agent takes.
    """
    lines = [f"ecs={answer.value}"]
    if for_s is not None:
        lines.append(f"until={int(time.time() + for_s)}")
    if second is not None:
        lines.append(f"second={second}")
    return "".join(f"{line}\n" for line in lines)


def answers(said: str) -> None:
    """Let ECS answer so on this machine from now on: what `text` returns."""
    _put(ANSWERS, said)


def saved() -> Optional[Saved]:
    """Return what the agent on this machine has saved last, None if nothing."""
    try:
        lines = (PLACE / STATE).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    return Saved(*lines) if lines else None


def save(cluster: str, container_instance: str = "arn:aws:ecs:::container-instance/before") -> None:
    """Let an agent of this cluster have been here before."""
    _put(STATE, f"{cluster}\n{container_instance}\n")


def forget() -> None:
    """Remove both files; where only root may, empty them."""
    for name in (ANSWERS, STATE):
        path = PLACE / name
        try:
            path.unlink(missing_ok=True)
        except PermissionError:
            if path.stat().st_size:
                _put_by_docker(name, b"")


def _put(name: str, content: str) -> None:
    """Write a file at once: agents read it meanwhile."""
    new = PLACE / f"{name}.test"
    try:
        PLACE.mkdir(parents=True, exist_ok=True)
        new.write_text(content, encoding="utf-8")
        new.replace(PLACE / name)
    except PermissionError:
        _put_by_docker(name, content.encode())


def _put_by_docker(name: str, content: bytes) -> None:
    """Write a file as root, through a container that is never started."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(content), 0o644
        archive.addfile(member, io.BytesIO(content))
    helper = f"ecsauth-stand-in-ecs-{os.getpid()}"
    _docker("create", f"--name={helper}", f"--volume={PLACE}:/data", stand_in_image.build("healthy"))
    try:
        _docker("cp", "-", f"{helper}:/data", stdin=buffer.getvalue())
    finally:
        _docker("rm", "--force", helper)


def _docker(*arguments: str, stdin: bytes = b"") -> None:
    done = subprocess.run(
        ["docker", *arguments], input=stdin, capture_output=True, timeout=COMMAND_TIMEOUT_S, check=False
    )
    assert done.returncode == 0, f"docker {arguments[0]}: {done.stderr.decode(errors='replace').strip()}"
