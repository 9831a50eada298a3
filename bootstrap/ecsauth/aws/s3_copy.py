"""Promotion in S3: one version of a candidate is copied onto the released key, if that is still what it was.

S3 copies by itself: the content of the env-file does not pass through this program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ecsauth.aws.attempt import Operation, at
from ecsauth.aws.s3 import place_of, translated
from ecsauth.aws.s3_operator import S3VersionStore, answered, refused_put
from ecsauth.errors import UsageError

if TYPE_CHECKING:
    from typing import Optional

    from mypy_boto3_s3.client import S3Client

    from ecsauth.aws_names import S3URI
    from ecsauth.publish.put import NewVersion
    from ecsauth.publish.versions import ObjectVersion


class S3CopyStore(S3VersionStore):
    """S3 with a put that copies the version `source` instead of sending content."""

    def __init__(self, client: S3Client, source: S3URI, owner: Optional[str] = None) -> None:
        super().__init__(client, owner)
        self._source = source
        self._source_owner: dict[str, Any] = {"ExpectedSourceBucketOwner": owner} if owner else {}

    def put(self, uri: S3URI, new: NewVersion) -> ObjectVersion:
        """Copy the source onto the object on the condition of `new`, and return its metadata; raise as a put."""
        condition = {"IfMatch": new.replaces} if new.replaces else {"IfNoneMatch": "*"}
        self._refuse_old_sdk()
        with translated(at(Operation.PUT, uri)):
            try:
                answer: Any = self._client.copy_object(
                    Bucket=uri.bucket,
                    Key=uri.key,
                    CopySource=place_of(self._source),
                    MetadataDirective="REPLACE",
                    TaggingDirective="REPLACE",
                    Metadata=new.metadata.as_s3(),
                    ContentType=new.content_type,
                    ServerSideEncryption="aws:kms",
                    SSEKMSKeyId=new.kms_key,
                    BucketKeyEnabled=False,
                    ChecksumAlgorithm="CRC32",
                    **condition,
                    **self._owner,
                    **self._source_owner,
                )
            except ClientError as fault:
                raise refused_put(fault, uri, new) or fault from None
        return answered({**answer, "ETag": answer.get("CopyObjectResult", {}).get("ETag", "")}, new)

    def _refuse_old_sdk(self) -> None:
        """Raise UsageError if the SDK cannot send the condition: botocore has it since October 2025."""
        if "IfMatch" not in self._client.meta.service_model.operation_model("CopyObject").input_shape.members:
            raise UsageError(
                "this AWS SDK is too old to promote: it cannot copy on a condition", "install a newer boto3"
            )
