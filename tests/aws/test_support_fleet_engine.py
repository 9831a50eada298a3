"""The stand-in of Systems Manager and ECS, as the SDK sees it."""

from __future__ import annotations

import hashlib
import subprocess
from typing import TYPE_CHECKING, Any, Optional

import boto3
import json_service
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError
from fleet_clusters import FleetClusters
from fleet_engine import FleetEngine
from fleet_node import Ran
from json_service import JsonService

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENT = """\
schemaVersion: "2.2"
parameters:
  Version:
    type: String
    allowedPattern: "^[a-z0-9]{1,64}$"
mainSteps:
  - action: aws:runShellScript
    name: boot
    inputs:
      timeoutSeconds: "60"
      runCommand:
        - case {{ Version }} in
        - "bad) echo no >&2; exit 7 ;;"
        - "long) head -c 3000 /dev/zero | tr '\\\\0' x ;;"
        - "*) echo {{Version}} ;;"
        - esac
"""


class ShellNode:
    """An instance on which scripts run by the shell of this machine."""

    def __init__(self, number: int) -> None:
        self.id = f"i-{number:017x}"
        self.tags = {"Environment": "test"}
        self.online = self.connected = self.managed = True
        self.stopped = False
        self.hangs = False
        self.content: dict[str, str] = {"Installed": "v1"}

    def run(self, script: str, timeout: float) -> Ran:
        """Run a script."""
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=timeout, check=False)
        return Ran(done.returncode, done.stdout, done.stderr)

    def inventory(self) -> Optional[dict[str, Any]]:
        """Return the inventory item."""
        return {"TypeName": "Custom:Ecsauth", "SchemaVersion": "1.0", "Content": self.content}


class Account:
    """Systems Manager and ECS with some instances, and clients of both."""

    def __init__(self, service: JsonService, engine: FleetEngine, clusters: FleetClusters) -> None:
        self.service, self.engine, self.clusters = service, engine, clusters
        engine.documents.put("ecsauth-boot", DOCUMENT)
        self.nodes = [ShellNode(number) for number in range(7)]
        engine.managed.add(*self.nodes)
        clusters.add("demo", self.nodes)
        self.ssm, self.ecs = self._client("ssm"), self._client("ecs")

    def _client(self, name: str) -> Any:
        return boto3.Session().client(  # type: ignore[call-overload]
            name,
            region_name="eu-central-1",
            endpoint_url=self.service.url,
            aws_access_key_id="AKIATEST",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, proxies={}),
        )

    def send(self, version: str = "v2", **more: Any) -> str:
        """Send a command to all instances, unless `more` says otherwise, and return its ID."""
        target = {} if "Targets" in more else {"InstanceIds": [node.id for node in self.nodes]}
        order = {"DocumentName": "ecsauth-boot", "Parameters": {"Version": [version]}, **target, **more}
        return str(self.ssm.send_command(**order)["Command"]["CommandId"])

    def invocations(self, command: str) -> list[dict[str, Any]]:
        """Return what became of a command that has ended, by instance."""
        self.engine.settle()
        found: list[dict[str, Any]] = self.ssm.list_command_invocations(CommandId=command, Details=True)[
            "CommandInvocations"
        ]
        return found

    def status(self, command: str) -> tuple[str, str]:
        """Return status and details of a command."""
        (one,) = self.ssm.list_commands(CommandId=command)["Commands"]
        return one["Status"], one["StatusDetails"]


@pytest.fixture
def account() -> Iterator[Account]:
    """Give an account with seven instances."""
    engine, clusters = FleetEngine(), FleetClusters()
    with JsonService({"ssm": engine, "ecs": clusters}) as service:
        made = Account(service, engine, clusters)
        yield made
        for client in (made.ssm, made.ecs):
            client.close()


def refused(fault: pytest.ExceptionInfo[ClientError]) -> str:
    """Return the error code."""
    return str(fault.value.response["Error"]["Code"])


def test_the_script_runs(account: Account) -> None:
    """The parameter stands in the script, which runs on every instance; the exit status is the response code."""
    found = account.invocations(account.send("v2"))
    assert [(one["Status"], one["CommandPlugins"][0]["Output"]) for one in found] == [("Success", "v2\n")] * 7


def test_a_script_that_fails(account: Account) -> None:
    """Error output stands below, the first failure ends the command, and the rest is terminated."""
    command = account.send("bad")
    found = account.invocations(command)
    first = found[0]["CommandPlugins"][0]
    assert (first["ResponseCode"], first["Output"]) == (7, "\n----------ERROR-------\nno\n")
    assert [one["StatusDetails"] for one in found] == ["Failed", *["Terminated"] * 6]
    assert account.status(command) == ("Failed", "Failed")


