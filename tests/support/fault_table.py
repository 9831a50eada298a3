"""What can go wrong between an instance, S3 and the metadata service, and what `boot` makes of each: one table.

`tests/machine/test_boot_faults.py` makes each row happen to the whole program; `tests/docs/test_fault_table.py` holds
the tables of docs/runbook.md against the rows.
"""

from __future__ import annotations

import contextlib
import email.utils
import re
import time
from enum import Enum
from typing import TYPE_CHECKING, Callable, NamedTuple

import s3_faults as faults
from bucket import KMS_KEY
from metadata_service import Behaviour
from tunnel_proxy import TunnelProxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metadata_service import MetadataService
    from s3_proxy import S3Proxy

DENIED, UNREACHABLE = 4, 5
# With a good file on the instance, what is unreachable ends so; everything else as on a fresh one.
UNREACHABLE_WITH_GOOD_FILE = 8


class World(NamedTuple):
    """What faults happen to: S3 in the clear and over HTTPS, and the metadata service."""

    proxy: S3Proxy
    https: S3Proxy
    metadata: MetadataService


# Inside the context the fault happens; it gives the variables that the program has to be given for it.
Happening = Callable[[World], "contextlib.AbstractContextManager[dict[str, str]]"]


class Next(str, Enum):
    """What the instance does next, in the words of the page; what is told at once says nothing of it."""

    UNTIL_DEADLINE = "until the deadline"
    SOME_SECONDS = "some seconds"
    AT_ONCE = ""


class Row(NamedTuple):
    """A fault: how it comes about, its status, and the message, as the page gives it: `…` stands for what differs.

    What `never_ends` by itself is cut off by the deadline.
    """

    name: str
    happen: Happening
    status: int
    message: str
    next: Next = Next.AT_ONCE
    never_ends: bool = False

    @property
    def status_with_good_file(self) -> int:
        """The status on an instance that has a file which was checked before."""
        return UNREACHABLE_WITH_GOOD_FILE if self.status == UNREACHABLE else self.status

    @property
    def pattern(self) -> str:
        """The message as a regular expression."""
        return ".+".join(re.escape(part) for part in self.message.split("…"))


def s3(fault: faults.Fault) -> Happening:
    """Let S3 fail so."""

    @contextlib.contextmanager
    def happen(world: World) -> Iterator[dict[str, str]]:
        world.proxy.inject(fault)
        yield {}
        world.proxy.heal()

    return happen


def metadata(behaviour: Behaviour) -> Happening:
    """Let the metadata service behave so."""

    @contextlib.contextmanager
    def happen(world: World) -> Iterator[dict[str, str]]:
        world.metadata.become(behaviour)
        yield {}
        world.metadata.become(Behaviour.HEALTHY)

    return happen


@contextlib.contextmanager
def s3_refuses(world: World) -> Iterator[dict[str, str]]:
    """Let nobody listen where S3 is meant to be."""
    with world.proxy.refusing():
        yield {}


@contextlib.contextmanager
def metadata_refuses(world: World) -> Iterator[dict[str, str]]:
    """Let nobody listen where the metadata service is meant to be."""
    with world.metadata.refusing():
        yield {}


@contextlib.contextmanager
def clock_is_wrong(world: World) -> Iterator[dict[str, str]]:
    """Let S3's clock be an hour ahead of this one."""
    date = email.utils.formatdate(time.time() + 3600, usegmt=True)
    skewed = faults.Reply(403, "RequestTimeTooSkewed", "The difference is too large.", Date=date)
    with s3(skewed)(world) as more:
        yield more


@contextlib.contextmanager
def role_has_expired(world: World) -> Iterator[dict[str, str]]:
    """Let the metadata service give credentials that S3 does not take any more."""
    standing = world.metadata.instance
    world.metadata.instance = standing._replace(lifetime_s=-3600)
    with s3(faults.EXPIRED_TOKEN)(world) as more:
        yield more
    world.metadata.instance = standing


