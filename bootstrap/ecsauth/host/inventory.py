"""The directory from which the agent of AWS Systems Manager reads custom inventory."""

from __future__ import annotations

import os
import re

from ecsauth.host.private_directory import PrivateDirectory

# amazon-ssm-agent, agent/plugins/inventory/gatherers/custom: one folder for each identity of the machine.
_ROOT = "/var/lib/amazon/ssm"
_NODE = r"m?i-[0-9a-f]{8,17}"
_NAME = "ecsauth.json"


def folders() -> tuple[str, ...]:
    """Return the folders of custom inventory; an empty tuple if the agent has made none, or if none can be seen."""
    try:
        nodes = sorted(name for name in os.listdir(_ROOT) if re.fullmatch(_NODE, name))
    except OSError:
        return ()
    found = (os.path.join(_ROOT, node, "inventory", "custom") for node in nodes)
    return tuple(folder for folder in found if os.path.isdir(folder))


def write(data: bytes) -> None:
    """Replace ecsauth's inventory item in each folder; raise LocalError."""
    for folder in folders():
        place = PrivateDirectory(folder, mode=0o700)
        place.sweep(_NAME)
        place.write(_NAME, data)
