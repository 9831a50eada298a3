"""What the demo has in place of AWS: S3 and KMS, and an instance's metadata service, all on loopback."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from aws_environment import aws_environment
from metadata_service import Instance, MetadataService
from s3_faults import tls_only
from s3_proxy import S3Proxy
from s3_server import ACCESS_KEY, ACCOUNT, REGION, SECRET_KEY, S3Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BUCKET = "ecsauth-demo"
URI = f"s3://{BUCKET}/prod/ecs.config"
_CONDITIONS = ("If-Match", "If-None-Match")


class PretendCloud:
    """A bucket, a key, and the environments of the two who use them."""

    def __init__(self, home: Path, s3: S3Proxy, metadata: MetadataService, kms_key: str) -> None:
        self.kms_key = kms_key
        self.url = s3.url
        self._s3 = s3
        # docker's own settings stay: what was asked whether it works is what is used.
        docker = {name: value for name, value in os.environ.items() if name.startswith("DOCKER_")}
        self.operator = aws_environment(
            home, endpoint=s3.url, AWS_ACCESS_KEY_ID=ACCESS_KEY, AWS_SECRET_ACCESS_KEY=SECRET_KEY, AWS_REGION=REGION
        )
        self.instance = {**aws_environment(home, endpoint=s3.url, metadata=metadata.url), **docker}

    @contextlib.contextmanager
    def out_of_reach(self) -> Iterator[None]:
        """Refuse every connection to S3 inside the `with` block."""
        with self._s3.refusing():
            yield

    def take_requests(self) -> str:
        """Return what S3 was asked since the last call, with the conditions."""
        asked = []
        for request in self._s3.requests:
            conditions = [name for name in _CONDITIONS if name.lower() in request.headers]
            asked.append(f"{request.operation} with {conditions[0]}" if conditions else request.operation)
        self._s3.requests.clear()
        return ", ".join(asked) or "nothing"


@contextlib.contextmanager
def pretend_cloud(home: Path) -> Iterator[PretendCloud]:
    """Start it; stop it at the end."""
    with S3Server.as_process() as server:
        kms_key = server.make_key()
        server.make_bucket(BUCKET, default_key=kms_key)
        switches = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        block = dict.fromkeys(switches, True)
        server.client("s3").put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration=block)
        instance = Instance(region=REGION, account=ACCOUNT)
        with S3Proxy(server.url) as s3, MetadataService(instance) as metadata:
            s3.inject(tls_only(BUCKET), operation="GetBucketPolicy")
            yield PretendCloud(home, s3, metadata, kms_key)
