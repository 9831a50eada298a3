"""The checks of `doctor`, each with the edge that it probes. Nothing is written, and no lock is taken."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Optional

from ecsauth import aws_names
from ecsauth.aws import metadata
from ecsauth.aws.metadata import MetadataService
from ecsauth.aws.metadata_probes import MetadataProbes
from ecsauth.boot.service import UNIT, Supervisor
from ecsauth.boot.trust import Pins
from ecsauth.cli import observe, options
from ecsauth.doctor import Check, examine
from ecsauth.doctor import machine as judge_instance
from ecsauth.doctor import machine as judge_machine
from ecsauth.doctor import remote as judge_remote
from ecsauth.doctor.machine import OFF, TIMER, Metadata, Offset, ServiceOrdering, Timer
from ecsauth.errors import ROOT, LaunchError, LocalError
from ecsauth.host import disk, docker, files, supervisor
from ecsauth.host.clock import SystemClock
from ecsauth.host.commands import Commands
from ecsauth.host.disk import LocalDisk, PrivateDirectory
from ecsauth.host.docker import Docker
from ecsauth.host.network import Introspection
from ecsauth.status import report
from ecsauth.status.judgement import Diagnosis, failed, ok, skipped
from ecsauth.status.last_run import last_run
from ecsauth.status.observed import Observed

if TYPE_CHECKING:
    import argparse

    from ecsauth.aws.probes import Probes
    from ecsauth.aws_names import S3URI
    from ecsauth.boot.fetch import Identity
    from ecsauth.boot.state import State
    from ecsauth.doctor import CheckResult
    from ecsauth.doctor.remote import ObjectAnswers

# In the order of a boot, which is not the order of the probes: the clock is measured against the answers of others.
_ORDER = (
    "last-run",
    "python",
    "sdk",
    "time",
    "metadata",
    "role",
    "caller",
    "region",
    "bucket",
    "object",
    "kms-key",
    "file",
    "directory",
    "docker",
    "engine",
    "agent",
    "ordering",
    "timer",
)
_SLOW = 10.0
# What beats the role of the instance, as the SDK looks for credentials (botocore, credentials.py).
_GIVEN = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)


class Examination:
    """One run of all checks; what one probe has learnt is there for the next."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._clock = SystemClock()
        state, self._no_state = observe.state(LocalDisk(options.ENV_FILE, arguments.state_dir), arguments.state_dir)
        self._file = observe.place(arguments.file, state)
        self._disk = LocalDisk(self._file, arguments.state_dir)
        self.state: Optional[State] = state
        self._source = state.installed.source if state is not None and state.installed is not None else None
        self.uri: Optional[S3URI] = arguments.uri or self._recorded_uri()
        self._supervisor = supervisor.which()
        self._identity: Optional[Identity] = None
        self._offsets: list[Offset] = []
        self._probes: Optional[Probes] = None
        self._answers: Optional[ObjectAnswers] = None

    def results(self) -> tuple[CheckResult, ...]:
        """Return the result of every check, in the order of a boot."""
        try:
            found = examine(self._checks(), self._clock, self._arguments.deadline)
        finally:
            if self._probes is not None:
                self._probes.close()
        return tuple(sorted(found, key=lambda result: _ORDER.index(result.check)))

    def _checks(self) -> tuple[Check, ...]:
        by_docker = self._arguments.launch == "docker" or (self._arguments.launch == "auto" and not self._supervisor)
        return (
            Check("last-run", lambda _: last_run(self.state, self._no_state, self._clock.wall())),
            Check("python", lambda _: judge_machine.python(sys.version_info[:3])),
            Check("sdk", self._sdk, seconds=_SLOW),
            Check("metadata", self._metadata),
            Check("role", self._role, () if self._credentials() else ("metadata",)),
            Check("region", self._region, () if self._knows_place() else ("metadata",)),
            Check("bucket", self._bucket, ("sdk", "role", "region"), _SLOW),
            Check("time", lambda _: judge_instance.time(tuple(self._offsets))),
            Check("object", self._object, ("bucket",), _SLOW),
            Check("kms-key", self._kms_key, ("object",), _SLOW),
            Check("directory", self._directory),
            Check("file", self._env_file, ("directory",)),
            Check("docker", self._docker),
            Check("engine", self._engine, ("docker",), _SLOW),
            Check("agent", self._agent, ("engine",) if by_docker and not self._starts_none() else (), _SLOW),
            Check("ordering", self._ordering),
            Check("timer", self._timer),
            # The last: a private subnet without an endpoint for STS keeps it waiting, and no boot needs it.
            Check("caller", self._caller, ("sdk", "role", "region"), spare=True),
        )

    def _recorded_uri(self) -> Optional[S3URI]:
        return aws_names.parse(self._source.uri) if self._source is not None else None

    def _is_recorded(self) -> bool:
        return self._source is not None and self._source.uri == str(self.uri)

    def _owner(self) -> Optional[str]:
        if self._arguments.bucket_owner:
            return str(self._arguments.bucket_owner)
        if self._source is not None and self._is_recorded():
            return self._source.bucket_owner
        return self._identity.account if self._identity is not None else None

    def _pins(self) -> Optional[Pins]:
        version = self.uri.version_id if self.uri is not None else None
        if self._arguments.kms_key:
            return Pins(tuple(self._arguments.kms_key), version)
        return Pins(self._source.kms_keys, version) if self._source is not None and self._is_recorded() else None

    def _credentials(self) -> str:
        """Say which credentials beat the role's, nothing where the role's count."""
        if self._arguments.profile:
            return f"the profile {self._arguments.profile} is"
        return next((f"{name} is" for name in _GIVEN if os.environ.get(name)), "")

    def _knows_place(self) -> bool:
        return self._named_region() is not None and self._owner() is not None

    def _named_region(self) -> Optional[str]:
        recorded = self.state.region if self.state is not None and self._is_recorded() else None
        return options.region(self._arguments) or recorded

    def _region_name(self) -> str:
        return self._named_region() or (self._identity.region if self._identity is not None else "")

    def _sdk(self, _: float) -> Diagnosis:
        try:
            from ecsauth.aws import probes
        except ImportError:
            return judge_machine.sdk(None)
        return judge_machine.sdk(probes.sdk_version())

    def _is_off(self) -> bool:
        return os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true"

    def _service(self) -> MetadataProbes:
        return MetadataProbes(metadata.endpoint())

    def _metadata(self, seconds: float) -> Diagnosis:
        answer = Metadata(OFF) if self._is_off() else self._service().look(seconds)
        if answer.offset is not None:
            self._offsets.append(Offset(answer.offset, "the metadata service"))
        spared = bool(self._credentials()) and self._knows_place()
        instead = "region, account and credentials are given" if spared else ""
        return judge_instance.metadata(answer, instead=instead)

    def _role(self, seconds: float) -> Diagnosis:
        if self._credentials():
            return judge_instance.given(self._credentials())
        return judge_instance.role(self._service().role(seconds), self._clock.wall())

    def _region(self, seconds: float) -> Diagnosis:
        if not self._knows_place():
            self._identity = MetadataService().identity(seconds)
        return judge_instance.region(self._named_region(), self._identity, self._owner())

    def _bucket(self, _: float) -> Diagnosis:
        from ecsauth.aws import attempt, metadata, probes
        from ecsauth.aws.s3 import translated
        from ecsauth.aws.session import InstanceClients

        if self.uri is None:
            why = "no S3URI was given, and none is recorded here"
            needs_root = self._no_state is not None and self._no_state.needs_root
            return skipped(why, f"{ROOT}, or give one" if needs_root else "give one")
        region, owner = self._region_name(), self._owner() or ""
        clients = InstanceClients(self._arguments.profile, metadata.proxy_exemptions(os.environ.get("NO_PROXY")))
        with translated(attempt.at(attempt.Operation.LOOK, self.uri)):
            client = clients.s3(region, probes.OPERATIONS)
        self._probes = probes.Probes(client, self.uri, owner)
        answers = self._probes.bucket()
        offset = next((one.offset for one in answers if one is not None and one.offset is not None), None)
        if offset is not None:
            self._offsets.insert(0, Offset(offset, "S3"))
        return judge_remote.bucket(answers, self.uri, owner, region)

    def _caller(self, _: float) -> Diagnosis:
        from ecsauth.aws import identity, metadata
        from ecsauth.aws.session import InstanceClients

        clients = InstanceClients(self._arguments.profile, metadata.proxy_exemptions(os.environ.get("NO_PROXY")))
        return judge_instance.caller(identity.caller(lambda: clients.sts(self._region_name())))

    def _object(self, _: float) -> Diagnosis:
        if self._probes is None or self.uri is None:
            raise AssertionError("the bucket is probed first")
        self._answers = self._probes.key()
        return judge_remote.key(self._answers, self.uri, self._owner() or "", self._clock.wall())

    def _kms_key(self, _: float) -> Diagnosis:
        if self._probes is None or self._answers is None:
            raise AssertionError("the object is probed first")
        got = self._answers.got or self._probes.got()
        return judge_remote.kms(got, self._answers.owned.facts, self._pins())

    def _directory(self, _: float) -> Diagnosis:
        folders = [os.path.dirname(self._file), os.path.abspath(self._arguments.state_dir)]
        absent = [folder for folder in folders if files.look(folder) is None]
        there = [folder for folder in folders if folder not in absent]
        for folder in there:
            with PrivateDirectory(folder, 0o700).opened():
                pass
        said = [f"nobody but the owner can change {' and '.join(there)}"] if there else []
        said += [f"{' and '.join(absent)} not there yet, boot makes it"] if absent else []
        return ok("; ".join(said))

    def _env_file(self, _: float) -> Diagnosis:
        placed, data = files.look(self._file), self._disk.env_file()
        verified = self._disk.verified_copy() if self._source is not None else None
        return judge_machine.file(self._file, placed, data, installed=self._source is not None, verified=verified)

    def _docker(self, seconds: float) -> Diagnosis:
        if self._starts_none():
            return skipped(self._starts_none())
        where = docker.path()
        if where is None:
            return ok("DOCKER_HOST is not on this machine")
        docker.knock(where, seconds)
        return ok(f"{where} takes connections")

    def _engine(self, _: float) -> Diagnosis:
        commands = Commands()
        return ok(f"docker {Docker(commands.call, commands.run).version()}")

    def _starts_none(self) -> str:
        """Say why no agent is looked for, nothing where one is ecsauth's business: by what was told, or recorded."""
        if self._arguments.launch == "none":
            return "--launch none does without it"
        recorded = self._arguments.launch == "auto" and self.state is not None and self.state.leaves_agent
        return "boot was told --launch none, which does without it" if recorded else ""

    def _agent(self, _: float) -> Diagnosis:
        if self._starts_none():
            return skipped(self._starts_none())
        installed = self.state.installed if self.state is not None else None
        now, moment = self._clock.wall(), self._clock.moment()
        runs = observe.runs(installed, now, moment)
        if runs.unreadable is not None:
            why = runs.unreadable
            return (skipped if why.needs_root else failed)(why.reason, why.fix)
        seen = Observed(now, moment, observe.file(self._disk, self._file), self.state, runs)
        answer, cluster = Introspection().registration(), report.cluster(seen)
        return judge_machine.agent(runs, answer, cluster, installed=installed is not None)

    def _ordering(self, _: float) -> Diagnosis:
        if self._supervisor is not Supervisor.SYSTEMD or self._arguments.launch == "docker" or self._starts_none():
            return skipped(f"needs {UNIT}")
        commands = Commands()
        shown = supervisor.Systemd(commands.call, commands.run).show(UNIT, "After,DropInPaths")
        try:
            is_marked: Optional[bool] = files.look(os.path.join(self._arguments.state_dir, disk.MARK)) is not None
        except LocalError:
            is_marked = None
        after, drop_ins = (frozenset(shown.get(name, "").split()) for name in ("After", "DropInPaths"))
        return judge_machine.ordering(ServiceOrdering(after, drop_ins, is_marked))

    def _timer(self, _: float) -> Diagnosis:
        commands = Commands()
        try:
            properties = "LoadState,ActiveState,NextElapseUSecRealtime"
            shown = supervisor.Systemd(commands.call, commands.run).show(TIMER, properties)
        except LaunchError:
            return judge_machine.timer(None)
        loaded, active = shown.get("LoadState") == "loaded", shown.get("ActiveState") == "active"
        return judge_machine.timer(Timer(loaded, active, shown.get("NextElapseUSecRealtime", "")))
