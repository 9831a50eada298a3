"""The stand-in of the metadata service is as strict as Amazon's, and unmodified clients work with it."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection, IncompleteRead
from typing import TYPE_CHECKING

import metadata_service as ms
import pytest
from botocore.utils import InstanceMetadataFetcher
from metadata_service import Behaviour, Instance, MetadataService

if TYPE_CHECKING:
    from collections.abc import Mapping

IDENTITY = "/latest/dynamic/instance-identity/document"


def ask(
    service: MetadataService, method: str, path: str, headers: Mapping[str, str], timeout_s: float = 5
) -> tuple[int, bytes]:
    """Return status and body of one request."""
    with contextlib.closing(HTTPConnection("127.0.0.1", service.port, timeout=timeout_s)) as connection:
        connection.request(method, path, headers=dict(headers))
        response = connection.getresponse()
        return response.status, response.read()


def token(service: MetadataService, lifetime: str = "60") -> dict[str, str]:
    """Return the header of a request with a new token."""
    status, body = ask(service, "PUT", "/latest/api/token", {ms.TTL_HEADER: lifetime})
    assert status == 200
    return {ms.TOKEN_HEADER: body.decode()}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 400),
        ({ms.TTL_HEADER: "0"}, 400),
        ({ms.TTL_HEADER: "21601"}, 400),
        ({ms.TTL_HEADER: "an hour"}, 400),
        ({ms.TTL_HEADER: "60", "X-Forwarded-For": "10.0.0.1"}, 403),
        ({ms.TTL_HEADER: "21600"}, 200),
    ],
)
def test_token_needs_a_lifetime_and_no_proxy(metadata: MetadataService, headers: dict[str, str], status: int) -> None:
    """A token is given for 1 to 21,600 seconds, and never to a forwarded request."""
    assert ask(metadata, "PUT", "/latest/api/token", headers)[0] == status


@pytest.mark.parametrize("headers", [{}, {ms.TOKEN_HEADER: "made-up"}])
def test_nothing_is_told_without_a_token(metadata: MetadataService, headers: dict[str, str]) -> None:
    """Version 1, and a token that was never given, get 401."""
    assert ask(metadata, "GET", IDENTITY, headers)[0] == 401


def test_a_token_ends(metadata: MetadataService) -> None:
    """A token is good until it has expired."""
    header = token(metadata)
    assert ask(metadata, "GET", IDENTITY, header)[0] == 200
    metadata.expire_tokens()
    assert ask(metadata, "GET", IDENTITY, header)[0] == 401


def test_documents() -> None:
    """The identity document, the region and the role's credentials are those of the instance."""
    with MetadataService(Instance(region="us-west-2", account="999999999999", role="web")) as service:
        header = token(service)
        document = json.loads(ask(service, "GET", IDENTITY, header)[1])
        assert (document["region"], document["accountId"]) == ("us-west-2", "999999999999")
        assert ask(service, "GET", "/latest/meta-data/placement/region", header) == (200, b"us-west-2")
        assert ask(service, "GET", ms.ROLE_PATH, header) == (200, b"web")
        credentials = json.loads(ask(service, "GET", ms.ROLE_PATH + "web", header)[1])
        assert credentials["Code"] == "Success"
        assert ask(service, "GET", ms.ROLE_PATH + "other", header)[0] == 404


@pytest.mark.parametrize(
    ("behaviour", "statuses"),
    [
        (Behaviour.NO_ROLE, [404, 200]),
        (Behaviour.BROKEN, [500, 500]),
        (Behaviour.UNAVAILABLE, [503, 503]),
        (Behaviour.ROLE_PENDING, [200, 200]),
        (Behaviour.ROLE_FAILED, [200, 200]),
        (Behaviour.FOREIGN, [200, 200]),
    ],
)
def test_switched_behaviours(metadata: MetadataService, behaviour: Behaviour, statuses: list[int]) -> None:
    """Each behaviour is about what it says: the role, or everything."""
    header = token(metadata)
    metadata.become(behaviour)
    role = ms.ROLE_PATH + metadata.instance.role
    assert [ask(metadata, "GET", path, header)[0] for path in (role, IDENTITY)] == statuses


def test_behaviour_for_some_requests(metadata: MetadataService) -> None:
    """A behaviour can be for the next requests only: a role that appears later."""
    header = token(metadata)
    metadata.become(Behaviour.NO_ROLE, requests=2)
    assert [ask(metadata, "GET", ms.ROLE_PATH, header)[0] for _ in range(3)] == [404, 404, 200]