def test_output_is_cut(account: Account) -> None:
    """The list shows 2,500 characters, a single invocation shows all."""
    command = account.send("long")
    shown = account.invocations(command)[0]["CommandPlugins"][0]["Output"]
    assert (len(shown), shown.endswith("--output truncated--")) == (2500, True)
    single = account.ssm.get_command_invocation(CommandId=command, InstanceId=account.nodes[0].id)
    assert single["StandardOutputContent"] == "x" * 3000


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"Version": ["v2;id"]}, "InvalidParameters"),
        ({"Version": ["v2", "v3"]}, "InvalidParameters"),
        ({}, "InvalidParameters"),
        ({"Version": ["v2"], "Command": ["id"]}, "InvalidParameters"),
    ],
)
def test_parameters(account: Account, parameters: dict[str, list[str]], code: str) -> None:
    """Only the parameters of the document, with values of their pattern."""
    with pytest.raises(ClientError) as fault:
        account.send(Parameters=parameters)
    assert refused(fault) == code


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"DocumentName": "other"}, "InvalidDocument"),
        ({"DocumentVersion": "2"}, "InvalidDocumentVersion"),
        ({"DocumentHash": "0" * 64, "DocumentHashType": "Sha256"}, "InvalidDocument"),
        ({"InstanceIds": ["i-00000000000000099"]}, "InvalidInstanceId"),
        ({"InstanceIds": ["i-00000000000000000"] * 2}, "DuplicateInstanceId"),
        ({"InstanceIds": [f"i-{number:017x}" for number in range(51)]}, "ValidationException"),
        ({"Comment": "x" * 101}, "ValidationException"),
        ({"Targets": [{"Key": "tag:Environment", "Values": ["test"]}], "InstanceIds": ["i-0"]}, "ValidationException"),
        ({"MaxErrors": "many"}, "ValidationException"),
    ],
)
def test_commands_that_are_refused(account: Account, more: dict[str, Any], code: str) -> None:
    """The reference's limits hold, and nothing is sent."""
    with pytest.raises(ClientError) as fault:
        account.send(**more)
    assert refused(fault) == code
    assert account.ssm.list_commands()["Commands"] == []


def test_hash_and_version(account: Account) -> None:
    """A command with the hash of its content runs; after a change the old version still can be named."""
    pin = {"DocumentHash": hashlib.sha256(DOCUMENT.encode()).hexdigest(), "DocumentHashType": "Sha256"}
    account.engine.documents.put("ecsauth-boot", DOCUMENT.replace("exit 7", "exit 8"))
    with pytest.raises(ClientError):
        account.send(**pin)
    account.send(DocumentVersion="1", **pin)
    shown = account.ssm.describe_document(Name="ecsauth-boot")["Document"]
    assert (shown["DocumentVersion"], shown["Hash"] == pin["DocumentHash"]) == ("2", False)


def test_targets_by_tag(account: Account) -> None:
    """All managed instances with the tag are meant."""
    account.nodes[0].tags = {}
    account.nodes[1].managed = False
    command = account.send(Targets=[{"Key": "tag:Environment", "Values": ["test"]}])
    assert len(account.invocations(command)) == 5


def test_instances_that_are_not_reached(account: Account) -> None:
    """A stopped instance is undeliverable and no error; one that hangs times out, which is one."""
    account.nodes[0].online, account.nodes[2].hangs = False, True
    command = account.send()
    assert [one["StatusDetails"] for one in account.invocations(command)][:3] == [
        "Undeliverable",
        "Success",
        "ExecutionTimedOut",
    ]
    assert account.status(command) == ("TimedOut", "ExecutionTimedOut")


def test_time_passes_with_each_look(account: Account) -> None:
    """A command that nobody looks at stands still; each look lets what runs end and the next begin."""
    command = account.send()
    counts = []
    for _ in range(5):
        (one,) = account.ssm.list_commands(CommandId=command)["Commands"]
        counts.append((one["Status"], one["CompletedCount"]))
    assert counts == [("InProgress", 0), ("InProgress", 1), ("InProgress", 3), ("Success", 7), ("Success", 7)]


def test_cancel(account: Account) -> None:
    """What runs already goes on to its end."""
    command = account.send()
    account.ssm.list_commands(CommandId=command)
    account.ssm.cancel_command(CommandId=command)
    assert account.status(command) == ("Cancelled", "Cancelled")
    assert [one["StatusDetails"] for one in account.invocations(command)] == ["Success", *["Cancelled"] * 6]


def test_an_alarm(account: Account) -> None:
    """An alarm that is on stops a command that names it."""
    command = account.send(AlarmConfiguration={"Alarms": [{"Name": "errors"}]})
    account.ssm.list_commands(CommandId=command)
    account.engine.alarms.add("errors")
    (one,) = account.ssm.list_commands(CommandId=command)["Commands"]
    assert [alarm["Name"] for alarm in one["TriggeredAlarms"]] == ["errors"]
    assert one["Status"] == "Cancelled"


def test_filters_of_the_history(account: Account) -> None:
    """Commands are listed newest first, by document, time, status and instance."""
    first, second = account.send(Comment="first"), account.send(InstanceIds=[account.nodes[0].id])
    listed = account.ssm.list_commands(Filters=[{"key": "DocumentName", "value": "ecsauth-boot"}])["Commands"]
    assert [one["CommandId"] for one in listed] == [second, first]
    for key, value in (("DocumentName", "other"), ("InvokedAfter", "2999-01-01T00:00:00Z"), ("Status", "Success")):
        assert account.ssm.list_commands(Filters=[{"key": key, "value": value}])["Commands"] == []
    on_last = account.ssm.list_commands(InstanceId=account.nodes[6].id)["Commands"]
    assert [one["CommandId"] for one in on_last] == [first]


