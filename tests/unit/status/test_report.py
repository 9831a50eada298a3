"""What `status` concludes from what it has seen: which topics do not agree, why, and what to do; never a value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from ecsauth.boot.agent_state import Kept
from ecsauth.boot.health import Registration
from ecsauth.boot.state import Failure, Installed, Rejected, Source, State
from ecsauth.boot.trust import ObjectFacts
from ecsauth.secret import Secret, SecretBytes
from ecsauth.status import report
from ecsauth.status.judgement import CheckOutcome
from ecsauth.status.observed import S3, File, Observed, Placed, Remote, Runs, RunsAs, Unreadable, compared, epoch
from ecsauth.timing import Moment

if TYPE_CHECKING:
    from ecsauth.status.report import Topic

PASSWORD = "hunter2-the-password"
DATA = SecretBytes(
    f'ECS_CLUSTER=prod\nECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATA={{"r.io":"{PASSWORD}"}}\n'.encode()
)
KEY = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
NOW, PLACE = 100_000, "/etc/ecs/ecs.config"
FACTS = ObjectFacts('"e1"', 90_000, "v1", "aws:kms", KEY, "CRC32")
OTHER = FACTS._replace(etag='"e2"', version_id="v2", last_modified=95_000)
INSTALLED = Installed(FACTS, Source("s3://b/k", "111122223333", (KEY,), PLACE, (), "1"), NOW - 7200, Moment("b", 10.0))
STATE = State(installed=INSTALLED, applied=FACTS, verified=FACTS, confirmed_at=NOW - 300)
GIVEN = {
    "PATH": Secret("/bin"),
    "ECS_LOGFILE": Secret("/log/ecs-agent.log"),
    "ECS_DATADIR": Secret("/data/"),
    "ECS_CLUSTER": Secret("prod"),
    "ECS_ENGINE_AUTH_TYPE": Secret("docker"),
    "ECS_ENGINE_AUTH_DATA": Secret(f'{{"r.io":"{PASSWORD}"}}'),
}
FILE = File(PLACE, Placed(0o600, 0), DATA, DATA)
RUNS = Runs(RunsAs.CONTAINER, running=True, since=NOW - 7000, is_ours=True, version="v1", environment=GIVEN)
SERVICE = Runs(RunsAs.SERVICE, running=True, since=NOW - 7000, has_file=True)
ANSWER = Registration("prod", "arn:aws:ecs:eu-west-1:111122223333:container-instance/prod/1", "Amazon ECS Agent - v1")
WELL = Observed(NOW, Moment("b", 20.0), FILE, STATE, RUNS, ANSWER, 2, S3(Remote.SAME, FACTS))
ROOT = Unreadable("cannot open the directory /var/lib/ecsauth: permission denied", "run as root", needs_root=True)
REJECTED = Rejected(OTHER, "plan", "it exited with status 1", NOW - 60, 1, NOW + 1200)


def odd(seen: Observed) -> dict[str, Topic]:
    """Return the topics that do not agree."""
    return {topic.name: topic for topic in report.topics(seen) if not topic.agrees}


def test_all_agree() -> None:
    """One line a topic, in the order of a boot, each with what is worth knowing at night."""
    said = {topic.name: topic.said for topic in report.topics(WELL)}
    assert odd(WELL) == {}
    assert said == {
        "last-run": "succeeded; S3 confirmed the file 5 minutes ago",
        "file": "/etc/ecs/ecs.config, 0600, root, unchanged since ecsauth installed it",
        "version": "v1 of s3://b/k, installed 2 hours ago, confirmed by S3 5 minutes ago",
        "object": "S3 has the same version",
        "agent": "container ecs-agent, running for 116 minutes, created from version v1",
        "environment": "equals the file",
        "cluster": f"prod as {ANSWER.container_instance}, Amazon ECS Agent - v1, 2 tasks",
    }


def given(**changes: str) -> dict[str, Secret]:
    """Return the agent's environment with variables changed; an empty value removes one."""
    changed = {**GIVEN, **{name: Secret(value) for name, value in changes.items()}}
    return {name: value for name, value in changed.items() if value}


