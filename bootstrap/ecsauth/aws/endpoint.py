"""The endpoint of an AWS service: scheme, host and path, by region and partition or from the environment.

Source: botocore, data/partitions.json and data/s3/2006-03-01/endpoint-rule-set-1.json; AWS SDKs and Tools Reference
Guide, "Service-specific endpoints" and "Dual-stack and FIPS endpoints". The tests hold it against botocore.
"""

from __future__ import annotations

import re
import urllib.parse
from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth.aws_names import DNS_SUFFIXES
from ecsauth.errors import UsageError
from ecsauth.registry.keys import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

# One label of a host name; the name of every AWS region is one.
_LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
_PARTITIONS = {
    "cn": "aws-cn",
    "us-gov": "aws-us-gov",
    "us-iso": "aws-iso",
    "us-isob": "aws-iso-b",
    "eu-isoe": "aws-iso-e",
    "us-isof": "aws-iso-f",
    "eusc": "aws-eusc",
}
_PORTS = {"https": 443, "http": 80}
_WITHOUT_FIPS, _WITHOUT_DUAL_STACK = ("aws-cn",), ("aws-iso-e", "aws-iso-f")


class Endpoint(NamedTuple):
    """The endpoint of a request; `path` is the prefix of the request's path, without a slash at its end."""

    scheme: str
    host: str
    port: int
    path: str = ""

    @property
    def authority(self) -> str:
        """The value of the header `host`: the host, and the port unless it is the default of the scheme."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def is_region(text: str) -> bool:
    """Tell whether a text can be the name of a region, and so part of a host name."""
    return _LABEL.fullmatch(text) is not None and not text.isdigit()


def s3(region: str, bucket: str, environment: Mapping[str, str]) -> Endpoint:
    """Return the endpoint of a bucket in a region.

    us-east-1 has S3's legacy global name, as in every SDK, unless the environment asks for the regional name.
    Raises UsageError if the endpoint in the environment is malformed, or if it is without TLS and not on this machine;
    also if the partition does not have the requested FIPS or dual-stack endpoint.
    """
    _assert_region(region)
    own = _own(environment, "S3")
    if own is not None:
        return own._replace(path=f"{own.path}/{bucket}")
    suffix, fips, dual = _names(region, environment)
    is_regional = environment.get("AWS_S3_US_EAST_1_REGIONAL_ENDPOINT", "").lower() == "regional"
    name = f"s3{fips}{dual}"
    host = f"s3.{suffix}" if (region, name, is_regional) == ("us-east-1", "s3", False) else f"{name}.{region}.{suffix}"
    # The certificate of S3 does not cover a bucket name with a dot.
    return _https(host, f"/{bucket}") if "." in bucket else _https(f"{bucket}.{host}")


def sts(region: str, environment: Mapping[str, str]) -> Endpoint:
    """Return the endpoint of STS in a region; raise UsageError as `s3` does."""
    _assert_region(region)
    own = _own(environment, "STS")
    if own is not None:
        return own
    suffix, fips, _ = _names(region, environment)
    return _https(f"sts{fips}.{region}.{suffix}")


def _assert_region(region: str) -> None:
    if not is_region(region):
        raise UsageError("the region is malformed", "give its code, such as eu-central-1")


def parsed(url: str) -> Endpoint:
    """Parse a URL; raise ValueError if it is malformed, or if its scheme is not http or https."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname or parts.query or parts.fragment:
        raise ValueError
    if re.search(r"[\x00-\x20\x7f-\U0010ffff]", url):
        raise ValueError
    return Endpoint(parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme], parts.path.rstrip("/"))


def _own(environment: Mapping[str, str], service: str) -> Optional[Endpoint]:
    """Return the endpoint in the environment, None if there is none."""
    if environment.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return None
    url = environment.get(f"AWS_ENDPOINT_URL_{service}") or environment.get("AWS_ENDPOINT_URL")
    if not url:
        return None
    try:
        own = parsed(url)
    except ValueError:
        raise UsageError("the endpoint or a name in it is malformed") from None
    if own.scheme != "https" and not is_loopback(own.host):
        raise UsageError(
            f"the endpoint {own.scheme}://{own.host} is not HTTPS: the env-file would be sent unencrypted",
            f"unset AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_{service}, or give an https:// address",
        )
    return own


def _names(region: str, environment: Mapping[str, str]) -> tuple[str, str, str]:
    """Return the DNS suffix of a region, and the parts of a service's name for FIPS and for dual-stack."""
    partition = next((_PARTITIONS[part] for part in _beginnings(region) if part in _PARTITIONS), "aws")
    fips, dual = (
        environment.get(name, "").lower() == "true" for name in ("AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT")
    )
    if fips and partition in _WITHOUT_FIPS:
        raise UsageError(f"there is no FIPS endpoint in region {region}", "unset AWS_USE_FIPS_ENDPOINT")
    if dual and partition in _WITHOUT_DUAL_STACK:
        raise UsageError(f"there is no dual-stack endpoint in region {region}", "unset AWS_USE_DUALSTACK_ENDPOINT")
    return DNS_SUFFIXES[partition], "-fips" * fips, ".dualstack" * dual


def _beginnings(region: str) -> tuple[str, str]:
    """Return the two prefixes of a region's name that identify its partition, the longer one first."""
    parts = region.split("-")
    return "-".join(parts[:2]), parts[0]


def _https(host: str, path: str = "") -> Endpoint:
    return Endpoint("https", host, _PORTS["https"], path)
