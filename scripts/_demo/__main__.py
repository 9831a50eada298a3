"""The demo's story; scripts/demo starts it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import docker_part
from narrator import DemoError, InterruptedDemoError, Narrator, catch_signals, ignore_signals
from pretend_cloud import URI, PretendCloud, pretend_cloud
from sample_file import SampleFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker_engine import DockerEngine

ENV_FILE = "instance/etc/ecs/ecs.config"
STATE = "instance/var/lib/ecsauth"
_FIRST_PUSH = "The operator pushes an env-file with the credentials of a registry"
_WAIT_S = "20"
# docker's own columns, and the label that says which version of the object the agent was given.
_CONTAINER = r'table {{.Names}}\t{{.ID}}\t{{.Status}}\t{{.Label "ecsauth.version"}}'
_STATUS_INVALID = 3
_STATUS_STALE = 8


def main() -> int:
    """Tell the story and return the exit status."""
    catch_signals()
    # boot refuses directories that a group may write, as some users' umask makes them.
    os.umask(0o022)
    began = time.monotonic()
    try:
        with contextlib.ExitStack() as stack:
            _tell(stack)
    except (DemoError, AssertionError, subprocess.TimeoutExpired) as fault:
        sys.stderr.write(f"demo: error: {fault}\n")
        return 1
    except BrokenPipeError:
        # Whoever read has gone; the interpreter's last flush must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except InterruptedDemoError as interrupt:
        sys.stderr.write("\ndemo: interrupted: containers, servers and scratch directory are gone\n")
        return 128 + interrupt.number
    sys.stdout.write(
        f"\nDone in {time.monotonic() - began:.0f} s; containers, servers and scratch directory are gone.\n"
    )
    return 0


def _tell(stack: contextlib.ExitStack) -> None:
    scratch = stack.enter_context(_scratch_directory())
    narrator = Narrator(scratch)
    narrator.step("In place of AWS: S3, KMS and an instance's metadata service, on loopback")
    cloud = stack.enter_context(pretend_cloud(scratch))
    narrator.say(f"S3 and KMS answer at {cloud.url}")
    narrator.say(f"the bucket of {URI} keeps versions and encrypts with {cloud.kms_key}")
    narrator.say(f"the operator works in {scratch}, the instance's files are in {scratch}/instance")
    story = Story(narrator, cloud, SampleFile(scratch / "ecs.config"))
    lack = docker_part.lack()
    engine, image = (None, "") if lack else stack.enter_context(docker_part.engine_for_agent())
    # Called first when the stack ends: from here on a Ctrl-C must not cut the clearing away short.
    stack.callback(ignore_signals)
    if engine is None:
        story.without_agent(lack or "")
    else:
        story.with_agent(engine, image)


@contextlib.contextmanager
def _scratch_directory() -> Iterator[Path]:
    path = tempfile.mkdtemp(prefix="ecsauth-demo-")
    try:
        yield Path(path)
    finally:
        shutil.rmtree(path)


class Story:
    """What the operator and the instance do, in the scratch directory."""

    def __init__(self, narrator: Narrator, cloud: PretendCloud, sample: SampleFile) -> None:
        self._narrator = narrator
        self._cloud = cloud
        self._sample = sample

    def without_agent(self, lack: str) -> None:
        """Push, boot the file, and say why that is all."""
        self._push(_FIRST_PUSH)
        self._boot("The instance boots from it: fetch, verify, validate, install", "--launch", "none")
        self._show_file()
        self._narrator.say("")
        self._narrator.say(f"No agent is started: {lack.rstrip('.')}.")

    def with_agent(self, engine: DockerEngine, image: str) -> None:
        """Push, boot, boot again, change the password, push and boot again, lose S3, and push a mistake."""
        # The rules of this machine's network are its own, and so is a service that it may have.
        launch = ("--launch", "docker", "--no-host-rules", "--image", image, "--wait", _WAIT_S)
        self._push(_FIRST_PUSH)
        self._boot("The instance boots from it: fetch, verify, validate, install, start the agent", *launch)
        self._show_file()
        first = self._show_agent(engine)
        self._boot("The instance boots again: nothing has changed, so nothing is done", *launch)
        if self._show_agent(engine) != first:
            raise DemoError("the agent was replaced though nothing had changed")
        self._narrator.say("it is the same container as before")
        self._sample.change_password()
        self._push("The operator changes the password and pushes again")
        self._boot("The instance boots again: the file and the agent are replaced", *launch)
        self._show_file()
        if self._show_agent(engine) == first:
            raise DemoError("the agent was not replaced")
        self._cut_off(engine, launch)
        self._push_a_mistake()

    def _cut_off(self, engine: DockerEngine, launch: tuple[str, ...]) -> None:
        """Stop S3 and the agent, and boot all the same."""
        with self._cloud.out_of_reach():
            self._narrator.step("S3 cannot be reached, and the agent has stopped: boot uses the last verified file")
            self._narrator.run(self._cloud.instance, ("docker", "stop", "-t", "1", "ecs-agent"))
            self._boot(
                "The instance boots again, with the last verified file",
                "--deadline",
                "3",
                *launch,
                status=_STATUS_STALE,
            )
            self._show_agent(engine)

    def _push(self, title: str) -> None:
        self._narrator.step(title)
        self._narrator.run(self._cloud.operator, ("ecsauth", "push", "ecs.config", URI))
        self._narrator.say(f"S3 was asked: {self._cloud.take_requests()}")

    def _push_a_mistake(self) -> None:
        self._narrator.step("The operator pushes ~/.docker/config.json as it is, which the agent would ignore")
        self._sample.wrap_in_auths()
        self._narrator.run(self._cloud.operator, ("ecsauth", "push", "ecs.config", URI), status=_STATUS_INVALID)
        self._narrator.say(f"S3 was asked: {self._cloud.take_requests()}")

    def _boot(self, title: str, *launch: str, status: int = 0) -> None:
        self._narrator.step(title)
        place = ("--file", ENV_FILE, "--state-dir", STATE)
        command = ("ecsauth", "boot", URI, "--kms-key", self._cloud.kms_key, *place, *launch)
        self._narrator.run(self._cloud.instance, command, status=status)
        self._narrator.say(f"S3 was asked: {self._cloud.take_requests()}")

    def _show_file(self) -> None:
        self._narrator.run(self._cloud.instance, ("stat", "-c", "%A %U:%G %s bytes %n", ENV_FILE))

    def _show_agent(self, engine: DockerEngine) -> str:
        """Show the container and that it holds what was pushed; return its ID."""
        command = ("docker", "ps", "--filter", "name=ecs-agent", "--format", _CONTAINER)
        self._narrator.run(self._cloud.instance, command)
        proof = engine.introspect("/proof") or {}
        wanted = hashlib.sha256(self._sample.auth_data.encode()).hexdigest()
        if proof.get("ECS_ENGINE_AUTH_DATA") != wanted:
            raise DemoError("the agent does not have the credentials that were pushed")
        self._narrator.say(f"the agent's ECS_ENGINE_AUTH_DATA has the SHA-256 {wanted[:16]}…, as what was pushed")
        container = engine.inspect()
        return str(container["Id"]) if container else ""


if __name__ == "__main__":
    sys.exit(main())
