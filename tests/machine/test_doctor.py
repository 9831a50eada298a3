"""`ecsauth doctor`: each fault is named in its own line, with its fix; what follows from it is not blamed."""

from __future__ import annotations

import email.utils
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Optional

import pytest
import s3_faults as faults
import unprivileged
from docker_engine import AGENT
from machine import KEY as OBJECT
from machine import auth_file
from metadata_service import Behaviour, Instance
from program import run_here
from pseudo_terminal import PseudoTerminal
from s3_faults import Headers, Reply, kms_denied
from s3_server import ACCOUNT, REGION
from untouched import traces

if TYPE_CHECKING:
    from pathlib import Path

    from canary import Canary
    from machine import Machine
    from program import Ended
    from watch import Watched

    Change = Callable[[Machine], None]

# Whoever runs the tests owns the files.
OWNER = f"user {os.geteuid()}" if os.geteuid() else "root"
FAILED = 3
CHECKS = [
    *("last-run", "python", "time", "metadata", "role", "caller", "region", "bucket", "object", "kms-key"),
    *("file", "directory", "docker", "engine", "agent", "ordering", "timer"),
]
OTHER_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
STRANGER = "999999999999"


class Line(NamedTuple):
    """What a check is to say: its outcome, a part of its message, a part of its fix."""

    outcome: str
    said: str = ""
    fix: str = ""


def arguments(machine: Machine, *options: str) -> tuple[str, ...]:
    """Return the arguments of an examination of a machine on which no agent is started."""
    places = (f"--file={machine.env_file}", f"--state-dir={machine.state_place}", f"--kms-key={machine.key}")
    return ("doctor", machine.uri, *places, "--launch=none", *options)


def doctor(machine: Machine, *options: str, **env: str) -> Ended:
    """Examine the machine, in this process."""
    return run_here(*arguments(machine, *options), env=machine.environment(**env))


def checks(machine: Machine, *options: str, **env: str) -> dict[str, Any]:
    """Examine the machine and return the checks by their names."""
    done = doctor(machine, "--format=json", *options, **env)
    return {check["check"]: check for check in done.document["checks"]}


def checks_of(machine: Machine, uri: str) -> dict[str, Any]:
    """Examine the machine for another object and return the checks by their names."""
    words = [uri if word == machine.uri else word for word in arguments(machine, "--format=json")]
    done = run_here(*words, env=machine.environment())
    return {check["check"]: check for check in done.document["checks"]}


def assert_line(found: dict[str, Any], expected: Line) -> None:
    """Assert that a check says what is expected."""
    assert found["outcome"] == expected.outcome, found
    assert expected.said in found["message"], found
    assert expected.fix in (found["fix"] or ""), found


@pytest.fixture
def settled(bare_machine: Machine) -> Machine:
    """Give an instance on which a good file is installed, and no agent."""
    done = run_here(*bare_machine.boot_arguments("--launch=none"), env=bare_machine.environment())
    assert done.status == 0, done.err
    bare_machine.proxy.requests.clear()
    bare_machine.metadata.requests.clear()
    return bare_machine


def test_well(settled: Machine) -> None:
    """Where nothing is wrong: a line a check, in the order of a boot, what was skipped in one; status 0, no message."""
    done = doctor(settled)
    assert (done.status, done.err) == (0, ""), done.out
    *lines, skipped = done.out.splitlines()
    shown = {line.split()[1]: line for line in lines}
    assert list(shown) == [name for name in CHECKS if name in shown]
    assert set(shown) >= set(CHECKS) - {"docker", "engine", "agent", "ordering", "timer"}
    for name in set(shown) - {"timer"}:
        assert shown[name].startswith("ok  "), shown[name]
    assert skipped.startswith("skipped  docker, "), skipped
    assert "engine: needs docker" in skipped
    assert "succeeded; S3 confirmed the file " in shown["last-run"]
    assert "arn:aws:sts::" in shown["caller"]
    assert "ecsInstanceRole, credentials valid for " in shown["role"]
    assert f"{REGION}, account {ACCOUNT}" in shown["region"]
    assert f"fleet belongs to account {ACCOUNT}" in shown["bucket"]
    assert f"it is encrypted with {settled.key}" in shown["kms-key"]


