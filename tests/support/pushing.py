"""One operator who pushes: a file, a bucket, and others who push at the same time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Callable

import s3_faults as faults
from program import Ended, run_here

if TYPE_CHECKING:
    from pathlib import Path

    from bucket import Bucket
    from loopback_server import Answer
    from s3_proxy import S3Proxy
    from s3_request import Request

URI = "s3://fleet/ecs.config"


def env_file(**registries: str) -> bytes:
    """Return an env-file with a password for each registry; underscores in their names stand for points."""
    data = {
        name.replace("_", "."): {"username": "fleet", "password": password} for name, password in registries.items()
    }
    lines = ("ECS_CLUSTER=prod", "ECS_ENGINE_AUTH_TYPE=docker", f"ECS_ENGINE_AUTH_DATA={json.dumps(data)}")
    return "".join(f"{line}\n" for line in lines).encode()


FILE = env_file(registry_example_com="canary-one")
CHANGED = env_file(registry_example_com="canary-two")


class Meanwhile(faults.Fault):
    """Somebody else does something just before the request is carried out."""

    def __init__(self, action: Callable[[], object]) -> None:
        self._action = action

    def respond(self, request: Request, forward: Callable[[], Answer]) -> Answer:
        """Let them do it, then carry the request out."""
        del request
        self._action()
        return forward()


class Operator:
    """An operator with a file to push, in a bucket whose default key is `key`."""

    def __init__(self, env: dict[str, str], path: Path, bucket: Bucket, proxy: S3Proxy) -> None:
        self.env = env
        self.path = path
        self.bucket = bucket
        self.proxy = proxy

    def push(self, content: bytes = FILE, *options: str) -> Ended:
        """Write the file and push it, with the key of the tests unless the options name one."""
        self.path.write_bytes(content)
        key = () if any(option.startswith("--kms-key") for option in options) else ("--kms-key", self.bucket.kms_key)
        return self.run(*key, *options)

    def run(self, *options: str, uri: str = URI) -> Ended:
        """Push the file as it is."""
        return run_here("push", str(self.path), uri, *options, env=self.env)

    @property
    def put(self) -> Request:
        """The request that put the object."""
        return self.proxy.wait_for("PutObject", 0)