def test_a_history_that_lags(account: Account) -> None:
    """A new command may be missing from a list."""
    account.engine.lag = 1
    account.send()
    assert [len(account.ssm.list_commands()["Commands"]) for _ in range(2)] == [0, 1]


def test_pages(account: Account) -> None:
    """A list comes in pages; a token is of its own list only; the first page may be empty."""
    account.engine.pages.empty_first = True
    pages = list(account.ssm.get_paginator("describe_instance_information").paginate(MaxResults=5))
    assert [len(page["InstanceInformationList"]) for page in pages] == [0, 5, 2]
    with pytest.raises(ClientError) as fault:
        account.ssm.get_inventory(NextToken=pages[0]["NextToken"])
    assert refused(fault) == "InvalidNextToken"


@pytest.mark.parametrize(("size", "code"), [(51, "ValidationException")])
def test_the_largest_page(account: Account, size: int, code: str) -> None:
    """It is the one of the reference."""
    with pytest.raises(ClientError) as fault:
        account.ssm.describe_instance_information(MaxResults=size)
    assert refused(fault) == code
    with pytest.raises(ParamValidationError):
        account.ssm.describe_instance_information(MaxResults=4)


def test_inventory(account: Account) -> None:
    """It is what was collected last, by instance; an instance without an item is listed without data."""
    account.nodes[0].content = {"Installed": "v2"}
    wanted = [account.nodes[0].id, account.nodes[1].id, "i-00000000000000099"]
    query = {
        "Filters": [{"Key": "AWS:InstanceInformation.InstanceId", "Values": wanted}],
        "ResultAttributes": [{"TypeName": "Custom:Ecsauth"}],
    }
    del account.engine.managed.items[wanted[1]]
    before = account.ssm.get_inventory(**query)["Entities"]
    account.engine.managed.collect(wanted[0])
    after = account.ssm.get_inventory(**query)["Entities"]
    contents = [[one["Data"].get("Custom:Ecsauth", {}).get("Content") for one in each] for each in (before, after)]
    assert contents == [[[{"Installed": "v1"}], None], [[{"Installed": "v2"}], None]]
    entries = account.ssm.list_inventory_entries(InstanceId=wanted[0], TypeName="Custom:Ecsauth")["Entries"]
    assert entries == [{"Installed": "v2"}]


def test_pings(account: Account) -> None:
    """Systems Manager tells which instances it has lost."""
    account.nodes[0].online = False
    filters = [{"Key": "InstanceIds", "Values": [account.nodes[0].id, account.nodes[1].id]}]
    found = account.ssm.describe_instance_information(Filters=filters)["InstanceInformationList"]
    assert [one["PingStatus"] for one in found] == ["ConnectionLost", "Online"]


def test_container_instances(account: Account) -> None:
    """ECS lists them by cluster, describes a hundred at once, and tells which agents are connected."""
    account.nodes[0].connected = False
    arns = account.ecs.list_container_instances(cluster="demo")["containerInstanceArns"]
    found = account.ecs.describe_container_instances(cluster="demo", containerInstances=[*arns, "arn:gone"])
    assert [one["agentConnected"] for one in found["containerInstances"]] == [False, *[True] * 6]
    assert found["failures"] == [{"arn": "arn:gone", "reason": "MISSING"}]
    with pytest.raises(ClientError) as fault:
        account.ecs.list_container_instances(cluster="other")
    assert refused(fault) == "ClusterNotFoundException"
    with pytest.raises(ClientError) as fault:
        account.ecs.describe_container_instances(cluster="demo", containerInstances=["arn"] * 101)
    assert refused(fault) == "InvalidParameterException"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (json_service.throttle, "ThrottlingException"),
        (json_service.expired, "ExpiredTokenException"),
        (json_service.denied, "AccessDeniedException"),
    ],
)
def test_faults(account: Account, fault: json_service.Fault, code: str) -> None:
    """A fault happens to the next calls of its operation, and then no more; every call is in the log."""
    account.service.inject(fault, operation="ListCommands", times=1)
    account.ssm.get_inventory()
    with pytest.raises(ClientError) as raised:
        account.ssm.list_commands()
    assert refused(raised) == code
    account.ssm.list_commands()
    assert account.service.operations == ["GetInventory", "ListCommands", "ListCommands"]


def test_events(account: Account) -> None:
    """EventBridge gets each change of an invocation and of the command."""
    account.send(InstanceIds=[account.nodes[0].id])
    account.engine.settle()
    seen = [(one["detail-type"].split()[2], one["detail"]["status"]) for one in account.engine.events]
    assert seen == [
        ("Status-change", "Pending"),
        ("Invocation", "InProgress"),
        ("Invocation", "Success"),
        ("Status-change", "Success"),
    ]
