"""S3 with an ETag of its own for each upload."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from s3_server import ACCESS_KEY, REGION, SECRET_KEY
from s3_upload_tags import UploadTagsProxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bucket import Bucket
    from s3_server import S3Server


@pytest.fixture
def s3(s3_server: S3Server, bucket: Bucket) -> Iterator[Any]:
    """Give a client of such an S3, with one object."""
    bucket.put(b"content", "k")
    with UploadTagsProxy(s3_server.url) as proxy:
        client = boto3.Session().client(
            "s3",
            region_name=REGION,
            endpoint_url=proxy.url,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=Config(retries={"total_max_attempts": 1}, proxies={}),
        )
        yield client
        client.close()


def tag(s3: Any) -> str:
    """Return the ETag of the object."""
    return str(s3.head_object(Bucket="fleet", Key="k")["ETag"])


def test_the_same_content(s3: Any) -> None:
    """Put again, it has another ETag, which a put and a get name, too."""
    before = tag(s3)
    put = s3.put_object(Bucket="fleet", Key="k", Body=b"content")["ETag"]
    assert put != before
    assert (tag(s3), s3.get_object(Bucket="fleet", Key="k")["ETag"]) == (put, put)


def test_unless_it_has_changed(s3: Any) -> None:
    """A get for another ETag than this one is answered without the content, until the object is put again."""
    known = tag(s3)
    with pytest.raises(ClientError, match="304"):
        s3.get_object(Bucket="fleet", Key="k", IfNoneMatch=known)
    s3.put_object(Bucket="fleet", Key="k", Body=b"content")
    assert s3.get_object(Bucket="fleet", Key="k", IfNoneMatch=known)["Body"].read() == b"content"


def test_only_if_it_has_not_changed(s3: Any) -> None:
    """A put for this ETag is refused once the object was put again."""
    known = tag(s3)
    s3.put_object(Bucket="fleet", Key="k", Body=b"content", IfMatch=known)
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket="fleet", Key="k", Body=b"content", IfMatch=known)


def test_a_copy(s3: Any) -> None:
    """It is an upload."""
    before = tag(s3)
    source = {"Bucket": "fleet", "Key": "k"}
    made = s3.copy_object(Bucket="fleet", Key="k2", CopySource=source)["CopyObjectResult"]["ETag"]
    assert made != before
    assert s3.head_object(Bucket="fleet", Key="k2")["ETag"] == made
