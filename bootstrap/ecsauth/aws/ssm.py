"""Systems Manager, for the commands of the fleet: managed instances, their inventory, Run Command and documents."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Callable, Optional

from ecsauth.aws.attempt import Attempt, Operation
from ecsauth.aws.paced import PacedCalls
from ecsauth.aws.ssm_send import CommandSender
from ecsauth.errors import DeniedError
from ecsauth.fleet.commands import DocumentPin
from ecsauth.fleet.history import Invocation, SentCommand, outcome_of
from ecsauth.fleet.waves import batches
from ecsauth.status.instance_report import INVENTORY_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ecsauth.fleet.census import Tag, Tell
    from ecsauth.fleet.commands import CommandOrder
    from ecsauth.timing import Clock

# The largest pages (Systems Manager API Reference), and the most values of a filter of GetInventory.
_PAGE = 50
_FILTER_VALUES = 40
# The pages of several batches are asked for at once: the service answers each in a tenth of a second.
_AT_ONCE = 4
# Systems Manager API Reference, SendCommand and DescribeDocument.
_NO_DOCUMENT = frozenset(("InvalidDocument", "InvalidDocumentVersion", "InvalidDocumentContent"))
_DEPLOY = "deploy the stack of this ecsauth with Fleet=on, or give --documents PREFIX"


class ManagedNodes:
    """The instances that Systems Manager manages in one account and region."""

    def __init__(self, client: Any, clock: Clock) -> None:
        self._calls = PacedCalls(client, clock)

    def pings(self, instances: Sequence[str], tell: Tell) -> Mapping[str, str]:
        """Return its word for the connection of each of these instances that it manages."""
        return self._gathered(instances, _PAGE, self._pings_of, "asking Systems Manager about the instances", tell)

    def tagged(self, tag: Tag, tell: Tell) -> Mapping[str, str]:
        """Return the IDs of the managed instances with a tag, each with the word for its connection."""
        found: dict[str, str] = {}
        filters = [{"Key": f"tag:{tag.name}", "Values": [tag.value]}]
        for page in self._described(filters):
            found.update(_pings(page))
            tell("asking Systems Manager about the instances", len(found), 0)
        return found

    def reports(self, instances: Sequence[str], tell: Tell) -> Mapping[str, Mapping[str, Any]]:
        """Return the inventory item of each instance that has one."""
        return self._gathered(instances, _FILTER_VALUES, self._reports_of, "reading the reports of the instances", tell)

    def _gathered(
        self,
        instances: Sequence[str],
        size: int,
        ask: Callable[[Sequence[str]], dict[str, Any]],
        what: str,
        tell: Tell,
    ) -> dict[str, Any]:
        """Return the answers for all instances, which are asked for in batches, some at once."""
        found: dict[str, Any] = {}
        groups = batches(instances, size)
        pool = ThreadPoolExecutor(_AT_ONCE)
        try:
            for number, answer in enumerate(pool.map(ask, groups), 1):
                found.update(answer)
                tell(what, min(number * size, len(instances)), len(instances))
        finally:
            # After an interrupt or a fault nothing waits for the batches that have not begun.
            _abandon(pool)
        return found

    def _pings_of(self, instances: Sequence[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for page in self._described([{"Key": "InstanceIds", "Values": list(instances)}]):
            found.update(_pings(page))
        return found

    def _described(self, filters: list[dict[str, Any]]) -> Iterator[Any]:
        what = Attempt(Operation.DESCRIBE_NODES)
        return self._calls.pages(
            "describe_instance_information", what, {}, "NextToken", Filters=filters, MaxResults=_PAGE
        )

    def _reports_of(self, instances: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        found: dict[str, Mapping[str, Any]] = {}
        pages = self._calls.pages(
            "get_inventory",
            Attempt(Operation.READ_INVENTORY),
            {},
            "NextToken",
            Filters=[{"Key": "AWS:InstanceInformation.InstanceId", "Values": list(instances), "Type": "Equal"}],
            ResultAttributes=[{"TypeName": INVENTORY_TYPE}],
            MaxResults=_PAGE,
        )
        for page in pages:
            for entity in page.get("Entities", ()):
                content = entity.get("Data", {}).get(INVENTORY_TYPE, {}).get("Content", ())
                if content:
                    found[entity["Id"]] = content[0]
        return found


def _abandon(pool: ThreadPoolExecutor) -> None:
    pool.shutdown(wait=False, cancel_futures=True)


def _pings(page: Any) -> dict[str, str]:
    return {one["InstanceId"]: one.get("PingStatus", "") for one in page.get("InstanceInformationList", ())}


class SsmCommands:
    """Run Command in one account and region. `tag` is the one that instances need for the policy `fleet-roll`.

    The client must not try again by itself: SendCommand is not to be carried out twice.
    """

    def __init__(self, client: Any, clock: Clock, tag: Optional[Tag] = None) -> None:
        self._calls = PacedCalls(client, clock)
        self._sender = CommandSender(self._calls, clock, tag)

    def pin(self, name: str, sha256: str) -> DocumentPin:
        """Return the document with its version; raise DeniedError if there is none, or if its content is another."""
        absent = DeniedError(f"there is no document {name} in this account and region", _DEPLOY)
        known = dict.fromkeys(_NO_DOCUMENT, lambda _: absent)
        answer = self._calls.call("describe_document", Attempt(Operation.LOOK_AT_DOCUMENT, name), known, Name=name)
        found = answer.get("Document", {})
        if found.get("Hash", "").lower() != sha256:
            raise _changed(name)
        return DocumentPin(name, str(found.get("DocumentVersion", "$DEFAULT")), sha256)

    def send(self, order: CommandOrder) -> str:
        """Send a command and return its ID; raise GoneError, DeniedError and UnreachableError."""
        name = order.document.name
        changed = dict.fromkeys(_NO_DOCUMENT, lambda _: _changed(name))
        return self._sender.send(order, changed)

    def commands(self, document: str, since: int) -> tuple[SentCommand, ...]:
        """Return the commands with a document since a time (seconds since the epoch), in any order."""
        after = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(since))
        filters = [{"key": "DocumentName", "value": document}, {"key": "InvokedAfter", "value": after}]
        pages = self._calls.pages(
            "list_commands",
            Attempt(Operation.LIST_COMMANDS, document),
            {},
            "NextToken",
            Filters=filters,
            MaxResults=_PAGE,
        )
        return tuple(_sent(one) for page in pages for one in page.get("Commands", ()))

    def invocations(self, command: str, *, with_output: bool = False) -> Iterator[Invocation]:
        """Yield what became of a command on each of its instances."""
        pages = self._calls.pages(
            "list_command_invocations",
            Attempt(Operation.LIST_RESULTS, command),
            {},
            "NextToken",
            CommandId=command,
            MaxResults=_PAGE,
            Details=True,
        )
        for page in pages:
            for one in page.get("CommandInvocations", ()):
                yield _invocation(one, with_output=with_output)

    def cancel(self, command: str) -> None:
        """Cancel a command. Where it runs already it goes on; it does not begin anywhere else."""
        self._calls.call("cancel_command", Attempt(Operation.CANCEL_COMMAND, command), {}, CommandId=command)


def _changed(name: str) -> DeniedError:
    return DeniedError(
        f"document {name} differs from the document of this ecsauth: it was changed, or it is of another version",
        "find out who changed it; then deploy the stack of this ecsauth again",
    )


def _sent(one: Any) -> SentCommand:
    return SentCommand(
        id=one["CommandId"],
        comment=one.get("Comment", ""),
        status=one.get("Status", ""),
        at=one["RequestedDateTime"].timestamp(),
        targets=int(one.get("TargetCount", 0)),
        completed=int(one.get("CompletedCount", 0)),
        errors=int(one.get("ErrorCount", 0)),
        alarms=tuple(alarm["Name"] for alarm in one.get("TriggeredAlarms", ())),
        alarm=next((alarm["Name"] for alarm in (one.get("AlarmConfiguration") or {}).get("Alarms", ())), None),
    )


def _invocation(one: Any, *, with_output: bool) -> Invocation:
    plugin: Any = next(iter(one.get("CommandPlugins") or ()), {})
    code = plugin.get("ResponseCode")
    return Invocation(
        instance=one["InstanceId"],
        outcome=outcome_of(one.get("Status", ""), one.get("StatusDetails", "")),
        # Systems Manager gives -1 until the program has ended.
        code=int(code) if code is not None and int(code) >= 0 else None,
        output=str(plugin.get("Output", "")) if with_output else "",
    )
