"""`ecsauth boot --candidate` against S3: which requests it makes, what ends a candidate, what an instance reports."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from fetching import STANDING, Instance
from json_schemas import validated
from machine import auth_file

if TYPE_CHECKING:
    from canary import Canary
    from program import Ended

CANDIDATE = auth_file("the-candidate-password")
KEY = "prod/ecs.config.candidate"


def offered(instance: Instance, body: bytes = CANDIDATE, **more: str) -> str:
    """Put a candidate and return its version ID."""
    return instance.store.put(body, KEY, **more)


def report(instance: Instance) -> dict[str, Any]:
    """Return the report of the instance."""
    found: dict[str, Any] = validated(json.loads((instance.state_place / "report.json").read_bytes()))
    return found


@pytest.fixture
def ahead(settled: Instance) -> Instance:
    """Give an instance that has taken a candidate."""
    done = settled.install_here("--candidate", offered(settled))
    assert done.status == 0, done.err
    settled.proxy.requests.clear()
    return settled


def asked(instance: Instance) -> list[tuple[str, bool]]:
    """Return the path of each request to S3, and whether it was conditional."""
    return [
        (request.path.partition("/fleet/")[2], "if-none-match" in request.headers)
        for request in instance.proxy.requests
    ]


def test_taking_one(settled: Instance) -> None:
    """It takes two requests: the released object, which has not changed, and that version of the candidate."""
    version = offered(settled)
    done = settled.install_here("--candidate", version)
    assert done.status == 0
    assert settled.env_file.read_bytes() == CANDIDATE
    assert asked(settled) == [("prod/ecs.config", True), (KEY, False)]
    assert f"{settled.uri} version {version} (candidate, ahead since " in done.err
    assert report(settled)["ahead"]["version"] == version


def test_a_timer_keeps_it(ahead: Instance) -> None:
    """The same boot as ever makes one request, and says how long the instance is ahead."""
    done = ahead.install_here()
    assert done.status == 0
    assert asked(ahead) == [("prod/ecs.config", True)]
    assert "ahead since" in done.err
    assert "nothing has changed" in done.err
    assert ahead.env_file.read_bytes() == CANDIDATE


def test_promotion(ahead: Instance) -> None:
    """The candidate's bytes become the newest version of the released object: that is recorded, nothing is written."""
    inode = ahead.env_file.stat().st_ino
    version = ahead.put(CANDIDATE)
    done = ahead.install_here()
    assert done.status == 0
    assert "the candidate of this instance was released" in done.err
    assert ahead.env_file.stat().st_ino == inode
    found = report(ahead)
    assert (found["installed"], found["released"], found["ahead"]) == (version, version, None)


def test_another_version_ends_it(ahead: Instance) -> None:
    """Any other version of the released object is installed."""
    ahead.put(auth_file("the-hotfix-password"))
    assert ahead.install_here().status == 0
    assert ahead.env_file.read_bytes() == auth_file("the-hotfix-password")


def test_withdraw(ahead: Instance) -> None:
    """The instance returns to the released version, which is older than the candidate."""
    done = ahead.install_here("--withdraw")
    assert done.status == 0, done.err
    assert ahead.env_file.read_bytes() == STANDING
    assert report(ahead)["ahead"] is None


def test_a_released_version_that_was_deleted(instance: Instance) -> None:
    """While an instance is ahead somebody deletes the newest released version: the older one is refused."""
    instance.put(auth_file("the-oldest-password"))
    # S3's times have whole seconds.
    time.sleep(1.1)
    instance.settle()
    assert instance.install_here("--candidate", offered(instance)).status == 0
    versions = instance.store.versions("prod/ecs.config")
    instance.server.s3.delete_object(Bucket="fleet", Key="prod/ecs.config", VersionId=versions[0])
    for options in ((), ("--withdraw",)):
        assert instance.install_here(*options).status == 4
        assert instance.env_file.read_bytes() == CANDIDATE


@pytest.mark.parametrize(
    ("body", "more", "status"),
    [
        (b"ECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATA={\n", {}, 3),
        (CANDIDATE, {"SSEKMSKeyId": "", "ServerSideEncryption": "AES256"}, 4),
        (
            CANDIDATE,
            {"SSEKMSKeyId": "arn:aws:kms:eu-central-1:123456789012:key/99999999-2222-3333-4444-555555555555"},
            4,
        ),
    ],
    ids=["invalid", "encrypted by S3", "another key"],
)
def test_every_proof_holds_for_it(settled: Instance, body: bytes, more: dict[str, str], status: int) -> None:
    """A candidate is verified and validated as every version; a refused one leaves the instance on what it had."""
    done = settled.install_here("--candidate", offered(settled, body, **more))
    assert done.status == status
    assert settled.env_file.read_bytes() == STANDING
    assert report(settled)["ahead"] is None
    assert report(settled)["last_run"]["status"] == status


