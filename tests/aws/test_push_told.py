"""`ecsauth push` tells what changes, in text and as JSON, by variable and registry and never by value."""

from __future__ import annotations

import re
from typing import Any

import pytest
import s3_faults as faults
from program import run_here
from pushing import CHANGED, FILE, URI, Operator, env_file


def test_warnings_are_told(operator: Operator) -> None:
    """A file with warnings only is pushed, and they are told."""
    done = operator.push(b"ECS_LOGLEVEL=debug\n")
    assert done.status == 0
    assert "ECS_CLUSTER is not set [V201]" in done.err
    assert operator.bucket.get() == b"ECS_LOGLEVEL=debug\n"


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (FILE, CHANGED, ["ECS_ENGINE_AUTH_DATA, registry registry.example.com: password changed"]),
        (
            FILE,
            env_file(registry_example_com="canary-one", other_example_com="canary-two"),
            ["ECS_ENGINE_AUTH_DATA, registry other.example.com: added"],
        ),
        (
            env_file(registry_example_com="canary-one", other_example_com="canary-two"),
            FILE,
            ["ECS_ENGINE_AUTH_DATA, registry other.example.com: removed"],
        ),
        (FILE, FILE + b"ECS_LOGLEVEL=debug\n", ["ECS_LOGLEVEL: added"]),
        (FILE + b"ECS_LOGLEVEL=debug\n", FILE, ["ECS_LOGLEVEL: removed"]),
        (FILE + b"ECS_LOGLEVEL=debug\n", FILE + b"ECS_LOGLEVEL=info\n", ["ECS_LOGLEVEL: changed"]),
        (FILE, FILE.replace(b": ", b":"), ["ECS_ENGINE_AUTH_DATA: written differently, with the same credentials"]),
        (FILE, b"# a comment\n" + FILE, []),
        (b"\xff\xfecanary", FILE, ["ECS_CLUSTER: added"]),
        (b"", FILE, ["ECS_CLUSTER: added"]),
    ],
)
def test_changes(operator: Operator, before: bytes, after: bytes, told: list[str]) -> None:
    """What changes is told by variable and registry, and never by value."""
    operator.bucket.put(before)
    done = operator.push(after)
    assert done.status == 0
    assert all(f"ecsauth: {text}\n" in done.err for text in told)
    assert "canary" not in done.out + done.err
    assert operator.bucket.get() == after


def test_changes_as_json(operator: Operator) -> None:
    """Programs get the changes as data."""
    operator.bucket.put(FILE)
    done = operator.push(CHANGED, "--format", "json")
    (version, _) = operator.bucket.versions()
    document = done.document
    assert document["schema"] == 1
    assert (document["uri"], document["pushed"], document["dry_run"]) == (URI, True, False)
    assert document["changes"] == [
        {"variable": "ECS_ENGINE_AUTH_DATA", "what": "password changed", "registry": "registry.example.com"}
    ]
    assert document["object"]["version_id"] == version
    assert document["object"]["kms_key"] == operator.bucket.kms_key
    assert document["object"]["encryption"] == "aws:kms"
    assert done.err == ""
    assert "canary" not in done.out


@pytest.mark.parametrize(
    ("options", "standing", "shown"),
    [
        (("--dry-run",), None, {"pushed": False, "dry_run": True, "object": None}),
        ((), FILE, {"pushed": False, "dry_run": False, "changes": []}),
    ],
    ids=["dry run", "the same"],
)
def test_nothing_done_as_json(
    operator: Operator, options: tuple[str, ...], standing: bytes | None, shown: dict[str, Any]
) -> None:
    """Where nothing was put, the document says so."""
    if standing:
        operator.bucket.put(standing)
    document = operator.push(FILE, "--format", "json", *options).document
    assert {name: document[name] for name in shown} == shown


def test_failure_as_json(operator: Operator) -> None:
    """A failure is a document, too."""
    operator.proxy.inject(faults.ACCESS_DENIED)
    done = operator.push(FILE, "--format", "json")
    assert done.status == 4
    assert done.document["status"] == 4
    assert "S3 denies access" in done.document["error"]
    assert done.document["hints"]


