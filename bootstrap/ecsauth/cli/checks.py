"""The checks of `doctor`: their table, and the probe of each. Nothing is written, and no lock is taken."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth import aws_names
from ecsauth.aws import caller_identity, credentials, metadata
from ecsauth.aws.attempt import Operation, at
from ecsauth.aws.metadata import MetadataService
from ecsauth.aws.metadata_probes import MetadataProbes
from ecsauth.aws.probes import Probes
from ecsauth.aws.s3_request import SignedS3
from ecsauth.boot.service import UNIT, Supervisor
from ecsauth.cli import observe, options, progress
from ecsauth.doctor import Check, ProbeResult, examine
from ecsauth.doctor import machine as judge_machine
from ecsauth.doctor import remote as judge_remote
from ecsauth.doctor.machine import OFF, TIMER, Metadata, Offset, ServiceOrdering, Timer
from ecsauth.doctor.subject import BucketPlace, ExaminedInstance, given_credentials
from ecsauth.errors import ROOT, LaunchError, LocalError
from ecsauth.host import disk, docker, places, programs, supervisor
from ecsauth.host.clock import SystemClock
from ecsauth.host.disk import LocalDisk, PrivateDirectory
from ecsauth.host.network import Introspection
from ecsauth.status import report
from ecsauth.status.judgement import failed, ok, skipped
from ecsauth.status.last_run import last_run
from ecsauth.status.observed import Observed

if TYPE_CHECKING:
    from ecsauth.aws_names import S3URI
    from ecsauth.doctor import CheckResult
    from ecsauth.doctor.remote import ObjectAnswers
    from ecsauth.doctor.subject import DoctorRequest
    from ecsauth.status.judgement import Diagnosis

_SLOW = 10.0


def instance(request: DoctorRequest) -> ExaminedInstance:
    """Return the subject of the checks: this machine, with the options of the command and the recorded state."""
    state, unreadable = observe.state(LocalDisk(options.ENV_FILE, request.state_dir), request.state_dir)
    recorded = state.installed.source.uri if state is not None and state.installed is not None else None
    return ExaminedInstance(
        request=request,
        uri=request.uri or (aws_names.parse(recorded) if recorded is not None else None),
        file=observe.place(request.file, state),
        state=state,
        unreadable=unreadable,
        credentials=given_credentials(request.profile, os.environ),
        supervisor=supervisor.which(),
    )


def results(on: ExaminedInstance) -> tuple[CheckResult, ...]:
    """Return the result of every check, in the order of the table."""
    with progress.waiting("examining the instance"):
        return examine(
            TABLE, lambda seconds: on._replace(seconds=seconds), SystemClock(), on.request.deadline, progress.tell
        )


def _last_run(on: ExaminedInstance) -> Diagnosis:
    return last_run(on.state, on.unreadable, SystemClock().wall())


def _python(_: ExaminedInstance) -> Diagnosis:
    return judge_machine.python(sys.version_info[:3])


def _metadata(on: ExaminedInstance) -> ProbeResult[Offset]:
    answer = Metadata(OFF) if metadata.is_off() else MetadataProbes(metadata.endpoint()).look(on.seconds)
    spared = on.gives_credentials() and on.gives_place()
    verdict = judge_machine.metadata(answer, instead="region, account and credentials are given" if spared else "")
    return ProbeResult(verdict, Offset(answer.offset, "the metadata service") if answer.offset is not None else None)


def _role(on: ExaminedInstance) -> Diagnosis:
    if on.gives_credentials():
        return judge_machine.given(on.credentials)
    return judge_machine.role(MetadataProbes(metadata.endpoint()).role(on.seconds), SystemClock().wall())


def _region(on: ExaminedInstance) -> ProbeResult[BucketPlace]:
    identity = None if on.gives_place() else MetadataService().identity(on.seconds)
    region, owner = on.place(identity)
    place = BucketPlace(region, owner) if region is not None and owner is not None else None
    return ProbeResult(judge_machine.region(region, owner), place)


class ProbedBucket(NamedTuple):
    """A bucket that has answered: the probes of its object, and the clock's offset against S3's answer."""

    uri: S3URI
    owner: str
    probes: Probes
    offset: Optional[Offset]


def _bucket(on: ExaminedInstance, place: BucketPlace) -> ProbeResult[ProbedBucket]:
    if on.uri is None:
        needs_root = on.unreadable is not None and on.unreadable.needs_root
        why = "no S3URI was given, and none is recorded on this machine"
        return ProbeResult(skipped(why, f"{ROOT}, or give the S3URI" if needs_root else "give the S3URI"))
    signer = credentials.find(on.request.profile, at(Operation.LOOK, on.uri), on.seconds)
    asked = Probes(SignedS3(signer, place.region), on.uri, place.owner)
    answers = asked.bucket()
    seconds = next((one.offset for one in answers if one is not None and one.offset is not None), None)
    offset = Offset(seconds, "S3") if seconds is not None else None
    verdict = judge_remote.bucket(answers, on.uri, place.owner, place.region)
    return ProbeResult(verdict, ProbedBucket(on.uri, place.owner, asked, offset))


def _caller(on: ExaminedInstance, place: BucketPlace) -> Diagnosis:
    return judge_machine.caller(caller_identity.arn(on.request.profile, place.region, on.seconds))


def _time(_: ExaminedInstance, by_metadata: Optional[Offset], bucket: Optional[ProbedBucket]) -> Diagnosis:
    by_s3 = bucket.offset if bucket is not None else None
    return judge_machine.time(tuple(offset for offset in (by_s3, by_metadata) if offset is not None))


class ProbedObject(NamedTuple):
    """An object that has answered."""

    bucket: ProbedBucket
    answers: ObjectAnswers


def _object(_: ExaminedInstance, bucket: ProbedBucket) -> ProbeResult[ProbedObject]:
    answers = bucket.probes.key()
    verdict = judge_remote.key(answers, bucket.uri, bucket.owner, SystemClock().wall())
    return ProbeResult(verdict, ProbedObject(bucket, answers))


def _kms_key(on: ExaminedInstance, found: ProbedObject) -> Diagnosis:
    got = found.answers.got or found.bucket.probes.got()
    return judge_remote.kms(got, found.answers.owned.facts, on.pins)


def _directory(on: ExaminedInstance) -> Diagnosis:
    folders = [os.path.dirname(on.file), os.path.abspath(on.request.state_dir)]
    absent = [folder for folder in folders if places.look(folder) is None]
    there = [folder for folder in folders if folder not in absent]
    for folder in there:
        with PrivateDirectory(folder, 0o700).opened():
            pass
    said = [f"only the owner can change {' and '.join(there)}"] if there else []
    said += [f"boot will create {' and '.join(absent)}"] if absent else []
    return ok("; ".join(said))


def _file(on: ExaminedInstance) -> Diagnosis:
    kept = LocalDisk(on.file, on.request.state_dir)
    placed, data = places.look(on.file), kept.env_file()
    installed = on.installed is not None
    verified = kept.verified_copy() if installed else None
    return judge_machine.file(on.file, placed, data, installed=installed, verified=verified)


def _docker(on: ExaminedInstance) -> Diagnosis:
    if on.starts_none:
        return skipped(on.starts_none)
    where = docker.path()
    if where is None:
        return ok("DOCKER_HOST is the address of another machine")
    docker.knock(where, on.seconds)
    return ok(f"{where} accepts connections")


def _engine(_: ExaminedInstance) -> Diagnosis:
    return ok(f"docker {programs.docker().version()}")


def _agent(on: ExaminedInstance) -> Diagnosis:
    if on.starts_none:
        return skipped(on.starts_none)
    clock = SystemClock()
    now, moment = clock.wall(), clock.moment()
    runs = observe.runs(on.installed, now, moment)
    if runs.unreadable is not None:
        why = runs.unreadable
        return (skipped if why.needs_root else failed)(why.reason, why.fix)
    file = observe.file(LocalDisk(on.file, on.request.state_dir), on.file)
    answer, cluster = Introspection().registration(), report.cluster(Observed(now, moment, file, on.state, runs))
    return judge_machine.agent(runs, answer, cluster, installed=on.installed is not None)


def _ordering(on: ExaminedInstance) -> Diagnosis:
    if on.supervisor is not Supervisor.SYSTEMD or on.request.launch == "docker" or on.starts_none:
        return skipped(f"needs {UNIT}")
    shown = programs.systemd().show(UNIT, "After,DropInPaths")
    try:
        is_marked: Optional[bool] = places.look(os.path.join(on.request.state_dir, disk.MARK)) is not None
    except LocalError:
        is_marked = None
    after, drop_ins = (frozenset(shown.get(name, "").split()) for name in ("After", "DropInPaths"))
    return judge_machine.ordering(ServiceOrdering(after, drop_ins, is_marked))


def _timer(_: ExaminedInstance) -> Diagnosis:
    try:
        shown = programs.systemd().show(TIMER, "LoadState,ActiveState,NextElapseUSecRealtime")
    except LaunchError:
        return judge_machine.timer(None)
    loaded, active = shown.get("LoadState") == "loaded", shown.get("ActiveState") == "active"
    return judge_machine.timer(Timer(loaded, active, shown.get("NextElapseUSecRealtime", "")))


# In the order of a boot.
TABLE: tuple[Check[ExaminedInstance], ...] = (
    Check("last-run", _last_run),
    Check("python", _python),
    # The clock is compared with the dates in other answers.
    Check("time", _time, hears=(_metadata, _bucket)),
    Check("metadata", _metadata),
    Check("role", _role, needs=(_metadata,), unless=ExaminedInstance.gives_credentials),
    # In a private subnet without an endpoint for STS this probe times out, and no boot needs it.
    Check("caller", _caller, needs=(_role,), takes=_region, spare=True),
    Check("region", _region, needs=(_metadata,), unless=ExaminedInstance.gives_place),
    Check("bucket", _bucket, needs=(_role,), takes=_region, seconds=_SLOW),
    Check("object", _object, takes=_bucket, seconds=_SLOW),
    Check("kms-key", _kms_key, takes=_object, seconds=_SLOW),
    Check("file", _file, needs=(_directory,)),
    Check("directory", _directory),
    Check("docker", _docker),
    Check("engine", _engine, needs=(_docker,), seconds=_SLOW),
    Check("agent", _agent, needs=(_engine,), unless=ExaminedInstance.needs_no_engine, seconds=_SLOW),
    Check("ordering", _ordering),
    Check("timer", _timer),
)
