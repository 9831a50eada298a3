"""S3, KMS, STS and IAM on loopback: a moto server, in this process or as a program of its own.

Also a program: `python tests/support/s3_server.py [--port N]` prints its address and serves until it is told to stop.

What moto leaves out and S3 does (the expected bucket owner, faults of every kind) is added by `s3_proxy`.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import threading
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional, Protocol
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from loopback_server import HOST
from service_program import ServiceProcess, serve_until_told

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from typing_extensions import Self
    from werkzeug.serving import BaseWSGIServer

REGION = "eu-central-1"
# moto's own; a caller that names another account in its credentials gets another, empty one.
ACCOUNT = "123456789012"
ACCESS_KEY = "AKIASETUPOFTHETESTS0"
SECRET_KEY = "set-up-of-the-tests"


class _Backend(Protocol):
    url: str

    def start(self) -> None: ...

    def stop(self) -> None: ...


class MotoThread:
    """A moto server in a thread of this process; it shares its state with `mock_aws` in the same process."""

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self._server: Optional[BaseWSGIServer] = None
        self._thread: Optional[threading.Thread] = None
        self.url = ""

    def start(self) -> None:
        """Listen and serve; returns when connections are accepted."""
        # Imported here: moto takes most of a second, which only the process that serves needs to pay.
        from moto import backends, settings
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import make_server

        # moto lists its own folder, with two hundred names in it, for each request: a fifth of what one takes.
        modules = tuple(backends.list_of_moto_modules())
        backends.list_of_moto_modules = lambda: modules
        # Nor a thousand AMIs with their snapshots, at each reset once a test has used EC2.
        settings.ec2_load_default_amis = lambda: False
        logging.getLogger("werkzeug").setLevel(logging.WARNING)
        application = DomainDispatcherApplication(create_backend_app)
        # Not moto's ThreadedMotoServer: its stop() leaves the listening socket open.
        self._server = make_server(HOST, self._port, application, threaded=True)
        self.url = f"http://{HOST}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def stop(self) -> None:
        """Close the port and wait for the thread."""
        if self._server is None or self._thread is None:
            return
        server, self._server = self._server, None
        server.shutdown()
        self._thread.join()
        server.server_close()


class S3Server:
    """The server with what a test sets up in it; a context manager. `url` is known once it is started."""

    def __init__(self, backend: _Backend) -> None:
        self._backend = backend
        self._clients: dict[str, Any] = {}

    @classmethod
    def in_process(cls, port: int = 0) -> Self:
        """Serve from a thread of this process: starts in no time where moto is loaded anyway."""
        return cls(MotoThread(port))

    @classmethod
    def as_process(cls) -> Self:
        """Serve from a process of its own, with a state of its own."""
        return cls(ServiceProcess(Path(__file__)))

    @property
    def url(self) -> str:
        """The endpoint of every service."""
        return self._backend.url

    def start(self) -> None:
        """Start to serve."""
        self._backend.start()

    def stop(self) -> None:
        """Stop, and close the clients."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()
        self._backend.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def client(self, service: str) -> Any:
        """Return the client of a service, signed with the set-up's own credentials, without retries."""
        if service not in self._clients:
            self._clients[service] = boto3.Session().client(  # type: ignore[call-overload]
                service,
                region_name=REGION,
                endpoint_url=self.url,
                aws_access_key_id=ACCESS_KEY,
                aws_secret_access_key=SECRET_KEY,
                config=Config(retries={"total_max_attempts": 1}, proxies={}),
            )
        return self._clients[service]

    @property
    def s3(self) -> S3Client:
        """The client of S3."""
        client: S3Client = self.client("s3")
        return client

    def reset(self) -> None:
        """Forget every bucket, key and role, and let everybody in again."""
        self._tell_moto("reset")
        self.let_everybody_in()

    def enforce_policies(self) -> None:
        """From now on refuse what no IAM policy of the caller allows."""
        self._tell_moto("reset-auth", b"0")

    def let_everybody_in(self) -> None:
        """From now on refuse nothing for want of a policy."""
        self._tell_moto("reset-auth", b"inf")

    def _tell_moto(self, what: str, body: bytes = b"") -> None:
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=30)
        with contextlib.closing(connection):
            connection.request("POST", f"/moto-api/{what}", body)
            response = connection.getresponse()
            response.read()
        if response.status != HTTPStatus.OK:
            raise AssertionError(f"moto answered {response.status} to {what}")

    def make_key(self, description: str = "registry credentials") -> str:
        """Make a KMS key and return its ARN."""
        return str(self.client("kms").create_key(Description=description)["KeyMetadata"]["Arn"])

    def make_bucket(self, name: str, *, default_key: Optional[str] = None, versioned: bool = True) -> str:
        """Make a bucket and return its name; `default_key` is the ARN of the key of its default SSE-KMS encryption."""
        self.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        if versioned:
            self.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        if default_key:
            default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": default_key}
            rules = {"Rules": [{"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}]}
            self.client("s3").put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration=rules)
        return name


def main() -> None:
    """Serve S3, KMS, STS and IAM until told to stop."""
    parser = argparse.ArgumentParser(description=main.__doc__, allow_abbrev=False)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--stop-at-eof", action="store_true", help="stop when standard input ends")
    options = parser.parse_args()
    serve_until_told(S3Server.in_process(options.port), stop_at_eof=options.stop_at_eof)


if __name__ == "__main__":
    main()
