"""A stand-in of Systems Manager that runs documents on simulated instances, for the SDK over HTTP.

Source, where nothing else is said: Systems Manager API Reference. Time passes in steps, not in seconds: each look at a
command lets what was in progress end, and what is next begin. So nothing happens between two calls of a client that is
not there any more, unless `settle` says so, and no test waits.
"""

from __future__ import annotations

import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Optional

import command_views
from json_service import Pages, RefusedError, with_token
from managed_nodes import ManagedNodes
from run_command import Command, Details, Invocation, Order
from ssm_document import Documents

ACCOUNT = "123456789012"
# How many instances run a script at the same time here, whatever MaxConcurrency says: this machine is not a fleet.
_AT_ONCE = 4


class FleetEngine:
    """Systems Manager of one account and region.

    `collects`: the inventory of an instance is collected after each script; else only by `managed.collect`. `moves`: a
    look lets time pass. `lag`: a new command is missing from so many lists of commands. `alarms` are those that are on.
    `before_script` is called with instance and script before each script runs.
    """

    def __init__(self) -> None:
        self.documents = Documents()
        self.commands: list[Command] = []
        self.events: list[dict[str, Any]] = []
        self.alarms: set[str] = set()
        self.pages = Pages()
        self.managed = ManagedNodes(self.pages)
        self.collects = self.moves = True
        self.lag = 0
        self.before_script: Callable[[str, str], None] = lambda _node, _script: None
        self._lists: dict[str, int] = {}
        self._triggered: dict[str, list[str]] = {}

    def settle(self) -> None:
        """Let every command come to its end, as while nobody looks."""
        for command in self.commands:
            while not command.is_over:
                self._step(command)

    def forget(self) -> None:
        """Let thirty days pass: Systems Manager keeps commands no longer."""
        self.commands.clear()
        self.events.clear()

    def carry_out(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return the output of an operation; raise RefusedError."""
        operations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "CancelCommand": self._cancel_command,
            "DescribeDocument": self._describe_document,
            "DescribeInstanceInformation": self.managed.describe,
            "GetCommandInvocation": self._get_command_invocation,
            "GetDocument": self._get_document,
            "GetInventory": self.managed.get_inventory,
            "ListCommandInvocations": self._list_command_invocations,
            "ListCommands": self._list_commands,
            "ListInventoryEntries": self.managed.list_inventory_entries,
            "SendCommand": self._send_command,
        }
        assert operation in operations, f"the stand-in plays no {operation}"
        return operations[operation](parameters)

    # Documents.

    def _describe_document(self, parameters: dict[str, Any]) -> dict[str, Any]:
        found = self.documents.find(parameters["Name"], parameters.get("DocumentVersion"))
        newest = self.documents.find(found.name)
        description = {
            "Name": found.name,
            "Owner": ACCOUNT,
            "Hash": found.sha256,
            "HashType": "Sha256",
            "DocumentVersion": str(found.number),
            "DefaultVersion": str(newest.number),
            "LatestVersion": str(newest.number),
            "Status": "Active",
            "DocumentType": "Command",
            "DocumentFormat": "YAML",
            "SchemaVersion": "2.2",
            "Parameters": [{"Name": name, "Type": one["type"]} for name, one in found.parameters().items()],
        }
        return {"Document": description}

    def _get_document(self, parameters: dict[str, Any]) -> dict[str, Any]:
        found = self.documents.find(parameters["Name"], parameters.get("DocumentVersion"))
        return {
            "Name": found.name,
            "Content": found.content,
            "DocumentVersion": str(found.number),
            "DocumentType": "Command",
            "DocumentFormat": parameters.get("DocumentFormat", "YAML"),
            "Status": "Active",
        }

    # Run Command.

    def _send_command(self, parameters: dict[str, Any]) -> dict[str, Any]:
        version, sha256 = parameters.get("DocumentVersion"), parameters.get("DocumentHash")
        document = self.documents.find(parameters["DocumentName"], version, sha256)
        order = Order(
            id=str(uuid.uuid4()),
            document=document,
            values=document.check(parameters.get("Parameters", {})),
            comment=parameters.get("Comment", ""),
            at=time.time(),
            timeout=parameters.get("TimeoutSeconds", 3600),
            max_concurrency=parameters.get("MaxConcurrency", "50"),
            max_errors=parameters.get("MaxErrors", "0"),
            request=parameters,
        )
        command = Command(order, self._targets(parameters))
        self.commands.append(command)
        self._event(command)
        return {"Command": self._shown(command)}

    def _targets(self, parameters: dict[str, Any]) -> list[str]:
        named, targets = parameters.get("InstanceIds", []), parameters.get("Targets", [])
        if bool(named) is bool(targets):
            raise RefusedError("ValidationException", "Specify either InstanceIds or Targets.")
        for one in targets:
            if one["Key"] == "InstanceIds":
                named = one["Values"]
        if not named:
            wanted = {one["Key"].partition(":")[2]: one["Values"] for one in targets}
            nodes = (node for node in self.managed.nodes.values() if node.managed and not node.stopped)
            return [node.id for node in nodes if all(node.tags.get(key) in some for key, some in wanted.items())]
        if len(set(named)) != len(named):
            raise RefusedError("DuplicateInstanceId")
        running = {node.id for node in self.managed.nodes.values() if node.managed and not node.stopped}
        bad = [each for each in named if each not in running]
        if bad:
            text = f"Instances [[{', '.join(bad)}]] not in a valid state for account {ACCOUNT}"
            raise RefusedError("InvalidInstanceId", text)
        return list(named)

    def _cancel_command(self, parameters: dict[str, Any]) -> dict[str, Any]:
        command = self._find(parameters["CommandId"])
        command.cancel(parameters.get("InstanceIds", ()))
        self._event(command)
        return {}

    def _list_commands(self, parameters: dict[str, Any]) -> dict[str, Any]:
        filters = {one["key"]: one["value"] for one in parameters.get("Filters", ())}
        found = [one for one in reversed(self.commands) if command_views.is_listed(one, filters, parameters)]
        if parameters.get("NextToken") is None:
            found = [one for one in found if self._is_visible(one)]
            for command in found:
                self._move(command)
        page, token = self.pages.of(found, parameters, parameters.get("MaxResults", 50))
        return with_token({"Commands": [self._shown(one) for one in page]}, token)

    def _is_visible(self, command: Command) -> bool:
        """Tell whether a list has this command already; count the list."""
        lists = self._lists.get(command.order.id, 0)
        self._lists[command.order.id] = lists + 1
        return lists >= self.lag

    def _list_command_invocations(self, parameters: dict[str, Any]) -> dict[str, Any]:
        only, instance = parameters.get("CommandId"), parameters.get("InstanceId")
        commands = [self._find(only)] if only is not None else list(reversed(self.commands))
        if parameters.get("NextToken") is None:
            for command in commands:
                self._move(command)
        rows = [(command, one) for command in commands for one in command.invocations.values()]
        rows = [row for row in rows if instance is None or row[1].instance == instance]
        page, token = self.pages.of(rows, parameters, parameters.get("MaxResults", 50))
        details = bool(parameters.get("Details"))
        return with_token({"CommandInvocations": [command_views.row(*row, details=details) for row in page]}, token)

    def _get_command_invocation(self, parameters: dict[str, Any]) -> dict[str, Any]:
        command = self._find(parameters["CommandId"])
        found = command.invocations.get(parameters["InstanceId"])
        if found is None:
            raise RefusedError("InvocationDoesNotExist")
        self._move(command)
        return command_views.single(command, found)

    def _find(self, command: str) -> Command:
        found = next((one for one in self.commands if one.order.id == command), None)
        if found is None:
            raise RefusedError("InvalidCommandId")
        return found

    def _shown(self, command: Command) -> dict[str, Any]:
        return command_views.shown(command, self._triggered.get(command.order.id, ()))

    # Time.

    def _move(self, command: Command) -> None:
        if self.moves and not command.is_over:
            self._step(command)

    def _step(self, command: Command) -> None:
        """Let what is in progress end, and what is next begin."""
        configured = command.order.request.get("AlarmConfiguration", {}).get("Alarms", ())
        on = [one["Name"] for one in configured if one["Name"] in self.alarms]
        if on:
            self._triggered[command.order.id] = on
            command.cancel()
        running = command.in_progress()
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            ends = list(pool.map(lambda one: self._outcome(command, one), running))
        for one, details in zip(running, ends):
            one.ended = time.time()
            command.end(one, details)
            self._event(command, one)
        for one in command.begin():
            one.began = time.time()
            self._event(command, one)
        if command.is_over:
            self._event(command)

    def _outcome(self, command: Command, invocation: Invocation) -> Details:
        node = self.managed.nodes[invocation.instance]
        if not node.online or node.stopped:
            return Details.UNDELIVERABLE
        step = command.order.document.step()
        if node.hangs:
            return Details.EXECUTION_TIMED_OUT
        script = step.script_with(command.order.values)
        self.before_script(node.id, script)
        ran = node.run(script, step.timeout)
        invocation.out, invocation.err = ran.out, ran.err
        if self.collects:
            self.managed.collect(node.id)
        if ran.code is None:
            return Details.EXECUTION_TIMED_OUT
        invocation.code = ran.code
        return Details.FAILED if ran.code else Details.SUCCESS

    def _event(self, command: Command, invocation: Optional[Invocation] = None) -> None:
        """Note what EventBridge gets (Systems Manager User Guide, "Amazon EventBridge event examples")."""
        order = command.order
        detail = {
            "command-id": order.id,
            "document-name": order.document.name,
            "requested-date-time": order.at,
            "expire-after": order.at + order.timeout,
            "status": command.status if invocation is None else invocation.details.status,
        }
        if invocation is None:
            detail["parameters"] = json.dumps(order.request.get("Parameters", {}))
        else:
            detail["instance-id"] = invocation.instance
        kind = "EC2 Command Status-change Notification" if invocation is None else _INVOCATION_EVENT
        self.events.append({"source": "aws.ssm", "detail-type": kind, "detail": detail})


_INVOCATION_EVENT = "EC2 Command Invocation Status-change Notification"