def test_causes_and_fixes_end_it(settled: Machine) -> None:
    """What failed stands in its line; each cause and its fix, a whole command, stand once more at the end."""
    put_elsewhere(settled)
    done = doctor(settled, f"--region={REGION}")
    *_, cause, fix = done.out.splitlines()
    assert (done.status, done.err) == (FAILED, "")
    assert "\nfailed   object       there is no s3://fleet/prod/ecs.config\n" in done.out
    assert cause == "cause: object: there is no s3://fleet/prod/ecs.config"
    command, _, why = fix.partition("  # ")
    assert command == (
        f"fix: ecsauth push FILE s3://fleet/prod/ecs.config --kms-key {settled.key} "
        f"--bucket-owner {ACCOUNT} --region {REGION}"
    )
    assert why == "check the URI, or push the file"


def test_colours_at_a_terminal(settled: Machine) -> None:
    """At a terminal the words are in colour, those of the ending too; in a file they are not."""
    put_elsewhere(settled)
    with PseudoTerminal(*arguments(settled), env=settled.environment(), term="xterm") as terminal:
        shown = terminal.end().seen
    assert "\033[1;31mfailed\033[0m" in shown
    assert "\033[1;31mcause:\033[0m object: " in shown
    assert "\033[1mfix:\033[0m ecsauth push " in shown
    assert "\033" not in doctor(settled).out


def test_last_run_comes_first(settled: Machine) -> None:
    """How the last run ended stands in the first line: what failed then may be well by now."""
    settled.proxy.inject(faults.NO_SUCH_KEY)
    assert run_here(*settled.boot_arguments("--launch=none"), env=settled.environment()).status
    settled.proxy.heal()
    done = doctor(settled)
    first = done.out.splitlines()[0]
    assert done.status == 0
    assert first.startswith("warning  last-run     failed ")
    assert (
        "with status 4: cannot get s3://fleet/prod/ecs.config: the object does not exist: boot again: ecsauth" in first
    )


def test_sts_is_silent(settled: Machine) -> None:
    """Where STS cannot be asked, as from a private subnet, that is no failure."""
    settled.proxy.inject(faults.Reset(), operation="GetCallerIdentity")
    found = checks(settled)
    assert_line(found["caller"], Line("skipped", "STS did not name the owner of the credentials"))
    assert doctor(settled).status == 0


def test_recorded_region_counts(settled: Machine) -> None:
    """A region that boot was given counts for the doctor of the same object: the metadata service is not asked."""
    boot = settled.boot_arguments("--launch=none", f"--region={REGION}", f"--bucket-owner={ACCOUNT}")
    assert run_here(*boot, env=settled.environment()).status == 0
    keys = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example"}
    found = checks(settled, AWS_EC2_METADATA_DISABLED="true", **keys)
    assert_line(found["region"], Line("ok", f"{REGION}, account {ACCOUNT}"))
    assert_line(found["kms-key"], Line("ok"))


def test_a_key_that_is_called_like_a_message(settled: Machine) -> None:
    """What S3 answers decides, not the words that stand in an object's name."""
    kms_denied_head_hidden(settled)
    found = checks_of(settled, "s3://fleet/S3 denies access")
    assert_line(found["kms-key"], KMS)


def test_well_for_programs(settled: Machine) -> None:
    """The same as one JSON document."""
    said = doctor(settled, "--format=json").document
    assert list(said) == ["schema", "healthy", "uri", "checks", "causes"]
    assert (said["schema"], said["healthy"], said["uri"], said["causes"]) == (1, True, settled.uri, [])
    assert [check["check"] for check in said["checks"]] == CHECKS
    assert all(list(check) == ["check", "outcome", "message", "fix"] for check in said["checks"])


def test_the_installed_one_is_examined(settled: Machine) -> None:
    """Without an S3URI the recorded one counts, with its owner and its keys."""
    places = (f"--file={settled.env_file}", f"--state-dir={settled.state_place}")
    done = run_here("doctor", *places, "--launch=none", "--format=json", env=settled.environment())
    assert (done.status, done.document["uri"]) == (0, settled.uri)
    assert "kms-key" in {check["check"] for check in done.document["checks"] if check["outcome"] == "ok"}