@pytest.mark.parametrize(
    "answer",
    [faults.kms_denied("arn:aws:kms:eu-central-1:123456789012:key/k"), faults.ACCESS_DENIED],
    ids=["KMS", "S3"],
)
def test_who_may_not_read_may_push(operator: Operator, answer: faults.Reply) -> None:
    """Somebody who may write but not read pushes, and is told that what changes is not known."""
    operator.bucket.put(FILE)
    operator.proxy.inject(answer, operation="GetObject")
    done = operator.push(CHANGED)
    assert done.status == 0
    assert f"warning: the current content of {URI} cannot be read: the changes are unknown" in done.err
    assert operator.bucket.get() == CHANGED


def test_a_note_is_no_warning(operator: Operator) -> None:
    """Warnings and notes on the file are told as what they are."""
    done = operator.push(b"ECS_LOGLEVEL=info\n")
    told = {line.rpartition(" ")[2]: line.split(": ")[1] for line in done.err.splitlines() if line.endswith("]")}
    assert told == {"[V201]": "warning", "[A301]": "note"}


def test_unknown_changes_as_json(operator: Operator) -> None:
    """For programs unknown changes are null, which is not an empty list."""
    operator.bucket.put(FILE)
    operator.proxy.inject(faults.ACCESS_DENIED, operation="GetObject")
    assert operator.push(CHANGED, "--format", "json").document["changes"] is None


def test_what_is_no_env_file_is_replaced(operator: Operator) -> None:
    """Something larger than any env-file in its place is no reason not to push."""
    operator.bucket.put(b"#" * (256 * 1024 + 1))
    done = operator.push()
    assert done.status == 0
    assert "cannot be read" in done.err
    assert operator.bucket.get() == FILE


def test_without_versions(operator: Operator) -> None:
    """That the bucket keeps no versions is said."""
    operator.bucket.server.make_bucket("plain", versioned=False)
    operator.path.write_bytes(FILE)
    done = operator.run("--kms-key", operator.bucket.kms_key, uri="s3://plain/ecs.config")
    assert done.status == 0
    assert "version none (the bucket is not versioned)" in done.err


@pytest.mark.parametrize(
    "page",
    [faults.Page(), faults.Page(403), faults.Page(body=b"<html><body>signed</body></html>"), faults.Page(body=b"hi")],
    ids=["200", "403", "well-formed", "text"],
)
def test_pushed_without_a_name(operator: Operator, page: faults.Page) -> None:
    """Who has pushed is not recorded where something else answers for STS; the file is put all the same."""
    operator.proxy.inject(page, operation="GetCallerIdentity")
    done = operator.push()
    assert done.status == 0, done.err
    assert operator.bucket.get() == FILE
    assert "GetCallerIdentity" in operator.proxy.operations
    assert "x-amz-meta-ecsauth-by" not in operator.put.headers


@pytest.mark.parametrize("status", [200, 403, 502])
@pytest.mark.parametrize("command", ["push", "history", "pull"])
def test_a_portal(operator: Operator, command: str, status: int) -> None:
    """What answers with a page is not S3, and no health dashboard of AWS knows of it."""
    operator.proxy.inject(faults.Page(status))
    done = operator.push() if command == "push" else run_here(command, URI, env=operator.env)
    assert done.status == 5
    assert re.search(r"error: cannot .*: the answer is not from S3\n", done.err), done.err
    assert "hint: check for a proxy that answers in place of S3\n" in done.err
    assert "Health" not in done.err


@pytest.mark.parametrize("refusal", [faults.KMS_KEY_USAGE, faults.KMS_ASYMMETRIC], ids=lambda reply: reply.code)
def test_a_key_of_the_wrong_kind(operator: Operator, refusal: faults.Reply) -> None:
    """A key that cannot encrypt is no denial: no policy helps."""
    operator.proxy.inject(refusal, operation="PutObject")
    done = operator.push()
    assert done.status == 4
    assert "the KMS key cannot encrypt: S3 requires a symmetric key with the usage ENCRYPT_DECRYPT" in done.err
    assert "kms:GenerateDataKey" not in done.err