@contextlib.contextmanager
def no_such_host(world: World) -> Iterator[dict[str, str]]:
    """Name a host that nobody has, and do not wait for a name server that is silent."""
    del world
    yield {"AWS_ENDPOINT_URL": "https://s3.invalid", "RES_OPTIONS": "timeout:1 attempts:1"}


@contextlib.contextmanager
def no_route(world: World) -> Iterator[dict[str, str]]:
    """Name an address that no packet is sent to."""
    del world
    yield {"AWS_ENDPOINT_URL": "https://255.255.255.255"}


@contextlib.contextmanager
def web_proxy_is_down(world: World) -> Iterator[dict[str, str]]:
    """Name a web proxy where nobody listens."""
    del world
    yield {"AWS_ENDPOINT_URL": "https://s3.example.com", "HTTPS_PROXY": "http://127.0.0.1:9"}


@contextlib.contextmanager
def web_proxy_refuses(world: World) -> Iterator[dict[str, str]]:
    """Name a web proxy that wants a password."""
    with TunnelProxy(world.https.port, refusal=407) as proxy:
        yield {"AWS_ENDPOINT_URL": "https://s3.example.com", "HTTPS_PROXY": proxy.url}


@contextlib.contextmanager
def certificate_of_nobody(world: World) -> Iterator[dict[str, str]]:
    """Speak TLS with a certificate that no authority of the system has signed."""
    yield {"AWS_ENDPOINT_URL": world.https.url}


@contextlib.contextmanager
def no_tls(world: World) -> Iterator[dict[str, str]]:
    """Answer in the clear where TLS is expected."""
    yield {"AWS_ENDPOINT_URL": world.proxy.url.replace("http:", "https:")}


_BROKE = "cannot …: the connection broke"
_LATER = "cannot …: S3 is temporarily unavailable"
_NO_ANSWER = "cannot …: no complete answer within … s"
_EXPIRED = "cannot …: the credentials have expired"
_SIGNATURE = faults.Reply(403, "SignatureDoesNotMatch", "The request signature we calculated does not match.")
_KMS_STATE = faults.Reply(400, "KMS.KMSInvalidStateException", "The key is pending deletion.")
_TOKEN = faults.Reply(400, "InvalidToken", "The provided token is malformed or otherwise invalid.")
_LASTS, _SETTLES = Next.UNTIL_DEADLINE, Next.SOME_SECONDS

