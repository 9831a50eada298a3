"""`ecsauth boot --launch none`: what it accepts from S3, and that whatever it refuses changes nothing.

It is the whole program in any case: as a process of its own where that may make a difference (`install`: its end while
S3 hangs, what its outputs hold), inside this one elsewhere (`install_here`), which takes a fraction of the time.
"""

from __future__ import annotations

import json
import stat
import time
from typing import TYPE_CHECKING

import hurried
import pytest
import s3_faults as faults
from fetching import STANDING, Instance, trace
from machine import auth_file
from metadata_service import Behaviour
from s3_server import ACCOUNT

if TYPE_CHECKING:
    from canary import Canary

OTHER_KEY = "arn:aws:kms:eu-central-1:123456789012:key/99999999-2222-3333-4444-555555555555"
ENCRYPTION = "x-amz-server-side-encryption"
LONG_AGO = "Mon, 01 Jan 2024 00:00:00 GMT"


def test_first_boot(instance: Instance, canary: Canary) -> None:
    """The file is what was pushed, 0600; it took one GetObject, and a token for each question about the instance."""
    body = auth_file(canary.password)
    version = instance.put(body)
    done = instance.install()
    assert (done.status, done.out) == (0, "")
    assert instance.env_file.read_bytes() == body
    assert f"{instance.uri} version {version}: installed as {instance.env_file}" in done.err
    assert instance.proxy.operations == ["GetObject"]
    assert {request.status for request in instance.metadata.requests} == {200}
    instance.assert_private()
    assert instance.strays() == []
    assert stat.S_IMODE(instance.state_place.stat().st_mode) == 0o700
    canary.assert_not_in(done.err, "standard error")
    kept = (instance.env_file, instance.state_place / "verified")
    canary.assert_not_under(instance.folder, apart_from=kept)


def test_second_boot(settled: Instance) -> None:
    """A second boot asks S3 whether anything has changed, and writes nothing."""
    before = settled.traces()
    etag = settled.server.s3.head_object(Bucket="fleet", Key="prod/ecs.config")["ETag"]
    done = settled.install()
    assert done.status == 0
    assert "nothing has changed" in done.err
    assert [(request.operation, request.headers["if-none-match"]) for request in settled.proxy.requests] == [
        ("GetObject", etag)
    ]
    assert settled.traces() == before


def test_third_boot(settled: Instance) -> None:
    """A new version is installed in place of the old one."""
    version = settled.put(auth_file("the-next-password"))
    done = settled.install_here()
    assert done.status == 0
    assert f"version {version}: installed as" in done.err
    assert settled.env_file.read_bytes() == auth_file("the-next-password")
    assert settled.strays() == []
    settled.assert_private()


def test_version_pin(settled: Instance) -> None:
    """A version that is named is installed, though it is older, and is nothing new the second time."""
    old = settled.store.versions("prod/ecs.config")[0]
    settled.put(auth_file("the-next-password"))
    settled.settle(auth_file("the-last-password"))
    settled.uri += f"?versionId={old}"
    assert settled.install_here().status == 0
    assert settled.env_file.read_bytes() == STANDING
    assert "nothing has changed" in settled.install_here().err


def test_allow_older(settled: Instance) -> None:
    """An older object is taken where that is allowed."""
    settled.put(auth_file("an-older-password"))
    settled.proxy.inject(faults.Headers({"Last-Modified": LONG_AGO}))
    assert settled.install_here("--allow-older").status == 0
    assert settled.env_file.read_bytes() == auth_file("an-older-password")


def test_deleted_version(instance: Instance) -> None:
    """When somebody deletes the newest version, what was before it does not come back by itself."""
    instance.put(auth_file("the-first-password"))
    time.sleep(1.1)
    instance.settle()
    newest = instance.store.versions("prod/ecs.config")[0]
    instance.server.s3.delete_object(Bucket="fleet", Key="prod/ecs.config", VersionId=newest)
    done = instance.install_here()
    assert done.status == 4
    assert "it is older than the installed version, so the newer version was deleted" in done.err
    assert instance.env_file.read_bytes() == STANDING


