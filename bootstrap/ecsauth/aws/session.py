"""Clients of the AWS SDK, for the operator's commands."""

from __future__ import annotations

import urllib.parse
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Optional, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from ecsauth import __version__
from ecsauth.aws.attempt import Attempt, Operation
from ecsauth.aws.errors import translate
from ecsauth.errors import UsageError
from ecsauth.registry.keys import is_loopback
from ecsauth.timing import note

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_secretsmanager.client import SecretsManagerClient

_Client = TypeVar("_Client", "S3Client", "SecretsManagerClient")
_CONNECT, _READ = 5, 20
# Few attempts, because the caller has a deadline and retries by itself.
_ATTEMPTS = 2
# The operation in messages, for each service; every other service is S3.
_ASKING = {
    "sts": Operation.ASK_CALLER,
    "cloudformation": Operation.LOOK_AT_STACK,
    "secretsmanager": Operation.LOOK_AT_SECRET,
    "autoscaling": Operation.LOOK_AT_GROUP,
    "ec2": Operation.LOOK_AT_SUBNETS,
    "ecs": Operation.LOOK_AT_CLUSTER,
    "iam": Operation.SIMULATE,
    "ssm": Operation.LOOK_AT_IMAGE,
}


class OperatorClients:
    """Makes clients as the AWS CLI does: with profiles, SSO, assumed roles, and the region of the environment."""

    def __init__(self, profile: Optional[str], region: Optional[str]) -> None:
        self._profile = profile
        self._region = region

    def s3(self) -> S3Client:
        """Return a client for the profile's or the environment's region."""
        client: S3Client = self._client("s3", _config())
        return client

    def secrets(self) -> SecretsManagerClient:
        """Return a client of Secrets Manager, for the same region."""
        client: SecretsManagerClient = self.client("secretsmanager")
        return client

    def client(self, service: str, *, attempts: int = _ATTEMPTS) -> Any:
        """Return a client of another service than S3, as `sts` or `kms`, for the same region."""
        retries: Any = {"mode": "standard", "total_max_attempts": attempts}
        return self._client(service, _config().merge(Config(signature_version="v4", retries=retries)))

    def _client(self, service: str, config: Config) -> Any:
        session: Any = boto3.Session(profile_name=self._profile, region_name=self._region)
        return safe(session.client(service, config=config))


def safe(client: _Client) -> _Client:
    """Return the client with three corrections: checksums of error answers, notes of faults, no endless redirects.

    Raises UsageError if its endpoint would receive secrets in clear text.
    """
    parts = urllib.parse.urlsplit(client.meta.endpoint_url)
    if parts.scheme == "https" or is_loopback(parts.hostname or ""):
        endpoint: Any = client._endpoint  # type: ignore[attr-defined]  # noqa: SLF001 - no event comes early enough
        endpoint.http_session = _RefusalsUnsummed(endpoint.http_session)
        client.meta.events.register("needs-retry", _note)
        _Circle(client)
        return client
    service = client.meta.service_model.service_id.upper().replace(" ", "_")
    raise UsageError(
        f"the endpoint {parts.scheme}://{parts.hostname} is not HTTPS: the env-file would be sent unencrypted",
        f"unset AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_{service}, or give an https:// address",
    )


class _RefusalsUnsummed:
    """The SDK's HTTP session, which removes checksum headers from an answer with status 300 or more.

    With them the SDK fails with its own error: it reads the body, then wraps it as one that is still to be read and
    verified; or it compares the checksum of the object with an error document.
    """

    def __init__(self, session: Any) -> None:
        self._session = session

    def send(self, request: Any) -> Any:
        """Send the request and return the answer; raise what the session raises."""
        response = self._session.send(request)
        if response.status_code >= HTTPStatus.MULTIPLE_CHOICES:
            for name in [name for name in response.headers if name.lower().startswith("x-amz-checksum-")]:
                del response.headers[name]
        return response

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)


def _note(operation: Any, response: Any = None, caught_exception: Optional[Exception] = None, **_: Any) -> None:
    """Note a fault of one request; the SDK may retry after it."""
    what = Attempt(_ASKING.get(operation.service_model.endpoint_prefix, Operation.REACH))
    if caught_exception is not None:
        note(translate(caught_exception, what))
    elif response is not None and response[0].status_code >= HTTPStatus.BAD_REQUEST:
        note(translate(ClientError(response[1], operation.name), what))


class _Circle:
    """Prevents the SDK from an endless search for a bucket's region.

    If S3 redirects to another region without naming it, the SDK sends a HeadBucket. If that is redirected, too, the SDK
    would send another one from within the first.
    """

    def __init__(self, client: Any) -> None:
        self._asks = False
        events = client.meta.events
        events.register("before-call.s3.HeadBucket", self._begin)
        events.register("after-call.s3.HeadBucket", self._end)
        events.register("after-call-error.s3.HeadBucket", self._end)

    def _begin(self, model: Any, **_: Any) -> None:
        if self._asks:
            raise _not_called(model)
        self._asks = True

    def _end(self, **_: Any) -> None:
        self._asks = False


def _not_called(model: Any) -> ClientError:
    answer: Any = {"Error": {"Code": "NotCalled"}, "ResponseMetadata": {"HTTPHeaders": {}}}
    return ClientError(answer, model.name)


def _config() -> Config:
    return Config(
        connect_timeout=_CONNECT,
        read_timeout=_READ,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        signature_version="s3v4",
        user_agent_extra=f"ecsauth/{__version__}",
    )
