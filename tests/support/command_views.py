"""How the stand-in of Run Command shows commands and invocations: the documents of its answers.

Sources: Systems Manager API Reference; for how output is cut: amazon-ssm-agent, agent/framework/processor/executer.
"""

from __future__ import annotations

import calendar
import time
from typing import TYPE_CHECKING, Any, Callable

from run_command import Details

if TYPE_CHECKING:
    from collections.abc import Sequence

    from run_command import Command, Invocation

_LONGEST_OUTPUT, _LONGEST_ERROR = 24_000, 8_000
# What the list of invocations shows of an output.
_LONGEST_SHOWN = 2_500
_CUT = "--output truncated--"
_ERRORS_BELOW = "\n----------ERROR-------\n"


def shown(command: Command, triggered: Sequence[str] = ()) -> dict[str, Any]:
    """Return a command; `triggered` are the alarms that have stopped it."""
    order = command.order
    kept = ("InstanceIds", "Targets", "AlarmConfiguration")
    document = {
        **{name: order.request[name] for name in kept if name in order.request},
        "CommandId": order.id,
        "DocumentName": order.document.name,
        "DocumentVersion": str(order.document.number),
        "Comment": order.comment,
        "Parameters": order.request.get("Parameters", {}),
        "RequestedDateTime": order.at,
        "ExpiresAfter": order.at + order.timeout,
        "TimeoutSeconds": order.timeout,
        "Status": command.status,
        "StatusDetails": command.details,
        "MaxConcurrency": order.max_concurrency,
        "MaxErrors": order.max_errors,
        "TargetCount": len(command.invocations),
        "CompletedCount": command.completed,
        "ErrorCount": command.errors,
        "DeliveryTimedOutCount": command.count(Details.DELIVERY_TIMED_OUT),
    }
    if triggered:
        document["TriggeredAlarms"] = [{"Name": name, "State": "ALARM"} for name in triggered]
    return document


def row(command: Command, one: Invocation, *, details: bool) -> dict[str, Any]:
    """Return an invocation in a list."""
    document = {
        "CommandId": command.order.id,
        "InstanceId": one.instance,
        "Comment": command.order.comment,
        "DocumentName": command.order.document.name,
        "DocumentVersion": str(command.order.document.number),
        "RequestedDateTime": command.order.at,
        "Status": one.details.status,
        "StatusDetails": one.details.value,
    }
    return {**document, "CommandPlugins": [_plugin(command, one)] if details else []}


def single(command: Command, found: Invocation) -> dict[str, Any]:
    """Return an invocation by itself: GetCommandInvocation."""
    return {
        "CommandId": command.order.id,
        "InstanceId": found.instance,
        "Comment": command.order.comment,
        "DocumentName": command.order.document.name,
        "DocumentVersion": str(command.order.document.number),
        "PluginName": command.order.document.step().name,
        "ResponseCode": found.code,
        "Status": found.details.status,
        "StatusDetails": found.details.value,
        "StandardOutputContent": found.out[:_LONGEST_OUTPUT],
        "StandardErrorContent": found.err[:_LONGEST_ERROR],
    }


def _plugin(command: Command, one: Invocation) -> dict[str, Any]:
    output = one.out + (_ERRORS_BELOW + one.err if one.err else "")
    if len(output) > _LONGEST_SHOWN:
        output = output[: _LONGEST_SHOWN - len(_CUT)] + _CUT
    plugin: dict[str, Any] = {
        "Name": command.order.document.step().name,
        "Status": one.details.status,
        "StatusDetails": one.details.value,
        "ResponseCode": one.code,
        "Output": output,
    }
    times = {"ResponseStartDateTime": one.began, "ResponseFinishDateTime": one.ended}
    return {**plugin, **{name: at for name, at in times.items() if at is not None}}


def is_listed(command: Command, filters: dict[str, str], parameters: dict[str, Any]) -> bool:
    """Tell whether a command is in the list that ListCommands is asked for."""
    order = command.order
    at = {"InvokedAfter": order.at, "InvokedBefore": order.at}
    tests: dict[str, Callable[[str], bool]] = {
        "DocumentName": lambda value: order.document.name == value,
        "InvokedAfter": lambda value: at["InvokedAfter"] >= _seconds(value),
        "InvokedBefore": lambda value: at["InvokedBefore"] < _seconds(value),
        "Status": lambda value: value in (command.status, command.details),
        "ExecutionStage": lambda value: (value == "Complete") is command.is_over,
    }
    if parameters.get("CommandId") not in (None, order.id):
        return False
    if parameters.get("InstanceId") is not None and parameters["InstanceId"] not in command.invocations:
        return False
    return all(tests[key](value) for key, value in filters.items())


def _seconds(text: str) -> int:
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))