def test_no_uri(bare_machine: Machine) -> None:
    """Without one, and with none recorded, what is about S3 is skipped, and said to be."""
    places = (f"--file={bare_machine.env_file}", f"--state-dir={bare_machine.state_place}")
    done = run_here("doctor", *places, "--launch=none", env=bare_machine.environment())
    assert done.status == 0
    why = "no S3URI was given, and none is recorded on this machine"
    assert f"bucket: {why} (give the S3URI); object, kms-key: needs bucket" in done.out
    # STS, which knows whose the credentials are, is asked all the same.
    assert bare_machine.proxy.operations == ["GetCallerIdentity"]


def test_no_content_is_read(settled: Machine) -> None:
    """Of the object no more than its first byte is asked for, of the bucket no more than one name."""
    assert doctor(settled).status == 0
    operations = settled.proxy.operations
    assert operations == ["HeadBucket", "HeadObject", "GetObject", "GetCallerIdentity"]
    (get,) = (request for request in settled.proxy.requests if request.operation == "GetObject")
    assert get.headers["range"] == "bytes=0-0"


# What the metadata service does, and what is said of it: the check, its line, and a check that is then skipped.
METADATA: dict[str, tuple[Behaviour, str, Line, str]] = {
    "silent": (
        Behaviour.SILENT,
        "metadata",
        Line("failed", "does not answer", "hop limit must be 2: aws ec2 modify-instance-metadata-options"),
        "role",
    ),
    "forbidden": (
        Behaviour.TOKEN_FORBIDDEN,
        "metadata",
        Line("failed", "refuses a token with 403", "--http-endpoint enabled"),
        "region",
    ),
    "version 1": (Behaviour.TOKEN_ABSENT, "metadata", Line("failed", "does not support IMDSv2"), "role"),
    "broken": (Behaviour.BROKEN, "metadata", Line("failed", "failed with 500", "try again"), "role"),
    "no role": (
        Behaviour.NO_ROLE,
        "role",
        Line("failed", "no role is attached", "aws ec2 associate-iam-instance-profile"),
        "bucket",
    ),
    "role failed": (
        Behaviour.ROLE_FAILED,
        "role",
        Line("failed", "has no credentials (AssumeRoleUnauthorizedAccess)", "trust policy"),
        "bucket",
    ),
}


@pytest.mark.parametrize("case", METADATA)
def test_metadata_faults(settled: Machine, case: str) -> None:
    """Each behaviour of the metadata service is named in the line of the service, or of the role."""
    behaviour, name, expected, skipped = METADATA[case]
    settled.metadata.become(behaviour)
    began = time.monotonic()
    found = checks(settled)
    assert time.monotonic() - began < 60
    assert_line(found[name], expected)
    assert found[skipped]["outcome"] == "skipped"
    assert found[skipped]["message"].startswith("needs ")
    assert found["file"]["outcome"] == "ok"
    assert [one for one in found.values() if one["outcome"] == "failed"] == [found[name]]


def test_metadata_refused(settled: Machine) -> None:
    """A port that refuses is told from nothing else: nobody answers."""
    with settled.metadata.refusing():
        assert_line(checks(settled)["metadata"], Line("failed", "does not answer"))


def test_expired_credentials(settled: Machine) -> None:
    """Credentials of the role that have expired are told by their own date."""
    settled.metadata.instance = Instance(lifetime_s=-3600)
    assert_line(checks(settled)["role"], Line("failed", "expired 60 minutes ago", "check the clock"))


def test_everything_is_given(settled: Machine) -> None:
    """Where region, account and credentials are given the metadata service is not needed: a warning at most."""
    env = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example"}
    settled.metadata.become(Behaviour.TOKEN_FORBIDDEN)
    found = checks(settled, f"--region={REGION}", f"--bucket-owner={ACCOUNT}", **env)
    assert_line(found["metadata"], Line("warning", "region, account and credentials are given"))
    assert_line(found["role"], Line("ok", "AWS_ACCESS_KEY_ID is used, not the credentials of the role"))
    assert found["kms-key"]["outcome"] == "ok"
    assert "security-credentials" not in " ".join(settled.metadata.paths)


def denied(action: str) -> Reply:
    """Return S3's answer within one account, which names the action that is missing."""
    return Reply(403, "AccessDenied", f"User: arn:aws:sts::1:assumed-role/r/i is not authorized to perform: {action}")


