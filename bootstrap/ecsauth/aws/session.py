"""Clients of the AWS SDK, for the instance, for the workstation, and for the boot archive with its packed data."""

from __future__ import annotations

import json
import os
import urllib.parse
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Callable, Optional, TypeVar

import botocore.loaders
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError, DataNotFoundError, MetadataRetrievalError

from ecsauth import __version__, archive
from ecsauth.aws.attempt import Attempt, Operation
from ecsauth.aws.errors import translate
from ecsauth.errors import SettlingError, UsageError
from ecsauth.registry.keys import is_loopback
from ecsauth.timing import note

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_secretsmanager.client import SecretsManagerClient

_Client = TypeVar("_Client", "S3Client", "SecretsManagerClient")
_CONNECT, _READ = 5, 20
# Kept short of a whole retry policy: the caller has a deadline and tries again within it.
_ATTEMPTS = 2
# Of what no boot depends on.
_BRIEF = Config(
    connect_timeout=2, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 1}, signature_version="v4"
)
# In place of the SDK's own (key in the files, environment variable, default, conversion): nothing but the default.
_WITHOUT_FILES: dict[str, Any] = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}
# What a profile or the environment may lead to beside S3: a role to assume, a session of single sign-on.
_SERVICES = ["s3", "sts", "sso", "sso-oidc", "signin"]
# As what a request counts, by the service that it goes to; S3 is all others.
_ASKING = {
    "sts": Operation.ASK_CALLER,
    "cloudformation": Operation.LOOK_AT_STACK,
    "secretsmanager": Operation.LOOK_AT_SECRET,
}


class InstanceClients:
    """S3 clients with the credentials of the environment or of the instance's role.

    Files under ~/.aws count only with a profile: what root left there must not beat the role. A new client is
    made for each try, because one that was made while the role was not ready never finds it.
    """

    def __init__(self, profile: Optional[str], no_proxy: str) -> None:
        self._profile = profile
        # Read by the SDK's own metadata client, which would ask a proxy for the role's credentials.
        os.environ["NO_PROXY"] = os.environ["no_proxy"] = no_proxy

    @property
    def patience(self) -> float:
        """For how long a denial is worth trying: only an instance's role is fresh, keys that were given are not."""
        given = self._profile or os.environ.get("AWS_ACCESS_KEY_ID")
        return 0.0 if given else SettlingError.patience

    def s3(self, region: str, operations: frozenset[str] = frozenset({"GetObject"})) -> S3Client:
        """Return a client for the bucket's region that carries out these operations and no others."""
        made: S3Client = self._client("s3", region, operations, _config())
        return made

    def sts(self, region: str) -> Any:
        """Return a client that asks once, and not for long, whose the credentials are."""
        return self._client("sts", region, frozenset({"GetCallerIdentity"}), _config().merge(_BRIEF))

    def _client(self, service: str, region: str, operations: frozenset[str], config: Config) -> Any:
        session = botocore.session.Session(None if self._profile else _WITHOUT_FILES, profile=self._profile)
        session.set_config_variable("ec2_metadata_v1_disabled", value=True)
        session.set_config_variable("metadata_service_timeout", 2)
        session.set_config_variable("metadata_service_num_attempts", 2)
        _trim(session)
        # The files of boto 2, /etc/boto.cfg and ~/.boto, which would beat the role too.
        session.get_component("credential_provider").remove("boto-config")
        _load_credentials(session)
        client: Any = session.create_client(service, region_name=region, config=config)
        client.meta.events.register(f"before-call.{service}", _refuse_all_but(operations))
        return safe(client)


def _trim(session: botocore.session.Session) -> None:
    """Let the session look at no more of the SDK's data than it needs; in the boot archive there is no more."""
    if not archive.PACKAGES:
        session.register_component("data_loader", _FewServicesLoader())
        return

    session.register_component("data_loader", PackedLoader())
    if session.get_config_variable("ca_bundle") is None:
        session.set_config_variable("ca_bundle", authorities())


def _load_credentials(session: botocore.session.Session) -> None:
    """Let the session find its credentials; what the metadata service may give in their place breaks the SDK."""
    try:
        session.get_credentials()
    except (TypeError, ValueError, AttributeError, LookupError):
        raise MetadataRetrievalError(error_msg="no credentials of use") from None