@pytest.mark.parametrize(
    ("seen", "topic", "said", "fix"),
    [
        pytest.param(
            WELL._replace(file=FILE._replace(data=SecretBytes(DATA + b"A=1\n"))),
            "file",
            "it was changed after",
            "boot again",
            id="1",
        ),
        (WELL._replace(file=FILE._replace(placed=None, data=None)), "file", f"there is no {PLACE}", "boot again"),
        (
            WELL._replace(file=FILE._replace(placed=Placed(0o644, 0))),
            "file",
            "0644, root: its mode is not 0600",
            "boot again",
        ),
        (WELL._replace(file=FILE._replace(verified=None)), "file", "ecsauth did not install it", "boot again"),
        (
            WELL._replace(file=FILE._replace(data=None, unreadable=ROOT)),
            "file",
            f"{PLACE} is not readable",
            "run as root",
        ),
        (
            WELL._replace(file=FILE._replace(unreadable=Unreadable("the directory /etc/ecs can be written", "chmod"))),
            "file",
            "the directory /etc/ecs can be written",
            "chmod",
        ),
        (WELL._replace(state=State()), "version", "ecsauth has not installed an env-file", "boot: ecsauth boot S3URI"),
        (
            WELL._replace(state=None, state_unreadable=ROOT),
            "version",
            "the record of ecsauth is not readable",
            "run as root",
        ),
        (
            WELL._replace(file=FILE._replace(path="/other")),
            "version",
            f"was installed as {PLACE}",
            f"compare that file: ecsauth status --file {PLACE}",
        ),
        (
            WELL._replace(state=STATE._replace(in_progress=OTHER)),
            "change",
            "to version v2 is not complete",
            "boot again",
        ),
        (
            WELL._replace(state=STATE._replace(rejected=REJECTED)),
            "rejected",
            "version v2 was rejected 60 seconds ago: it exited with status 1; boot retries it after 20 minutes",
            "push a fixed file, or retry this version: ecsauth boot S3URI --force",
        ),
        (
            WELL._replace(state=STATE._replace(rejected=REJECTED._replace(retry_after=None, final=True))),
            "rejected",
            "it exited with status 1; boot does not retry it",
            "push a fixed file, or retry this version: ecsauth boot S3URI --force",
        ),
        (
            WELL._replace(state=STATE._replace(rejected_candidate=REJECTED)),
            "rejected",
            "it exited with status 1; boot --candidate retries it after 20 minutes",
            "roll out a fixed file, or retry this candidate: ecsauth boot S3URI --candidate v2 --force",
        ),
        (
            WELL._replace(state=STATE._replace(rejected_candidate=REJECTED._replace(facts=FACTS))),
            "rejected",
            "it exited with status 1; boot retries it after 20 minutes",
            "roll out a fixed file, or retry this candidate: ecsauth boot S3URI --candidate v1 --force",
        ),
        (
            WELL._replace(state=STATE._replace(rejected=REJECTED._replace(retry_after=10**12))),
            "rejected",
            "it exited with status 1; the next run of boot retries it",
            "push a fixed file, or retry this version: ecsauth boot S3URI --force",
        ),
        (
            WELL._replace(
                state=STATE._replace(failure=Failure(NOW - 120, 5, "cannot get s3://b/k: no answer in time"))
            ),
            "last-run",
            "failed 2 minutes ago with status 5: cannot get s3://b/k: no answer in time",
            "boot again: ecsauth boot S3URI",
        ),
        (WELL._replace(s3=S3(Remote.NEWER, OTHER)), "object", "has a newer version, v2", "boot again"),
        (
            WELL._replace(s3=S3(Remote.OLDER, OTHER)),
            "object",
            "has an older version, v2",
            "push the file again: ecsauth push FILE S3URI",
        ),
        (
            WELL._replace(s3=S3(Remote.ABSENT)),
            "object",
            "no longer exists in S3",
            "push the file again: ecsauth push FILE S3URI",
        ),
        (
            WELL._replace(s3=S3(Remote.DENIED, reason="S3 denies access")),
            "object",
            "S3 denies access",
            "find the cause: ecsauth doctor",
        ),
        (
            WELL._replace(s3=S3(Remote.UNREACHABLE, reason="no answer")),
            "object",
            "no answer",
            "find the cause: ecsauth doctor",
        ),
        (
            WELL._replace(s3=S3(Remote.UNKNOWN), state=None, state_unreadable=ROOT),
            "object",
            "was not queried",
            "run as root",
        ),
        (WELL._replace(s3=S3(Remote.UNKNOWN), state=State()), "object", "was not queried", "boot: ecsauth boot S3URI"),
        (
            WELL._replace(s3=S3(Remote.UNKNOWN, reason="the region is malformed")),
            "object",
            "region",
            "find the cause: ecsauth doctor",
        ),
        (WELL._replace(runs=Runs(None)), "agent", "there is neither a container ecs-agent nor a service", "boot again"),
        (
            WELL._replace(runs=Runs(None, unreadable=ROOT)),
            "agent",
            "the state of the agent is not readable",
            "run as root",
        ),
        (
            WELL._replace(runs=Runs(RunsAs.CONTAINER, not_running=": it exited with status 5")),
            "agent",
            "container ecs-agent does not run: it exited with status 5",
            "boot again",
        ),
        (WELL._replace(runs=RUNS._replace(is_ours=False)), "agent", "not created by ecsauth", "boot again"),
        (WELL._replace(runs=RUNS._replace(version="v0")), "agent", "created from another version, v0", "boot again"),
        (
            WELL._replace(runs=RUNS._replace(environment=given(ECS_CLUSTER="x", ECS_ENGINE_AUTH_DATA=""))),
            "environment",
            "differs from the file in 2 variables: ECS_CLUSTER, ECS_ENGINE_AUTH_DATA",
            "boot again",
        ),
        (
            WELL._replace(runs=RUNS._replace(environment=given(ECS_RESERVED_MEMORY="64"))),
            "environment",
            "differs from the file in 1 variable: ECS_RESERVED_MEMORY",
            "boot again",
        ),
        (
            WELL._replace(runs=RUNS._replace(environment=given(ECS_DATADIR="/elsewhere"))),
            "environment",
            "in 1 variable: ECS_DATADIR",
            "boot again",
        ),
        (
            WELL._replace(file=FILE._replace(data=None, unreadable=ROOT)),
            "environment",
            "cannot be compared with the file",
            "run as root",
        ),
        (
            WELL._replace(runs=SERVICE._replace(has_file=False)),
            "environment",
            "the service was started before the file was installed",
            "boot again",
        ),
        (WELL._replace(runs=SERVICE._replace(has_file=None)), "environment", "cannot be compared", "boot again"),
        (
            WELL._replace(runs=SERVICE._replace(environment=given(ECS_CLUSTER="x"))),
            "environment",
            "in 1 variable: ECS_CLUSTER",
            "boot again",
        ),
        (
            WELL._replace(answer=None),
            "cluster",
            "the agent does not answer",
            "read the log of the agent: docker logs ecs-agent",
        ),
        (
            WELL._replace(answer=ANSWER._replace(container_instance=None)),
            "cluster",
            "prod, but the agent has not registered",
            "read the log of the agent: docker logs ecs-agent",
        ),
        (
            WELL._replace(answer=ANSWER._replace(cluster="default")),
            "cluster",
            "default, but the env-file has prod",
            "replace the instance",
        ),
        (
            WELL._replace(
                answer=ANSWER._replace(cluster="default"), runs=RUNS._replace(kept=Kept("/var/lib/ecs/data"))
            ),
            "cluster",
            "default, but the env-file has prod",
            "replace the instance",
        ),
        (
            WELL._replace(answer=ANSWER._replace(cluster="default"), runs=RUNS._replace(kept=Kept("", "not set"))),
            "cluster",
            "default, but the env-file has prod",
            "boot again",
        ),
    ],
)
def test_what_does_not_agree(seen: Observed, topic: str, said: str, fix: str) -> None:
    """Each disagreement is told under its own topic, with what to do; nobody's password is told."""
    found = odd(seen)
    assert said in found[topic].said
    assert found[topic].fix.startswith(fix)
    assert PASSWORD not in repr(report.topics(seen)) + repr(seen)


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(WELL._replace(s3=None), id="S3 was not asked"),
        pytest.param(WELL._replace(runs=SERVICE), id="service without docker"),
        pytest.param(WELL._replace(runs=SERVICE._replace(environment=GIVEN)), id="service"),
        pytest.param(
            WELL._replace(runs=SERVICE._replace(environment=GIVEN, has_file=False)), id="what is given counts most"
        ),
        pytest.param(
            WELL._replace(runs=SERVICE._replace(environment=given(ECS_ENABLE_TASK_ENI="false", ECS_AGENT_LABELS="x"))),
            id="what ecs-init adds",
        ),
        pytest.param(
            WELL._replace(runs=RUNS._replace(environment=given(ECS_ENABLE_TASK_ENI="true", TZ="UTC"))),
            id="what the documented command and the image add",
        ),
        pytest.param(WELL._replace(answer=ANSWER._replace(cluster="arn:aws:ecs:e:1:cluster/prod")), id="cluster's ARN"),
        pytest.param(WELL._replace(tasks=None), id="tasks are not told"),
    ],
)
def test_what_agrees(seen: Observed) -> None:
    """Nothing is complained about that is as it should be."""
    assert odd(seen) == {}