def test_several_doubts(settled: Instance) -> None:
    """Every reason not to trust the object is told, not the first one only."""
    settled.put(auth_file("x"), ServerSideEncryption="AES256", SSEKMSKeyId="")
    settled.proxy.inject(faults.Headers({"Last-Modified": LONG_AGO}))
    done = settled.install_here()
    assert done.status == 4
    assert "it is encrypted by S3 itself" in done.err
    assert "it is older than the installed version" in done.err


@pytest.mark.parametrize("used", [0, 1])
def test_two_keys(instance: Instance, used: int) -> None:
    """While keys change, an object under either is trusted."""
    instance.put(STANDING, SSEKMSKeyId=(instance.key, OTHER_KEY)[used])
    assert instance.install_here(f"--kms-key={OTHER_KEY}").status == 0


def test_two_layers(instance: Instance) -> None:
    """Encrypted in one layer or in two: what counts is the key."""
    instance.put(STANDING)
    instance.proxy.inject(faults.Headers({ENCRYPTION: "aws:kms:dsse"}))
    assert instance.install_here().status == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"x-amz-checksum-crc32": None},
        {"x-amz-checksum-crc32": None, "x-amz-checksum-crc64nvme": "AAAAAAAAAAA="},
    ],
    ids=["none", "CRC64NVME"],
)
def test_no_checksum(instance: Instance, headers: dict[str, str | None]) -> None:
    """An object without a checksum that can be verified is taken, and that is said."""
    instance.put(STANDING)
    instance.proxy.inject(faults.Headers(headers))
    done = instance.install_here()
    assert done.status == 0
    assert f"warning: {instance.uri} has no checksum that can be verified here" in done.err


def test_set(instance: Instance) -> None:
    """`--set` replaces every earlier assignment, and what it makes is what is checked and installed."""
    instance.put(STANDING)
    assert instance.install_here("--set=ECS_CLUSTER=blue", "--set=ECS_LOGLEVEL=debug").status == 0
    text = instance.env_file.read_text()
    assert "ECS_CLUSTER=demo" not in text
    assert text.endswith("ECS_CLUSTER=blue\nECS_LOGLEVEL=debug\n")


def test_notes_are_not_told_at_every_boot(instance: Instance) -> None:
    """A boot tells the warnings on its file, and leaves notes to whoever pushes it."""
    instance.put(b"ECS_LOGLEVEL=info\n")
    done = instance.install_here()
    assert f"warning: {instance.uri}: ECS_CLUSTER is not set [V201]" in done.err
    assert "A301" not in done.err


def test_set_is_checked(settled: Instance) -> None:
    """What `--set` makes of a good file is refused when it is none any more."""
    before = settled.traces()
    done = settled.install_here("--set=ecs_cluster=blue")
    assert done.status == 3
    assert settled.traces() == before


@pytest.mark.parametrize(
    "options",
    [
        ("--set=ECS_CLUSTER=blue",),
        (f"--kms-key={OTHER_KEY}",),
        ("--force",),
    ],
    ids=["settings", "keys", "force"],
)
def test_other_terms(settled: Instance, options: tuple[str, ...]) -> None:
    """On other terms than those of the last run the object is gotten anew, whole; on the same ones not again."""
    assert settled.install_here(*options).status == 0
    assert ["if-none-match" in request.headers for request in settled.proxy.requests] == [False]
    settled.proxy.requests.clear()
    if options != ("--force",):
        assert settled.install_here(*options).status == 0
        assert ["if-none-match" in request.headers for request in settled.proxy.requests] == [True]


def test_other_file(settled: Instance) -> None:
    """For another place of the env-file the object is gotten anew."""
    settled.place = settled.folder / "elsewhere"
    assert settled.install_here().status == 0
    assert settled.env_file.read_bytes() == STANDING
    assert ["if-none-match" in request.headers for request in settled.proxy.requests] == [False]


def test_not_modified_with_a_checksum(settled: Instance) -> None:
    """An answer that S3 has sent a checksum of the object with is an answer, without a body as with one."""
    before = settled.traces()
    settled.proxy.inject(faults.Reply(304, "NotModified", "", x_amz_checksum_crc32="AAAAAA=="))
    done = settled.install_here()
    assert done.status == 0, done.err
    assert "nothing has changed" in done.err
    assert settled.traces() == before


