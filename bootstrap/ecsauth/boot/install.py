"""Install the env-file, and roll it back (step 6 of a boot).

ecsauth keeps two copies: the *verified copy* is the last file that it verified and validated; the *pre-image* is the
env-file before the open change, which may be the AMI's file or one edited by hand. In the recorded state a change is
open from the moment the pre-image is written until the new agent has registered. If a run is killed in between, the
next run finds what it needs to complete the change or to roll it back.

The *mark* is a file that says that the installed env-file was validated. Without it the gate does not let the service
start.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Callable, Optional, Protocol

from ecsauth.boot.state import PRIVATE, Installed, State, digest

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from ecsauth.boot.fetch import Accepted
    from ecsauth.secret import SecretBytes
    from ecsauth.timing import Clock, Moment


class RollbackTarget(Enum):
    """What a rollback of the open change restores: a file, nothing (or an empty file, as on an AMI), or a lost file."""

    FILE = "file"
    NOTHING = "nothing"
    LOST = "lost"


class Disk(Protocol):
    """The env-file and ecsauth's own files. Every write is atomic, with mode 0600."""

    def locked(self, seconds: float) -> AbstractContextManager[None]:
        """Hold the lock, and remove the temporary files of a killed run; raise UnreachableError after `seconds`."""

    def state(self) -> State:
        """Return the recorded state; raise DamagedError if it cannot be parsed, LocalError if it cannot be read."""

    def remember(self, state: State) -> None:
        """Record the state."""

    def mend_record(self) -> Optional[str]:
        """Move a damaged record aside and replace it by its second copy, or by a new one.

        Returns the warning to show, None if the record is not damaged.
        """

    def env_file(self) -> Optional[SecretBytes]:
        """Return the env-file, None if there is none; raise LocalError if its path is not safe."""

    def env_file_mode(self) -> int:
        """Return the permission bits of the env-file; PRIVATE if there is none."""

    def verified_copy(self) -> Optional[SecretBytes]:
        """Return the last env-file that ecsauth verified and validated, None if there is none."""

    def pre_image(self) -> Optional[SecretBytes]:
        """Return the env-file before the open change, None if there was none."""

    def write_env_file(self, data: Optional[bytes], mode: int = PRIVATE) -> None:
        """Write the env-file; None removes it. A rollback passes the mode that the previous file had."""

    def write_verified_copy(self, data: Optional[bytes]) -> None:
        """Write the verified copy; None removes it."""

    def write_pre_image(self, data: Optional[bytes]) -> None:
        """Write the pre-image; None says that there is no env-file."""

    def back_up(self, data: bytes) -> None:
        """Keep a copy of a file that ecsauth did not install, beside the env-file, once."""

    def forget_previous(self) -> bool:
        """Remove the pre-image and the copy of a file that ecsauth did not install; tell whether there was one."""

    def mark(self, *, checked: bool) -> None:
        """Create the mark if the installed env-file was validated, else remove it."""


def install(
    disk: Disk, state: State, accepted: Accepted, clock: Clock, *, agent: bool = False, close: bool = False
) -> State:
    """Open a change (unless a killed run left one open) and install the accepted env-file.

    `agent` tells whether there is an agent that a rollback restores. `close` closes the change at once, because this
    run starts no agent. If anything interrupts it, the previous env-file is restored. The env-file is written last.
    """
    before = disk.env_file()
    opened = state.in_progress is None
    try:
        if opened:
            state = _open(disk, state, accepted, agent=agent)
        else:
            # Recorded first: if both have the same version, the verified copy belongs to it.
            label = state.change_label if accepted.facts.is_same_object(state.in_progress) else None
            state = state._replace(in_progress=accepted.facts, on_terms=accepted.source, change_label=label)
            disk.remember(state)
        disk.write_verified_copy(accepted.data)
        record = already_installed(disk, state, accepted)
        if record is None:
            disk.write_env_file(accepted.data)
            at = _installed_at(state, accepted, clock.wall())
            record = Installed(accepted.facts, accepted.source, at, clock.moment())
        record = record._replace(source=accepted.source, sha256=digest(accepted.data), ahead=accepted.ahead)
        installed = state._replace(installed=record)
        installed = closed(installed) if close else installed
        # Before the record: a run that finds the file recorded as installed need not check the mark.
        disk.mark(checked=True)
        disk.remember(installed)
    except BaseException:
        if opened:
            roll_back(disk, state, clock.moment())
        else:
            _leave_open(disk, state, before)
        raise
    return installed