@pytest.mark.parametrize(
    ("seen", "topic", "outcome"),
    [
        (WELL, "file", CheckOutcome.OK),
        (WELL._replace(file=FILE._replace(data=SecretBytes(DATA + b"A=1\n"))), "file", CheckOutcome.WARNING),
        (WELL._replace(file=FILE._replace(placed=None, data=None)), "file", CheckOutcome.FAILED),
        (WELL._replace(file=FILE._replace(data=None, unreadable=ROOT)), "file", CheckOutcome.SKIPPED),
        (WELL._replace(s3=S3(Remote.DENIED, reason="no")), "object", CheckOutcome.FAILED),
        (WELL._replace(s3=S3(Remote.UNREACHABLE, reason="no")), "object", CheckOutcome.WARNING),
        (WELL._replace(runs=Runs(None)), "agent", CheckOutcome.FAILED),
        (WELL._replace(state=State()), "last-run", CheckOutcome.SKIPPED),
    ],
)
def test_how_it_stands(seen: Observed, topic: str, outcome: CheckOutcome) -> None:
    """A topic stands as a check of doctor does: ok, warning, failed, skipped."""
    assert {one.name: one.outcome for one in report.topics(seen)}[topic] is outcome


def test_ecs_init_reads_for_the_service() -> None:
    """White space at the end of a value is docker's to keep and ecs-init's to cut."""
    data = SecretBytes(b"ECS_CLUSTER=prod \n")
    file = FILE._replace(data=data, verified=data)
    environment = {"ECS_CLUSTER": Secret("prod")}
    assert report.differing(WELL._replace(file=file, runs=SERVICE._replace(environment=environment))) == frozenset()
    by_docker = WELL._replace(file=file, runs=RUNS._replace(environment=environment))
    assert report.differing(by_docker) == frozenset({"ECS_CLUSTER"})


