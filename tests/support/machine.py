"""One instance as the whole program sees it: the env-file's place, S3 behind the proxy, the metadata service, docker.

The program runs as a child process, as users run it. What a failed run must leave alone is taken down before it
(`standing`) and compared after it.
"""

from __future__ import annotations

import contextlib
import stat
import subprocess
from typing import TYPE_CHECKING, NamedTuple, Optional

import program
from aws_environment import aws_environment
from docker_engine import DockerEngine
from ecsauth.boot import state as states

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ecsauth.boot.state import State
    from metadata_service import MetadataService
    from program import Ended
    from s3_proxy import S3Proxy
    from s3_server import S3Server

KEY = "prod/ecs.config"
# Not an option of the program: leaves out --no-host-rules, with which tests boot otherwise.
HOST_RULES = "with host rules"
REGISTRY = "registry.example.com"


class File(NamedTuple):
    """A file as a failed run must leave it. `inode` changes when the file is replaced, even by its like."""

    content: bytes
    mode: int
    owner: tuple[int, int]
    inode: int


class Agent(NamedTuple):
    """A container of the agent as a failed run must leave it."""

    container_id: str
    running: bool
    restart_policy: tuple[str, int]
    started_at: str


class Standing(NamedTuple):
    """What stands on the machine: the env-file, None without one, and the agents by their names."""

    env_file: Optional[File]
    agents: dict[str, Agent]

    def without_traces(self) -> Standing:
        """Return it without what a change that was taken back may have changed: inode and time of the start."""
        agents = {name: agent._replace(started_at="") for name, agent in self.agents.items()}
        return Standing(self.env_file and self.env_file._replace(inode=0), agents)


def auth_file(password: str, *more: str, cluster: str = "demo") -> bytes:
    """Return an env-file with the credentials of one registry; `more` are further lines."""
    data = f'{{"{REGISTRY}":{{"username":"fleet","password":"{password}"}}}}'
    lines = (f"ECS_CLUSTER={cluster}", "ECS_ENGINE_AUTH_TYPE=docker", f"ECS_ENGINE_AUTH_DATA={data}", *more)
    return "".join(f"{line}\n" for line in lines).encode()


FIRST, SECOND = auth_file("first-password"), auth_file("second-password")


