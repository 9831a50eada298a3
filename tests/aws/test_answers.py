"""What a server may send in place of S3's answer: the object, or a fault that is told, of a size that is bounded."""

from __future__ import annotations

import base64
import contextlib
import email.utils
import itertools
import socket
import time
import zlib
from typing import TYPE_CHECKING, Callable, NamedTuple

import pytest
from ecsauth.aws.credentials import Signer
from ecsauth.aws.metadata import MetadataService
from ecsauth.aws.s3_get import got
from ecsauth.aws.s3_request import SignedS3
from ecsauth.aws.signing_keys import SigningKeys
from ecsauth.aws_names import S3URI
from ecsauth.envfile import LARGEST
from ecsauth.errors import DeniedError, EcsauthError, InvalidError, NotYetError, UnreachableError
from hurried import hurried
from loopback_server import LoopbackServer
from s3_server import ACCOUNT, REGION

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ecsauth.boot.fetch import Fetched

URI = S3URI("fleet", "ecs.config")
BODY = b"ECS_CLUSTER=prod\n"
CHECKSUM = base64.b64encode(zlib.crc32(BODY).to_bytes(4, "big")).decode()
FACTS = ("Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT", 'ETag: "0"', f"x-amz-checksum-crc32: {CHECKSUM}")
# Far above what is read of any answer, with what sockets hold; far below what these answers would come to.
MOST_SENT = 16 * 1024 * 1024
BROKE = "the connection broke"
FOREIGN = "the answer is not from S3"
ALTERED = "the received data does not match its checksum"


class RawServer(LoopbackServer):
    """Answers each connection with the next of its answers, in pieces, the last one again and again; counts."""

    def __init__(self, *answers: Iterable[bytes]) -> None:
        self._answers = list(answers)
        self.connections = 0
        self.sent = 0
        super().__init__(self._serve)  # type: ignore[arg-type]

    def _serve(self, connection: socket.socket, *_: object) -> None:
        with contextlib.suppress(OSError):
            connection.recv(65536)
            answer = self._answers[min(self.connections, len(self._answers) - 1)]
            self.connections += 1
            for piece in answer:
                if self.stopping.is_set() or self.sent > MOST_SENT:
                    break
                connection.sendall(piece)
                self.sent += len(piece)
            connection.shutdown(socket.SHUT_RDWR)


def head(status: str, *headers: str) -> bytes:
    """Return the head of an answer."""
    return "\r\n".join((f"HTTP/1.1 {status}", *headers, "", "")).encode()


def whole(status: str, body: bytes, *headers: str) -> bytes:
    """Return an answer that says how long it is."""
    return head(status, *headers, f"Content-Length: {len(body)}") + body


GOOD = whole("200 OK", BODY, *FACTS)
CHUNKED = head("200 OK", *FACTS, "Transfer-Encoding: chunked")


def asked(url: str, warnings: list[str] | None = None) -> Fetched | None:
    """Get the object, as an instance does."""
    signer = Signer(SigningKeys.of("AKIA", "of-the-secret", "of-the-token"), {"AWS_ENDPOINT_URL": url})
    with hurried():
        return got(SignedS3(signer, REGION, (warnings if warnings is not None else []).append), URI, ACCOUNT)


def fault_of(*answers: Iterable[bytes]) -> EcsauthError:
    """Return what such answers end with; little of them is read."""
    with RawServer(*answers) as server, pytest.raises(EcsauthError) as caught:
        asked(server.url)
    assert server.sent < MOST_SENT
    return caught.value


@pytest.mark.parametrize(
    "answer",
    [
        GOOD,
        b"HTTP/1.0 200\n" + GOOD.partition(b"\r\n")[2],
        head("100 Continue") + GOOD,
        CHUNKED + b"5\r\nECS_C\r\nc;x=y\r\nLUSTER=prod\n\r\n0\r\n\r\n",
        CHUNKED + b"0011\r\n" + BODY + b"\r\n0\r\nX-Trailer: 1\r\n\r\n",
        whole("200 OK", BODY, *FACTS, f"Content-Length: {len(BODY)}"),
        GOOD + b"HTTP/1.1 500 and more\r\n",
    ],
    ids=["plain", "HTTP/1.0", "100", "chunks", "trailer", "length twice", "more than said"],
)
def test_good_answers(answer: bytes) -> None:
    """HTTP has many forms for one object."""
    with RawServer([answer]) as server:
        found = asked(server.url)
    assert found is not None
    assert (found.body, found.facts.checksum) == (BODY, "CRC32")