def test_a_name_that_may_be_a_secret_is_not_shown() -> None:
    """A line that came apart begins with something that looks like a name."""
    data = SecretBytes(DATA + f"{PASSWORD}=\n".encode())
    file = FILE._replace(data=data, verified=data)
    assert odd(WELL._replace(file=file))["environment"].said == (
        "differs from the file in 1 variable: a variable with an unusual name"
    )


@pytest.mark.parametrize(
    ("held", "remote"),
    [
        (FACTS, Remote.SAME),
        (OTHER, Remote.NEWER),
        (OTHER._replace(last_modified=1), Remote.OLDER),
        (None, Remote.ABSENT),
    ],
)
def test_what_s3_holds_is_compared(held: ObjectFacts | None, remote: Remote) -> None:
    """An upload is the same by version and ETag; an older one that turns up means that somebody deleted the newer."""
    assert compared(held, FACTS).remote is remote


@pytest.mark.parametrize(
    ("stamp", "seconds"),
    [
        ("1970-01-02T00:00:00.123456789Z", 86_400),
        ("1970-01-01T00:00:01Z", 1),
        ("0001-01-01T00:00:00Z", None),
        ("", None),
    ],
)
def test_dockers_timestamps(stamp: str, seconds: int | None) -> None:
    """Docker's times are UTC; its zero is no time that anything has run since."""
    found = epoch(stamp)
    assert found == seconds or (seconds is None and (found is None or found < 0))