def put_elsewhere(machine: Machine) -> None:
    """Remove the object for good."""
    for version in machine.server.s3.list_object_versions(Bucket=machine.bucket)["Versions"]:
        machine.server.s3.delete_object(Bucket=machine.bucket, Key=OBJECT, VersionId=version["VersionId"])


def without_list(machine: Machine, *, message: Optional[Reply] = None) -> None:
    """Let S3 answer as to a role without s3:ListBucket, where the object is not there or may not be read."""
    for operation in ("HeadBucket", "ListObjectsV2", "HeadObject"):
        machine.proxy.inject(faults.ACCESS_DENIED, operation=operation)
    machine.proxy.inject(message or faults.ACCESS_DENIED, operation="GetObject")


def least_privilege(machine: Machine) -> None:
    """Let the role read the object and nothing else."""
    for operation in ("HeadBucket", "ListObjectsV2"):
        machine.proxy.inject(faults.ACCESS_DENIED, operation=operation)


def inject(fault: faults.Fault, *operations: str) -> Change:
    """Return a change that injects a fault into each of the operations, into all where none is named."""

    def change(machine: Machine) -> None:
        for operation in operations or (None,):
            machine.proxy.inject(fault, operation=operation)

    return change


def foreign(machine: Machine) -> None:
    """Let the bucket belong to somebody else, who lets everybody in."""
    machine.proxy.owners[machine.bucket] = STRANGER


def foreign_and_closed(machine: Machine) -> None:
    """Let the bucket belong to somebody else, who lets everybody read the object and no more."""
    foreign(machine)
    least_privilege(machine)


def no_bucket(machine: Machine) -> None:
    """Remove the bucket."""
    put_elsewhere(machine)
    machine.server.s3.delete_bucket(Bucket=machine.bucket)


def other_encryption(machine: Machine) -> None:
    """Put the object under S3's own key."""
    body = auth_file("another")
    machine.server.s3.put_object(Bucket=machine.bucket, Key=OBJECT, Body=body, ServerSideEncryption="AES256")


def empty(machine: Machine) -> None:
    """Put an object without a first byte."""
    machine.put(b"")


def absent_and_denied(machine: Machine) -> None:
    """Remove the object, and let the role list the bucket and read nothing."""
    put_elsewhere(machine)
    inject(faults.ACCESS_DENIED, *READ)(machine)


def kms_denied_head_hidden(machine: Machine) -> None:
    """Let KMS deny its key, and S3 the head as well."""
    inject(faults.ACCESS_DENIED, "HeadObject")(machine)
    inject(kms_denied("KEY"), "GetObject")(machine)


