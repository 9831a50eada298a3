"""The environment of the program under test: this machine's own, without what would lead it to another AWS."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from pathlib import Path

# To be added for a program that is not on an instance.
OPERATOR = {"AWS_ACCESS_KEY_ID": "AKIAOPERATOR00000001", "AWS_SECRET_ACCESS_KEY": "operator-secret-key"}

_LEFT_OUT = ("AWS_", "ECS_", "ECSAUTH_", "PYTHON", "VIRTUAL_ENV")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def aws_environment(
    home: Path, *, endpoint: str, metadata: Optional[str] = None, ca_file: Optional[Path] = None, **more: str
) -> dict[str, str]:
    """Return an environment with the endpoint of every AWS service and of the metadata service.

    `home` takes the place of the user's directory, so that no profile of this machine counts. Without `metadata` the
    metadata service is switched off. `ca_file` is trusted instead of the system's authorities. `more` is added last.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_LEFT_OUT) and name.lower() not in (*_PROXIES, "requests_ca_bundle", "ssl_cert_file")
    }
    kept.update(HOME=str(home), AWS_ENDPOINT_URL=endpoint)
    if metadata:
        kept.update(AWS_EC2_METADATA_SERVICE_ENDPOINT=metadata)
    else:
        kept.update(AWS_EC2_METADATA_DISABLED="true")
    if ca_file:
        kept.update(AWS_CA_BUNDLE=str(ca_file))
    return {**kept, **more}
