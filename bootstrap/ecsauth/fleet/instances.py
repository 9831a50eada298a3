"""One instance of the fleet, as ECS and Systems Manager describe it, and its own report.

An instance that was taken over can forge its report. So a report is a hint: no version is promoted because of one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from ecsauth.status.instance_report import ATTRIBUTES, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping

ABSENT = "-"
ONLINE = "Online"
# Longer than any version ID or URI that an instance reports; a longer text is not from ecsauth.
_LONGEST = 2048


class FleetReport(NamedTuple):
    """The report of an instance; None for what it does not have. Times are in seconds since the epoch.

    `held` are the versions whose bytes are on its disk, or may be after a boot that was killed, and the one that its
    agent was started from. It has UNKNOWN for bytes that ecsauth cannot name.
    """

    uri: Optional[str]
    installed: Optional[str]
    released: Optional[str]
    ahead: Optional[str]
    rejected: Optional[str]
    registered: bool
    held: frozenset[str]
    run_at: Optional[int] = None
    run_status: Optional[int] = None
    confirmed_at: Optional[int] = None
    program: Optional[str] = None


class FleetInstance(NamedTuple):
    """An instance. `ping` is Systems Manager's word for its connection, None if it does not list the instance.

    `connected` tells whether ECS has a connection to its agent, None if ECS was not asked.
    """

    id: str
    cluster: Optional[str] = None
    connected: Optional[bool] = None
    ping: Optional[str] = None
    report: Optional[FleetReport] = None

    @property
    def is_managed(self) -> bool:
        """Tell whether Systems Manager manages the instance, so that commands can be sent to it when it is online.

        Systems Manager does not list an instance that is stopped, managed or not. ECS lists it without its agent.
        """
        return self.ping is not None or self.connected is False


def from_inventory(content: Mapping[str, Any]) -> Optional[FleetReport]:
    """Return the report in an inventory item, None if it is not one of ecsauth."""
    values = {name: _text(content.get(name)) for name in ATTRIBUTES}
    if all(value is None for value in values.values()):
        return None
    # A boot writes the file of an open change before it records it as installed.
    held = ("Installed", "OpenChange", "OnDiskLastVerified", "OnDiskPreImage", "OnDiskBackup", "AgentStartedFrom")
    return FleetReport(
        uri=values["Uri"],
        installed=values["Installed"],
        released=values["Released"],
        ahead=values["Ahead"],
        rejected=values["Rejected"],
        registered=values["AgentRegistered"] == "true",
        held=frozenset(value for value in map(values.get, held) if value is not None),
        run_at=_number(values["LastRunAt"]),
        run_status=_number(values["LastRunStatus"]),
        confirmed_at=_number(values["ConfirmedAt"]),
        program=values["Program"],
    )


def from_document(document: Any) -> Optional[FleetReport]:
    """Return the report in the JSON that an instance writes, None if it is not one."""
    if not isinstance(document, dict) or not {"installed", "on_disk", "agent"} <= document.keys():
        return None
    content: dict[str, Any] = {}
    for name, path in ATTRIBUTES.items():
        value: Any = document
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        content[name] = str(value).lower() if isinstance(value, bool) else value
    return from_inventory(content)


def holds(report: Optional[FleetReport], versions: frozenset[str]) -> Optional[bool]:
    """Tell whether an instance has the bytes of any of the versions, by its report; None if that is not known."""
    if report is None:
        return None
    if not versions.isdisjoint(each for each in (*report.held, report.ahead, report.installed) if each):
        return True
    return None if UNKNOWN in report.held else False


def _text(value: Any) -> Optional[str]:
    """Return a value of a report; None if it is absent, or nothing that ecsauth writes."""
    if value is None or isinstance(value, (dict, list)):
        return None
    text = str(value)
    return text if text not in ("", ABSENT) and len(text) <= _LONGEST and text.isprintable() else None


def _number(text: Optional[str]) -> Optional[int]:
    return int(text) if text is not None and re.fullmatch(r"[0-9]{1,12}", text) else None