class OperatorClients:
    """Clients as the AWS CLI would make them: profiles, SSO, assumed roles, and region from the environment."""

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

    def client(self, service: str) -> Any:
        """Return the client of another service than S3, as `sts` or `kms`, for the same region."""
        return self._client(service, _config().merge(Config(signature_version="v4")))

    def _client(self, service: str, config: Config) -> Any:
        session = botocore.session.Session(profile=self._profile)
        if archive.PACKAGES:
            _trim(session)
            client: Any = session.create_client(service, region_name=self._region, config=config)
            return safe(client)
        import boto3

        whole: Any = boto3.Session(botocore_session=session, region_name=self._region)
        return safe(whole.client(service, config=config))


def safe(client: _Client) -> _Client:
    """Return the client: fit for refusals with checksums, noting what it meets with, and not to be led in circles.

    Raises UsageError if secrets would travel in the clear to its endpoint.
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
        f"the endpoint {parts.scheme}://{parts.hostname} is not HTTPS: the env-file would travel in the clear",
        f"unset AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_{service}, or give an https:// address",
    )


class _RefusalsUnsummed:
    """The SDK's HTTP session, but for checksums beside an answer of 300 and more: they are taken away.

    There the SDK reads the body, then takes it for one still to be read and summed up, and fails on its own type; or
    it holds the sum of an object against an error document.
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
    """Note a fault of one request, after which the SDK may try again by itself."""
    what = Attempt(_ASKING.get(operation.service_model.endpoint_prefix, Operation.REACH))
    if caught_exception is not None:
        note(translate(caught_exception, what))
    elif response is not None and response[0].status_code >= HTTPStatus.BAD_REQUEST:
        note(translate(ClientError(response[1], operation.name), what))


class _Circle:
    """Keeps the SDK from asking for a bucket's region without end.

    Where S3 sends to another region and does not say to which, the SDK asks for the bucket; where that too is sent
    elsewhere, it would ask again from within its question.
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


def _refuse_all_but(operations: frozenset[str]) -> Callable[..., None]:
    """Where S3 does not say in which region a bucket is, the SDK would go and ask for it; it takes no for an answer."""

    def refuse(model: Any, **_: Any) -> None:
        if model.name not in operations:
            raise _not_called(model)

    return refuse


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


class _FewServicesLoader(botocore.loaders.Loader):
    """The SDK's data for a few services; its own loader lists some hundred folders to find them."""

    def __init__(self) -> None:
        super().__init__(include_default_search_paths=False)
        # The paths are what `create_loader` would give without AWS_DATA_PATH and ~/.aws/models.
        self.search_paths.append(self.BUILTIN_DATA_PATH)

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - the SDK's signature
        return _SERVICES


# Where systems keep the authorities that they trust: Amazon Linux, Fedora and Red Hat; Debian; SUSE; Alpine.
SYSTEM_AUTHORITIES = (
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_FOLDER = "botocore/data/"


def authorities() -> str:
    """Return the system's file of authorities; where there is none, the first name, which the SDK then misses."""
    return next((path for path in SYSTEM_AUTHORITIES if os.path.isfile(path)), SYSTEM_AUTHORITIES[0])


class PackedLoader(botocore.loaders.Loader):
    """The SDK's data from the archive: of each service one version, and nothing from ~/.aws/models."""

    def __init__(self) -> None:
        super().__init__(include_default_search_paths=False)
        self.search_paths.append(self.BUILTIN_DATA_PATH)
        self._versions: dict[str, str] = _read("versions")

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - the SDK's signature
        """Return the services that have data."""
        return sorted(self._versions)

    def list_api_versions(self, service_name: str, type_name: str) -> list[str]:  # noqa: ARG002 - as above
        """Return the one version of a service's data."""
        if service_name not in self._versions:
            raise DataNotFoundError(data_path=service_name)
        return [self._versions[service_name]]

    def load_data_with_path(self, name: str) -> tuple[Any, str]:
        """Return a document, and where it would be if this were no archive."""
        try:
            return _read(name), os.path.join(self.BUILTIN_DATA_PATH, name)
        except OSError:
            raise DataNotFoundError(data_path=name) from None


def _read(name: str) -> Any:
    return json.loads(archive.data(f"{_FOLDER}{name}.json"))
