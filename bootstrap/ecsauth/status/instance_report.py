"""What an instance reports of itself after each run: one small document, without values, messages or digests.

A digest of the env-file would allow tries of passwords. Version IDs and times tell what runs where.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from ecsauth.boot import rejection

if TYPE_CHECKING:
    from ecsauth.boot.state import State

SCHEMA = 1
LARGEST = 4096
# The version ID of bytes that ecsauth cannot name: a file of the AMI, or one of an older record.
UNKNOWN = "unknown"
# A text of this length is longer than any version ID that S3 gives, and than the URI of any usual object.
_LONG = 256
INVENTORY_TYPE = "Custom:Ecsauth"


class Run(NamedTuple):
    """One run of `boot`: when it ended (seconds since the epoch), with which exit status, by which ecsauth."""

    at: int
    status: int
    program: str


class OnDisk(NamedTuple):
    """Which other files have bytes of a version: the verified copy, the pre-image, the copy of a foreign file."""

    verified_copy: bool
    pre_image: bool
    backup: bool


def document(state: State, on_disk: OnDisk, run: Optional[Run]) -> dict[str, Any]:
    """Return the report; `run` is None if nothing is known of the last run."""
    installed = state.installed
    ahead = installed.ahead if installed is not None else None
    # What the last run saw. Without its time, a candidate counts as one whose time is not over.
    now = run.at if run is not None else ahead.since if ahead is not None else 0
    rejected = next(iter(rejection.shown(state, now)), None)
    version = installed.facts.identity if installed is not None else None
    is_registered = False
    if installed is not None and state.in_progress is None:
        is_registered = installed.facts.is_same_object(state.verified)
    return {
        "schema": SCHEMA,
        "ecsauth": run.program if run is not None else None,
        "last_run": {"at": run.at, "status": run.status} if run is not None else None,
        "uri": installed.source.uri if installed is not None else None,
        "installed": version,
        "released": ahead.released.identity if ahead is not None else version,
        "ahead": {"version": version, "since": ahead.since, "until": ahead.until} if ahead is not None else None,
        "rejected": {"version": rejected.facts.identity, "tries": rejected.tries} if rejected is not None else None,
        "open_change": state.in_progress.identity if state.in_progress is not None else None,
        "confirmed_at": max(state.confirmed_at, installed.at) if installed is not None else None,
        "on_disk": {
            "installed": version,
            "last_verified": version if on_disk.verified_copy and version is not None else None,
            "pre_image": pre_image(state, on_disk),
            "backup": UNKNOWN if on_disk.backup else None,
        },
        "agent": {
            "started_from": state.applied.identity if state.applied is not None else None,
            "registered": is_registered,
        },
    }


def pre_image(state: State, on_disk: OnDisk) -> Optional[str]:
    """Return the version ID of the pre-image, None if there is no pre-image."""
    return (state.pre_image_of or UNKNOWN) if on_disk.pre_image else None


def to_json(report: dict[str, Any]) -> bytes:
    """Return the report as written on disk, at most LARGEST bytes: texts that are too long for it are left out."""
    data = _encoded(report)
    return data if len(data) <= LARGEST else _encoded(_shortened(report))


def _encoded(report: dict[str, Any]) -> bytes:
    return json.dumps(report, separators=(",", ":")).encode() + b"\n"


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _shortened(one) for name, one in value.items()}
    return UNKNOWN if isinstance(value, str) and len(value) > _LONG else value


def inventory(report: dict[str, Any]) -> bytes:
    """Return the report as a custom inventory item of AWS Systems Manager.

    The content is flat, and each value a text (Systems Manager User Guide, "Working with custom inventory"). Its limits
    are 50 attributes, names of 64 characters and values of 4,096.
    """
    short = _shortened(report)
    content = {name: _text(_at(short, path)) for name, path in ATTRIBUTES.items()}
    item = {"SchemaVersion": "1.0", "TypeName": INVENTORY_TYPE, "Content": content}
    return json.dumps(item, separators=(",", ":")).encode() + b"\n"


ATTRIBUTES = {
    "Program": ("ecsauth",),
    "LastRunAt": ("last_run", "at"),
    "LastRunStatus": ("last_run", "status"),
    "Uri": ("uri",),
    "Installed": ("installed",),
    "Released": ("released",),
    "Ahead": ("ahead", "version"),
    "AheadUntil": ("ahead", "until"),
    "Rejected": ("rejected", "version"),
    "RejectedTries": ("rejected", "tries"),
    "OpenChange": ("open_change",),
    "ConfirmedAt": ("confirmed_at",),
    "OnDiskLastVerified": ("on_disk", "last_verified"),
    "OnDiskPreImage": ("on_disk", "pre_image"),
    "OnDiskBackup": ("on_disk", "backup"),
    "AgentStartedFrom": ("agent", "started_from"),
    "AgentRegistered": ("agent", "registered"),
}
"""The attributes of the inventory item, and where the report has them."""


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        value = value.get(name) if value is not None else None
    return value


def _text(value: Any) -> str:
    """Return a value as a text; an absent one as "-"."""
    if value is None:
        return "-"
    return str(value).lower() if isinstance(value, bool) else str(value)
