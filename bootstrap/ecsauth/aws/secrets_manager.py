"""Read, create and update one secret of Secrets Manager.

The service's message is shown only for denials, because its errors about a value may quote it.
"""

from __future__ import annotations

import contextlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from botocore.exceptions import ClientError

from ecsauth.aws.attempt import Attempt, Operation
from ecsauth.aws.errors import refusal_of, translate
from ecsauth.aws.refusals import foreign, printable
from ecsauth.aws.s3 import translated
from ecsauth.command_hint import KEY, CommandHint
from ecsauth.errors import ConflictError, DeniedError, EcsauthError, UnreachableError
from ecsauth.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_secretsmanager.client import SecretsManagerClient

# Faults of credentials and clock are the same as S3's, under other codes (AWS "Common errors").
_AS_S3 = {
    "ExpiredTokenException": "ExpiredToken",
    "UnrecognizedClientException": "InvalidAccessKeyId",
    "InvalidClientTokenId": "InvalidAccessKeyId",
    "InvalidSignatureException": "SignatureDoesNotMatch",
    "RequestExpired": "RequestTimeTooSkewed",
}
_THROTTLING = frozenset(("ThrottlingException", "Throttling", "RequestLimitExceeded", "TooManyRequestsException"))
_KEY_FAILURES = frozenset(("EncryptionFailure", "EncryptionFailureException", "DecryptionFailure"))
_ABSENT = "ResourceNotFoundException"


class StoredSecret(NamedTuple):
    """An existing secret. `kms_key` is None for the AWS managed key, `value` is None if the secret has no text.

    `rotates` tells that rotation gives it new values.
    """

    arn: str
    version_id: Optional[str] = None
    kms_key: Optional[str] = None
    value: Optional[Secret] = None
    rotates: bool = False


class Secrets:
    """The secrets of an account in one region that one client can read."""

    def __init__(self, client: SecretsManagerClient) -> None:
        self._client = client

    def find(self, name: str) -> Optional[StoredSecret]:
        """Return the secret with this name, None if there is none.

        Raises ConflictError for one that is scheduled for deletion, DeniedError and UnreachableError.
        """
        with told(Attempt(Operation.LOOK_AT_SECRET, name)):
            try:
                described: Any = self._client.describe_secret(SecretId=name)
            except ClientError as fault:
                if _code(fault) == _ABSENT:
                    return None
                raise
        if not described.get("ARN"):
            # The SDK parses the page of a portal as an empty answer.
            raise foreign(Attempt(Operation.LOOK_AT_SECRET, name))
        if described.get("DeletedDate"):
            raise _scheduled(Attempt(Operation.USE_SECRET, name))
        rotates = bool(described.get("RotationEnabled"))
        found = StoredSecret(described["ARN"], kms_key=described.get("KmsKeyId"), rotates=rotates)
        with told(Attempt(Operation.READ_SECRET, name)):
            try:
                read: Any = self._client.get_secret_value(SecretId=name)
            except ClientError as fault:
                # The secret exists, but has no value yet.
                if _code(fault) == _ABSENT:
                    return found
                raise
        text = read.get("SecretString")
        return found._replace(version_id=read["VersionId"], value=None if text is None else Secret(text))

    def create(self, name: str, value: Secret, registry: str, kms_key: Optional[str]) -> StoredSecret:
        """Create the secret; raise ConflictError if it exists already."""
        key: dict[str, Any] = {"KmsKeyId": kms_key} if kms_key else {}
        with told(Attempt(Operation.CREATE_SECRET, name), kms_key):
            answer = self._client.create_secret(
                Name=name,
                Description=f"Registry credentials for {registry}, by ecsauth",
                SecretString=value.reveal(),
                Tags=[{"Key": "ecsauth:registry", "Value": registry}],
                **key,
            )
        return StoredSecret(answer["ARN"], answer["VersionId"], kms_key, value)

    def update(self, name: str, present: StoredSecret, value: Secret, kms_key: Optional[str]) -> StoredSecret:
        """Update the value of the secret, and its key if one is given."""
        key: dict[str, Any] = {"KmsKeyId": kms_key} if kms_key else {}
        with told(Attempt(Operation.UPDATE_SECRET, name), kms_key):
            try:
                answer = self._client.update_secret(SecretId=present.arn, SecretString=value.reveal(), **key)
            except ClientError as fault:
                if _code(fault) == _ABSENT and not kms_key:
                    raise ConflictError(
                        f"cannot update secret {name}: it was deleted in the meantime",
                        "see who deleted it: look up DeleteSecret in CloudTrail",
                    ) from None
                raise
        return StoredSecret(answer["ARN"], answer.get("VersionId"), kms_key or present.kms_key, value)