def test_tokens_forbidden(metadata: MetadataService) -> None:
    """With the endpoint switched off for the instance every token is refused."""
    metadata.become(Behaviour.TOKEN_FORBIDDEN)
    assert ask(metadata, "PUT", "/latest/api/token", {ms.TTL_HEADER: "60"})[0] == 403


def test_silence_and_stop(metadata: MetadataService) -> None:
    """Silence accepts and never answers, is logged, and does not hold up the end."""
    metadata.become(Behaviour.SILENT)
    with pytest.raises(OSError, match="timed out"):
        ask(metadata, "PUT", "/latest/api/token", {ms.TTL_HEADER: "60"}, timeout_s=0.2)
    assert metadata.requests.wait_for(lambda request: request.status is None).method == "PUT"
    start = time.monotonic()
    metadata.stop()
    assert time.monotonic() - start < ms.SILENCE_S / 10


def test_slow(metadata: MetadataService) -> None:
    """Slow answers come, late."""
    metadata.become(Behaviour.SLOW)
    metadata.delay_s = 0.2
    start = time.monotonic()
    token(metadata)
    assert time.monotonic() - start >= 0.2


@pytest.mark.parametrize(
    ("behaviour", "fault"),
    [(Behaviour.RESET, ConnectionResetError), (Behaviour.CUT, IncompleteRead)],
)
def test_broken_connections(metadata: MetadataService, behaviour: Behaviour, fault: type[Exception]) -> None:
    """A connection may break without an answer, or in the middle of one."""
    metadata.become(behaviour)
    with pytest.raises(fault):
        token(metadata)


def test_drip(metadata: MetadataService) -> None:
    """A dripping answer comes whole, a byte at a time, and does not hold up the end."""
    header = token(metadata)
    metadata.become(Behaviour.DRIP)
    metadata.pause_s = 0.01
    path = "/latest/meta-data/placement/region"
    start = time.monotonic()
    assert ask(metadata, "GET", path, header) == (200, b"eu-central-1")
    assert time.monotonic() - start >= 0.1


def test_log_says_who_showed_a_token(metadata: MetadataService) -> None:
    """What asks by version 1 is seen, whatever it is answered."""
    header = token(metadata)
    metadata.become(Behaviour.BROKEN)
    ask(metadata, "GET", IDENTITY, {})
    ask(metadata, "GET", IDENTITY, header)
    assert [request.with_token for request in metadata.requests] == [False, False, True]


def test_refusing(metadata: MetadataService) -> None:
    """A stopped service refuses connections and comes back on the same port."""
    url = metadata.url
    with metadata.refusing(), pytest.raises(ConnectionRefusedError):
        token(metadata)
    assert metadata.url == url
    token(metadata)


def test_stop_in_the_middle_of_a_connection(metadata: MetadataService) -> None:
    """A client that keeps its connection does not hold up the end, and reads the end of the stream."""
    with socket.create_connection(("127.0.0.1", metadata.port), 5) as connection:
        connection.sendall(f"PUT /latest/api/token HTTP/1.1\r\n{ms.TTL_HEADER}: 60\r\n\r\n".encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        metadata.stop()
        assert connection.recv(4096) == b""


def test_log_has_no_token(metadata: MetadataService) -> None:
    """The log says what was asked, in order, and no token."""
    header = token(metadata)
    ask(metadata, "GET", ms.ROLE_PATH, header)
    assert metadata.paths == ["PUT /latest/api/token", f"GET {ms.ROLE_PATH}"]
    assert header[ms.TOKEN_HEADER] not in repr(metadata.requests)


def test_botocore_gets_the_credentials(metadata: MetadataService) -> None:
    """Botocore's own client gets the role's credentials, with version 1 disabled."""
    fetcher = InstanceMetadataFetcher(base_url=metadata.url, config={"ec2_metadata_v1_disabled": True})
    found = fetcher.retrieve_iam_role_credentials()
    assert found["access_key"] == metadata.instance.access_key


@pytest.mark.parametrize("end", ["signal", "end of input"])
def test_program(end: str) -> None:
    """As a program it prints its address and ends without a word, at SIGTERM or when its input ends."""
    program = [sys.executable, "-W", "error", ms.__file__, "--region", "eu-west-1", "--stop-at-eof"]
    child = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stdout.readline().startswith("http://127.0.0.1:")
        if end == "signal":
            child.send_signal(signal.SIGTERM)
        else:
            child.stdin.close()
        assert child.wait(60) == 0
        assert not child.stderr.read()


def test_program_needs_nothing_installed() -> None:
    """It runs on the standard library alone."""
    bare = [sys.executable, "-S", "-E", ms.__file__, "--help"]
    assert b"--region" in subprocess.run(bare, capture_output=True, timeout=60, check=True).stdout
