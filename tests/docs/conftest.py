"""Fixtures: the desk at which the commands of the documents are typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aws_environment import aws_environment
from desk import ACCOUNT, BUCKET, KEY, OTHER_BUCKET, Desk
from forked_program import ForkedProgram
from metadata_service import Instance, MetadataService
from pretend_hub import pretend_hub
from s3_faults import TlsOnlyEverywhere
from s3_proxy import S3Proxy
from s3_server import ACCESS_KEY, REGION, SECRET_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from s3_server import S3Server


@pytest.fixture(scope="module")
def ecsauth() -> Iterator[ForkedProgram]:
    """Load the program once for all that is typed."""
    with ForkedProgram() as program:
        yield program


@pytest.fixture
def desk(tmp_path: Path, s3_server: S3Server, ecsauth: ForkedProgram) -> Iterator[Desk]:
    """Sit down at the desk of an operator with a bucket and a key, beside an instance that has nothing yet."""
    for bucket in (BUCKET, OTHER_BUCKET):
        s3_server.make_bucket(bucket, default_key=KEY)
    switches = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    block = dict.fromkeys(switches, True)
    s3_server.client("s3").put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration=block)
    instance = Instance(region=REGION, account=ACCOUNT)
    hub = pretend_hub(tmp_path)
    with S3Proxy(s3_server.url, owner=ACCOUNT) as s3, MetadataService(instance) as metadata, hub as way_to_hub:
        s3.inject(TlsOnlyEverywhere(), operation="GetBucketPolicy")
        environment = aws_environment(
            tmp_path,
            endpoint=s3.url,
            metadata=metadata.url,
            AWS_ACCESS_KEY_ID=ACCESS_KEY,
            AWS_SECRET_ACCESS_KEY=SECRET_KEY,
            AWS_DEFAULT_REGION=REGION,
        )
        with Desk(tmp_path, {**environment, **way_to_hub}, ecsauth) as shell:
            yield shell
