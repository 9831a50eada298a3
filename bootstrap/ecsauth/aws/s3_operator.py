"""S3 for the operator's commands: the versions of one object, conditional puts, the settings of its bucket."""

from __future__ import annotations

import contextlib
import email.utils
import time
from typing import TYPE_CHECKING, Any, Callable, Optional, Union

from botocore.exceptions import ClientError

from ecsauth.aws.attempt import Attempt, Operation, at
from ecsauth.aws.errors import translate
from ecsauth.aws.s3 import ENV_FILE, ObjectKind, Objects, facts_of, place_of, translated, understood
from ecsauth.boot.trust import ObjectFacts
from ecsauth.command_hint import CommandHint
from ecsauth.errors import DeniedError, UnreachableError
from ecsauth.publish.bucket_risks import Settings, Unseen
from ecsauth.publish.put import RefusedPutError
from ecsauth.publish.versions import ListedVersion, ObjectVersion, VersionContent, merged, parse_metadata

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_s3.client import S3Client

    from ecsauth.aws_names import S3URI
    from ecsauth.publish.put import NewVersion

_ABSENT = frozenset(("NoSuchKey", "404", "NoSuchVersion"))
_DENIED = frozenset(("AccessDenied", "403"))
# Amazon S3 API Reference, PutObject: these can be retried after another look at the object.
_BUSY = frozenset(("ConditionalRequestConflict", "OperationAborted"))
_LOOK_AGAIN = "see who changed it, then push again"
# A page of a listing, S3's own limit.
_PAGE = 1000
_MOST_PAGES = 100


class S3VersionStore:
    """The S3 objects of one kind; the account `owner`, if given, must own the bucket."""

    def __init__(self, client: S3Client, owner: Optional[str] = None, kind: ObjectKind = ENV_FILE) -> None:
        self._client: Any = client
        self._objects = Objects(client, owner, kind)
        self._owner: dict[str, Any] = {"ExpectedBucketOwner": owner} if owner else {}

    def look(self, uri: S3URI) -> Optional[ObjectVersion]:
        """Return the metadata of the object, None if there is none; raise DeniedError or UnreachableError."""
        what = at(Operation.LOOK, uri)
        with translated(what), understood(what):
            try:
                answer = self._client.head_object(**place_of(uri), **self._owner)
            except ClientError as fault:
                code = fault.response["Error"]["Code"]
                if code in _ABSENT or (code in _DENIED and self._is_not_listed(uri)):
                    return None
                raise
            size = int(answer.get("ContentLength", 0))
            return ObjectVersion(facts_of(answer, verified=False), parse_metadata(answer.get("Metadata", {})), size)

    def _is_not_listed(self, uri: S3URI) -> bool:
        """Tell whether a listing shows that the object does not exist.

        S3 denies a request for a missing object if the caller may list only one prefix (a condition on s3:prefix),
        because the request names no prefix.
        """
        if uri.version_id is not None:
            return False
        try:
            page = self._client.list_objects_v2(Bucket=uri.bucket, Prefix=uri.key, MaxKeys=1, **self._owner)
        except ClientError:
            return False
        # Keys that begin with this one are listed after it.
        return not any(one["Key"] == uri.key for one in page.get("Contents", ()))

    def read(self, uri: S3URI, seen: Optional[ObjectVersion] = None) -> VersionContent:
        """Return the object and its content; raise DeniedError (if there is none, too), InvalidError for a large one.

        The metadata are those of `seen` if it is still the same object; otherwise they are requested after the read.
        """
        fetched = self._objects.get(uri)
        if fetched is None:
            raise DeniedError(f"cannot get {uri}: S3 returned 304 Not Modified")
        version = ObjectVersion(fetched.facts, parse_metadata({}), len(fetched.body))
        with contextlib.suppress(DeniedError):
            seen = seen or self.look(uri)
            if seen is not None and seen.facts.is_same_object(fetched.facts):
                version = version._replace(metadata=seen.metadata)
        return VersionContent(version, fetched.body)

    def put(self, uri: S3URI, new: NewVersion) -> ObjectVersion:
        """Put the object with SSE-KMS and a CRC32, and return its metadata.

        Raises RefusedPutError if the current version is not the one to replace, DeniedError and UnreachableError.
        """
        condition = {"IfMatch": new.replaces} if new.replaces else {"IfNoneMatch": "*"}
        with translated(at(Operation.PUT, uri)):
            try:
                answer = self._client.put_object(
                    Bucket=uri.bucket,
                    Key=uri.key,
                    Body=new.data,
                    ContentType=new.content_type,
                    ServerSideEncryption="aws:kms",
                    SSEKMSKeyId=new.kms_key,
                    BucketKeyEnabled=False,
                    ChecksumAlgorithm="CRC32",
                    Metadata=new.metadata.as_s3(),
                    **condition,
                    **self._owner,
                )
            except ClientError as fault:
                raise refused_put(fault, uri, new) or fault from None
        return answered(answer, new)

    def recent(self, uri: S3URI, count: int) -> Sequence[str]:
        """Return the IDs of at most `count` versions, newest first, without delete markers."""
        return [one.version_id for one in self.versions(uri, count) if not one.is_deletion]

    def versions(self, uri: S3URI, count: int) -> tuple[ListedVersion, ...]:
        """Return at most `count` versions and delete markers, newest first; empty if the object never existed."""
        versions: list[ListedVersion] = []
        deletions: list[ListedVersion] = []
        start: dict[str, str] = {}
        # Keys that begin with this one are listed after it, and are other objects.
        listing = {"Bucket": uri.bucket, "Prefix": uri.key, "MaxKeys": min(count + 1, _PAGE)}
        what = at(Operation.LIST_VERSIONS, uri)
        with translated(what), understood(what):
            for _ in range(_MOST_PAGES):
                page = self._client.list_object_versions(**listing, **self._owner, **start)
                versions += [_listed(one) for one in page.get("Versions", ()) if one["Key"] == uri.key]
                deletions += [
                    _listed(one, is_deletion=True) for one in page.get("DeleteMarkers", ()) if one["Key"] == uri.key
                ]
                goes_on = page.get("IsTruncated") and page.get("NextKeyMarker") == uri.key
                if not goes_on or len(versions) + len(deletions) >= count:
                    break
                start = {"KeyMarker": uri.key, "VersionIdMarker": page["NextVersionIdMarker"]}
        return merged(versions, deletions)[:count]


