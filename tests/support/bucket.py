"""One bucket as a test sets it up: what is put into it behind the back of the program under test."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from s3_server import S3Server

# moto takes any ARN for a key.
KMS_KEY = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"


class Bucket(NamedTuple):
    """A bucket, and the ARN of the KMS key that is to be used in it."""

    server: S3Server
    name: str
    kms_key: str = KMS_KEY

    def put(self, data: bytes, key: str = "ecs.config", **more: str) -> str:
        """Put an object as `push` does, unless `more` says otherwise, and return its version ID; "" leaves out."""
        how = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.kms_key, "ChecksumAlgorithm": "CRC32", **more}
        given = {name: value for name, value in how.items() if value}
        return str(self.server.client("s3").put_object(Bucket=self.name, Key=key, Body=data, **given).get("VersionId"))

    def get(self, key: str = "ecs.config") -> bytes:
        """Return the bytes of the newest version."""
        return self.server.s3.get_object(Bucket=self.name, Key=key)["Body"].read()

    def versions(self, key: str = "ecs.config") -> list[str]:
        """Return the IDs of all versions, newest first."""
        found = self.server.s3.list_object_versions(Bucket=self.name, Prefix=key).get("Versions", [])
        return [version["VersionId"] for version in found]
