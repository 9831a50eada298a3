"""Putting the env-file in its place, and taking it back (step 6 of a boot).

Two copies are kept and never confused: the *verified copy* is what ecsauth last proved good, the *pre-image*
is what stood in the env-file's place before the change under way, perhaps the AMI's file or one edited by hand.
A change is open, in the recorded state, from the moment the pre-image is kept until the agent is verified:
a run that was killed in between finds what it needs to go on, or to go back.

The *mark* says that a checked file stands in the place: without it a service that is held back does not start.
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


class Past(Enum):
    """What an open change goes back to: a file, nothing (an empty file, as of an AMI, too), or one that is lost."""

    FILE = "file"
    NOTHING = "nothing"
    LOST = "lost"


class Disk(Protocol):
    """The env-file's place and ecsauth's own files; every write is atomic and 0600."""

    def locked(self, seconds: float) -> AbstractContextManager[None]:
        """Keep other runs out, and clear away what a killed one left; raise UnreachableError after `seconds`."""

    def state(self) -> State:
        """Return what the last run recorded; raise DamagedError if that is not known, LocalError."""

    def remember(self, state: State) -> None:
        """Record the state."""

    def mend_record(self) -> Optional[str]:
        """Keep a damaged record aside, put what is left in its place, and return what to tell; None: all is well."""

    def env_file(self) -> Optional[SecretBytes]:
        """Return what stands in the env-file's place, None: nothing; raise LocalError if the place is not safe."""

    def env_file_mode(self) -> int:
        """Return the permission bits of what stands in the env-file's place; PRIVATE where nothing does."""

    def verified_copy(self) -> Optional[SecretBytes]:
        """Return what ecsauth last proved good."""

    def pre_image(self) -> Optional[SecretBytes]:
        """Return what stood in the env-file's place before the change under way, None: nothing."""

    def write_env_file(self, data: Optional[bytes], mode: int = PRIVATE) -> None:
        """Put the env-file in its place; None removes it. Another mode is for a file that had it before."""

    def write_verified_copy(self, data: Optional[bytes]) -> None:
        """Keep what was proved good; None removes it."""

    def write_pre_image(self, data: Optional[bytes]) -> None:
        """Keep what stands in the env-file's place; None says that nothing does."""

    def back_up(self, data: bytes) -> None:
        """Keep a file that is not ecsauth's beside the env-file, once."""

    def mark(self, *, checked: bool) -> None:
        """Say that a checked file stands in the env-file's place, or that none does."""


def install(
    disk: Disk, state: State, accepted: Accepted, clock: Clock, *, agent: bool = False, close: bool = False
) -> State:
    """Open a change (unless a killed run left one open) and put the accepted env-file in its place.

    `agent` tells whether an agent runs that a failed change goes back to. `close` ends the change at once, where no
    agent is started. Whatever stops it, what stood there before comes back; the env-file itself is written last.
    """
    before = disk.env_file()
    opened = state.in_progress is None
    try:
        if opened:
            state = _open(disk, state, accepted, agent=agent)
        else:
            # Recorded first: where both are one version, the verified copy is that version's.
            state = state._replace(in_progress=accepted.facts, on_terms=accepted.source)
            disk.remember(state)
        disk.write_verified_copy(accepted.data)
        stands = standing(disk, state, accepted)
        if stands is None:
            disk.write_env_file(accepted.data)
            stands = Installed(accepted.facts, accepted.source, clock.wall(), clock.moment())
        stands = stands._replace(source=accepted.source, sha256=digest(accepted.data))
        installed = state._replace(installed=stands)
        installed = closed(installed) if close else installed
        # Before it is recorded: a run that finds the file installed need not ask for the mark.
        disk.mark(checked=True)
        disk.remember(installed)
    except BaseException:
        if opened:
            take_back(disk, state, clock.moment())
        else:
            _leave_open(disk, state, before)
        raise
    return installed


def standing(disk: Disk, state: State, accepted: Accepted) -> Optional[Installed]:
    """Return the record of the very bytes, if they stand in the place already: an agent on trial has read them."""
    record = state.installed
    if record is None or (record.facts, record.source.settings) != (accepted.facts, accepted.source.settings):
        return None
    return record if (disk.env_file(), disk.env_file_mode()) == (accepted.data, PRIVATE) else None


def closed(state: State) -> State:
    """Return the state with the change ended: what is installed now is what a later failure goes back to."""
    return state._replace(in_progress=None, previous=None, agent_before=False, on_terms=None, had_file=None)


def past(disk: Disk, state: State) -> Past:
    """Return what the open change goes back to.

    A pre-image that is not there means that no file was there only where the record does not say otherwise.
    """
    if state.in_progress is None:
        return Past.NOTHING
    pre_image = disk.pre_image()
    if state.previous is not None and not state.previous.is_of(pre_image):
        return Past.LOST
    if pre_image is None:
        return Past.LOST if state.had_file else Past.NOTHING
    return Past.FILE if pre_image else Past.NOTHING


def take_back(disk: Disk, state: State, now: Moment, restore: Callable[[], None] = lambda: None) -> State:
    """Put the pre-image back in the env-file's place, `restore` the agent that reads it there, and end the change.

    A file that is still as it was is not written: the disk may be full. What is installed again is so since `now`: a
    service that was started before has read another file. With a pre-image that is lost the env-file stays, and the
    change stays open: removing the file would make its loss complete.
    """
    if past(disk, state) is Past.LOST:
        disk.remember(state)
        return state
    if state.in_progress is None:
        # What stopped the opening of a change may have come after the state was recorded.
        restore()
        disk.remember(state)
        return state
    if state.previous is None and not state.agent_before:
        disk.mark(checked=False)
    pre_image = disk.pre_image()
    proved = pre_image if state.previous is not None else None
    installed = state.previous
    is_other = (disk.env_file(), disk.env_file_mode()) != (pre_image, state.pre_image_mode)
    if is_other or disk.verified_copy() != proved:
        # Recorded first: from here on the files are no more those of the version on trial.
        disk.remember(state._replace(installed=installed))
    if is_other:
        disk.write_env_file(pre_image, state.pre_image_mode)
        installed = installed and installed._replace(moment=now)
    if disk.verified_copy() != proved:
        disk.write_verified_copy(proved)
    restore()
    # The agent of before is the last one that was verified; a run that was killed may have recorded another.
    state = closed(state._replace(installed=installed, applied=state.verified))
    disk.remember(state)
    return state


def _leave_open(disk: Disk, state: State, before: Optional[bytes]) -> None:
    """Put back what an earlier run had put in place: an agent that was started with it may be running."""
    if disk.env_file() != before:
        disk.write_env_file(before)
    disk.remember(state)


def _open(disk: Disk, state: State, accepted: Accepted, *, agent: bool) -> State:
    before = disk.env_file()
    ours = before is not None and before == disk.verified_copy()
    if before and not ours:
        disk.back_up(before)
    disk.write_pre_image(before)
    state = state._replace(
        in_progress=accepted.facts,
        on_terms=accepted.source,
        previous=state.installed if ours else None,
        pre_image_mode=disk.env_file_mode(),
        had_file=before is not None,
        agent_before=agent,
    )
    disk.remember(state)
    return state
