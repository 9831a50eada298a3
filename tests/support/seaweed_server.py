"""A real S3 server on loopback: SeaweedFS, with its IAM and STS, and keys from a KMS endpoint.

It verifies signatures, session tokens, clocks and checksums, enforces the policies of roles and sessions, and really
encrypts. What it does not do as S3 does: it ignores `ExpectedBucketOwner`, answers 404 for an absent key to a role
without `s3:ListBucket`, 500 for whatever KMS refuses, and knows no ExpiredToken (InvalidAccessKeyId instead).
"""

from __future__ import annotations

import base64
import http.client
import itertools
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sysconfig
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Optional

from access_world import Place
from loopback_server import HOST, answer
from metadata_service import Instance
from s3_proxy import S3Proxy
from s3_server import ACCESS_KEY, ACCOUNT, REGION, SECRET_KEY, S3Server

if TYPE_CHECKING:
    from collections.abc import Mapping

    from certificates import Certificates
    from loopback_server import Answer
    from s3_request import Request

# Measured: 4 s on two idle cores.
START_TIMEOUT_S = 60.0
_ROLE = "ecsInstanceRole"
_ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/{_ROLE}"
# The account of all users, which is not to be chosen.
USERS_ACCOUNT = "000000000000"
# Users who may do everything, as far as no bucket policy says otherwise.
ALMIGHTY = ("instance", "operator", "auditor", "other")
# As EC2 gives them to an instance.
_ROLE_LIFETIME_S = 6 * 3600
_KMS_DENIES = b'{"__type":"AccessDeniedException","message":"no identity-based policy allows it"}'
_PARTS = ("master", "volume", "filer", "s3")


def binary() -> Optional[str]:
    """Return the server's program, as its package installs it beside the interpreter, or one on PATH."""
    return shutil.which("weed", path=sysconfig.get_path("scripts")) or shutil.which("weed")


def lack() -> Optional[str]:
    """Say why the server cannot be run here, or None."""
    for program, found in (("weed (SeaweedFS)", binary()), ("setpriv", shutil.which("setpriv"))):
        if found is None:
            return f"{program} is not installed"
    return None


class Witness(S3Proxy):
    """Forwards everything untouched, unless a fault is injected, and keeps the log.

    In front of KMS it may have a `judge`, who is told the operation and its parameters, and says whether it is allowed.
    """

    judge: Optional[Callable[[str, dict[str, Any]], bool]] = None

    def course(self, request: Request, target: str, headers: list[tuple[str, str]], body: bytes) -> Answer:
        """Return the server's own response."""
        if self.judge is not None and not self.judge(request.operation, json.loads(body)):
            return answer(400, _KMS_DENIES, "application/x-amz-json-1.1")
        return self._forward(request.method, target, headers, body)


class Keys(NamedTuple):
    """Access keys, with a session token where they are those of a session."""

    access_key: str
    secret_key: str
    session_token: Optional[str] = None

    def __repr__(self) -> str:
        return f"Keys({self.access_key!r}, ***)"