class Machine:
    """An instance with nothing on it yet; `proxy` and `metadata` may be made to fail.

    `place` is the env-file's directory, `state_place` the one of ecsauth's own files; both may be changed, and neither
    is there at first.
    """

    def __init__(self, folder: Path, server: S3Server, proxy: S3Proxy, metadata: MetadataService) -> None:
        self.folder = folder
        self.place, self.state_place = folder / "ecs", folder / "ecsauth"
        self.server, self.proxy, self.metadata = server, proxy, metadata
        self.key = server.make_key()
        self.bucket = server.make_bucket("fleet", default_key=self.key)
        self.uri = f"s3://{self.bucket}/{KEY}"
        self.docker = DockerEngine()
        (folder / "home").mkdir()

    @property
    def env_file(self) -> Path:
        """The env-file's path."""
        return self.place / "ecs.config"

    def put(self, body: bytes) -> str:
        """Put a version of the object as `push` does, unchecked, and return its version ID."""
        made = self.server.s3.put_object(
            Bucket=self.bucket,
            Key=KEY,
            Body=body,
            ServerSideEncryption="aws:kms",
            SSEKMSKeyId=self.key,
            ChecksumAlgorithm="CRC32",
        )
        return str(made["VersionId"])

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of the program; `more` is added last."""
        kept = aws_environment(self.folder / "home", endpoint=self.proxy.url, metadata=self.metadata.url)
        return {**kept, "PYTHONPATH": str(program.SOURCES), **more}

    def boot_arguments(self, *options: str) -> tuple[str, ...]:
        """Return the arguments of a boot from the object into this machine's places; `options` come last."""
        places = (f"--file={self.env_file}", f"--state-dir={self.state_place}")
        # The rules of this machine's network are those of all tests; the one that is about them makes them.
        own = () if HOST_RULES in options else ("--no-host-rules",)
        rest = tuple(option for option in options if option != HOST_RULES)
        return ("boot", self.uri, f"--kms-key={self.key}", *places, *own, *rest)

    def command(self, *options: str) -> list[str]:
        """Return the command line of the same boot."""
        return [*program.command(), *self.boot_arguments(*options)]

    def boot(self, *options: str, env: Optional[Mapping[str, str]] = None) -> Ended:
        """Boot to the end and return how it ended."""
        return program.run(*self.boot_arguments(*options), env=env or self.environment())

    def install(self, *options: str, env: Optional[Mapping[str, str]] = None) -> Ended:
        """Boot without an agent."""
        return self.boot("--launch=none", *options, env=env)

    def launch(self, *options: str, variant: str = "healthy", env: Optional[Mapping[str, str]] = None) -> Ended:
        """Boot and start the agent's stand-in of the variant."""
        return self.boot(f"--image={self.docker.image(variant)}", *options, env=env)

    @contextlib.contextmanager
    def launching(
        self, *options: str, variant: str = "healthy", env: Optional[Mapping[str, str]] = None
    ) -> Iterator[subprocess.Popen[str]]:
        """Give a launch that goes on, leader of a process group as in a terminal; it is killed if it does not end."""
        image = f"--image={self.docker.image(variant)}"
        # A test run in the background ignores SIGINT, and its children with it.
        default = ("env", "--default-signal=INT,TERM")
        with subprocess.Popen(
            [*default, *self.command(image, *options)],
            env=env or self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as child:
            try:
                yield child
            finally:
                child.kill()

    def standing(self) -> Standing:
        """Return what stands on the machine now."""
        found = {name: self._agent(name) for name in self.docker.agents()}
        # docker carries out what a killed run has told it: what was listed may be gone.
        return Standing(self.standing_file(), {name: agent for name, agent in found.items() if agent is not None})

    def standing_file(self) -> Optional[File]:
        """Return the env-file as it is now, without asking docker."""
        try:
            found = self.env_file.lstat()
        except FileNotFoundError:
            return None
        content = self.env_file.read_bytes() if stat.S_ISREG(found.st_mode) else b""
        return File(content, found.st_mode, (found.st_uid, found.st_gid), found.st_ino)

    def state(self) -> State:
        """Return what the last run has recorded."""
        return states.from_json((self.state_place / "state.json").read_bytes())

    def write_state(self, state: State) -> None:
        """Let it be recorded so, as if an earlier run had."""
        (self.state_place / "state.json").write_bytes(states.to_json(state))

    def record(self) -> State:
        """Return what is recorded of the files and of the agent: when, and how the last run failed, is left out."""
        state = self.state()
        installed = state.installed and state.installed._replace(moment=None)
        return state._replace(installed=installed, failure=None, confirmed_at=0)

    def strays(self) -> list[str]:
        """Return the names of files that no run may leave behind."""
        kept = {self.place: {"ecs.config", "ecs.config.before-ecsauth"}}
        kept[self.state_place] = {
            "lock",
            "state.json",
            "state.json.second",
            "verified",
            "pre-image",
            "checked",
            "report.json",
        }
        return [
            str(path)
            for place, names in kept.items()
            for path in (place.iterdir() if place.is_dir() else ())
            if path.name not in names
        ]

    def assert_private(self) -> None:
        """Assert that every file in both places is 0600."""
        for place in (self.place, self.state_place):
            for path in place.iterdir() if place.is_dir() else ():
                assert stat.S_IMODE(path.lstat().st_mode) == 0o600, path

    def _agent(self, name: str) -> Optional[Agent]:
        shown = self.docker.inspect(name)
        if shown is None:
            return None
        policy = shown["HostConfig"]["RestartPolicy"]
        return Agent(
            container_id=shown["Id"],
            running=shown["State"]["Running"],
            restart_policy=(policy["Name"], policy["MaximumRetryCount"]),
            started_at=shown["State"]["StartedAt"],
        )