def test_a_version_that_is_not_there(ahead: Instance) -> None:
    """A version that S3 does not have leaves the instance on the candidate that it has."""
    done = ahead.install_here("--candidate", "00000000-0000-0000-0000-000000000000")
    assert done.status == 4
    assert ahead.env_file.read_bytes() == CANDIDATE
    assert "ahead since" in ahead.install_here().err


def test_a_candidate_that_was_deleted(ahead: Instance) -> None:
    """Its version is gone from S3: the instance keeps it, and returns to the released one when it must be read."""
    versions = ahead.store.versions(KEY)
    ahead.server.s3.delete_object(Bucket="fleet", Key=KEY, VersionId=versions[0])
    assert ahead.install_here().status == 0
    assert ahead.env_file.read_bytes() == CANDIDATE
    ahead.env_file.write_bytes(b"ECS_CLUSTER=edited\n")
    done = ahead.install_here()
    assert done.status == 0, done.err
    assert "cannot be read again" in done.err
    assert ahead.env_file.read_bytes() == STANDING


def test_other_settings(ahead: Instance) -> None:
    """With another --set the file is made anew from the candidate."""
    done = ahead.install_here("--set", "ECS_LOGLEVEL=debug")
    assert done.status == 0, done.err
    assert ahead.env_file.read_bytes().startswith(CANDIDATE[:20])
    assert b"ECS_LOGLEVEL=debug" in ahead.env_file.read_bytes()
    assert "ahead since" in done.err


@pytest.mark.parametrize("options", [("--candidate", "v1"), ("--withdraw",)])
def test_a_pinned_instance_takes_none(settled: Instance, options: tuple[str, ...]) -> None:
    """An S3URI with a version names that version and no other."""
    settled.uri += f"?versionId={settled.store.versions('prod/ecs.config')[0]}"
    done = settled.install_here(*options)
    assert done.status == 2
    assert "pinned" in done.err


def test_both_at_once(settled: Instance) -> None:
    """A candidate cannot be taken and withdrawn in one run."""
    assert settled.install_here("--candidate", "v1", "--withdraw").status == 2


def test_a_dry_run_takes_none(settled: Instance) -> None:
    """A rehearsal writes neither file nor report."""
    before = settled.traces()
    assert settled.install_here("--candidate", offered(settled), "--dry-run").status == 0
    assert settled.traces() == before


def test_the_document(settled: Instance) -> None:
    """Programs see when the instance took the candidate, and until when."""
    found = json.loads(
        settled.install_here("--candidate", offered(settled), "--candidate-for", "2h", "--format", "json").out
    )
    assert found["ahead"]["until"] - found["ahead"]["since"] == 7200


def test_forgetting_the_previous(settled: Instance) -> None:
    """A withdrawn credential does not stay on the disk in the previous env-file."""
    settled.put(auth_file("the-next-password"))
    assert settled.install_here().status == 0
    assert report(settled)["on_disk"]["pre_image"] is not None
    done = settled.install_here("--forget-previous")
    assert done.status == 0
    assert "no file to roll back to" in done.err
    assert report(settled)["on_disk"]["pre_image"] is None
    assert not (settled.state_place / "pre-image").exists()


def _line(done: Ended) -> dict[str, Any]:
    lines = [line for line in done.err.splitlines() if line.startswith("{")]
    assert len(lines) == 1
    found: dict[str, Any] = json.loads(lines[0])
    return found


def test_a_line_to_count_by(settled: Instance) -> None:
    """A log pipeline gets outcome, status, version and the seconds of each step, in one line."""
    found = _line(settled.install_here("--log-format", "json"))
    assert (found["event"], found["outcome"], found["status"]) == ("ecsauth.boot", "unchanged", 0)
    assert found["version"] == settled.store.versions("prod/ecs.config")[0]
    assert "fetch" in found["seconds"]


def test_a_line_of_a_run_that_failed(settled: Instance) -> None:
    """A failure is counted by its status."""
    settled.store.put(b"ECS_ENGINE_AUTH_DATA={\n", "prod/ecs.config")
    found = _line(settled.install_here("--log-format", "json"))
    assert (found["outcome"], found["status"]) == ("failed", 3)


def test_no_secret_in_report_or_line(settled: Instance, canary: Canary) -> None:
    """Neither has anything of the file's content, nor anything made from it."""
    done = settled.install_here("--candidate", offered(settled, auth_file(canary.password)), "--log-format", "json")
    assert done.status == 0
    canary.assert_not_in(done.err, "standard error")
    canary.assert_not_in((settled.state_place / "report.json").read_text(), "the report")


def test_a_report_that_cannot_be_written(settled: Instance) -> None:
    """It fails no boot."""
    (settled.state_place / "report.json").unlink()
    (settled.state_place / "report.json").mkdir()
    done = settled.install_here()
    assert done.status == 0
    assert "the report of this instance was not written" in done.err