def already_installed(disk: Disk, state: State, accepted: Accepted) -> Optional[Installed]:
    """Return the record if these bytes are installed already: an agent that has not registered yet has read them."""
    record = state.installed
    if record is None or (record.facts, record.source.settings) != (accepted.facts, accepted.source.settings):
        return None
    return record if (disk.env_file(), disk.env_file_mode()) == (accepted.data, PRIVATE) else None


def _installed_at(state: State, accepted: Accepted, now: int) -> int:
    """Return the install time to record for a file that is written.

    S3 has confirmed it now, unless it is the last verified file that is restored: then its age does not begin anew.
    """
    records = (state.installed, state.previous)
    earlier = [one.at for one in records if one is not None and one.facts == accepted.facts]
    return now if accepted.stale_for is None else max(earlier, default=now)


def closed(state: State) -> State:
    """Return the state with the change closed: a later rollback restores what is installed now."""
    return state._replace(
        in_progress=None, previous=None, agent_before=False, on_terms=None, had_file=None, change_label=None
    )


def rollback_target(disk: Disk, state: State) -> RollbackTarget:
    """Return what a rollback of the open change restores.

    A missing pre-image means that there was no env-file, unless the record says that there was one: then it is lost.
    """
    if state.in_progress is None:
        return RollbackTarget.NOTHING
    pre_image = disk.pre_image()
    if state.previous is not None and not state.previous.is_of(pre_image):
        return RollbackTarget.LOST
    if pre_image is None:
        return RollbackTarget.LOST if state.had_file else RollbackTarget.NOTHING
    return RollbackTarget.FILE if pre_image else RollbackTarget.NOTHING


def roll_back(disk: Disk, state: State, now: Moment, restore: Callable[[], None] = lambda: None) -> State:
    """Restore the pre-image as the env-file, call `restore` to start the agent that reads it, and close the change.

    An env-file that did not change is not written, because the disk may be full. If it is written, its install time is
    `now`: a service that was started before has read another file. If the pre-image is lost, the env-file is kept and
    the change stays open, because without the env-file nothing would be left.
    """
    if rollback_target(disk, state) is RollbackTarget.LOST:
        disk.remember(state)
        return state
    if state.in_progress is None:
        # The state on disk may have an open change: the interruption may have come after that was recorded.
        restore()
        disk.remember(state)
        return state
    if state.previous is None and not state.agent_before:
        disk.mark(checked=False)
    pre_image = disk.pre_image()
    verified = pre_image if state.previous is not None else None
    installed = state.previous
    is_other = (disk.env_file(), disk.env_file_mode()) != (pre_image, state.pre_image_mode)
    if is_other or disk.verified_copy() != verified:
        # Recorded first: from here on the files no longer belong to the new version.
        disk.remember(state._replace(installed=installed))
    if is_other:
        disk.write_env_file(pre_image, state.pre_image_mode)
        installed = installed and installed._replace(moment=now)
    if disk.verified_copy() != verified:
        disk.write_verified_copy(verified)
    restore()
    # The previous agent is the last one that registered; a killed run may have recorded another as applied.
    state = closed(state._replace(installed=installed, applied=state.verified))
    disk.remember(state)
    return state


def _leave_open(disk: Disk, state: State, before: Optional[bytes]) -> None:
    """Restore the env-file that an earlier run installed: an agent that was started with it may be running."""
    if disk.env_file() != before:
        disk.write_env_file(before)
    disk.remember(state)


def _is_recorded(installed: Optional[Installed], data: bytes) -> bool:
    """Tell whether these are the installed bytes by their digest, also if the verified copy is missing or damaged."""
    return installed is not None and installed.sha256 is not None and installed.is_of(data)


def _open(disk: Disk, state: State, accepted: Accepted, *, agent: bool) -> State:
    before = disk.env_file()
    ours = before is not None and (before == disk.verified_copy() or _is_recorded(state.installed, before))
    if before and not ours:
        disk.back_up(before)
    disk.write_pre_image(before)
    state = state._replace(
        in_progress=accepted.facts,
        on_terms=accepted.source,
        previous=state.installed if ours else None,
        pre_image_mode=disk.env_file_mode(),
        had_file=before is not None,
        pre_image_of=state.installed.facts.identity if ours and state.installed is not None else None,
        agent_before=agent,
    )
    disk.remember(state)
    return state
