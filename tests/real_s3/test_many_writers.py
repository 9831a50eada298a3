"""Fifty who write at once, by push, rollback and edit: one after the other wins, and nobody's change is lost."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import pytest
from crowd import run_together
from machine import FIRST, KEY, SECOND, auth_file

if TYPE_CHECKING:
    from program import Ended
    from real_instance import RealInstance

WRITERS = 50


class Link(NamedTuple):
    """One version as its writer tells it: what it is, and what it was put in place of."""

    version: str
    replaced: str


def chain(instance: RealInstance) -> list[str]:
    """Return the IDs of all versions, newest first."""
    return instance.store.versions(KEY)


def etag(instance: RealInstance, version: str) -> str:
    """Return the ETag of a version."""
    return instance.server.s3.head_object(Bucket=instance.bucket, Key=KEY, VersionId=version)["ETag"]


def current(instance: RealInstance) -> str:
    """Return the ETag of what is there now."""
    return instance.server.s3.head_object(Bucket=instance.bucket, Key=KEY)["ETag"]


def is_one_way(steps: list[tuple[str, str]], start: str, end: str) -> bool:
    """Tell whether the steps, each taken once, lead in some order from the start to the end."""
    surplus = Counter(one for one, _ in steps)
    surplus.subtract(other for _, other in steps)
    surplus.subtract({start: 1})
    surplus.update({end: 1})
    reached, waiting = {start}, list(steps)
    while near := [step for step in waiting if step[0] in reached]:
        reached |= {other for _, other in near}
        waiting = [step for step in waiting if step not in near]
    return not waiting and not any(surplus.values())


def assert_nothing_lost(
    instance: RealInstance, before: list[str], held: str, ended: list[Ended]
) -> list[tuple[str, str]]:
    """Assert that the writers took turns, each putting its version in place of the one before, and told all others.

    `before` are the versions that were there, `held` the ETag of the newest.
    """
    assert {done.status for done in ended} <= {0, 9}, [done.err for done in ended if done.status not in (0, 9)]
    # A rollback to what is there already has nothing to do.
    documents = [done.document for done in ended if done.status == 0 and done.document["pushed"]]
    links = [Link(one["object"]["version_id"], one["replaced"]) for one in documents]
    now = chain(instance)
    assert now[len(links) :] == before
    assert {link.version for link in links} == set(now[: len(links)])
    # This server's ETag is that of the content, S3's under a KMS key is not: the same one may come back, and so two
    # writers may have been shown the same. It also gives a version its ID, which is its place in the list, before its
    # turn comes. So the turns are told by ETags alone.
    steps = [(etag(instance, link.replaced), etag(instance, link.version)) for link in links]
    assert is_one_way(steps, held, current(instance))
    for done in ended:
        if done.status == 9:
            assert "the object was changed in the meantime" in done.document["error"], done.err
    return steps


WAYS = {
    "one after the other": ([("a", "b"), ("b", "c")], "a", "c", True),
    "the same content twice": ([("a", "b"), ("b", "a"), ("a", "c")], "a", "c", True),
    "none": ([], "a", "a", True),
    "two in place of one": ([("a", "b"), ("a", "c")], "a", "c", False),
    "one that nobody saw": ([("a", "b"), ("c", "d"), ("d", "c")], "a", "b", False),
    "another is there": ([("a", "b"), ("b", "c")], "a", "b", False),
}


@pytest.mark.parametrize(("steps", "start", "end", "expected"), WAYS.values(), ids=WAYS.keys())
def test_one_way(steps: list[tuple[str, str]], start: str, end: str, expected: bool) -> None:
    """A fork, a gap and another end are seen."""
    assert is_one_way(steps, start, end) is expected


def test_fifty_writers(instance: RealInstance) -> None:
    """The versions are a chain without a fork, every loser ends with 9, and what the last one put is what is there."""
    old = instance.put(FIRST)
    instance.put(SECOND)
    chain_before, held = chain(instance), current(instance)
    editor = instance.folder / "editor"
    editor.write_text('#!/bin/sh\necho "MY_NUMBER=$$" >> "$1"\n')
    editor.chmod(0o755)
    common = ("--yes", "--format=json")
    rollback = (("rollback", instance.uri, old, *common), b"")
    edit = (("edit", instance.uri, *common), b"")
    pushes = [(("push", "-", instance.uri, *common), auth_file(f"password-{number}")) for number in range(WRITERS)]
    runs = [(push, rollback, edit, push, edit)[number % 5] for number, push in enumerate(pushes)]
    env = {**instance.operator_environment(), "EDITOR": str(editor)}
    began = time.monotonic()
    ended = run_together(runs, env)
    # Each one's share: less than a run takes, so that it meets some others, on a machine of whatever speed.
    pause_s = (time.monotonic() - began) / WRITERS
    assert assert_nothing_lost(instance, chain_before, held, ended)
    # Whoever has lost looks and tries again, as people do, not all in one moment.
    losers = [one for one, done in zip(runs, ended) if done.status == 9][:20]
    chain_before, held = chain(instance), current(instance)
    ended = run_together(losers, env, pause_s)
    assert len(assert_nothing_lost(instance, chain_before, held, ended)) > 1