def test_not_modified_is_no_new_trust(settled: Instance) -> None:
    """A pin that the standing file was not accepted under is not met by a 304."""
    settled.uri += "?versionId=" + settled.store.versions("prod/ecs.config")[0]
    settled.proxy.inject(faults.NOT_MODIFIED)
    assert settled.install_here().status == 4


DEEP = b"[" * 500_000


@pytest.mark.parametrize(
    "content",
    [b"", b"nonsense", b"{}", b"[]", b"null", b'{"schema": 0}', b'{"schema": 1, "installed": 5}', b"\xff\x00", DEEP],
    ids=["empty", "no JSON", "no member", "list", "null", "schema", "wrong type", "bytes", "deep"],
)
class TestBrokenState:
    """A record that cannot be read is not taken for none."""

    def test_one_copy(self, settled: Instance, content: bytes) -> None:
        """It is told and kept aside, and costs no protection: the second copy knows that an older object is older."""
        path = settled.state_place / "state.json"
        path.write_bytes(content)
        settled.put(auth_file("another-password"))
        settled.proxy.inject(faults.Headers({"Last-Modified": LONG_AGO}))
        done = settled.install_here()
        assert done.status == 4, done.err
        assert "it is older than the installed version" in done.err
        assert f"warning: {path} is damaged" in done.err
        assert path.with_name("state.json.damaged").read_bytes() == content

    def test_both_copies(self, settled: Instance, content: bytes) -> None:
        """The object is gotten whole, it is told what is not known, and the next run knows the object again."""
        path = settled.state_place / "state.json"
        good = path.read_bytes()
        for each in (path, path.with_name("state.json.second")):
            each.write_bytes(content)
        done = settled.install_here()
        assert done.status == 0, done.err
        assert "a new record: this run cannot tell whether" in done.err
        assert ["if-none-match" in request.headers for request in settled.proxy.requests] == [False]
        assert json.loads(path.read_bytes())["installed"]["facts"] == json.loads(good)["installed"]["facts"]
        assert "damaged" not in settled.install_here().err


def test_record_of_a_newer_version(settled: Instance) -> None:
    """What it protects from is not known here: nothing is fetched, nothing is changed."""
    path = settled.state_place / "state.json"
    path.write_bytes(path.read_bytes().replace(b'"schema": 1', b'"schema": 2'))
    before = {each: trace(each) for each in (settled.env_file, path)}
    settled.put(auth_file("another-password"))
    done = settled.install_here()
    assert (done.status, settled.proxy.operations) == (6, []), done.err
    assert f"error: {path} was written by a newer ecsauth" in done.err
    assert {each: trace(each) for each in before} == before


@pytest.mark.parametrize("edit", [b"ECS_CLUSTER=by-hand\n", None], ids=["edited", "removed"])
def test_edited_by_hand(settled: Instance, edit: bytes | None) -> None:
    """A file that somebody edited or removed comes back, said so, from a whole object."""
    if edit is None:
        settled.env_file.unlink()
    else:
        settled.env_file.write_bytes(edit)
    done = settled.install_here()
    assert done.status == 0
    assert f"warning: {settled.env_file} was changed after ecsauth installed it: boot replaces it" in done.err
    assert settled.env_file.read_bytes() == STANDING
    assert ["if-none-match" in request.headers for request in settled.proxy.requests] == [False]
    backup = settled.place / "ecs.config.before-ecsauth"
    assert (backup.read_bytes() if backup.exists() else None) == edit


def test_opened_to_others(settled: Instance) -> None:
    """A file whose mode somebody widened is installed anew, 0600, and said so."""
    settled.env_file.chmod(0o644)
    done = settled.install_here()
    assert done.status == 0
    assert f"warning: {settled.env_file} was changed after ecsauth installed it: boot replaces it" in done.err
    assert settled.env_file.stat().st_mode & 0o777 == 0o600


def test_verified_copy_is_lost(settled: Instance) -> None:
    """Without the private copy there is nothing to compare with: the object is gotten whole."""
    (settled.state_place / "verified").unlink()
    assert settled.install_here().status == 0
    assert (settled.state_place / "verified").read_bytes() == STANDING