S3_ROWS = [
    Row("refused", s3_refuses, 5, "cannot …: … refuses the connection", _LASTS),
    Row("reset", s3(faults.Reset()), 5, _BROKE, _LASTS),
    Row("hanging", s3(faults.Hang()), 5, _NO_ANSWER, _LASTS, never_ends=True),
    Row("dripping", s3(faults.SlowDrip(1)), 5, _NO_ANSWER, _LASTS, never_ends=True),
    Row("cut body", s3(faults.CutBody(40)), 5, _BROKE, _LASTS),
    Row(
        "wrong checksum", s3(faults.AlteredBody()), 4, "cannot …: the received data does not match its checksum", _LASTS
    ),
    Row("denied", s3(faults.ACCESS_DENIED), 4, "cannot get …: S3 denies access", _SETTLES),
    Row("no key", s3(faults.NO_SUCH_KEY), 4, "cannot get …: the object does not exist"),
    Row("deleted", s3(faults.DELETED), 4, "cannot get …: the object was deleted"),
    Row("delete marker", s3(faults.DELETE_MARKER), 4, "cannot get …: this version is a delete marker"),
    Row("no version", s3(faults.NO_SUCH_VERSION), 4, "cannot get …: the version does not exist"),
    Row("no bucket", s3(faults.NO_SUCH_BUCKET), 4, "cannot get …: the bucket does not exist"),
    Row("500", s3(faults.INTERNAL_ERROR), 5, _LATER, _LASTS),
    Row("503 SlowDown", s3(faults.SLOW_DOWN), 5, _LATER, _LASTS),
    Row("elsewhere, and elsewhere again", s3(faults.moved_to("us-west-2")), 4, "cannot …: the bucket is …"),
    Row("expired token", s3(faults.EXPIRED_TOKEN), 5, _EXPIRED, _LASTS),
    Row("unknown key ID", s3(faults.INVALID_ACCESS_KEY), 4, "cannot …: the access key does not exist", _SETTLES),
    Row("wrong token", s3(_TOKEN), 4, "cannot …: the session token is invalid", _SETTLES),
    Row("wrong secret", s3(_SIGNATURE), 4, "cannot …: the secret access key does not match the access key"),
    Row("KMS denied", s3(faults.kms_denied(KMS_KEY)), 4, "cannot …: KMS denies the use of the key", _SETTLES),
    Row("KMS throttled", s3(faults.KMS_THROTTLED), 5, _LATER, _LASTS),
    Row("KMS key disabled", s3(faults.KMS_DISABLED), 4, "cannot …: the KMS key is disabled"),
    Row("KMS key gone", s3(faults.KMS_NOT_FOUND), 4, "cannot …: the KMS key does not exist"),
    Row("KMS key to be deleted", s3(_KMS_STATE), 4, "cannot …: the KMS key cannot be used in its current state"),
    Row("KMS key of the wrong kind", s3(faults.KMS_KEY_USAGE), 4, "cannot …: the KMS key cannot encrypt: …"),
    Row("portal", s3(faults.Page()), 5, "cannot …: the answer is not from S3", _LASTS),
    Row("wrong clock", clock_is_wrong, 4, "cannot …: the clock of this machine is …"),
    Row("no such host", no_such_host, 5, "cannot …: the name … does not resolve", _LASTS),
    Row("no route", no_route, 5, "cannot …: no connection to …", _LASTS),
    Row("web proxy is down", web_proxy_is_down, 5, "cannot …: the proxy does not answer", _LASTS),
    Row("web proxy refuses", web_proxy_refuses, 5, "cannot …: the proxy refuses the connection", _LASTS),
    Row("certificate", certificate_of_nobody, 4, "cannot …: the TLS certificate cannot be verified"),
    Row("no TLS", no_tls, 4, "cannot …: the TLS handshake with … failed"),
]

_SERVICE = "the instance metadata service"
_NOT_READY = "the instance's role is not ready: …"
METADATA_ROWS = [
    Row("refused", metadata_refuses, 5, f"{_SERVICE} refused the connection", _LASTS),
    Row("reset", metadata(Behaviour.RESET), 5, f"{_SERVICE} closed the connection", _LASTS),
    Row("hanging", metadata(Behaviour.SILENT), 5, f"{_SERVICE} does not answer", _LASTS, never_ends=True),
    Row("dripping", metadata(Behaviour.DRIP), 5, f"{_SERVICE} does not answer", _LASTS, never_ends=True),
    Row("cut body", metadata(Behaviour.CUT), 5, f"{_SERVICE} closed the connection", _LASTS),
    Row("wrong document", metadata(Behaviour.FOREIGN), 5, f"{_SERVICE} returned no …", _LASTS),
    Row("500", metadata(Behaviour.BROKEN), 5, f"{_SERVICE} failed with …", _LASTS),
    Row("503", metadata(Behaviour.UNAVAILABLE), 5, f"{_SERVICE} failed with …", _LASTS),
    Row("token 403", metadata(Behaviour.TOKEN_FORBIDDEN), 4, f"{_SERVICE} refused …"),
    Row("token 404", metadata(Behaviour.TOKEN_ABSENT), 4, f"{_SERVICE} refused …"),
    Row("no role", metadata(Behaviour.NO_ROLE), 4, "the instance has no role", _LASTS),
    Row("role is pending", metadata(Behaviour.ROLE_PENDING), 4, _NOT_READY, _LASTS),
    Row("role failed", metadata(Behaviour.ROLE_FAILED), 4, _NOT_READY, _LASTS),
    Row("role has expired", role_has_expired, 5, _EXPIRED, _LASTS),
]

ROWS = [
    *(row._replace(name=f"S3: {row.name}") for row in S3_ROWS),
    *(row._replace(name=f"metadata: {row.name}") for row in METADATA_ROWS),
]
