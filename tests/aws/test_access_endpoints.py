"""Which endpoint a boot asks, in each partition, with FIPS and dual-stack.

To the policies they are all the same: `tests/unit/test_access.py` sees to it that no condition names one.
"""

from __future__ import annotations

from typing import Any, Callable

import pytest
from ecsauth.aws.session import InstanceClients


class Sent(Exception):  # noqa: N818 - no error
    """A request that would have been sent, to this URL."""


def url_asked(region: str) -> str:
    """Return the URL of a boot's GetObject, which is not sent."""
    client: Any = InstanceClients(None, "127.0.0.1").s3(region)

    def stop(request: Any, **_: Any) -> None:
        raise Sent(request.url)

    client.meta.events.register("before-send.s3.GetObject", stop)
    with pytest.raises(Sent) as sent:
        client.get_object(Bucket="example-config", Key="prod/ecs.config")
    return str(sent.value)


@pytest.mark.parametrize("dual_stack", [False, True], ids=["IPv4", "dual-stack"])
@pytest.mark.parametrize(
    ("region", "suffix", "fips"),
    [
        ("eu-central-1", "amazonaws.com", False),
        ("eu-central-1", "amazonaws.com", True),
        ("us-gov-west-1", "amazonaws.com", False),
        ("us-gov-west-1", "amazonaws.com", True),
        # There are no FIPS endpoints in China.
        ("cn-north-1", "amazonaws.com.cn", False),
    ],
)
def test_endpoint(
    region: str,
    suffix: str,
    *,
    fips: bool,
    dual_stack: bool,
    operator_env: dict[str, str],
    live_in: Callable[[dict[str, str]], None],
) -> None:
    """It is the one of the region that was chosen, in the partition's own domain and over TLS."""
    env = {name: value for name, value in operator_env.items() if name != "AWS_ENDPOINT_URL"}
    chosen = {"AWS_USE_FIPS_ENDPOINT": str(fips).lower(), "AWS_USE_DUALSTACK_ENDPOINT": str(dual_stack).lower()}
    live_in({**env, **chosen})
    host = f"s3{'-fips' if fips else ''}{'.dualstack' if dual_stack else ''}.{region}.{suffix}"
    assert url_asked(region) == f"https://example-config.{host}/prod/ecs.config"