class Case(NamedTuple):
    """An answer that is none, and what is told of it."""

    name: str
    answer: Callable[[], Iterable[bytes]]
    said: str
    fault: type[EcsauthError] = UnreachableError


def of(*pieces: bytes) -> Callable[[], Iterable[bytes]]:
    """Return an answer that ends."""
    return lambda: pieces


def without_end(start: bytes, more: bytes) -> Callable[[], Iterable[bytes]]:
    """Return an answer that does not end."""
    return lambda: itertools.chain([start], itertools.repeat(more * (16384 // len(more) + 1)))


BOMB = b'<!DOCTYPE a [<!ENTITY a "%s">%s]><Error><Code>&j;</Code></Error>' % (
    b"x" * 1000,
    b"".join(b'<!ENTITY %c "%s">' % (98 + at, b"&%c;" % (97 + at) * 10) for at in range(9)),
)
ANSWERS = [
    Case("nothing", of(b""), BROKE),
    Case("HTTP/0.9", of(BODY), BROKE),
    Case("HTTP/2", of(b"HTTP/2.0 200 OK\r\n\r\n"), BROKE),
    Case("another protocol", of(b"SSH-2.0-OpenSSH_9.6\r\n"), BROKE),
    Case("no status", of(b"HTTP/1.1 abc OK\r\n\r\n"), BROKE),
    Case("status of 4 digits", of(b"HTTP/1.1 2000 OK\r\n\r\n"), BROKE),
    Case("many headers", without_end(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"), BROKE),
    Case("header without end", without_end(b"HTTP/1.1 200 OK\r\nX-A: ", b"b"), BROKE),
    Case("status line without end", without_end(b"HTTP/1.1 200 ", b"b"), BROKE),
    Case("1xx without end", without_end(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), BROKE),
    Case("1xx with headers", without_end(b"", b"HTTP/1.1 100 Continue\r\nX-A: b\r\n\r\n"), BROKE),
    Case("switching protocols", of(head("101 Switching Protocols", *FACTS)), "S3 returned 101", DeniedError),
    Case("cut in the head", of(GOOD[:60]), BROKE),
    Case("cut in the body", of(GOOD[:-3]), BROKE),
    Case("length is more", of(head("200 OK", *FACTS, "Content-Length: 18") + BODY), BROKE),
    Case("length is less", of(head("200 OK", *FACTS, "Content-Length: 16") + BODY), ALTERED, NotYetError),
    Case("length is huge", of(head("200 OK", *FACTS, f"Content-Length: {10**17}") + BODY), BROKE),
    Case("length is negative", of(head("200 OK", *FACTS, "Content-Length: -1") + BODY), BROKE),
    Case("length is no number", of(head("200 OK", *FACTS, "Content-Length: 0x11") + BODY), BROKE),
    Case("two lengths", of(whole("200 OK", BODY, *FACTS, "Content-Length: 5")), BROKE),
    Case("lengths in one", of(head("200 OK", *FACTS, "Content-Length: 17, 5") + BODY), BROKE),
    Case("another coding", of(head("200 OK", *FACTS, "Transfer-Encoding: gzip, chunked") + BODY), BROKE),
    Case("chunk is cut", of(CHUNKED + b"11\r\nECS"), BROKE),
    Case("no last chunk", of(CHUNKED + b"11\r\n" + BODY + b"\r\n"), BROKE),
    Case("chunk of no size", of(CHUNKED + b"zz\r\n" + BODY + b"\r\n0\r\n\r\n"), BROKE),
    Case("chunk of size -1", without_end(CHUNKED + b"-1\r\n", b"x"), BROKE),
    Case("chunk size without end", without_end(CHUNKED, b"1"), BROKE),
    Case("chunk extension without end", without_end(CHUNKED + b"1;", b"x"), BROKE),
    Case("small chunks without end", without_end(CHUNKED, b"1\r\nx\r\n"), BROKE),
    Case("no length", of(head("200 OK", *FACTS) + BODY), BROKE),
    Case("cut before its length", of(head("200 OK", *FACTS)[:-2]), BROKE),
    Case("cut in a header", of(head("200 OK", *FACTS)[:-5]), BROKE),
    Case("empty lines for chunks", without_end(CHUNKED, b"\r\n"), BROKE),
    Case("trailer without end", without_end(CHUNKED + b"11\r\n" + BODY + b"\r\n0\r\n", b"X-A: b\r\n"), BROKE),
    Case("body without end", without_end(head("200 OK", *FACTS), b"x"), "is larger than 256 KiB", InvalidError),
    Case("large", of(whole("200 OK", b"#" * (LARGEST + 1), *FACTS)), "is larger than 256 KiB", InvalidError),
    Case("no ETag", of(whole("200 OK", BODY, FACTS[0], FACTS[2])), FOREIGN),
    Case("no date", of(whole("200 OK", BODY, FACTS[1], FACTS[2])), FOREIGN),
    Case("date is none", of(whole("200 OK", BODY, "Last-Modified: 99 Foo 99999", *FACTS[1:])), FOREIGN),
    Case("ETag in two lines", of(whole("200 OK", BODY, FACTS[0], 'ETag: "0\r\n 1"')), FOREIGN),
    Case("ETag with an escape", of(whole("200 OK", BODY, FACTS[0], "ETag: \x1b[31m")), FOREIGN),
    Case("version with é", of(whole("200 OK", BODY, *FACTS, "x-amz-version-id: é")), FOREIGN),
    Case("checksum is none", of(whole("200 OK", BODY, *FACTS[:2], "x-amz-checksum-sha256: no base64")), FOREIGN),
    Case("part of it", of(whole("206 Partial Content", BODY, *FACTS)), "S3 returned 206", DeniedError),
    Case("entities", of(whole("403 Forbidden", BOMB)), "S3 denies access (Forbidden)", DeniedError),
    Case(
        "entities in UTF-16",
        of(whole("403 Forbidden", BOMB.decode().encode("utf-16"))),
        "S3 denies access (Forbidden)",
        DeniedError,
    ),
    Case(
        "entities in UTF-7",
        of(whole("403 Forbidden", b'<?xml version="1.0" encoding="utf-7"?>' + BOMB.replace(b"<!", b"+ADwAIQ-"))),
        "S3 denies access (Forbidden)",
        DeniedError,
    ),
    Case(
        "document in another encoding",
        of(whole("400 Bad Request", '<?xml version="1.0" encoding="latin-1"?><Error><Code>É</Code></Error>'.encode())),
        "S3 returned É",
        DeniedError,
    ),
    Case(
        "document that is not UTF-8",
        of(whole("400 Bad Request", b"<Error><Code>\xc9</Code></Error>")),
        "S3 returned 400 (Bad Request)",
        DeniedError,
    ),
    Case(
        "namespace",
        of(whole("404 Not Found", b'<a:Error xmlns:a="urn:a"><a:Code>NoSuchKey</a:Code></a:Error>')),
        "the object does not exist",
        DeniedError,
    ),
    Case("deep document", of(whole("400 Bad Request", b"<a>" * 20_000)), "S3 returned 400 (Bad Request)", DeniedError),
    Case("document without end", without_end(head("400 Bad Request"), b"<Error>"), "S3 returned 400", DeniedError),
]


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: case.name)
def test_answers_that_are_none(case: Case) -> None:
    """Each ends at once in a fault whose words are ours."""
    found = fault_of(case.answer(), case.answer())
    assert type(found) is case.fault
    assert case.said in found.message
    told = " ".join((found.message, *map(str, found.hints)))
    assert told.isprintable()
    assert "of-the-" not in told


@pytest.mark.parametrize("case", [case for case in ANSWERS if "without end" in case.name], ids=lambda case: case.name)
def test_metadata_without_end(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is the metadata service read without end."""
    with RawServer(case.answer()) as server:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url)
        monkeypatch.delenv("AWS_EC2_METADATA_DISABLED", raising=False)
        with pytest.raises(EcsauthError, match="the instance metadata service"):
            MetadataService().role(30)
    assert server.sent < MOST_SENT


def moved(status: str, code: str, member: str = "", *headers: str) -> list[bytes]:
    """Return S3's word for a bucket that is elsewhere."""
    return [whole(status, f"<Error><Code>{code}</Code>{member}</Error>".encode(), *headers)]


@pytest.mark.parametrize(
    "answer",
    [
        moved("301 Moved Permanently", "PermanentRedirect", "", "x-amz-bucket-region: us-west-2"),
        moved("307 Temporary Redirect", "TemporaryRedirect", "", "x-amz-bucket-region: us-west-2"),
        moved("400 Bad Request", "AuthorizationHeaderMalformed", "<Region>us-west-2</Region>"),
        moved("400 Bad Request", "IllegalLocationConstraintException", "", "x-amz-bucket-region: us-west-2"),
    ],
    ids=["301", "307", "400 by the document", "400 by the header"],
)
def test_region_is_followed(answer: list[bytes]) -> None:
    """However S3 names the region, it is asked there, once."""
    with RawServer(answer, [GOOD]) as server:
        found = asked(server.url)
    assert found is not None
    assert server.connections == 2


def skewed(seconds: float) -> list[bytes]:
    """Return S3's word for a clock that is behind by so much."""
    date = email.utils.formatdate(time.time() + seconds, usegmt=True)
    return [whole("403 Forbidden", b"<Error><Code>RequestTimeTooSkewed</Code></Error>", f"Date: {date}")]


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_clock_is_put_right(seconds: int) -> None:
    """By a clock that is wrong the request is signed anew for the time that S3 names, and that is a warning."""
    warnings: list[str] = []
    with RawServer(skewed(seconds), [GOOD]) as server:
        assert asked(server.url, warnings) is not None
    (warning,) = warnings
    assert warning.startswith("the clock of this machine is 3")
    assert warning.endswith(
        f"{'behind' if seconds > 0 else 'ahead'}: the request was signed with the time of S3; start chronyd"
    )


def test_clock_after_a_region() -> None:
    """A bucket that is elsewhere, and a clock that is wrong: both are put right, in either order."""
    elsewhere = moved("301 Moved Permanently", "PermanentRedirect", "", "x-amz-bucket-region: us-west-2")
    for answers in ([elsewhere, skewed(3600)], [skewed(3600), elsewhere]):
        with RawServer(*answers, [GOOD]) as server:
            assert asked(server.url) is not None
        assert server.connections == 3


def test_clock_that_stays_wrong() -> None:
    """Where that does not help, it is told, and not tried again; nothing is warned of."""
    warnings: list[str] = []
    with RawServer(skewed(3600)) as server, pytest.raises(DeniedError, match="the clock of this machine is 3"):
        asked(server.url, warnings)
    assert (server.connections, warnings) == (2, [])


def test_regions_in_a_circle() -> None:
    """Where each region names the other one, that is the end of it."""
    elsewhere = moved("301 Moved Permanently", "PermanentRedirect", "", "x-amz-bucket-region: us-west-2")
    back = moved("301 Moved Permanently", "PermanentRedirect", "", f"x-amz-bucket-region: {REGION}")
    with RawServer(elsewhere, back, elsewhere) as server, pytest.raises(DeniedError, match="the bucket is in"):
        asked(server.url)
    assert server.connections == 2


def test_retry_is_one() -> None:
    """What may pass is asked for twice, whatever happens the second time."""
    with RawServer([whole("503 Slow Down", b"")]) as server, pytest.raises(UnreachableError):
        asked(server.url)
    assert server.connections == 2


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing of this machine's environment lead elsewhere."""
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
