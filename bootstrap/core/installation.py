"""Putting the env-file in its place, and taking it back (step 6 of a boot).

Two copies are kept and never confused: the *verified copy* is what ecsauth last proved good, the *pre-image*
is what stood in the env-file's place before the change under way, perhaps the AMI's file or one edited by hand.
A change is open, in the recorded state, from the moment the pre-image is kept until the agent is verified:
a run that was killed in between finds what it needs to go on, or to go back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional, Protocol

from bootstrap.core.state import PRIVATE, Installed, State

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from bootstrap.core.acceptance import Accepted


class Disk(Protocol):
    """The env-file's place and ecsauth's own files; every write is atomic and 0600."""

    def locked(self, seconds: float) -> AbstractContextManager[None]:
        """Keep other runs out, and clear away what a killed one left; raise UnreachableError after `seconds`."""

    def state(self) -> State:
        """Return what the last run recorded."""

    def remember(self, state: State) -> None:
        """Record the state."""

    def env_file(self) -> Optional[bytes]:
        """Return what stands in the env-file's place, None: nothing; raise LocalError if the place is not safe."""

    def env_file_mode(self) -> int:
        """Return the permission bits of what stands in the env-file's place; PRIVATE where nothing does."""

    def verified_copy(self) -> Optional[bytes]:
        """Return what ecsauth last proved good."""

    def pre_image(self) -> Optional[bytes]:
        """Return what stood in the env-file's place before the change under way, None: nothing."""

    def write_env_file(self, data: Optional[bytes], mode: int = PRIVATE) -> None:
        """Put the env-file in its place; None removes it. Another mode is for a file that had it before."""

    def write_verified_copy(self, data: Optional[bytes]) -> None:
        """Keep what was proved good; None removes it."""

    def write_pre_image(self, data: Optional[bytes]) -> None:
        """Keep what stands in the env-file's place; None says that nothing does."""

    def back_up(self, data: bytes) -> None:
        """Keep a file that is not ecsauth's beside the env-file, once."""


def install(disk: Disk, state: State, accepted: Accepted, now: int, *, close: bool = False) -> State:
    """Open a change (unless a killed run left one open) and put the accepted env-file in its place.

    `close` ends the change at once, where no agent is started. Whatever stops it, what stood there before comes
    back; the env-file itself is written last.
    """
    standing = disk.env_file()
    opened = state.in_progress is None
    try:
        if opened:
            state = _open(disk, state, accepted)
        disk.write_verified_copy(accepted.data)
        disk.write_env_file(accepted.data)
        # The change may have been opened for an earlier version, which never came up.
        installed = state._replace(
            in_progress=accepted.facts, installed=Installed(accepted.facts, accepted.source, now)
        )
        installed = closed(installed) if close else installed
        disk.remember(installed)
    except BaseException:
        if opened:
            take_back(disk, state)
        else:
            _leave_open(disk, state, standing)
        raise
    return installed


def closed(state: State) -> State:
    """Return the state with the change ended: what is installed now is what a later failure goes back to."""
    return state._replace(in_progress=None, previous=None)


def take_back(disk: Disk, state: State) -> State:
    """Put the pre-image back in the env-file's place, and end the change.

    A file that is still as it was is not written: the disk may be full.
    """
    if state.in_progress is None:
        # What stopped the opening of a change may have come after the state was recorded.
        disk.remember(state)
        return state
    pre_image = disk.pre_image()
    proved = pre_image if state.previous is not None else None
    if (disk.env_file(), disk.env_file_mode()) != (pre_image, state.pre_image_mode):
        disk.write_env_file(pre_image, state.pre_image_mode)
    if disk.verified_copy() != proved:
        disk.write_verified_copy(proved)
    # The agent of before is the last one that was verified; a run that was killed may have recorded another.
    state = closed(state._replace(installed=state.previous, applied=state.verified))
    disk.remember(state)
    return state


def _leave_open(disk: Disk, state: State, standing: Optional[bytes]) -> None:
    """Put back what an earlier run had put in place: an agent that was started with it may be running."""
    if disk.env_file() != standing:
        disk.write_env_file(standing)
    disk.remember(state)


def _open(disk: Disk, state: State, accepted: Accepted) -> State:
    standing = disk.env_file()
    ours = standing is not None and standing == disk.verified_copy()
    if standing and not ours:
        disk.back_up(standing)
    disk.write_pre_image(standing)
    state = state._replace(
        in_progress=accepted.facts,
        previous=state.installed if ours else None,
        pre_image_mode=disk.env_file_mode(),
    )
    disk.remember(state)
    return state