BY_POLICY = "s3:GetObject with an explicit deny in a resource-based policy"
READ = ("HeadObject", "GetObject")
ABSENT = Line(
    "failed",
    f"there is no s3://fleet/{OBJECT}",
    "push the file: ecsauth push FILE s3://fleet/prod/ecs.config --kms-key arn:",
)
DENIED = Line("failed", "exists, but the role may not read it", f"allow s3:GetObject on arn:aws:s3:::fleet/{OBJECT}")
FOREIGN = Line("failed", f"fleet belongs to another account than {ACCOUNT}", "--bucket-owner")
KMS = Line("failed", "KMS denies the use of the key", "kms:Decrypt")
S3: dict[str, tuple[Change, str, Line]] = {
    "no bucket": (no_bucket, "bucket", Line("failed", "fleet does not exist", "check the name of the bucket")),
    "foreign owner": (foreign, "bucket", FOREIGN),
    "foreign owner, no list": (foreign_and_closed, "object", FOREIGN),
    "absent": (put_elsewhere, "object", ABSENT),
    "absent, told by S3": (lambda it: without_list(it, message=denied("s3:ListBucket")), "object", ABSENT),
    "absent, told by the list": (absent_and_denied, "object", ABSENT),
    "denied, told by the list": (inject(faults.ACCESS_DENIED, *READ), "object", DENIED),
    "denied, told by S3": (lambda it: without_list(it, message=denied("s3:GetObject")), "object", DENIED),
    "denied or absent": (
        without_list,
        "object",
        Line("failed", "the object does not exist, or the role may not read it", "aws s3api head-object"),
    ),
    "denied by the bucket's policy": (
        lambda it: without_list(it, message=denied(BY_POLICY)),
        "object",
        Line("failed", "the policy of the bucket or of a VPC endpoint denies it", "requires TLS"),
    ),
    "portal": (
        inject(faults.Page()),
        "object",
        Line("failed", "the answer is not from S3", "check for a proxy that answers in place of S3"),
    ),
    "proxy": (inject(faults.Page(403)), "bucket", Line("failed", "the answer is not from S3", "check for a proxy")),
    "KMS": (inject(kms_denied("KEY"), "GetObject"), "kms-key", KMS),
    "KMS, and S3 hides the head": (kms_denied_head_hidden, "kms-key", KMS),
    "KMS key disabled": (
        inject(faults.KMS_DISABLED, "GetObject"),
        "kms-key",
        Line("failed", "is disabled", "enable-key"),
    ),
    "S3's own key": (
        other_encryption,
        "kms-key",
        Line("failed", "encrypted by S3 itself (AES256)", "push the file again"),
    ),
    "expired token": (
        inject(faults.EXPIRED_TOKEN, "HeadBucket", "ListObjectsV2"),
        "bucket",
        Line("failed", "the credentials have expired", "log in again"),
    ),
    "throttled": (
        inject(faults.SLOW_DOWN, "HeadBucket", "ListObjectsV2"),
        "bucket",
        Line("failed", "temporarily unavailable"),
    ),
    "reset": (inject(faults.Reset(), "HeadBucket"), "bucket", Line("failed", "cannot look up the bucket")),
    "hang": (inject(faults.Hang(), "HeadBucket"), "bucket", Line("failed", "no answer within ")),
}


@pytest.mark.parametrize("case", S3)
def test_s3_faults(settled: Machine, case: str) -> None:
    """Each cause is named in its line, one line alone has failed, and what needs it is skipped."""
    change, name, expected = S3[case]
    change(settled)
    before = traces(settled)
    found = checks(settled)
    assert_line(found[name], expected)
    assert [one["check"] for one in found.values() if one["outcome"] == "failed"] == [name]
    assert traces(settled) == before
    if name != "kms-key":
        assert_line(found["kms-key"], Line("skipped", f"needs {name}"))


@pytest.mark.parametrize("change", [least_privilege, empty])
def test_what_is_no_fault(settled: Machine, change: Change) -> None:
    """A role that may read the object and no more is what an instance should have; an empty object can be read."""
    change(settled)
    assert doctor(settled).status == 0


def test_other_key(settled: Machine) -> None:
    """An object under another key than the one that is insisted on."""
    found = checks(settled)
    assert found["kms-key"]["outcome"] == "ok"
    places = (f"--file={settled.env_file}", f"--state-dir={settled.state_place}", f"--kms-key={OTHER_KEY}")
    done = run_here("doctor", settled.uri, *places, "--launch=none", env=settled.environment())
    assert done.status == FAILED
    assert f"it is encrypted with {settled.key}, but --kms-key allows only" in done.out
    assert done.err == ""
    cause, fix = done.out.splitlines()[-2:]
    assert cause.startswith("cause: kms-key: it is encrypted with ")
    assert fix.startswith("fix: after a change of keys, push the file again")


def test_version_that_is_not_there(settled: Machine) -> None:
    """A version is asked for as it was given."""
    done = run_here("doctor", f"{settled.uri}?versionId=absent", "--launch=none", env=settled.environment())
    assert done.status == FAILED
    (line,) = (line for line in done.out.splitlines() if line.split()[1] == "object")
    assert line.startswith("failed ")
    assert "there is no version absent of " in line


def test_other_region(settled: Machine) -> None:
    """A bucket that is elsewhere is told with its region."""
    settled.proxy.regions[settled.bucket] = "us-west-2"
    # S3 names it in the answer, moto does not (API Reference, HeadBucket).
    settled.proxy.inject(Headers({"x-amz-bucket-region": "us-west-2"}), operation="HeadBucket")
    assert_line(checks(settled)["bucket"], Line("warning", f"is in us-west-2, not in {REGION}", "--region us-west-2"))