class Weed:
    """The server's process, with its data in `folder`; it is killed with this process, too.

    `url` and `https_url` are its addresses for S3 and STS.
    """

    def __init__(self, folder: Path, certificates: Certificates, kms_url: str) -> None:
        self._folder = folder
        self._certificate = certificates.server_file
        self._kms_url = kms_url
        self._child: Optional[subprocess.Popen[bytes]] = None
        self._ports: dict[str, int] = {}
        self.url = self.https_url = ""

    def start(self) -> None:
        """Start the server and wait until it answers; AssertionError, with its last words, when it does not."""
        (self._folder / "data").mkdir(parents=True)
        _write(self._folder / "s3.json", _identities(self._kms_url))
        _write(self._folder / "iam.json", _iam())
        self._ports = _free_ports(*_PARTS, *(f"{part}.grpc" for part in _PARTS), "s3.https")
        self.url, self.https_url = f"http://{HOST}:{self._ports['s3']}", f"https://{HOST}:{self._ports['s3.https']}"
        # Without setpriv the server would outlive a test run that is killed; the thread that starts it has to stay.
        command = ["setpriv", "--pdeathsig", "KILL", str(binary()), *self._arguments()]
        with (self._folder / "log").open("wb") as log:
            self._child = subprocess.Popen(
                command, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment()
            )
        end = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            if self._child.poll() is not None or time.monotonic() > end:
                said = (self._folder / "log").read_text(errors="replace")[-2000:]
                self.stop()
                raise AssertionError(f"SeaweedFS did not start: {said}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Kill the server, whose own way to end takes 15 s, and take away all that it made."""
        if self._child is None:
            return
        child, self._child = self._child, None
        child.send_signal(signal.SIGKILL)
        child.wait()
        shutil.rmtree(self._folder)
        for part in _PARTS:
            # The place of these is not to be chosen (weed/command/server.go).
            Path(f"/tmp/seaweedfs-{part}-grpc-{self._ports[f'{part}.grpc']}.sock").unlink(missing_ok=True)  # noqa: S108

    def _arguments(self) -> list[str]:
        ports = self._ports
        flags: dict[str, object] = {
            "dir": self._folder / "data",
            "ip": HOST,
            "ip.bind": HOST,
            "filer": "true",
            "s3": "true",
            "s3.port.https": ports["s3.https"],
            # Buckets have names of hosts, too, as at S3 itself.
            "s3.domainName": f"s3.{REGION}.amazonaws.com",
            "s3.cert.file": self._certificate,
            "s3.key.file": self._certificate,
            "s3.config": self._folder / "s3.json",
            "s3.iam.config": self._folder / "iam.json",
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            # Each bucket takes some of its own.
            "volume.max": 500,
            "master.volumeSizeLimitMB": 1,
            "master.telemetry": "false",
        }
        for part in _PARTS:
            flags[f"{part}.port"], flags[f"{part}.port.grpc"] = ports[part], ports[f"{part}.grpc"]
        for part in ("filer", "s3"):
            flags[f"{part}.localSocket"] = self._folder / f"{part}.sock"
        return ["server", *(f"-{name}={value}" for name, value in flags.items())]

    def _environment(self) -> dict[str, str]:
        """Nothing of the machine's AWS settings counts, nor a proxy between the server and KMS."""
        kept = {"PATH": os.environ["PATH"], "HOME": str(self._folder), "TMPDIR": str(self._folder)}
        # For SSE-S3, which the server refuses without.
        return {**kept, "WEED_S3_SSE_KEY": "of the tests"}

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection(HOST, self._ports["s3"], timeout=2)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


class SeaweedServer(S3Server):
    """The server with what a test sets up in it, as its administrator; a context manager.

    `kms` stands between the server and its keys, which are in `keys`: it logs what is asked, and fails when told to.
    Nothing is forgotten between tests: each makes buckets and keys of its own.
    """

    def __init__(self, folder: Path, certificates: Certificates, keys: S3Server, kms: Witness) -> None:
        self._weed = Weed(folder, certificates, kms.url)
        super().__init__(self._weed)
        self._keys, self.kms = keys, kms
        self._numbers = itertools.count(1)

    @property
    def https_url(self) -> str:
        """The same endpoint over HTTPS, with the certificate of the tests."""
        return self._weed.https_url

    def client(self, service: str) -> Any:
        """Return the client of a service; that of KMS goes to the keys themselves."""
        return self._keys.client(service) if service == "kms" else super().client(service)

    def make_bucket(self, name: str, *, default_key: Optional[str] = None, versioned: bool = True) -> str:
        """Make a bucket of a name that begins so, and return it."""
        return super().make_bucket(f"{name}-{next(self._numbers)}", default_key=default_key, versioned=versioned)

    def assume_role(self, bucket: str) -> Instance:
        """Return an instance whose credentials have the policy of `iam/` for instances, for `prod` of the bucket."""
        return instance_of(self.session_with(Place(bucket=bucket).policies()["instance-role"]))

    def session_with(self, policy: Mapping[str, Any]) -> Keys:
        """Return the keys of a session that may do what the policy allows, which STS takes up to 2048 characters of."""
        given = self.client("sts").assume_role(
            RoleArn=_ROLE_ARN,
            RoleSessionName="i-0123",
            Policy=json.dumps(policy, separators=(",", ":")),
            DurationSeconds=_ROLE_LIFETIME_S,
        )["Credentials"]
        return Keys(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])


def instance_of(keys: Keys) -> Instance:
    """Return an instance whose role's credentials are these."""
    return Instance(
        region=REGION,
        account=ACCOUNT,
        role=_ROLE,
        access_key=keys.access_key,
        secret_key=keys.secret_key,
        session_token=keys.session_token or "",
        lifetime_s=_ROLE_LIFETIME_S,
    )


def almighty(name: str) -> Keys:
    """Return the keys of one of the almighty, or of the administrator."""
    return Keys(ACCESS_KEY, SECRET_KEY) if name == "administrator" else Keys(f"AKIA{name.upper():0<16}", f"of-{name}")


def _free_ports(*names: str) -> dict[str, int]:
    """Return a free port for each name, none of those that the kernel gives to outgoing connections meanwhile."""
    with ExitStack() as stack:
        ports: list[int] = []
        while len(ports) < len(names):
            taken = stack.enter_context(socket.socket())
            with suppress(OSError):
                taken.bind((HOST, random.randrange(10_000, 32_000)))  # noqa: S311 - no secret
                ports.append(int(taken.getsockname()[1]))
    return dict(zip(names, ports))


def _identities(kms_url: str) -> dict[str, Any]:
    """Return who may do everything, and where the keys are; nothing that KMS has said is kept."""
    keys = {"type": "aws", "endpoint": kms_url, "region": REGION, "cache_enabled": False}
    keys.update(access_key=ACCESS_KEY, secret_key=SECRET_KEY)
    return {
        "kms": {"default_provider": "keys", "providers": {"keys": keys}},
        "identities": [_identity(name) for name in ("administrator", *ALMIGHTY)],
    }


def _identity(name: str) -> dict[str, Any]:
    keys = almighty(name)
    credentials = [{"accessKey": keys.access_key, "secretKey": keys.secret_key}]
    return {"name": name, "credentials": credentials, "actions": ["Admin"]}


def _iam() -> dict[str, Any]:
    """Return a role that may do everything, as far as the policy of the session lets it."""
    trust = _statement(["sts:AssumeRole"])
    trust["Statement"][0]["Principal"] = {"AWS": "*"}
    role = {"roleName": _ROLE, "roleArn": _ROLE_ARN, "trustPolicy": trust, "attachedPolicies": ["everything"]}
    return {
        "sts": {
            "issuer": "tests",
            "signingKey": base64.b64encode(os.urandom(32)).decode(),
            "tokenDuration": "1h",
            "maxSessionLength": "12h",
        },
        "policy": {"defaultEffect": "Deny", "storeType": "memory"},
        "policies": [{"name": "everything", "document": _statement(["s3:*"], "arn:aws:s3:::*")}],
        "roles": [role],
    }


def _statement(actions: list[str], resource: Optional[str] = None) -> dict[str, Any]:
    statement: dict[str, Any] = {"Effect": "Allow", "Action": actions}
    if resource:
        statement["Resource"] = [resource]
    return {"Version": "2012-10-17", "Statement": [statement]}


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content))
