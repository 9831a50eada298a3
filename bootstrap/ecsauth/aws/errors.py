"""Translate the exceptions of the SDK into the fault classes of ecsauth.

Their texts are not shown, because some contain checksums of the content.
"""

from __future__ import annotations

import urllib.parse
from typing import TYPE_CHECKING, Any

from botocore import exceptions as sdk
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from ecsauth.aws.connection import ALTERED, BROKE, NO_ANSWER, NO_CONNECTION, not_connected, proxy_fault
from ecsauth.aws.refusals import (
    FOREIGN,
    INCOMPLETE,
    NO_PROFILE,
    WHO,
    KnownFault,
    ServiceRefusal,
    printable,
    refused,
    told,
)
from ecsauth.command_hint import CommandHint
from ecsauth.errors import DeniedError, LocalError, NoCredentialsError, NotYetError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ecsauth.aws.attempt import Attempt
    from ecsauth.errors import EcsauthError

_WHOLE = "the installation of ecsauth is incomplete: install it again"
_ELSEWHERE = "outside EC2: give --profile, or set the AWS_* variables"
_BY_EXCEPTION: dict[tuple[type[Exception], ...], KnownFault] = {
    (sdk.MetadataRetrievalError,): KnownFault(
        NoCredentialsError,
        "no credentials found: the metadata service returned no token",
        ("on EC2: check that the metadata service is enabled; in a container its hop limit must be 2", _ELSEWHERE),
    ),
    (sdk.NoCredentialsError,): KnownFault(
        NoCredentialsError,
        "no credentials found",
        ("on EC2: check that the instance has an instance profile with a role", _ELSEWHERE),
    ),
    (sdk.CredentialRetrievalError,): KnownFault(
        NotYetError, "no credentials found: the source in the environment or the profile returned none", WHO
    ),
    (sdk.PartialCredentialsError,): INCOMPLETE,
    (sdk.ProfileNotFound,): NO_PROFILE,
    (sdk.NoRegionError,): KnownFault(
        UsageError, "the region is not set", ("give the region of {owner}: --region REGION",)
    ),
    (sdk.InvalidRegionError,): KnownFault(
        UsageError, "the region is malformed", ("give its code, such as eu-central-1",)
    ),
    (sdk.UnauthorizedSSOTokenError, sdk.SSOTokenLoadError, sdk.TokenRetrievalError): KnownFault(
        DeniedError, "the SSO session has ended", (CommandHint("log in again", "aws", "sso", "login"),)
    ),
    (sdk.FlexibleChecksumError,): ALTERED,
    (sdk.ConnectTimeoutError,): NO_CONNECTION,
    (sdk.ReadTimeoutError,): NO_ANSWER,
    (sdk.HTTPClientError, sdk.IncompleteReadError, sdk.ResponseStreamingError, HTTPError): BROKE,
    (ResponseParserError,): FOREIGN,
}


def translate(fault: Exception, what: Attempt) -> EcsauthError:
    """Return the fault for an exception of the SDK."""
    if isinstance(fault, sdk.ClientError):
        return refused(refusal_of(fault.response), what)
    if isinstance(fault, (sdk.EndpointConnectionError, sdk.SSLError)):
        return _not_connected(fault, what)
    if isinstance(fault, sdk.ProxyConnectionError):
        return proxy_fault(*_causes(fault)).told(what)
    if isinstance(fault, (sdk.DataNotFoundError, sdk.UnknownServiceError)):
        return told(LocalError, what, "the data of the AWS SDK cannot be read", _WHOLE)
    for kinds, known in _BY_EXCEPTION.items():
        if isinstance(fault, kinds):
            return known.told(what)
    return told(DeniedError, what, f"the AWS SDK failed with {type(fault).__name__}")


def _not_connected(fault: Any, what: Attempt) -> EcsauthError:
    host = printable(urllib.parse.urlsplit(fault.kwargs.get("endpoint_url", "")).hostname or what.service.name)
    return not_connected(tuple(_causes(fault)), host, what, tls=isinstance(fault, sdk.SSLError))


def _causes(fault: Any) -> Iterator[BaseException]:
    """Yield the exception and its causes: the SDK and urllib3 wrap those of the system."""
    while fault is not None:
        yield fault
        fault = getattr(fault, "kwargs", {}).get("error") or fault.__cause__ or fault.__context__


def refusal_of(response: Any) -> ServiceRefusal:
    """Return the refusal in a response of the SDK."""
    error, meta = response.get("Error", {}), response.get("ResponseMetadata", {})
    status, headers = int(meta.get("HTTPStatusCode", 0)), meta.get("HTTPHeaders", {})
    return ServiceRefusal(status, str(error.get("Code", "")), str(error.get("Message") or ""), headers)