def test_dry_run_of_a_first_boot(instance: Instance) -> None:
    """A dry run on a fresh instance makes nothing at all, not even its directory."""
    instance.put(STANDING)
    done = instance.install_here("--dry-run")
    assert done.status == 0
    assert f"would install {instance.env_file}, 0600" in done.err
    assert "nothing was changed" in done.err
    assert not instance.place.exists()
    assert not instance.state_place.exists()


def test_dry_run(settled: Instance) -> None:
    """A dry run of a new version writes nothing."""
    settled.put(auth_file("the-next-password"))
    before = settled.traces()
    done = settled.install_here("--dry-run")
    assert done.status == 0
    assert f"would install {settled.env_file}, 0600" in done.err
    assert settled.traces() == before


def test_json(instance: Instance, canary: Canary) -> None:
    """Programs get what was done as one document, and nothing of the file."""
    version = instance.put(auth_file(canary.password))
    done = instance.install("--format=json")
    document = done.document
    assert done.status == 0
    assert (document["schema"], document["outcome"], document["status"]) == (1, "installed", 0)
    assert (document["uri"], document["env_file"]) == (instance.uri, str(instance.env_file))
    assert document["object"]["version_id"] == version
    assert document["object"]["kms_key"] == instance.key
    assert document["object"]["checksum"] == "CRC32"
    assert document["installed"] is True
    assert [step["name"] for step in document["steps"]] == ["identity", "fetch", "check", "install"]
    canary.assert_not_in(done.out, "standard output")
    canary.assert_not_in(done.err, "standard error")


def test_json_of_nothing(settled: Instance) -> None:
    """Where nothing has changed, the document says so."""
    document = settled.install_here("--format=json").document
    assert (document["outcome"], document["installed"]) == ("unchanged", False)


def test_named_identity(instance: Instance) -> None:
    """With region and owner given nobody is asked who the instance is; the bucket has to be that owner's."""
    instance.put(STANDING)
    assert instance.install_here("--region=us-west-2", f"--bucket-owner={ACCOUNT}").status == 0
    (request,) = instance.proxy.requests
    assert (request.region, request.headers["x-amz-expected-bucket-owner"]) == ("us-west-2", ACCOUNT)
    assert not any("identity" in path for path in instance.metadata.paths)


def test_named_owner(settled: Instance) -> None:
    """Another owner than the bucket's is refused."""
    assert settled.install_here("--bucket-owner=999999999999", *hurried.TRIES).status == 4


def test_another_region(instance: Instance) -> None:
    """A bucket in another region is found by S3's own word, with a second GetObject and no other call."""
    instance.put(STANDING)
    instance.proxy.regions["fleet"] = "us-west-2"
    assert instance.install_here().status == 0
    assert [(request.operation, request.region) for request in instance.proxy.requests] == [
        ("GetObject", "eu-central-1"),
        ("GetObject", "us-west-2"),
    ]


@pytest.mark.slow
def test_late_role(instance: Instance) -> None:
    """A role that comes late, when some tries have found none, is waited for."""
    instance.put(STANDING)
    # Two for the identity. A try takes five, and is told three times that there is no role.
    instance.metadata.become(Behaviour.NO_ROLE, requests=10)
    done = instance.install("--deadline=60")
    assert done.status == 0
    assert len([request for request in instance.metadata.requests if request.status == 404]) > 3
    assert instance.proxy.operations == ["GetObject"]


@pytest.mark.parametrize(
    "fault",
    [faults.SLOW_DOWN, faults.KMS_THROTTLED, faults.EXPIRED_TOKEN, faults.AlteredBody(), faults.CutBody(9)],
    ids=["503", "KMS", "expired", "altered", "cut"],
)
def test_what_passes(instance: Instance, fault: faults.Fault) -> None:
    """What passes by itself within the deadline is not even told."""
    instance.put(STANDING)
    instance.proxy.inject(fault, times=1)
    done = instance.install_here("--deadline=60")
    assert done.status == 0
    assert "error" not in done.err
    assert instance.env_file.read_bytes() == STANDING
