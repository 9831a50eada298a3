"""The requests of iam/access.md as they are really made: what a case is for the SDK, and what the answer means."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from access_world import encryption_headers
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from access_table import Case
    from access_world import Place

# What is answered to one who may ask, where there is nothing to be told.
_NOTHING_THERE = frozenset({"NoSuchBucketPolicy", "NoSuchLifecycleConfiguration"})
_LIFECYCLE = {"Rules": [{"ID": "uploads", "Status": "Enabled", "Filter": {"Prefix": "x"}, "Expiration": {"Days": 9}}]}


class Target(NamedTuple):
    """What a request is made of beside the case: a client with somebody's credentials, and a version of the object."""

    client: Any
    case: Case
    place: Place
    version: str

    @property
    def bucket(self) -> dict[str, str]:
        """The bucket as parameters."""
        return {"Bucket": self.place.bucket_of(self.case)}

    @property
    def object(self) -> dict[str, str]:
        """The object as parameters."""
        return {**self.bucket, "Key": self.case.key}

    @property
    def of_version(self) -> dict[str, str]:
        """The version as parameters."""
        return {**self.object, "VersionId": self.version}

    @property
    def listing(self) -> dict[str, str]:
        """The bucket, and the prefix that the case names, as parameters."""
        prefixes = [how[len("prefix ") :] for how in self.case.how if how.startswith("prefix ")]
        return {**self.bucket, **({"Prefix": prefixes[0]} if prefixes else {})}

    @property
    def policy(self) -> str:
        """A policy to put, which changes nothing that a case is about."""
        arn = self.place.object_arn(self.bucket["Bucket"])
        deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutBucketWebsite", "Resource": arn}
        return json.dumps({"Version": "2012-10-17", "Statement": [deny]})


REQUESTS: dict[str, Callable[[Target], Any]] = {
    "s3:DeleteBucketPolicy": lambda it: it.client.delete_bucket_policy(**it.bucket),
    "s3:DeleteObject": lambda it: it.client.delete_object(**it.object),
    "s3:DeleteObjectVersion": lambda it: it.client.delete_object(**it.of_version),
    "s3:GetBucketAcl": lambda it: it.client.get_bucket_acl(**it.bucket),
    "s3:GetBucketLogging": lambda it: it.client.get_bucket_logging(**it.bucket),
    "s3:GetBucketPolicy": lambda it: it.client.get_bucket_policy(**it.bucket),
    "s3:GetBucketVersioning": lambda it: it.client.get_bucket_versioning(**it.bucket),
    "s3:GetLifecycleConfiguration": lambda it: it.client.get_bucket_lifecycle_configuration(**it.bucket),
    "s3:GetObject": lambda it: it.client.get_object(**it.object)["Body"].read(),
    "s3:GetObjectVersion": lambda it: it.client.get_object(**it.of_version)["Body"].read(),
    "s3:ListBucket": lambda it: it.client.list_objects_v2(**it.listing),
    "s3:ListBucketVersions": lambda it: it.client.list_object_versions(**it.listing),
    "s3:PutBucketPolicy": lambda it: it.client.put_bucket_policy(**it.bucket, Policy=it.policy),
    "s3:PutBucketVersioning": lambda it: it.client.put_bucket_versioning(
        **it.bucket, VersioningConfiguration={"Status": "Enabled"}
    ),
    "s3:PutLifecycleConfiguration": lambda it: it.client.put_bucket_lifecycle_configuration(
        **it.bucket, LifecycleConfiguration=_LIFECYCLE
    ),
    "s3:PutObject": lambda it: it.client.put_object(
        **it.object, Body=b"put by a case", **encryption_headers(it.case, it.place)
    ),
    "s3:PutObjectAcl": lambda it: it.client.put_object_acl(**it.object, ACL="private"),
    "s3:PutObjectTagging": lambda it: it.client.put_object_tagging(**it.object, Tagging={"TagSet": []}),
}


def is_carried_out(target: Target) -> bool:
    """Make the request of the case; False where it is denied. Whatever else goes wrong is raised."""
    try:
        REQUESTS[target.case.action](target)
    except ClientError as fault:
        answer: Any = fault.response
        # A wrong signature is 403, too.
        if answer["Error"]["Code"] == "AccessDenied" or answer["Error"].get("Message") == "Forbidden":
            return False
        if answer["Error"]["Code"] not in _NOTHING_THERE:
            raise
    return True
