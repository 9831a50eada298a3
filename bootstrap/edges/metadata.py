"""The EC2 instance metadata service, version 2 only.

Asked directly and without any proxy: the SDK reports a refusal, silence and a missing document alike, and falls
back to version 1 without saying so.
"""

from __future__ import annotations

import http.client
import json
import os
import urllib.parse
from typing import Optional

from bootstrap.core.acceptance import Identity
from bootstrap.core.endpoint import is_loopback
from bootstrap.core.errors import DeniedError, UnreachableError, UsageError
from bootstrap.core.patience import within

_IPV4, _IPV6 = "http://169.254.169.254", "http://[fd00:ec2::254]"
_DOCUMENT = "/latest/dynamic/instance-identity/document"
# A token for this run only; it is used within seconds.
_TTL = "60"
_LONGEST_TRY = 2.0
# An answer that drips escapes the timeout of the socket.
_LONGEST_ANSWER_TIME = 10.0
_LONGEST_ANSWER = 64 * 1024
_GIVE_BOTH = "not on EC2: give --region and --bucket-owner"


def endpoint() -> str:
    """Return the service's address, by the variables that every AWS SDK reads.

    Raises UsageError for an address that is neither the service's own nor on this machine: what is asked for
    there (and by the SDK: credentials) would travel in the clear.
    """
    mode = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ipv4").lower()
    url = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or (_IPV6 if mode == "ipv6" else _IPV4)
    url = url.rstrip("/")
    if url not in (_IPV4, _IPV6) and not _is_on_this_machine(url):
        raise UsageError(
            "AWS_EC2_METADATA_SERVICE_ENDPOINT is neither the metadata service's address nor on this machine",
            "unset it",
        )
    return url


def _is_on_this_machine(url: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(url)
        return parts.scheme == "http" and is_loopback(parts.hostname or "") and parts.port != 0
    except ValueError:
        # urllib's word for a bracket that is not closed, or a port that is none.
        return False


class MetadataService:
    """Answers who this instance is."""

    def identity(self, seconds: float) -> Identity:
        """Return region and account from the instance identity document.

        Raises UnreachableError where nothing answers in time, DeniedError where version 2 is refused.
        """
        if os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
            raise DeniedError("the metadata service is switched off by AWS_EC2_METADATA_DISABLED", _GIVE_BOTH)
        url = endpoint()
        return within(min(_LONGEST_ANSWER_TIME, seconds), lambda: _ask_identity(url, seconds), _silence())


def _ask_identity(endpoint_url: str, seconds: float) -> Identity:
    url = urllib.parse.urlsplit(endpoint_url)
    timeout = max(0.1, min(_LONGEST_TRY, seconds))
    connection = http.client.HTTPConnection(url.hostname or "", url.port or 80, timeout=timeout)
    try:
        ttl = {"X-aws-ec2-metadata-token-ttl-seconds": _TTL}
        token = _ask(connection, "PUT", "/latest/api/token", ttl).decode("ascii", "replace")
        return _identity(_ask(connection, "GET", _DOCUMENT, {"X-aws-ec2-metadata-token": token}))
    except (OSError, http.client.HTTPException):
        raise _silence() from None
    except ValueError:
        # http.client's word for a token that cannot be sent back in a header.
        raise UnreachableError("the instance metadata service gave no token of use", _GIVE_BOTH) from None
    finally:
        connection.close()


def _silence() -> UnreachableError:
    return UnreachableError(
        "the instance metadata service does not answer", "in a container the hop limit has to be 2", _GIVE_BOTH
    )


def _ask(connection: http.client.HTTPConnection, method: str, path: str, headers: dict[str, str]) -> bytes:
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    body = answer.read(_LONGEST_ANSWER)
    if answer.status == http.HTTPStatus.OK:
        return body
    if answer.status >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
        raise UnreachableError(f"the instance metadata service failed with {answer.status}")
    raise DeniedError(
        f"the instance metadata service refused {method} {path} with {answer.status}",
        "is it enabled on this instance (aws ec2 modify-instance-metadata-options --http-endpoint enabled)?",
        _GIVE_BOTH,
    )


def _identity(document: bytes) -> Identity:
    try:
        content = json.loads(document)
        region, account = content["region"], content["accountId"]
    except (ValueError, KeyError, TypeError, RecursionError):
        # RecursionError is the parser's word for brackets without end.
        region = account = None
    if not (isinstance(region, str) and isinstance(account, str)):
        raise UnreachableError("the instance metadata service gave no identity document", _GIVE_BOTH)
    return Identity(region, account)


def proxy_exemptions(current: Optional[str]) -> str:
    """Return a NO_PROXY that keeps the SDK from asking a proxy for this instance's credentials.

    `current` is NO_PROXY as it is; in its place counts `no_proxy`, where that is set, as it does for urllib.
    """
    given = (os.environ.get("no_proxy") or current or "").strip()
    if given == "*":
        # Everything, but only where it stands alone (urllib.request.proxy_bypass_environment).
        return given
    own = urllib.parse.urlsplit(endpoint()).hostname or ""
    hosts = ["169.254.169.254", "[fd00:ec2::254]", f"[{own}]" if ":" in own else own]
    return ",".join(dict.fromkeys(host for host in [*given.split(","), *hosts] if host))