# After `boot --launch none`: the agent is somebody else's.
TOLD = WELL._replace(state=STATE._replace(leaves_agent=True, applied=None, verified=None))
STOPPED = Runs(RunsAs.SERVICE, not_running=": it failed with status 1")


@pytest.mark.parametrize(
    ("runs", "answer", "said"),
    [
        (Runs(None), None, "there is no agent: boot runs with --launch none"),
        (RUNS._replace(is_ours=False, version=""), ANSWER, "not started by ecsauth: boot runs with --launch none"),
        (SERVICE, ANSWER, "service, running for"),
    ],
    ids=["none", "container", "service"],
)
def test_told_to_start_none(runs: Runs, answer: Registration | None, said: str) -> None:
    """Where boot was told to start no agent, none or another's is as it should be; else it is not."""
    seen = TOLD._replace(runs=runs, answer=answer)
    assert odd(seen) == {}
    assert said in {topic.name: topic.said for topic in report.topics(seen)}["agent"]
    if runs is not SERVICE:
        assert odd(seen._replace(state=STATE))["agent"].fix == "boot again: ecsauth boot S3URI"


def test_docker_is_not_asked_for_an_agent_of_others() -> None:
    """Where boot was told to start no agent, a docker that does not answer is no trouble; else it is one."""
    seen = TOLD._replace(runs=Runs(None, unreadable=Unreadable("docker does not answer")), answer=None)
    assert odd(seen) == {}
    said = {topic.name: topic.said for topic in report.topics(seen)}["agent"]
    assert said == "not examined (docker does not answer): boot runs with --launch none"
    assert set(odd(seen._replace(state=STATE))) == {"agent", "cluster"}


def test_stopped_though_told_to_start_none() -> None:
    """One that is there and does not run is a trouble, and another boot would not mend it."""
    found = odd(TOLD._replace(runs=STOPPED, answer=None))
    assert set(found) == {"agent", "cluster"}
    assert {topic.fix for topic in found.values()} == {"start the agent yourself: boot runs with --launch none"}


@pytest.mark.parametrize(
    "runs",
    [SERVICE._replace(has_file=False), SERVICE._replace(environment=given(ECS_CLUSTER="x"))],
    ids=["old", "other"],
)
def test_restarted_by_others(runs: Runs) -> None:
    """Nor would another boot restart an agent that is not its own and has not read the file."""
    found = odd(TOLD._replace(runs=runs))
    assert {topic.fix for topic in found.values()} == {"restart the agent yourself: boot runs with --launch none"}
    assert set(odd(TOLD._replace(runs=runs, state=STATE))) >= set(found)
    assert odd(WELL._replace(runs=runs))["environment"].fix == "boot again: ecsauth boot S3URI"