@contextlib.contextmanager
def told(what: Attempt, kms_key: Optional[str] = None) -> Iterator[None]:
    """Translate every exception of the SDK into an EcsauthError, with a message about secrets."""
    with translated(what):
        try:
            yield
        except ClientError as fault:
            raise _refused(fault, what, kms_key) from None


def _refused(fault: ClientError, what: Attempt, kms_key: Optional[str]) -> EcsauthError:
    response: Any = fault.response
    code, said = _code(fault), printable(response.get("Error", {}).get("Message") or "")
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if refusal_of(response).is_foreign:
        return foreign(what)
    if code in _THROTTLING or status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        return UnreachableError(
            f"cannot {what}: Secrets Manager is temporarily unavailable ({code or status})",
            "run the same command again",
        )
    if code in _AS_S3:
        is_late = code == "InvalidSignatureException" and ("expired" in said or "not yet current" in said)
        return translate(_named(fault, "RequestTimeTooSkewed" if is_late else _AS_S3[code]), what)
    if code == "ResourceExistsException":
        return ConflictError(f"cannot {what}: it was created in the meantime", "run the same command again")
    if code == "InvalidRequestException" and "delet" in said:
        return _scheduled(what)
    return _about_key(code, said, what, kms_key) or _denied(code, said, what)


def _about_key(code: str, said: str, what: Attempt, kms_key: Optional[str]) -> Optional[EcsauthError]:
    """Return the fault if it concerns the KMS key, else None."""
    if code == _ABSENT and kms_key:
        return DeniedError(f"cannot {what}: the KMS key does not exist in this region", "check --kms-key")
    if code in _KEY_FAILURES:
        return DeniedError(
            f"cannot {what}: KMS cannot use the secret's key",
            CommandHint(
                "see whether it is disabled or pending deletion",
                "aws",
                "kms",
                "describe-key",
                "--key-id",
                kms_key or KEY,
            ),
        )
    if code == "AccessDeniedException" and "kms" in said.lower():
        return DeniedError(
            f"cannot {what}: KMS denies the use of the key ({said})",
            "kms:GenerateDataKey and kms:Decrypt on the key are required, in the key policy or in your policy",
        )
    return None


def _denied(code: str, said: str, what: Attempt) -> EcsauthError:
    if code == "AccessDeniedException":
        return DeniedError(
            f"cannot {what}: Secrets Manager denies access" + (f" ({said})" if said else ""),
            "secretsmanager:DescribeSecret, GetSecretValue, CreateSecret, TagResource and UpdateSecret are required",
        )
    return DeniedError(f"cannot {what}: Secrets Manager returned {code}")


def _scheduled(what: Attempt) -> ConflictError:
    return ConflictError(
        f"cannot {what}: the secret is scheduled for deletion, and its name is in use until then",
        CommandHint("restore it", "aws", "secretsmanager", "restore-secret", "--secret-id", what.subject),
        "or give another name: --name NAME",
    )


def _named(fault: ClientError, code: str) -> ClientError:
    """Return the fault with another error code."""
    response: Any = {**fault.response, "Error": {**fault.response["Error"], "Code": code}}
    return ClientError(response, fault.operation_name)


def _code(fault: ClientError) -> str:
    return printable(fault.response.get("Error", {}).get("Code", ""))
