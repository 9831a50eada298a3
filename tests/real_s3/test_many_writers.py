"""Fifty who write at once, by push, rollback and edit: one after the other wins, and nobody's change is lost."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

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


def assert_nothing_lost(instance: RealInstance, before: list[str], ended: list[Ended]) -> list[Link]:
    """Assert that each version was put in place of what the one before it holds, and that all others were told."""
    assert {done.status for done in ended} <= {0, 9}, [done.err for done in ended if done.status not in (0, 9)]
    # A rollback to what is there already has nothing to do.
    documents = [done.document for done in ended if done.status == 0 and done.document["pushed"]]
    links = [Link(one["object"]["version_id"], one["replaced"]) for one in documents]
    now = chain(instance)
    assert now[len(links) :] == before
    # This server's ETag is that of the content, S3's under a KMS key is not: what was shown may be there once more.
    etags = [etag(instance, version) for version in now]
    assert {link.version for link in links} == set(now[: len(links)])
    assert {link.version: etag(instance, link.replaced) for link in links} == dict(zip(now[: len(links)], etags[1:]))
    for done in ended:
        if done.status == 9:
            assert "somebody else changed it first" in done.document["error"], done.err
    return links


def test_fifty_writers(instance: RealInstance) -> None:
    """The versions are a chain without a fork, every loser ends with 9, and what the last one put is what is there."""
    old = instance.put(FIRST)
    instance.put(SECOND)
    chain_before = chain(instance)
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
    assert assert_nothing_lost(instance, chain_before, ended)
    # Whoever has lost looks and tries again, as people do, not all in one moment.
    losers = [one for one, done in zip(runs, ended) if done.status == 9][:20]
    chain_before = chain(instance)
    ended = run_together(losers, env, pause_s)
    assert len(assert_nothing_lost(instance, chain_before, ended)) > 1
