"""Whether the name of a bucket is free: names are shared by all accounts."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ecsauth.aws.attempt import Attempt, Operation
from ecsauth.aws.s3 import translated

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client


def is_taken(client: S3Client, bucket: str) -> bool:
    """Tell whether a bucket of this name exists, in this account or another; raise an EcsauthError if S3 fails."""
    with translated(Attempt(Operation.LOOK_AT_BUCKET, bucket)):
        try:
            client.head_bucket(Bucket=bucket)
        except ClientError as fault:
            status = fault.response["ResponseMetadata"]["HTTPStatusCode"]
            if status == HTTPStatus.NOT_FOUND:
                return False
            # In another account, or in another region.
            if status in (HTTPStatus.FORBIDDEN, HTTPStatus.MOVED_PERMANENTLY):
                return True
            raise
    return True
