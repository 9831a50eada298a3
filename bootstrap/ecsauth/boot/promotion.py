"""A candidate becomes the released version: the instance has its bytes already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from ecsauth.boot.state import PRIVATE, State

if TYPE_CHECKING:
    from ecsauth.boot.fetch import Accepted
    from ecsauth.boot.install import Disk


def promoted(disk: Disk, state: State, accepted: Accepted) -> Optional[State]:
    """Return the state in which the candidate is the released version, None if they have not the same bytes.

    The agent has these bytes, so that it need not be restarted: only its label names the candidate's version. If it has
    not registered yet, the change stays open: it is now one to the released version.
    """
    installed = state.installed
    if installed is None or installed.ahead is None:
        return None
    is_open = state.in_progress is not None
    if is_open and (state.in_progress, state.on_terms) != (installed.facts, installed.source):
        return None
    if not accepted.is_new or accepted.ahead is not None or accepted.source != installed.source:
        return None
    if installed.sha256 is None or not installed.is_of(accepted.data):
        return None
    if (disk.env_file(), disk.verified_copy(), disk.env_file_mode()) != (accepted.data, accepted.data, PRIVATE):
        return None
    candidate, released = installed.facts, accepted.facts
    has_registered = candidate.is_same_object(state.verified)
    return state._replace(
        installed=installed._replace(facts=released, ahead=None),
        applied=released if candidate.is_same_object(state.applied) else state.applied,
        verified=released if has_registered else state.verified,
        agent_label=(state.agent_label or candidate.identity) if has_registered else state.agent_label,
        in_progress=released if is_open else None,
        change_label=(state.change_label or candidate.identity) if is_open else None,
        rejected=None if has_registered else state.rejected,
        rejected_candidate=None if has_registered else state.rejected_candidate,
    )
