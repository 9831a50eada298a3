"""The possible causes of a 403 from S3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecsauth.aws.attempt import Operation

if TYPE_CHECKING:
    from ecsauth.aws.attempt import Attempt

_OWNER = "the bucket may belong to another account: check --bucket-owner"
_POLICY = (
    "the bucket policy or a VPC endpoint policy may deny the request: no TLS, or a source address or endpoint that it "
    "does not allow"
)
# S3's words for these causes (IAM User Guide, "Troubleshoot access denied error messages").
_OF_POLICY = ("explicit deny in a resource-based policy", "VPC endpoint policy")
_PUT = (
    "you may lack s3:PutObject on this object, or the bucket policy may deny the upload: a KMS key that it does not "
    "allow, no TLS, or a source address or endpoint that it does not allow"
)
# The causes of a denial for each operation, except for reading an object.
_NEEDED = {
    Operation.PUT: (_PUT, _OWNER),
    Operation.LIST_VERSIONS: ("you may lack s3:ListBucketVersions on the bucket", _OWNER, _POLICY),
    Operation.LOOK_AT_ENCRYPTION: (
        "you may lack s3:GetEncryptionConfiguration on the bucket; with --kms-key it is not required",
        _OWNER,
        _POLICY,
    ),
}


def causes(what: Attempt, said: str) -> tuple[str, ...]:
    """Return the four possible causes of a denial, the one that S3 names first, then the most likely ones."""
    if what.operation in _NEEDED:
        return _NEEDED[what.operation]
    found = [
        "the object may not exist: without s3:ListBucket, S3 returns 403 instead of 404",
        "the role may lack s3:GetObject (and s3:GetObjectVersion for a version) on this object",
        _OWNER,
    ]
    found.insert(0 if any(text in said for text in _OF_POLICY) else len(found), _POLICY)
    return tuple(found)
