"""What an instance answers to the status document: its report as it is now, and its alarms."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from ecsauth.errors import ExitCode
from ecsauth.fleet.history import Outcome
from ecsauth.fleet.instances import from_document

if TYPE_CHECKING:
    from ecsauth.fleet.history import Invocation
    from ecsauth.fleet.instances import FleetReport

NOT_REGISTERED = "not-registered"
# The alarms of `status --alarm`, in words.
_ALARMS = {
    "unreadable": "its record cannot be read",
    "rejected": "its agent did not come up with a version",
    "no-checked-file": "its env-file was never checked, or was changed",
    "stale": "S3 has not confirmed its env-file for long",
    NOT_REGISTERED: "its agent has not registered",
}
_REPORT = '"report":'


class StatusAnswer(NamedTuple):
    """The report of an instance, None if it cannot be read from the answer; the names of its alarms."""

    report: Optional[FleetReport]
    alarms: tuple[str, ...]

    def complaint(self, version: str) -> str:
        """Return why the instance does not run a version as it should, an empty text if it does."""
        if self.alarms:
            return "; ".join(_ALARMS[each] for each in self.alarms)
        if self.report is not None and version not in (self.report.ahead, self.report.installed):
            return "it does not run the candidate any more"
        return ""


def parse(output: str) -> StatusAnswer:
    """Return the answer in the output of the status document, which may be cut."""
    document = _json(output)
    alarms = document.get("alarms")
    known = tuple(each for each in alarms if each in _ALARMS) if isinstance(alarms, list) else ()
    report = document.get("report") if "report" in document else _report(output)
    return StatusAnswer(from_document(report), known)


def _json(output: str) -> dict[str, Any]:
    """Return the JSON object in the output, which may have messages before it; an empty one if it is cut."""
    try:
        found = json.loads(output[output.find("{") : output.rfind("}") + 1])
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _report(output: str) -> Any:
    """Return the report in an output that is cut, None if the cut goes through it."""
    at = output.find(_REPORT)
    if at < 0:
        return None
    try:
        return json.JSONDecoder().raw_decode(output[at + len(_REPORT) :].lstrip())[0]
    except (ValueError, RecursionError):
        return None


def complaint_of(result: Invocation, version: str) -> tuple[str, bool]:
    """Return why an instance does not run a version as it should, and whether a reboot looks the same."""
    if result.outcome not in (Outcome.DONE, Outcome.FAILED):
        # It was stopped, or it reboots. That is no fault of the candidate.
        return "", False
    answer = parse(result.output)
    said = answer.complaint(version)
    if not said and result.outcome is Outcome.FAILED:
        if result.code is None:
            return "it gave no status in time", True
        said = f"its status ended with exit status {result.code}"
        return said, result.code != ExitCode.INVALID
    return said, answer.alarms == (NOT_REGISTERED,)