@pytest.mark.parametrize(
    ("seconds", "outcome", "said"),
    [
        (0, "ok", "agrees with S3"),
        (-60, "warning", "seconds ahead of S3"),
        (1200, "failed", "minutes behind S3"),
    ],
)
def test_clock(settled: Machine, seconds: int, outcome: str, said: str) -> None:
    """The clock is measured against the date of S3's answer."""
    stamp = email.utils.formatdate(time.time() + seconds, usegmt=True)
    settled.proxy.inject(Headers({"Date": stamp}))
    assert_line(checks(settled)["time"], Line(outcome, said, "" if outcome == "ok" else "start chronyd"))


def test_no_sdk(settled: Machine) -> None:
    """Where botocore cannot be imported everything is examined all the same: no boot needs it."""
    program = (
        "import sys; sys.modules['botocore'] = None; from ecsauth.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    argv = [sys.executable, "-c", program, *arguments(settled, "--format=json")]
    done = subprocess.run(argv, env=settled.environment(), capture_output=True, text=True, timeout=60, check=False)
    found = {check["check"]: check for check in json.loads(done.stdout)["checks"]}
    assert done.returncode == 0, done.stdout
    assert {found[name]["outcome"] for name in ("role", "caller", "bucket", "object", "kms-key", "file")} == {"ok"}


def opened(machine: Machine) -> None:
    """Let others read the file."""
    machine.env_file.chmod(0o640)


def removed(machine: Machine) -> None:
    """Remove the file."""
    machine.env_file.unlink()


def broken(machine: Machine) -> None:
    """Break the file by hand."""
    machine.env_file.write_bytes(b"ECS_CLUSTER=demo\nECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATA={\n")


def changed(machine: Machine) -> None:
    """Change the file by hand, so that it stays a good one."""
    machine.env_file.write_bytes(auth_file("by-hand"))


def shared(machine: Machine) -> None:
    """Let others write into the file's directory."""
    machine.place.chmod(0o777)


def linked(machine: Machine) -> None:
    """Put a link in the file's place."""
    machine.env_file.rename(machine.place / "elsewhere")
    machine.env_file.symlink_to("elsewhere")


@pytest.mark.parametrize(
    ("change", "name", "expected"),
    [
        (opened, "file", Line("failed", f"0640, {OWNER}: its mode is not 0600", "chmod 600")),
        (
            removed,
            "file",
            Line(
                "failed",
                "although ecsauth installed it",
                "boot: ecsauth boot s3://fleet/prod/ecs.config --kms-key arn:",
            ),
        ),
        (broken, "file", Line("failed", "1 error", "list the errors: ecsauth check /")),
        (linked, "file", Line("failed", "is a symbolic link", "remove it")),
        (shared, "directory", Line("failed", "is writable for other users", "chmod go-w")),
    ],
)
def test_file_faults(settled: Machine, change: Change, name: str, expected: Line) -> None:
    """What is wrong with the file and its place."""
    change(settled)
    found = checks(settled)
    assert_line(found[name], expected)
    assert [one["check"] for one in found.values() if one["outcome"] == "failed"] == [name]


def test_changed_by_hand(settled: Machine) -> None:
    """A good file that is not the installed one is no failure, and is not well either."""
    changed(settled)
    assert_line(
        checks(settled)["file"],
        Line("warning", "it was changed after ecsauth installed it", "boot: ecsauth boot s3://"),
    )


def test_facts_of_the_record(settled: Machine) -> None:
    """Where nothing else is said, the file's place and whether an agent is started here are those of the last run."""
    done = run_here("doctor", f"--state-dir={settled.state_place}", "--format=json", env=settled.environment())
    found = {check["check"]: check for check in done.document["checks"]}
    assert_line(found["file"], Line("ok", f"{settled.env_file}, 0600"))
    for name in ("docker", "agent", "ordering"):
        assert_line(found[name], Line("skipped"))
    assert_line(found["agent"], Line("skipped", "boot runs with --launch none"))
    status = run_here("status", f"--state-dir={settled.state_place}", env=settled.environment())
    assert f"ok       file         {settled.env_file}, 0600" in status.out


def test_before_the_first_boot(bare_machine: Machine) -> None:
    """A file that is not there yet is no failure, and no directory is made."""
    found = checks(bare_machine)
    assert_line(found["file"], Line("warning", "there is no ", "boot: ecsauth boot s3://"))
    assert_line(found["directory"], Line("ok", "boot will create"))
    assert not bare_machine.place.exists()
    assert not bare_machine.state_place.exists()


def test_agent(booted: Machine) -> None:
    """An agent that has registered, one that was stopped, and an engine that does not answer."""
    found = checks(booted, "--launch=docker")
    assert_line(found["docker"], Line("ok", "accepts connections"))
    assert_line(found["engine"], Line("ok", "docker "))
    assert_line(found["agent"], Line("ok", "registered in demo"))
    booted.docker.call("stop", AGENT)
    assert_line(
        checks(booted, "--launch=docker")["agent"],
        Line("failed", "does not run", "read the log of the agent: docker logs ecs-agent"),
    )
    found = checks(booted, "--launch=docker", DOCKER_HOST=f"unix://{booted.folder}/no.sock")
    assert_line(found["docker"], Line("failed", "there is no ", "systemctl start docker"))
    assert_line(found["engine"], Line("skipped", "needs docker"))
    assert_line(found["agent"], Line("skipped", "needs docker"))


def test_deadline(settled: Machine) -> None:
    """All checks together keep the deadline, whoever is silent."""
    settled.metadata.become(Behaviour.SILENT)
    settled.proxy.inject(faults.Hang())
    env = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example"}
    began = time.monotonic()
    done = doctor(settled, "--deadline=2", f"--region={REGION}", f"--bucket-owner={ACCOUNT}", **env)
    assert time.monotonic() - began < 60
    assert done.status == FAILED
    assert "the deadline has passed (allow more time: ecsauth doctor" in done.out


def test_changes_nothing(settled: Machine, watch: Callable[..., Watched], tmp_path: Path) -> None:
    """No file is made, written, renamed, removed or locked, by any of its processes."""
    before = traces(settled)
    argv = [sys.executable, "-B", "-m", "ecsauth", *arguments(settled)]
    done = watch(argv, env=settled.environment())
    assert done.returncode == 0, done.stderr
    written = [event for event in done.events if not event.failed and (event.creates or event.writes)]
    assert [event for event in written if not event.paths[0].startswith(("/dev/", "/proc/"))] == []
    changing = ("rename", "link", "unlink", "symlink", "chmod", "truncate")
    assert [event for event in done.events if not event.failed and any(one in event.call for one in changing)] == []
    assert traces(settled) == before
    assert not list((tmp_path / "home").iterdir())


def test_without_root(settled: Machine, open_place: Path) -> None:
    """Who may not read says so; everything else is examined, and what only root may see is no failure."""
    if os.geteuid():
        pytest.skip("is not root itself")
    for place in (settled.place, settled.state_place):
        shutil.copytree(place, open_place / place.name)
    shutil.copystat(settled.state_place, open_place / settled.state_place.name)
    places = (f"--file={open_place}/ecs/ecs.config", f"--state-dir={open_place}/ecsauth")
    with socket.socket(socket.AF_UNIX) as daemon:
        daemon.bind(f"{open_place}/docker.sock")
        os.chmod(f"{open_place}/docker.sock", 0o600)
        env = settled.environment(DOCKER_HOST=f"unix://{open_place}/docker.sock")
        done = unprivileged.run("doctor", settled.uri, *places, "--format=json", env=env)
    found = {check["check"]: check for check in done.document["checks"]}
    assert done.status == 0, done.out
    assert_line(found["directory"], Line("skipped", "permission denied", "run as root"))
    assert_line(found["docker"], Line("skipped", "permission denied", "run as root"))
    assert found["kms-key"]["outcome"] == "warning"


def test_no_secret(bare_machine: Machine, canary: Canary) -> None:
    """Nothing of the file is shown, in text or JSON, not even of one with an error in it."""
    bare_machine.put(auth_file(canary.password))
    assert bare_machine.install().status == 0
    bare_machine.env_file.write_bytes(auth_file(f"{canary.password}2", canary.password))
    for style in ("text", "json"):
        done = doctor(bare_machine, f"--format={style}")
        assert done.status == FAILED
        canary.assert_not_in(done.out + done.err, f"the diagnosis as {style}")
        for secret in (bare_machine.metadata.instance.secret_key, bare_machine.metadata.instance.session_token):
            assert secret not in done.out + done.err
