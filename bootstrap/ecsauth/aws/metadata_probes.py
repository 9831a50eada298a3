"""Probes of the metadata service for `doctor`: how it answers. They never return its credentials."""

from __future__ import annotations

import calendar
import contextlib
import http.client
import json
import time
import urllib.parse
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth.aws.bounded_answer import BoundedAnswer
from ecsauth.aws.metadata import LIFETIME, LONGEST_ANSWER, LONGEST_TRY, ROLES, TOKEN
from ecsauth.aws.refusals import behind
from ecsauth.doctor.machine import SILENT, Metadata, Role
from ecsauth.errors import UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Answered(NamedTuple):
    status: int
    body: bytes
    offset: Optional[float]

    def __repr__(self) -> str:
        return f"_Answered({self.status}, ***)"


class MetadataProbes:
    """The metadata service at its address."""

    def __init__(self, endpoint: str) -> None:
        self._url = urllib.parse.urlsplit(endpoint)

    def look(self, seconds: float) -> Metadata:
        """Return how the service answers a request for a token, and one without: `boot` never sends the latter."""
        try:
            with self._connected(seconds) as connection:
                token = _asked(connection, "PUT", TOKEN, LIFETIME)
                # The answer is discarded; only its status matters.
                version1 = _asked(connection, "GET", "/latest/meta-data/", {})
        except (OSError, http.client.HTTPException):
            return Metadata(SILENT)
        return Metadata(token.status, version1.status, token.offset)

    def role(self, seconds: float) -> Role:
        """Return the instance's role and the status of its credentials; raise UnreachableError."""
        try:
            with self._connected(seconds) as connection:
                token = _asked(connection, "PUT", TOKEN, LIFETIME).body.decode("ascii", "replace")
                headers = {"X-aws-ec2-metadata-token": token}
                named = _asked(connection, "GET", ROLES, headers)
                words = named.body.decode("utf-8", "replace").split()
                if named.status != HTTPStatus.OK or not words:
                    return Role(None)
                given = _asked(connection, "GET", ROLES + urllib.parse.quote(words[0]), headers)
                return _role(words[0], given)
        except (OSError, ValueError, http.client.HTTPException):
            # http.client raises ValueError for a token that a header cannot contain.
            raise UnreachableError(
                "the metadata service did not return the role", "run the same command again"
            ) from None

    @contextlib.contextmanager
    def _connected(self, seconds: float) -> Iterator[http.client.HTTPConnection]:
        timeout = max(0.1, min(LONGEST_TRY, seconds))
        connection = http.client.HTTPConnection(self._url.hostname or "", self._url.port or 80, timeout=timeout)
        connection.response_class = BoundedAnswer
        with contextlib.closing(connection):
            yield connection


def _asked(connection: http.client.HTTPConnection, method: str, path: str, headers: dict[str, str]) -> _Answered:
    """Send a request and return the answer, whatever its status, with this clock's offset against its date."""
    connection.request(method, path, headers=headers)
    with contextlib.closing(connection.getresponse()) as answer:
        return _Answered(answer.status, answer.read(LONGEST_ANSWER), _offset(answer.getheader("Date")))


def _offset(date: Optional[str]) -> Optional[float]:
    seconds = behind(date)
    return -seconds if seconds is not None else None


def _role(name: str, given: _Answered) -> Role:
    """Return the status of a role's credentials: whether they exist, and when they expire."""
    if given.status != HTTPStatus.OK:
        return Role(name, f"status {given.status}")
    try:
        content = json.loads(given.body)
        code, expires = content["Code"], content.get("Expiration")
        until = None if expires is None else calendar.timegm(time.strptime(expires, "%Y-%m-%dT%H:%M:%SZ"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Role(name, "its answer is malformed")
    return Role(name, str(code), until)
