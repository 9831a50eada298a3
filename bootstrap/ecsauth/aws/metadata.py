"""The EC2 instance metadata service, version 2 only.

Requests never go through a proxy. A refusal, a timeout and a missing document are different faults. There is no
fallback to version 1.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import urllib.parse
from http import HTTPStatus
from typing import Any, Callable, Optional, TypeVar

from ecsauth.aws.bounded_answer import BoundedAnswer
from ecsauth.aws.endpoint import is_region
from ecsauth.aws.signing_keys import SigningKeys
from ecsauth.boot.fetch import Identity
from ecsauth.command_hint import INSTANCE, CommandHint
from ecsauth.errors import (
    FORBIDDEN,
    SCARCE,
    DeniedError,
    EcsauthError,
    NotYetError,
    UnreachableError,
    UsageError,
    reason_of,
)
from ecsauth.registry.keys import is_loopback
from ecsauth.timing import within

_IPV4, _IPV6 = "http://169.254.169.254", "http://[fd00:ec2::254]"
_DOCUMENT = "/latest/dynamic/instance-identity/document"
TOKEN = "/latest/api/token"  # noqa: S105 - where there is one
# A token is used only in this run, within seconds.
LIFETIME = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
LONGEST_TRY = 2.0
# A limit of the total time, in seconds: a slow answer can evade the timeout of the socket.
_LONGEST_ANSWER_TIME = 10.0
LONGEST_ANSWER = 64 * 1024
_GIVE_BOTH = "outside EC2: give --region and --bucket-owner"

ROLES = "/latest/meta-data/iam/security-credentials/"
# IAM User Guide, "IAM name requirements".
_ROLE_NAME = r"[A-Za-z0-9_+=,.@-]{1,64}"
_ACCOUNT = "[0-9]{12}"
_CREDENTIALS = ("AccessKeyId", "SecretAccessKey", "Token", "Expiration")
_ELSEWHERE = "outside EC2: give --profile, or set the AWS_* variables"

_KNOWS_NO_TOKENS = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)
_ONLY_VERSION_1 = "the service returned no token: it supports only IMDSv1, which ecsauth does not use"
_SWITCHED_OFF = CommandHint(
    "the service may be disabled for this instance; enable it",
    *("aws", "ec2", "modify-instance-metadata-options", "--http-endpoint", "enabled", "--instance-id", INSTANCE),
)

Result = TypeVar("Result")


def endpoint() -> str:
    """Return the service's address, from the variables that every AWS SDK reads.

    Raises UsageError for an address that is neither the service's own nor on this machine: credentials would be sent
    over the network in clear text.
    """
    mode = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ipv4").lower()
    url = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or (_IPV6 if mode == "ipv6" else _IPV4)
    url = url.rstrip("/")
    if url not in (_IPV4, _IPV6) and not _is_on_this_machine(url):
        raise UsageError(
            "AWS_EC2_METADATA_SERVICE_ENDPOINT is neither the address of the metadata service nor a loopback address",
            "unset AWS_EC2_METADATA_SERVICE_ENDPOINT",
        )
    return url


def _is_on_this_machine(url: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(url)
        return parts.scheme == "http" and is_loopback(parts.hostname or "") and parts.port != 0
    except ValueError:
        # urllib raises this for a bracket that is not closed, and for an invalid port.
        return False


class MetadataService:
    """Provides the identity of this instance, and the keys of its role."""

    def identity(self, seconds: float) -> Identity:
        """Return region and account from the instance identity document.

        Raises UnreachableError if nothing answers in time, DeniedError if version 2 is refused, UsageError if the
        service is switched off by the environment: then both must be given on the command line.
        """
        if is_off():
            raise UsageError(
                "region and account are unknown: AWS_EC2_METADATA_DISABLED disables the metadata service",
                "give --region (or set AWS_REGION or AWS_DEFAULT_REGION) and --bucket-owner",
            )
        return _ask(lambda service: _identity(service.get(_DOCUMENT)), seconds, _GIVE_BOTH)

    def role(self, seconds: float) -> SigningKeys:
        """Return the keys of the instance's role.

        Raises NotYetError if there is no role or it is not ready, and the errors of `identity`.
        """
        return _ask(_role, seconds, _ELSEWHERE)


class _Service:
    """One connection to the service: first it requests a token, then documents with it."""

    def __init__(self, connection: http.client.HTTPConnection, elsewhere: str) -> None:
        self._connection = connection
        self._elsewhere = elsewhere
        token = self._request("PUT", TOKEN, LIFETIME)
        self._headers = {"X-aws-ec2-metadata-token": token.decode("ascii", "replace")}

    def get(self, path: str, absent: Optional[EcsauthError] = None) -> bytes:
        """Return the document at the path; raise `absent` if there is none."""
        return self._request("GET", path, self._headers, absent)

    def _request(self, method: str, path: str, headers: dict[str, str], absent: Optional[EcsauthError] = None) -> bytes:
        self._connection.request(method, path, headers=headers)
        with contextlib.closing(self._connection.getresponse()) as answer:
            body = answer.read(LONGEST_ANSWER)
        if answer.length and len(body) < LONGEST_ANSWER:
            # A read with a limit raises no error for an incomplete answer.
            raise http.client.IncompleteRead(b"")
        if answer.status == HTTPStatus.OK:
            return body
        if answer.status == HTTPStatus.NOT_FOUND and absent is not None:
            raise absent
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise UnreachableError(
                f"the instance metadata service failed with {answer.status}",
                "the error may be temporary: run the same command again",
                self._elsewhere,
            )
        raise DeniedError(
            f"the instance metadata service refused {method} {path} with {answer.status}",
            _ONLY_VERSION_1 if method == "PUT" and answer.status in _KNOWS_NO_TOKENS else _SWITCHED_OFF,
            self._elsewhere,
        )


def _ask(question: Callable[[_Service], Result], seconds: float, elsewhere: str) -> Result:
    """Return the result of `question`; raise UnreachableError if the service does not answer in time."""
    if is_off():
        raise DeniedError("AWS_EC2_METADATA_DISABLED disables the metadata service", elsewhere)
    url = urllib.parse.urlsplit(endpoint())

    def ask() -> Result:
        timeout = max(0.1, min(LONGEST_TRY, seconds))
        connection = http.client.HTTPConnection(url.hostname or "", url.port or 80, timeout=timeout)
        connection.response_class = BoundedAnswer
        with contextlib.ExitStack() as stack:
            stack.callback(_close, connection)
            try:
                return question(_Service(connection, elsewhere))
            except ConnectionRefusedError:
                raise UnreachableError("the instance metadata service refused the connection", elsewhere) from None
            except (ConnectionError, http.client.HTTPException):
                raise UnreachableError("the instance metadata service closed the connection", elsewhere) from None
            except OSError as fault:
                if fault.errno in SCARCE | FORBIDDEN:
                    raise UnreachableError(
                        f"cannot connect to the instance metadata service: {reason_of(fault)}", elsewhere
                    ) from None
                raise _silence(elsewhere) from None
            except ValueError:
                # http.client raises this for a token that a header cannot contain.
                raise UnreachableError("the instance metadata service returned an invalid token", elsewhere) from None

    return within(min(_LONGEST_ANSWER_TIME, seconds), ask, lambda: _silence(elsewhere))


def is_off() -> bool:
    """Tell whether the environment switches the service off."""
    return os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true"


def _close(connection: http.client.HTTPConnection) -> None:
    """Close the connection. An error is ignored, because the answer is complete."""
    with contextlib.suppress(OSError):
        connection.close()


def _silence(elsewhere: str) -> UnreachableError:
    return UnreachableError(
        "the instance metadata service does not answer", "in a container the hop limit must be 2", elsewhere
    )


def _identity(document: bytes) -> Identity:
    content = _members(document)
    region, account = content.get("region"), content.get("accountId")
    if not (isinstance(region, str) and isinstance(account, str)):
        raise _no_identity()
    # Both become part of requests: the region of a host name, the account of a header.
    if not (is_region(region) and re.fullmatch(_ACCOUNT, account)):
        raise _no_identity()
    return Identity(region, account)


def _no_identity() -> UnreachableError:
    return UnreachableError("the instance metadata service returned no valid identity document", _GIVE_BOTH)


def _role(service: _Service) -> SigningKeys:
    role = service.get(ROLES, absent=_no_profile()).decode("ascii", "replace").strip()
    if not role:
        raise _not_ready("has no role yet")
    if not re.fullmatch(_ROLE_NAME, role):
        raise UnreachableError("the instance metadata service returned an invalid role name", _ELSEWHERE)
    document = service.get(ROLES + role, absent=_not_ready("has no credentials yet"))
    if not document:
        raise _not_ready("has no credentials yet")
    content = _members(document)
    code = content.get("Code", "Success")
    if code != "Success":
        told = isinstance(code, str) and re.fullmatch("[A-Za-z]{1,64}", code)
        raise _not_ready(f"returned {code}" if told else "returned an error")
    access_key, secret_key, token, expiration = (content.get(name) for name in _CREDENTIALS)
    if not all(isinstance(part, str) and part for part in (access_key, secret_key, token, expiration)):
        raise UnreachableError("the instance metadata service returned incomplete credentials", _ELSEWHERE)
    return SigningKeys.of(str(access_key), str(secret_key), str(token))


def _no_profile() -> NotYetError:
    return NotYetError(
        "the instance has no role: no instance profile is attached to it",
        CommandHint(
            "attach one",
            *("aws", "ec2", "associate-iam-instance-profile", "--instance-id", INSTANCE),
            *("--iam-instance-profile", "Name=PROFILE"),
        ),
        _ELSEWHERE,
    )


def _not_ready(why: str) -> NotYetError:
    return NotYetError(
        f"the instance's role is not ready: the metadata service {why}",
        "check that the instance profile has a role, and that its trust policy names ec2.amazonaws.com",
        _ELSEWHERE,
    )


def _members(document: bytes) -> dict[str, Any]:
    """Return the members of a JSON object; empty for anything else."""
    try:
        content = json.loads(document)
    except (ValueError, RecursionError):
        # The parser raises RecursionError for deeply nested brackets.
        return {}
    return content if isinstance(content, dict) else {}


def proxy_exemptions(current: Optional[str]) -> str:
    """Return a NO_PROXY that keeps the SDK from asking a proxy for this instance's credentials.

    `current` is the value of NO_PROXY. `no_proxy` takes precedence if it is set, as in urllib.
    """
    given = (os.environ.get("no_proxy") or current or "").strip()
    if given == "*":
        # `*` means everything, but only if it is the whole value (urllib.request.proxy_bypass_environment).
        return given
    own = urllib.parse.urlsplit(endpoint()).hostname or ""
    hosts = ["169.254.169.254", "[fd00:ec2::254]", f"[{own}]" if ":" in own else own]
    return ",".join(dict.fromkeys(host for host in [*given.split(","), *hosts] if host))
