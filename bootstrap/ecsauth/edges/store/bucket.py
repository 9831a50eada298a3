"""A bucket's settings: its default key, and what puts an env-file in it at risk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Optional, Union

from botocore.exceptions import ClientError

from ecsauth.core.bucket_settings import Settings, Unseen
from ecsauth.core.errors import DeniedError, UnreachableError
from ecsauth.edges.store.attempt import Attempt, Operation
from ecsauth.edges.store.s3 import translated

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

# What S3 answers where a setting was never made.
_UNSET = frozenset(
    (
        "ServerSideEncryptionConfigurationNotFoundError",
        "NoSuchPublicAccessBlockConfiguration",
        "NoSuchBucketPolicy",
        "NoSuchLifecycleConfiguration",
    )
)


class BucketSettings:
    """The settings of one bucket; `owner`, where given, has to own it."""

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
        """Return the settings that are risks when they are wrong; raise nothing."""
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
        """Return the answer, empty for a setting that was never made."""
        with translated(Attempt(operation, self._bucket)):
            try:
                return call(**self._place)
            except ClientError as fault:
                if fault.response["Error"]["Code"] in _UNSET:
                    return {}
                raise
