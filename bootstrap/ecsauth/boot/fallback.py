"""The last verified file: the env-file that `boot` uses if S3 or the metadata service is unreachable.

It is used for no other failure. A denial, a failed verification or an invalid file may be intended by the operator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from ecsauth.boot.fetch import Accepted
from ecsauth.boot.state import PRIVATE
from ecsauth.check import approve
from ecsauth.errors import InvalidError, UnreachableError

if TYPE_CHECKING:
    from ecsauth.boot.fetch import Demand
    from ecsauth.boot.install import Disk
    from ecsauth.boot.state import Installed, State
    from ecsauth.secret import SecretBytes

# The recorded time of S3's last confirmation may be this many seconds old before it is written again.
_CONFIRMED_FOR = 600


def last_verified(fault: UnreachableError, demand: Demand, disk: Disk, state: State, now: int) -> Accepted:
    """Return the last verified file; raise `fault` again, with the reason on a hint, if there is none that may be used.

    `now` is in seconds since the epoch. The file is validated again, because the rules may be newer than the file: then
    InvalidError is raised.
    """
    good = _find(disk, state)
    if good is None:
        lack = "there is no last verified file on this instance"
        if state.installed is not None and state.in_progress is None:
            lack = "the last verified file is missing or damaged, so boot does not use it"
        raise UnreachableError(fault.message, *fault.hints, lack)
    installed, data = good
    age = now - _confirmed(installed, state)
    reason = _unfit(installed, demand, age)
    if reason is not None:
        raise UnreachableError(fault.message, *fault.hints, reason)
    findings = approve(data, demand.env_file)
    is_installed = _is_installed(disk, data)
    is_new = not is_installed or state.in_progress is not None
    stale_for = max(0, age)
    return Accepted(installed.facts, data, installed.source, is_new, findings, stale_for, installed.ahead)


def registered(disk: Disk, state: State, now: int) -> Optional[Accepted]:
    """Return the installed file, validated again, if an agent has registered with it, else None.

    `now` is in seconds since the epoch.
    Return None while a change is open: it is completed or rolled back first.
    """
    installed = state.installed
    if state.in_progress is not None or installed is None or not installed.facts.is_same_object(state.verified):
        return None
    good = _find(disk, state)
    if good is None:
        return None
    _, data = good
    try:
        findings = approve(data, installed.source.env_file)
    except InvalidError:
        return None
    is_installed = _is_installed(disk, data)
    stale_for = max(0, now - _confirmed(installed, state))
    return Accepted(installed.facts, data, installed.source, not is_installed, findings, stale_for, installed.ahead)


def confirmed(state: State, accepted: Accepted, now: int) -> State:
    """Return the state with the time at which S3 confirmed the installed version.

    The time is not updated within _CONFIRMED_FOR seconds, to save a write. If the clock was set back, the install time
    is corrected, too: it must not hide the age of the file until the clock has reached it again.
    """
    installed = state.installed
    if installed is None or installed.facts != accepted.facts:
        return state
    age = now - _confirmed(installed, state)
    if 0 <= age < _CONFIRMED_FOR:
        return state
    return state._replace(confirmed_at=now, installed=installed._replace(at=min(installed.at, now)))


def _is_installed(disk: Disk, data: bytes) -> bool:
    """Tell whether env-file and verified copy are these bytes. Without the copy the mark is gone, too."""
    return (disk.env_file(), disk.verified_copy(), disk.env_file_mode()) == (data, data, PRIVATE)


def _find(disk: Disk, state: State) -> Optional[tuple[Installed, SecretBytes]]:
    """Return a record and the bytes that match it, or None. A damaged copy does not count.

    A run that was killed in a change may have left the bytes of one version under the record of another: then the
    version before the change is returned.
    """
    in_progress, installed = state.in_progress, state.installed
    if installed is not None and (in_progress is None or _is_of(installed, state)):
        copy = _copy(installed, disk)
        if copy is not None:
            return installed, copy
    if in_progress is not None and state.previous is not None:
        pre_image = disk.pre_image()
        if pre_image is not None and state.previous.is_of(pre_image):
            return state.previous, pre_image
    return None


def _copy(installed: Installed, disk: Disk) -> Optional[SecretBytes]:
    """Return the installed bytes from the verified copy or, if that is damaged, from the env-file."""
    copy, env_file = disk.verified_copy(), disk.env_file()
    if installed.is_of(copy):
        return copy
    return env_file if installed.sha256 is not None and installed.is_of(env_file) else None


def _is_of(installed: Installed, state: State) -> bool:
    """Tell whether the recorded installed version is the one of the open change, with the same object and settings."""
    return installed.facts == state.in_progress and installed.source == state.on_terms


def _confirmed(installed: Installed, state: State) -> int:
    return max(installed.at, state.confirmed_at)


def _unfit(installed: Installed, demand: Demand, age: int) -> Optional[str]:
    """Return why the file does not meet the demand, None if it does.

    Without --bucket-owner the account is not compared: it is unknown while the metadata service is unreachable.
    """
    source = installed.source
    if source.uri != str(demand.uri):
        return f"the last verified file came from {source.uri}, so boot does not use it"
    if installed.facts.kms_key not in demand.kms_keys:
        return "the last verified file was encrypted with a key that --kms-key does not name, so boot does not use it"
    if demand.bucket_owner not in (None, source.bucket_owner):
        return "the last verified file came from another account than --bucket-owner, so boot does not use it"
    if source.env_file != demand.env_file or source.settings != tuple(str(one) for one in demand.settings):
        return "the last verified file was installed with another --file or --set, so boot does not use it"
    if demand.max_stale is not None and age < 0:
        return (
            f"by this machine's clock S3 confirmed the last verified file {-age} s in the future: its age is "
            "unknown, and --max-stale limits it"
        )
    if demand.max_stale is not None and age > demand.max_stale:
        return f"S3 confirmed the last verified file {age} s ago, and --max-stale allows {demand.max_stale:.0f} s"
    return None
