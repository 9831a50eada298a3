"""What is left to go on with while S3 or the metadata service does not answer: a file that was proved good before.

Only silence leads here. A denial, a proof that fails or a file with an error never does: somebody may have meant it.
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


def last_verified(silence: UnreachableError, demand: Demand, disk: Disk, state: State, now: int) -> Accepted:
    """Return the file to go on with; raise `silence`, with the reason why there is none, or InvalidError.

    `now` is in seconds since the epoch. The file is checked once more: the rules may be younger than it.
    """
    good = _find(disk, state)
    if good is None:
        lack = "no file was installed and proved good here before, to go on with"
        if state.installed is not None and state.in_progress is None:
            lack = "the verified copy of the installed file is gone or damaged, so it is not gone on with"
        raise UnreachableError(silence.message, *silence.hints, lack)
    installed, data = good
    age = now - _confirmed(installed, state)
    reason = _unfit(installed, demand, age)
    if reason is not None:
        raise UnreachableError(silence.message, *silence.hints, reason)
    findings = approve(data, demand.env_file)
    standing = disk.env_file() == data and disk.env_file_mode() == PRIVATE
    is_new = not standing or state.in_progress is not None
    return Accepted(installed.facts, data, installed.source, is_new, findings, stale_for=max(0, age))


def registered(disk: Disk, state: State) -> Optional[Accepted]:
    """Return the installed file if an agent has registered with it, checked once more; None if there is none.

    Not while a change is open: that is gone on with, or taken back.
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
    standing = disk.env_file() == data and disk.env_file_mode() == PRIVATE
    return Accepted(installed.facts, data, installed.source, not standing, findings)


def _find(disk: Disk, state: State) -> Optional[tuple[Installed, SecretBytes]]:
    """Return the record and the bytes of a file that belong together; a damaged copy is none.

    A run that was killed while it changed the file may have left the bytes of one version under the record of another:
    then what was there before the change is what is known.
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
    """Return the installed bytes, from the verified copy or, where that is damaged, from the env-file."""
    copy, standing = disk.verified_copy(), disk.env_file()
    if installed.is_of(copy):
        return copy
    return standing if installed.sha256 is not None and installed.is_of(standing) else None


def _is_of(installed: Installed, state: State) -> bool:
    """Tell whether what is recorded as installed is what the open change installs: object and settings alike."""
    return installed.facts == state.in_progress and installed.source == state.on_terms


def _confirmed(installed: Installed, state: State) -> int:
    return max(installed.at, state.confirmed_at)


def _unfit(installed: Installed, demand: Demand, age: int) -> Optional[str]:
    """Return why the file does not answer the demand, None if it does. Where nobody answers the account is unknown."""
    source = installed.source
    if source.uri != str(demand.uri):
        return f"the file that is here came from {source.uri}, so it is not gone on with"
    if installed.facts.kms_key not in demand.kms_keys:
        return "the file that is here was encrypted with a key that --kms-key does not name, so it is not gone on with"
    if demand.bucket_owner not in (None, source.bucket_owner):
        return "the file that is here was accepted from another account (--bucket-owner), so it is not gone on with"
    if source.env_file != demand.env_file or source.settings != tuple(str(one) for one in demand.settings):
        return "the file that is here was made with another --file or --set, so it is not gone on with"
    if demand.max_stale is not None and age < 0:
        return (
            f"by this machine's clock the file that is here was last confirmed {-age} s in the future: its age is not "
            "known, and --max-stale limits it"
        )
    if demand.max_stale is not None and age > demand.max_stale:
        return f"the file that is here was last confirmed {age} s ago, longer than --max-stale allows"
    return None
