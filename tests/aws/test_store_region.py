"""A bucket in another region: S3's own word is followed once, and nobody else is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

import pytest
import s3_faults as faults
from ecsauth.aws import credentials
from ecsauth.aws.attempt import Operation, at
from ecsauth.aws.probes import Probes
from ecsauth.aws.s3_operator import S3VersionStore
from ecsauth.aws.s3_request import SignedS3
from ecsauth.aws.session import OperatorClients
from ecsauth.aws_names import S3URI
from ecsauth.boot.fetch import Identity
from ecsauth.errors import DeniedError, EcsauthError
from s3_server import ACCOUNT, REGION

if TYPE_CHECKING:
    from bucket import Bucket
    from ecsauth.aws.s3_get import InstanceStore
    from s3_proxy import S3Proxy

Live = Callable[[dict[str, str]], None]
BODY = b"ECS_CLUSTER=prod\nECS_ENGINE_AUTH_DATA=canary-of-the-body\n"
URI = S3URI("fleet", "ecs.config")
HERE = Identity(REGION, ACCOUNT)
ELSEWHERE = "us-west-2"


def fetched(store: InstanceStore, uri: S3URI = URI, unless: str | None = None) -> Any:
    """Return what the instance gets, with ten seconds to get it."""
    return store.fetch(uri, HERE, unless, 10)


def fault_of(store: InstanceStore, seconds: float = 10) -> EcsauthError:
    """Return what fetching the object ends with."""
    with pytest.raises(EcsauthError) as caught:
        store.fetch(URI, HERE, None, seconds)
    return caught.value


def text_of(fault: EcsauthError) -> str:
    """Return all that is told of a fault."""
    return " ".join((fault.message, *fault.hints))


def test_region_is_followed_once(store: InstanceStore, bucket: Bucket, s3_proxy: S3Proxy) -> None:
    """The region that S3 names is asked next, and nothing else is."""
    bucket.put(BODY)
    s3_proxy.regions["fleet"] = ELSEWHERE
    assert fetched(store).body == BODY
    assert [(request.operation, request.region) for request in s3_proxy.requests] == [
        ("GetObject", REGION),
        ("GetObject", ELSEWHERE),
    ]


@pytest.mark.parametrize("region", [None, "us-east-1"])
def test_region_of_a_conditional_get(
    store: InstanceStore, bucket: Bucket, s3_proxy: S3Proxy, region: str | None
) -> None:
    """What was asked is asked again in the other region: owner, condition and checksum."""
    bucket.put(BODY)
    etag = fetched(store).facts.etag
    s3_proxy.regions["fleet"] = region or ELSEWHERE
    s3_proxy.requests.clear()
    assert fetched(store, unless=etag) is None
    asked = [
        [request.headers[name] for name in ("x-amz-expected-bucket-owner", "if-none-match", "x-amz-checksum-mode")]
        for request in s3_proxy.requests
    ]
    assert asked == [[ACCOUNT, etag, "ENABLED"]] * 2


@pytest.mark.parametrize(
    "fault",
    [
        faults.Reply(301, "PermanentRedirect", "elsewhere"),
        faults.Reply(307, "TemporaryRedirect", "elsewhere"),
        faults.Reply(400, "AuthorizationHeaderMalformed", "the region is wrong"),
    ],
    ids=lambda fault: fault.code,
)
def test_region_is_not_asked_for(store: InstanceStore, bucket: Bucket, s3_proxy: S3Proxy, fault: faults.Reply) -> None:
    """Where S3 does not say in which region the bucket is, no other call is made to find out."""
    bucket.put(BODY)
    s3_proxy.inject(fault)
    found = fault_of(store)
    assert s3_proxy.operations == ["GetObject"]
    assert type(found) is DeniedError
    assert found.message.endswith("the bucket is in another region")
    assert found.hints == ("give the region of the bucket: --region REGION",)


def test_region_that_moves_on(store: InstanceStore, bucket: Bucket, s3_proxy: S3Proxy) -> None:
    """Where the region that S3 names points elsewhere again, that is the end of it."""
    bucket.put(BODY)
    s3_proxy.inject(faults.moved_to(ELSEWHERE))
    found = fault_of(store)
    assert s3_proxy.operations == ["GetObject", "GetObject"]
    assert found.message.endswith("the bucket is in us-west-2")
    assert found.hints == ("give the region of the bucket: --region us-west-2",)


@pytest.mark.parametrize("region", ["evil.example.com#", "a b", "-"])
def test_region_is_no_address(store: InstanceStore, bucket: Bucket, s3_proxy: S3Proxy, region: str) -> None:
    """What is called a region and is none is not asked, nor repeated."""
    bucket.put(BODY)
    s3_proxy.inject(faults.moved_to(region))
    found = fault_of(store)
    assert s3_proxy.operations == ["GetObject"]
    assert "example.com" not in text_of(found)


@pytest.mark.parametrize("status", [301, 307])
@pytest.mark.parametrize("region", [None, REGION])
def test_operator_who_is_sent_elsewhere_everywhere(
    operator_env: dict[str, str], live_in: Live, s3_proxy: S3Proxy, status: int, region: str | None
) -> None:
    """Where every answer points elsewhere and none says where, the SDK asks once for the bucket, not without end."""
    live_in({name: value for name, value in operator_env.items() if name != "AWS_REGION"})
    s3_proxy.inject(faults.Reply(status, "PermanentRedirect", "elsewhere"))
    with pytest.raises(DeniedError) as caught:
        S3VersionStore(OperatorClients(None, region).s3()).read(URI)
    assert s3_proxy.operations == ["GetObject", "HeadBucket"]
    assert caught.value.message.endswith("the bucket is in another region")
    assert caught.value.hints == ("give the region of the bucket: --region REGION",)


def test_doctor_that_is_sent_elsewhere_everywhere(
    operator_env: dict[str, str], live_in: Live, s3_proxy: S3Proxy
) -> None:
    """The probes, which may ask for the bucket, go round in no circle either."""
    live_in(operator_env)
    s3_proxy.inject(faults.Reply(301, "PermanentRedirect", "elsewhere"))
    s3 = SignedS3(credentials.find(None, at(Operation.LOOK, URI), 5), REGION)
    answers = Probes(s3, URI, ACCOUNT).bucket()
    assert answers.owned.status == 301
    assert len(s3_proxy.operations) < 10
