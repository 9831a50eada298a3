"""The life of an env-file on a real S3 server: real versions and delete markers, real encryption, real denials."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import s3_faults as faults
from machine import FIRST, KEY, SECOND, auth_file
from program import run_here

if TYPE_CHECKING:
    from program import Ended
    from real_instance import RealInstance
    from seaweed_server import SeaweedServer

CHANGE = "sed -i s/first-password/second-password/"


def operator(instance: RealInstance, *arguments: str, stdin: bytes = b"", **env: str) -> Ended:
    """Run a command as the operator."""
    return run_here(*arguments, env={**instance.operator_environment(), **env}, stdin=stdin)


def push(instance: RealInstance, content: bytes, *options: str) -> str:
    """Push, and return the version ID."""
    done = operator(instance, "push", "-", instance.uri, "--format=json", *options, stdin=content)
    assert done.status == 0, done.err
    return str(done.document["object"]["version_id"])


def test_life_of_a_file(instance: RealInstance) -> None:
    """Pushed, edited, rolled back and booted: each step is a version, and what is booted is what is there."""
    first = push(instance, FIRST)
    edited = operator(instance, "edit", instance.uri, EDITOR=CHANGE)
    assert edited.status == 0, edited.err
    assert instance.store.get(KEY) == SECOND
    back = operator(instance, "rollback", instance.uri, first, "--format=json")
    assert back.status == 0, back.err
    third, second, *rest = instance.store.versions(KEY)
    assert rest == [first]
    assert (back.document["object"]["version_id"], back.document["replaced"]) == (third, second)
    done = operator(instance, "history", instance.uri, "--diff", "--format=json")
    versions = done.document["versions"]
    assert [one["version_id"] for one in versions] == [third, second, first]
    assert [one["rolled_back_from"] for one in versions] == [first, None, None]
    assert {one["pushed_by"] for one in versions} == {"arn:aws:iam::000000000000:user/administrator"}
    assert [len(one["changes"]) for one in versions] == [1, 1, 4]
    assert operator(instance, "diff", instance.uri, f"{instance.uri}?versionId={first}").status == 0
    assert operator(instance, "diff", instance.uri, f"{instance.uri}?versionId={second}").status == 3
    assert instance.install_here().status == 0
    assert instance.env_file.read_bytes() == FIRST


def test_deleted(instance: RealInstance) -> None:
    """A delete marker is told as such by every command, and a push or a rollback goes over it."""
    first = push(instance, FIRST)
    marker = instance.server.s3.delete_object(Bucket=instance.bucket, Key=KEY)["VersionId"]
    for command in ("pull", "edit"):
        done = operator(instance, command, instance.uri, EDITOR="true")
        assert (done.status, "the object does not exist" in done.err or "was deleted" in done.err) == (4, True), (
            done.err
        )
    shown = operator(instance, "history", instance.uri).out.splitlines()
    assert [line.split()[0] for line in shown] == [marker, first]
    assert shown[0].endswith("deleted  current")
    # This server's 404, S3's 405: nothing comes back from a marker.
    assert operator(instance, "rollback", instance.uri, marker).status == 4
    assert operator(instance, "rollback", instance.uri, first).status == 0
    assert instance.store.get(KEY) == FIRST


def test_absent(instance: RealInstance) -> None:
    """What is not there is told: the object, the version."""
    assert operator(instance, "pull", instance.uri).status == 4
    assert operator(instance, "history", instance.uri).status == 4
    push(instance, FIRST)
    done = operator(instance, "rollback", instance.uri, "0" * 32)
    assert (done.status, "the version does not exist" in done.err) == (4, True), done.err


def test_rollback_changes_the_key(instance: RealInstance, seaweed: SeaweedServer) -> None:
    """A version under an older key comes back under the key of the current one."""
    first = push(instance, FIRST)
    new_key = seaweed.make_key()
    push(instance, SECOND, f"--kms-key={new_key}")
    done = operator(instance, "rollback", instance.uri, first, "--format=json")
    assert done.status == 0, done.err
    assert done.document["object"]["kms_key"] == new_key
    assert instance.store.get(KEY) == FIRST


@pytest.mark.parametrize("command", ["push", "edit", "rollback", "history"])
def test_role_may_only_read(instance: RealInstance, command: str) -> None:
    """The instance's role reads; whatever puts or lists is denied by the server, in its words, and nothing changes."""
    first = push(instance, FIRST)
    push(instance, SECOND)
    versions = instance.store.versions(KEY)
    role = instance.metadata.instance
    keys = {"AWS_ACCESS_KEY_ID": role.access_key, "AWS_SECRET_ACCESS_KEY": role.secret_key}
    arguments = {
        "push": ("push", "-", instance.uri, f"--kms-key={instance.key}"),
        "edit": ("edit", instance.uri),
        "rollback": ("rollback", instance.uri, first),
        "history": ("history", instance.uri),
    }[command]
    editor = "sed -i s/second/third/"
    done = operator(
        instance,
        *arguments,
        stdin=auth_file("third-password"),
        EDITOR=editor,
        AWS_SESSION_TOKEN=role.session_token,
        **keys,
    )
    assert done.status == 4, done.err
    assert "S3 denies access" in done.err
    assert ("s3:ListBucketVersions" if command == "history" else "s3:PutObject") in done.err
    assert instance.store.versions(KEY) == versions


@pytest.mark.parametrize("standing", [FIRST, None], ids=["over an object", "over nothing"])
def test_lost_answer(instance: RealInstance, standing: bytes | None) -> None:
    """A put whose answer was lost is found to be one's own on a real server, too."""
    if standing:
        push(instance, standing)
    instance.watched = True
    instance.proxy.inject(faults.LostAnswer(), operation="PutObject", times=1)
    version = push(instance, SECOND)
    assert instance.store.versions(KEY)[0] == version
    assert len(instance.store.versions(KEY)) == (2 if standing else 1)