def refused_put(fault: ClientError, uri: S3URI, new: NewVersion) -> Optional[RefusedPutError]:
    """Return the fault if S3 refused the condition of the put, None for all other answers."""
    response: Any = fault.response
    code = response["Error"].get("Code", "")
    is_deleted = bool(new.replaces) and code in _ABSENT
    if not is_deleted and code not in _BUSY and code not in ("PreconditionFailed", "412"):
        return None
    known = translate(fault, at(Operation.PUT, uri))
    message = f"cannot upload to {uri}: it was deleted in the meantime" if is_deleted else known.message
    # The SDK retries by itself after a missing answer or a 5xx.
    is_repeated = bool(response.get("ResponseMetadata", {}).get("RetryAttempts", 0))
    again = CommandHint(_LOOK_AGAIN, "ecsauth", "history", uri.object_uri)
    return RefusedPutError(message, again, is_busy=code in _BUSY, is_repeated=is_repeated)


def answered(answer: Any, new: NewVersion) -> ObjectVersion:
    """Return the metadata in the answer to a put; its date is the time of the put."""
    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        seconds = int(email.utils.parsedate_to_datetime(date).timestamp())
    except (TypeError, ValueError):
        seconds = int(time.time())
    facts = ObjectFacts(
        etag=answer.get("ETag", ""),
        last_modified=seconds,
        version_id=answer.get("VersionId"),
        encryption=answer.get("ServerSideEncryption"),
        kms_key=answer.get("SSEKMSKeyId"),
    )
    return ObjectVersion(facts, new.metadata, len(new.data))


def _listed(listed: Any, *, is_deletion: bool = False) -> ListedVersion:
    return ListedVersion(
        version_id=listed["VersionId"],
        last_modified=int(listed["LastModified"].timestamp()),
        is_current=bool(listed.get("IsLatest")),
        is_deletion=is_deletion,
        size=int(listed.get("Size", 0)),
    )


# The error codes of S3 for a setting that was never made.
_UNSET = frozenset(
    (
        "ServerSideEncryptionConfigurationNotFoundError",
        "NoSuchPublicAccessBlockConfiguration",
        "NoSuchBucketPolicy",
        "NoSuchLifecycleConfiguration",
    )
)


class BucketSettings:
    """The settings of one bucket; the account `owner`, if given, must own it."""

    def __init__(self, client: S3Client, bucket: str, owner: Optional[str] = None) -> None:
        self._client: Any = client
        self._bucket = bucket
        self._place = {"Bucket": bucket, **({"ExpectedBucketOwner": owner} if owner else {})}

    def default_kms_key(self) -> Optional[str]:
        """Return the KMS key that the bucket encrypts with by default, None if it names none."""
        answer = self._ask(Operation.LOOK_AT_ENCRYPTION, self._client.get_bucket_encryption)
        for rule in answer.get("ServerSideEncryptionConfiguration", {}).get("Rules", ()):
            default = rule.get("ApplyServerSideEncryptionByDefault", {})
            if default.get("SSEAlgorithm", "").startswith("aws:kms") and default.get("KMSMasterKeyID"):
                key: str = default["KMSMasterKeyID"]
                return key
        return None

    def look(self) -> Settings:
        """Return the settings that are a risk if they are wrong; raise nothing."""
        client = self._client
        versioning = self._seen(Operation.LOOK_AT_VERSIONING, client.get_bucket_versioning)
        block = self._seen(Operation.LOOK_AT_PUBLIC_ACCESS, client.get_public_access_block)
        policy = self._seen(Operation.LOOK_AT_POLICY, client.get_bucket_policy)
        lifecycle = self._seen(Operation.LOOK_AT_LIFECYCLE, client.get_bucket_lifecycle_configuration)
        return Settings(
            versioning if isinstance(versioning, Unseen) else versioning.get("Status", ""),
            block if isinstance(block, Unseen) else block.get("PublicAccessBlockConfiguration", {}),
            policy if isinstance(policy, Unseen) else policy.get("Policy", ""),
            lifecycle if isinstance(lifecycle, Unseen) else lifecycle.get("Rules", []),
        )

    def _seen(self, operation: Operation, call: Callable[..., Any]) -> Union[Any, Unseen]:
        try:
            return self._ask(operation, call)
        except DeniedError:
            return Unseen.DENIED
        except UnreachableError:
            return Unseen.UNREACHABLE

    def _ask(self, operation: Operation, call: Callable[..., Any]) -> Any:
        """Return the answer; empty for a setting that was never made."""
        with translated(Attempt(operation, self._bucket)):
            try:
                return call(**self._place)
            except ClientError as fault:
                if fault.response["Error"]["Code"] in _UNSET:
                    return {}
                raise
