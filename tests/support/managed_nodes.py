"""The managed nodes of Systems Manager, for the stand-in: who is connected, and the inventory that was collected.

Source: Systems Manager API Reference.
"""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING, Any, NamedTuple, Optional, Protocol

from json_service import Pages, RefusedError, with_token

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fleet_node import Ran

_TYPE = "Custom:Ecsauth"


class Node(Protocol):
    """An instance, as Systems Manager knows it."""

    id: str
    tags: dict[str, str]
    online: bool
    managed: bool
    stopped: bool
    hangs: bool

    def run(self, script: str, timeout: float) -> Ran:
        """Run a script."""

    def inventory(self) -> Optional[dict[str, Any]]:
        """Return the custom inventory item, None if there is none."""


class Item(NamedTuple):
    """An inventory item of an instance."""

    content: dict[str, str]
    captured: str


class ManagedNodes:
    """The nodes of one account and region, by their IDs. `items` is their inventory, as it was collected last."""

    def __init__(self, pages: Pages) -> None:
        self.nodes: dict[str, Node] = {}
        self.items: dict[str, Item] = {}
        self._pages = pages

    def add(self, *nodes: Node) -> None:
        """Let instances register, and collect their inventory."""
        self.nodes.update((node.id, node) for node in nodes)
        self.collect(*(node.id for node in nodes))

    def collect(self, *instances: str) -> None:
        """Collect the inventory of these instances, else of all."""
        for each in instances or tuple(self.nodes):
            item = self.nodes[each].inventory()
            if item is not None:
                captured = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
                self.items[each] = Item(item["Content"], captured)

    def describe(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """DescribeInstanceInformation, which lists no instance that is stopped (amazon-ssm-agent, issue 407)."""
        filters = {one["Key"]: one["Values"] for one in parameters.get("Filters", ())}
        if len(filters) > 1 and any(key.startswith("tag") for key in filters):
            raise RefusedError("InvalidFilterKey", "Tag filters can't be combined with other filter types.")
        wanted = filters.pop("InstanceIds", None)
        nodes = [node for node in self._among(wanted) if node.managed and not node.stopped]
        for key, values in filters.items():
            nodes = [node for node in nodes if _matches(node, key, values)]
        page, token = self._pages.of(nodes, parameters, parameters.get("MaxResults", 10))
        return with_token({"InstanceInformationList": [_described(node) for node in page]}, token)

    def get_inventory(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """GetInventory."""
        wanted: Optional[list[str]] = None
        for one in parameters.get("Filters", ()):
            if one["Key"] != "AWS:InstanceInformation.InstanceId" or one.get("Type", "Equal") != "Equal":
                raise RefusedError("InvalidFilter", f"The stand-in has no filter {one['Key']}.")
            wanted = one["Values"]
        types = [one["TypeName"] for one in parameters.get("ResultAttributes", ())]
        nodes = [node for node in self._among(wanted) if node.managed]
        page, token = self._pages.of(nodes, parameters, parameters.get("MaxResults", 50))
        return with_token({"Entities": [self._entity(node, types) for node in page]}, token)

    def _entity(self, node: Node, types: list[str]) -> dict[str, Any]:
        item = self.items.get(node.id)
        data: dict[str, Any] = {}
        if item is not None and _TYPE in types:
            data[_TYPE] = {
                "TypeName": _TYPE,
                "SchemaVersion": "1.0",
                "CaptureTime": item.captured,
                "ContentHash": hashlib.sha256(json.dumps(item.content).encode()).hexdigest(),
                "Content": [item.content],
            }
        return {"Id": node.id, "Data": data}

    def list_inventory_entries(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """ListInventoryEntries."""
        instance, kind = parameters["InstanceId"], parameters["TypeName"]
        if instance not in self.nodes:
            raise RefusedError("InvalidInstanceId", f"Instance {instance} is not managed.")
        item = self.items.get(instance) if kind == _TYPE else None
        answer = {"TypeName": kind, "InstanceId": instance, "SchemaVersion": "1.0", "Entries": []}
        return answer if item is None else {**answer, "CaptureTime": item.captured, "Entries": [item.content]}

    def _among(self, instances: Optional[Iterable[str]]) -> list[Node]:
        if instances is None:
            return list(self.nodes.values())
        return [self.nodes[each] for each in instances if each in self.nodes]


def _matches(node: Node, key: str, values: list[str]) -> bool:
    if key.startswith("tag:"):
        return node.tags.get(key[len("tag:") :]) in values
    if key == "PingStatus":
        return _ping(node) in values
    raise RefusedError("InvalidFilterKey", f"The stand-in has no filter {key}.")


def _ping(node: Node) -> str:
    return "Online" if node.online else "ConnectionLost"


def _described(node: Node) -> dict[str, Any]:
    return {
        "InstanceId": node.id,
        "PingStatus": _ping(node),
        "LastPingDateTime": time.time(),
        "AgentVersion": "3.3.1611.0",
        "IsLatestVersion": True,
        "PlatformType": "Linux",
        "PlatformName": "Amazon Linux",
        "PlatformVersion": "2023",
        "ResourceType": "EC2Instance",
        "IPAddress": "10.0.0.10",
        "ComputerName": f"{node.id}.eu-central-1.compute.internal",
    }
