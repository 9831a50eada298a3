"""Where S3 is asked: as the SDK's own rules say, in every region that the SDK knows, with FIPS and dual-stack.

To the policies all are the same: `tests/unit/test_access.py` sees to it that no condition names one.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any, Callable, Optional

import botocore
import pytest
from botocore.exceptions import BotoCoreError
from botocore.session import Session
from ecsauth.aws import endpoint
from ecsauth.aws.s3_request import target
from ecsauth.errors import UsageError

Live = Callable[[dict[str, str]], None]
PARTITIONS: Any = json.loads((Path(botocore.__file__).parent / "data" / "partitions.json").read_text(encoding="utf-8"))
# Beside regions the SDK has a name for each partition as a whole, where no bucket is.
REGIONS = sorted(
    name for partition in PARTITIONS["partitions"] for name in partition["regions"] if not name.endswith("-global")
)
SWITCHES = ("AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT")
KEY, VERSION = "prod/a key+~", "3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY"
SETTINGS = [dict(zip(SWITCHES, values)) for values in itertools.product(("false", "true"), repeat=2)]


class Sent(Exception):  # noqa: N818 - no error
    """A request that would have been sent, to this URL."""


def url_of_sdk(region: str, bucket: str) -> Optional[str]:
    """Return the URL that the SDK asks, None where it has none."""

    def stop(request: Any, **_: Any) -> None:
        raise Sent(request.url)

    try:
        client: Any = Session().create_client("s3", region, aws_access_key_id="a", aws_secret_access_key="b")
        client.meta.events.register("before-send.s3.GetObject", stop)
        client.get_object(Bucket=bucket, Key=KEY, VersionId=VERSION)
    except Sent as sent:
        return str(sent)
    except BotoCoreError:
        return None
    raise AssertionError("nothing was sent")


def url(region: str, bucket: str, environment: dict[str, str]) -> Optional[str]:
    """Return the URL that the program asks, None where it refuses to."""
    try:
        where = endpoint.s3(region, bucket, environment)
    except UsageError:
        return None
    return f"{where.scheme}://{where.authority}{where.path}{target(KEY, versionId=VERSION)}"


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: " ".join(setting.values()))
@pytest.mark.parametrize("region", REGIONS)
def test_every_region(operator_env: dict[str, str], live_in: Live, region: str, setting: dict[str, str]) -> None:
    """The URL is the SDK's, key and version included, and where the SDK has none there is none."""
    live_in({**{name: value for name, value in operator_env.items() if name != "AWS_ENDPOINT_URL"}, **setting})
    for bucket in ("example-config", "example.config"):
        assert url(region, bucket, setting) == url_of_sdk(region, bucket)


@pytest.mark.parametrize("value", ["regional", "legacy"])
def test_the_name_of_us_east_1(operator_env: dict[str, str], live_in: Live, value: str) -> None:
    """The first region has the name that the environment asks for."""
    setting = {"AWS_S3_US_EAST_1_REGIONAL_ENDPOINT": value}
    live_in({**{name: value for name, value in operator_env.items() if name != "AWS_ENDPOINT_URL"}, **setting})
    assert url("us-east-1", "example-config", setting) == url_of_sdk("us-east-1", "example-config")


@pytest.mark.parametrize(
    "own",
    [
        "https://s3.example.com",
        "https://S3.Example.com:8443/",
        "https://example.com/behind/a/path/",
        "http://127.0.0.1:9000",
        "http://[::1]:9000",
        "https://192.0.2.1",
    ],
)
@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_own_endpoint(operator_env: dict[str, str], live_in: Live, name: str, own: str) -> None:
    """An endpoint of one's own is asked in path style, as by the SDK."""
    setting = {name: own}
    live_in({**{name: value for name, value in operator_env.items() if name != "AWS_ENDPOINT_URL"}, **setting})
    asked = url("eu-central-1", "example-config", setting)
    assert asked is not None
    assert asked == str(url_of_sdk("eu-central-1", "example-config")).replace("S3.Example", "s3.example")


@pytest.mark.parametrize(
    "own", ["nonsense", "ftp://example.com", "https://", "https://[::1", "https://a:99999", "https://a b"]
)
def test_no_endpoint(own: str) -> None:
    """What is no address is refused, and not repeated."""
    with pytest.raises(UsageError, match="the endpoint or a name in it is malformed"):
        endpoint.s3("eu-central-1", "example-config", {"AWS_ENDPOINT_URL": own})


def test_ignored_endpoint() -> None:
    """A switch of the SDKs turns endpoints of one's own off."""
    setting = {"AWS_ENDPOINT_URL": "https://example.com", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}
    assert endpoint.s3("eu-central-1", "b-b", setting).host == "b-b.s3.eu-central-1.amazonaws.com"
