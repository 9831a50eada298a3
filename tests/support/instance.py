r"""An instance of an ECS-optimized AMI: systemd as process 1, cloud-init, ecs.service, the metadata service, S3.

A container, and what is outside of an instance is outside of it: its two servers are objects of this process, which a
test can break and question, that listen in the container's network namespace, at 169.254.169.254 and on loopback. The
program and the SDK inside it find them as they would on EC2. A reboot keeps the file system and makes a new network;
the servers move into it before systemd starts.

    with Instance(image, server) as instance:
        instance.put(FIRST)
        instance.user_data(f"#!/bin/sh\n{instance.command()}\n")
        instance.boot()

Several can run at the same time: nothing of theirs is shared but the S3 server behind the proxy.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from typing import TYPE_CHECKING, Any, Callable, Optional, TypeVar

import instance_files
import own_host
import stand_in_ecs
from instance_files import Entry, File
from metadata_service import MetadataService
from network_namespace import NetworkNamespace
from program import Ended
from s3_proxy import S3Proxy

if TYPE_CHECKING:
    from loopback_server import LoopbackServer
    from s3_server import S3Server
    from stand_in_ecs import Answer
    from typing_extensions import Self

LABEL = "ecsauth.instance"
ENV_FILE = "/etc/ecs/ecs.config"
KEY = "prod/ecs.config"
INTROSPECTION = "http://127.0.0.1:51678"
METADATA_ADDRESS, METADATA_PORT = "169.254.169.254", 80
# As in instance_root/etc/systemd/system.conf.d.
S3_PORT = 9000
S3_ENDPOINT = f"http://127.0.0.1:{S3_PORT}"

COMMAND_TIMEOUT_S = 60.0
BOOT_TIMEOUT_S = 120.0
SHUTDOWN_TIMEOUT_S = 60

# What systemd needs to mount, to make control groups and to reach its own; and of the rest of the machine, which it
# shares with others: no kernel modules, no clock.
_OPTIONS = (
    "--network=none",
    # A connection that the kernel gives one of the agent's ports would keep the agent from starting.
    f"--sysctl=net.ipv4.ip_local_reserved_ports={own_host.PORTS}",
    "--cgroupns=private",
    "--cap-add=ALL",
    *(f"--cap-drop={name}" for name in ("SYS_RESOURCE", "SYS_MODULE", "SYS_TIME", "SYS_BOOT", "SYSLOG")),
    "--security-opt=seccomp=unconfined",
    "--security-opt=apparmor=unconfined",
    *(f"--tmpfs={path}" for path in ("/run:exec", "/run/lock", "/tmp:exec")),  # noqa: S108 - a container's own
    "--stop-signal=SIGRTMIN+3",
    "--env=container=docker",
)

Made = TypeVar("Made")


class Instance:
    """An instance that has not been booted yet, its bucket and key; a context manager.

    `s3` and `metadata` are its servers: stop one to have it refuse connections, also over a reboot. `environment` is
    that of its units, `hosts` are names that it can resolve. With `beside` it boots from the same object as another.
    """

    environment: tuple[str, ...] = (f"AWS_ENDPOINT_URL_S3={S3_ENDPOINT}",)

    def __init__(self, image: str, server: S3Server, beside: Optional[Instance] = None) -> None:
        self.instance_id = f"i-{uuid.uuid4().hex[:17]}"
        self.name = f"ecsauth-{self.instance_id}"
        self.server = server
        self.key: str = beside.key if beside is not None else server.make_key()
        self.bucket: str = beside.bucket if beside is not None else server.make_bucket("fleet", default_key=self.key)
        self.uri = f"s3://{self.bucket}/{KEY}"
        self.s3 = S3Proxy(server.url, port=S3_PORT)
        self.metadata = MetadataService(port=METADATA_PORT)
        self.metadata.instance = self.metadata.instance._replace(instance_id=self.instance_id)
        self.metadata.host = METADATA_ADDRESS
        self.hosts: dict[str, str] = {}
        self._servers: tuple[LoopbackServer, ...] = (self.s3, self.metadata)
        self._image = image
        self._hostname = self.name[-12:]
        # Those that serve from the next boot on.
        self._serving: tuple[LoopbackServer, ...] = self._servers
        self._booted = False

    # Life.

    def __enter__(self) -> Self:
        _remove_orphans()
        own = (f"--name={self.name}", f"--hostname={self._hostname}", f"--label={LABEL}={os.getpid()}")
        hosts = (f"--add-host={name}:{address}" for name, address in self.hosts.items())
        _docker("create", *own, *hosts, *_OPTIONS, self._image, "/instance-init")
        self.prepare()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            for server in self._servers:
                server.stop()
        finally:
            _docker("rm", "--force", "--volumes", self.name, check=False)

    def prepare(self) -> None:
        """Put on it what it has before it is switched on for the first time."""
        self._unpack(instance_files.archive())
        self.write("/etc/machine-id", f"{uuid.uuid4().hex}\n".encode())
        self.user_data("")

    def start(self) -> None:
        """Switch it on: returns when its servers answer and systemd begins."""
        _docker("start", self.name)
        network = NetworkNamespace(self.pid)
        self.run("ip", "address", "add", f"{METADATA_ADDRESS}/32", "dev", "lo")
        for server in self._servers:
            server.network = network
        for server in self._serving:
            server.start()
        self._booted = True
        self.run("touch", "/run/network-is-ready")

    def without(self, server: LoopbackServer) -> None:
        """Have a server down at the next start, while it is switched off; the server's own `start` mends it."""
        self._serving = tuple(each for each in self._serving if each is not server)

    def wait_booted(self, timeout_s: float = BOOT_TIMEOUT_S) -> str:
        """Return the state of the system once every job of the boot is done: running, or degraded.

        AssertionError, with the jobs that are left, when they are not within `timeout_s` seconds.
        """
        wait = ("systemctl", "is-system-running", "--wait")
        end = time.monotonic() + timeout_s
        state = ""
        while (left := end - time.monotonic()) > 0:
            with contextlib.suppress(subprocess.TimeoutExpired):
                # Ends at once, saying "offline", until systemd can be asked.
                state = self.run("timeout", str(left), *wait, check=False, timeout_s=left + 10).out.strip()
            if state in ("running", "degraded"):
                return state
            time.sleep(0.1)
        raise AssertionError(f"not booted within {timeout_s} s: {state}\n{self.jobs()}\n{self.journal()[-4000:]}")

    def boot(self) -> str:
        """Switch it on, and return the state of the system once it has booted."""
        self.start()
        return self.wait_booted()

    def shut_down(self, *, power_loss: bool = False) -> None:
        """Shut it down in order, or cut it off; servers that a test has stopped stay so at the next start."""
        if power_loss:
            _docker("kill", self.name)
        else:
            # Docker kills what has not ended after --time, which systemd here never needs.
            begun = time.monotonic()
            _docker("stop", f"--time={SHUTDOWN_TIMEOUT_S}", self.name, timeout_s=SHUTDOWN_TIMEOUT_S + 30.0)
            assert time.monotonic() - begun < SHUTDOWN_TIMEOUT_S, "the instance did not shut down"
        self._serving = tuple(server for server in self._servers if server.is_serving)
        for server in self._serving:
            server.stop()

    def reboot(self, *, power_loss: bool = False) -> str:
        """Switch it off and on, and return the state of the system once it has booted."""
        self.shut_down(power_loss=power_loss)
        return self.boot()

    # What it is given.

    def user_data(self, script: str) -> None:
        """Give it this user data, to run at the first boot only; AssertionError once it has been booted."""
        assert not self._booted, "user data runs at the first boot"
        self._write(instance_files.seed(self.instance_id, self._hostname, script.encode()))

    def agent_behaves(self, *options: str) -> None:
        """Give the stand-in agent these options from its next start on: stand_in_image.VARIANTS names some."""
        self.write("/var/lib/stand-in-agent/options", "".join(f"{option}\n" for option in options).encode())

    def ecs_answers(self, answer: Answer, *, for_s: Optional[float] = None, second: Optional[float] = None) -> None:
        """Let ECS answer the stand-in agent so, now and later; for some seconds, or until told anew."""
        text = stand_in_ecs.text(answer, for_s=for_s, second=second)
        self.write(str(stand_in_ecs.PLACE / stand_in_ecs.ANSWERS), text.encode())

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

    def command(self, *options: str) -> str:
        """Return the command of a boot from the object, for user data; `options` come last."""
        return " ".join(("ecsauth boot", self.uri, f"--kms-key={self.key}", *options))

    def write(self, path: str, content: bytes, mode: int = 0o644) -> None:
        """Write a file of root's, running or not; not below /run and /tmp, which are memory."""
        self._write({path: File(content, mode)})

    # What it says.

    def run(self, *argv: str, check: bool = True, timeout_s: float = COMMAND_TIMEOUT_S) -> Ended:
        """Run a command as root with the environment of a unit; AssertionError, with its words, when it fails."""
        environment = (f"--env={one}" for one in self.environment)
        done = subprocess.run(
            ["docker", "exec", *environment, self.name, *argv], capture_output=True, timeout=timeout_s, check=False
        )
        ended = Ended(
            done.returncode, done.stdout.decode(errors="surrogateescape"), done.stderr.decode(errors="replace")
        )
        if check and ended.status:
            raise AssertionError(f"{' '.join(argv)}: status {ended.status}\n{ended.out}{ended.err}")
        return ended

    def systemctl(self, *arguments: str, check: bool = True) -> str:
        """Run systemctl and return its output."""
        return self.run("systemctl", *arguments, check=check).out.strip()

    def show(self, unit: str, name: str) -> str:
        """Return a property of a unit."""
        return self.systemctl("show", unit, f"--property={name}", "--value")

    def jobs(self) -> dict[str, str]:
        """Return the jobs of systemd that are not done: unit to `start running`, `start waiting` …"""
        listed = self.run("systemctl", "list-jobs", "--no-legend", "--plain", check=False).out
        fields = (line.split() for line in listed.splitlines())
        return {line[1]: f"{line[2]} {line[3]}" for line in fields if len(line) > 3}

    def journal(self, unit: Optional[str] = None) -> str:
        """Return the messages of this boot, of a unit or of all."""
        of_unit = () if unit is None else ("--unit", unit)
        self.run("journalctl", "--sync", check=False)
        return self.run("journalctl", "--boot", "--no-pager", "--output=short-monotonic", *of_unit, check=False).out

    def read(self, path: str) -> Optional[bytes]:
        """Return the content of a file, None without one."""
        done = self.run("cat", path, check=False)
        return None if done.status else done.out.encode(errors="surrogateescape")

    def agent(self) -> Any:
        """Return what the agent says of itself at /v1/metadata, None when nothing answers."""
        return self.introspect("/v1/metadata")

    def wait_for_agent(self, timeout_s: float = 30.0) -> Any:
        """Return what the agent says of itself once it answers."""
        return self.wait_until(self.agent, "the agent answers", timeout_s)

    def proof(self) -> Any:
        """Return the SHA-256 of each variable of the credentials that the running agent was started with."""
        return self.introspect("/proof")

    def introspect(self, path: str) -> Any:
        """Return the JSON that the agent serves at the path, None when nothing answers."""

        def ask() -> Any:
            direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            try:
                with contextlib.closing(direct.open(INTROSPECTION + path, timeout=5)) as response:
                    return json.loads(response.read())
            except urllib.error.URLError as fault:
                if isinstance(fault, urllib.error.HTTPError):
                    fault.close()
                return None

        return NetworkNamespace(self.pid).run(ask)

    def wait_until(self, holds: Callable[[], Made], what: str, timeout_s: float = 30.0) -> Made:
        """Return what `holds` returns once that is true; AssertionError naming `what` after `timeout_s` seconds."""
        end = time.monotonic() + timeout_s
        while not (found := holds()):
            if time.monotonic() > end:
                raise AssertionError(f"not within {timeout_s} s: {what}\n{self.journal()[-4000:]}")
            time.sleep(0.1)
        return found

    @property
    def pid(self) -> int:
        """The number of its process 1 on this machine."""
        pid = int(_docker("container", "inspect", "--format={{.State.Pid}}", self.name))
        assert pid, f"{self.name} is not running:\n{_docker('logs', '--tail=20', self.name)}"
        return pid

    def _write(self, entries: dict[str, Entry]) -> None:
        self._unpack(instance_files.packed(entries))

    def _unpack(self, archive: bytes) -> None:
        _docker("cp", "-", f"{self.name}:/", stdin=archive)


def _remove_orphans() -> None:
    """Remove the instances of test runs that were killed."""
    listed = _docker("ps", "--all", f"--filter=label={LABEL}", f'--format={{{{.Names}}}} {{{{.Label "{LABEL}"}}}}')
    for line in listed.splitlines():
        name, owner = line.split()
        if not os.path.exists(f"/proc/{owner}"):
            _docker("rm", "--force", "--volumes", name, check=False)


def _docker(*arguments: str, stdin: bytes = b"", check: bool = True, timeout_s: float = COMMAND_TIMEOUT_S) -> str:
    done = subprocess.run(["docker", *arguments], input=stdin, capture_output=True, timeout=timeout_s, check=False)
    if check and done.returncode:
        raise AssertionError(f"docker {arguments[0]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout.decode(errors="replace").strip()
