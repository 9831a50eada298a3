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
    """Which other files have bytes of a version: the verified copy, the pre-image, the copy of a foreign file.

    `while_open` are the version IDs of the bytes of the env-file and of the verified copy. It is set while a change is
    open: a run that was killed may have written a file and not yet recorded that.
    """

    verified_copy: bool
    pre_image: bool
    backup: bool
    while_open: Optional[tuple[Optional[str], Optional[str]]] = None


def document(state: State, on_disk: OnDisk, run: Optional[Run]) -> dict[str, Any]:
    """Return the report; `run` is None if nothing is known of the last run."""
    installed = state.installed
    ahead = installed.ahead if installed is not None else None
    # What the last run saw. Without its time, a candidate counts as one whose time is not over.
    now = run.at if run is not None else ahead.since if ahead is not None else 0
    rejected = next(iter(rejection.shown(state, now)), None)
    version = installed.facts.identity if installed is not None else None
    env_file, verified_copy = on_disk.while_open or (version, version if on_disk.verified_copy else None)
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
            "installed": env_file,
            "last_verified": verified_copy,
            "pre_image": pre_image(state, on_disk),
            "backup": UNKNOWN if on_disk.backup else None,
        },
        "agent": {
            "started_from": state.applied.identity if state.applied is not None else None,
            "registered": is_registered,
        },
    }


def while_open(
    state: State, env_file: Optional[bytes], verified_copy: Optional[bytes]
) -> Optional[tuple[Optional[str], Optional[str]]]:
    """Return the version IDs of the bytes of both files while a change is open, else None.

    The digest of the installed version is recorded. Bytes with another one are those of the open change, but the
    env-file may also be one that ecsauth did not install.
    """
    if state.in_progress is None:
        return None
    copy = _recorded(state, verified_copy) or state.in_progress.identity if verified_copy is not None else None
    if env_file is None:
        return None, copy
    return _recorded(state, env_file) or (copy if env_file == verified_copy else UNKNOWN), copy


def _recorded(state: State, data: Optional[bytes]) -> Optional[str]:
    """Return the version ID whose recorded digest these bytes have, None if there is none."""
    records = (state.installed, state.previous)
    return next((one.facts.identity for one in records if one is not None and one.is_of(data)), None)


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
