"""Compare the env-file, S3 and the running agent: one topic for each comparison, with a fix if they differ.

A topic that could not be read does not agree. No topic has a value of the env-file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth import envfile, timing
from ecsauth.agent.names import shown
from ecsauth.boot import candidate, docker_plan, rejection
from ecsauth.boot.health import same_cluster
from ecsauth.boot.state import PRIVATE
from ecsauth.command_hint import FILE, S3URI, CommandHint
from ecsauth.status import instance_report
from ecsauth.status.judgement import CheckOutcome
from ecsauth.status.last_run import BOOT, last_run
from ecsauth.status.observed import Remote, RunsAs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ecsauth.boot.state import Installed, Rejected, State
    from ecsauth.secret import Secret
    from ecsauth.status.observed import S3, File, Observed, Unreadable

_LOG = CommandHint("read the log of the agent", "docker", "logs", "ecs-agent")
_FIRST = CommandHint("boot", "ecsauth", "boot", S3URI)
_DOCTOR = CommandHint("find the cause", "ecsauth", "doctor")
_PUSH = CommandHint("push the file again", "ecsauth", "push", FILE, S3URI)
# The fix if `boot` does not start the agent (`--launch none`).
_START = "start the agent yourself: boot runs with --launch none"
_RESTART = f"re{_START}"
_NONE = "there is neither a container ecs-agent nor a service"
_NO_NAME = "a variable with an unusual name"
# ecs-init sets these from the machine, whatever the file says (ecs-init/docker/docker.go, getContainerConfig).
_OF_ECS_INIT = frozenset({"ECS_ENABLE_TASK_ENI", "ECS_EBSTA_SUPPORTED"})


class Topic(NamedTuple):
    """One line of the report. A topic that does not agree has a `fix`; `grade` is its outcome if not a warning."""

    name: str
    said: str
    agrees: bool = True
    fix: str = ""
    grade: Optional[CheckOutcome] = None

    @property
    def outcome(self) -> CheckOutcome:
        """The outcome, with the same values as in `doctor`."""
        return self.grade or (CheckOutcome.OK if self.agrees else CheckOutcome.WARNING)


def topics(seen: Observed) -> tuple[Topic, ...]:
    """Return every topic, in the order of a boot."""
    found = [_last_run(seen), _file(seen.file), *_recorded(seen)]
    if seen.s3 is not None:
        found.append(_s3(seen.s3, seen))
    return (*found, *_previous(seen), _runs(seen), *_environment(seen), _answer(seen))


def differing(seen: Observed) -> Optional[frozenset[str]]:
    """Return the variables that differ between the agent's environment and the file, None if that is unknown."""
    runs, data = seen.runs, seen.file.data
    if runs.environment is None or data is None or (runs.way is RunsAs.CONTAINER and not runs.is_ours):
        return None
    given = runs.environment
    if runs.way is RunsAs.SERVICE:
        wanted = envfile.ecs_init(data).process_environment()
        return frozenset(name for name in _changed(wanted, given) if name not in _OF_ECS_INIT)
    wanted = envfile.docker(data).process_environment()
    # Variables that are no longer in the file, without those that the documented `docker run` command sets.
    extra = {
        name
        for name, value in given.items()
        if name.startswith("ECS_") and name not in wanted and not docker_plan.is_documented(name, value.reveal())
    }
    return frozenset((*_changed(wanted, given), *extra))


def names_shown(names: frozenset[str]) -> list[str]:
    """Return the names that a message may show: a text that looks like a name can be part of a secret."""
    return sorted({shown(name) or _NO_NAME for name in names})


def cluster(seen: Observed) -> Optional[str]:
    """Return the cluster that the env-file names, None if the file cannot be read."""
    if seen.file.data is None:
        return None
    reader = envfile.ecs_init if seen.runs.way is RunsAs.SERVICE else envfile.docker
    return reader(seen.file.data).cluster()


def _changed(wanted: dict[str, Secret], given: dict[str, Secret]) -> set[str]:
    return {name for name, value in wanted.items() if given.get(name) != value}


def is_as_left(file: File) -> Optional[bool]:
    """Tell whether the file is unchanged since ecsauth installed it, None if that is unknown."""
    if file.unreadable is not None:
        return None
    mode = file.placed.mode if file.placed is not None else PRIVATE
    return file.data is not None and file.data == file.verified and mode == PRIVATE


def _not_readable(name: str, what: str, why: Unreadable) -> Topic:
    if why.needs_root:
        return Topic(name, f"{what} is not readable", agrees=False, fix=why.fix, grade=CheckOutcome.SKIPPED)
    return Topic(name, why.reason, agrees=False, fix=why.fix)


def _file(file: File) -> Topic:
    if file.unreadable is not None:
        return _not_readable("file", file.path, file.unreadable)
    if file.data is None or file.placed is None:
        return Topic("file", f"there is no {file.path}", agrees=False, fix=BOOT, grade=CheckOutcome.FAILED)
    what = f"{file.path}, {file.placed.mode:04o}, {file.placed.owner_name}"
    if file.verified is None:
        return Topic("file", f"{what}: ecsauth did not install it", agrees=False, fix=BOOT)
    if file.data != file.verified:
        return Topic("file", f"{what}: it was changed after ecsauth installed it", agrees=False, fix=BOOT)
    if file.placed.mode != PRIVATE:
        return Topic("file", f"{what}: its mode is not 0600", agrees=False, fix=BOOT, grade=CheckOutcome.FAILED)
    return Topic("file", f"{what}, unchanged since ecsauth installed it")


def _recorded(seen: Observed) -> Iterator[Topic]:
    state = seen.state
    if seen.state_unreadable is not None or state is None:
        why = seen.state_unreadable
        yield _not_readable("version", "the record of ecsauth", why) if why else _nothing()
        return
    yield _version(state.installed, state, seen) if state.installed is not None else _nothing()
    if state.in_progress is not None:
        said = f"to version {state.in_progress.identity} is not complete: its agent has not registered"
        yield Topic("change", said, agrees=False, fix=BOOT)
    for rejected in rejection.shown(state, seen.now):
        yield _rejected(rejected, state, seen.now)


def _last_run(seen: Observed) -> Topic:
    found = last_run(seen.state, seen.state_unreadable, seen.now)
    # An unreadable record counts as a difference in the topic `version`, not here.
    return Topic("last-run", found.said, found.outcome is not CheckOutcome.WARNING, found.fix, found.outcome)


def _nothing() -> Topic:
    return Topic("version", "ecsauth has not installed an env-file", agrees=False, fix=_FIRST)


def _version(installed: Installed, state: State, seen: Observed) -> Topic:
    of = f"{installed.facts.identity} of {installed.source.uri}"
    if installed.source.env_file != seen.file.path:
        place = installed.source.env_file
        return Topic(
            "version",
            f"{of} was installed as {place}",
            agrees=False,
            fix=CommandHint("compare that file", "ecsauth", "status", "--file", place),
        )
    ahead = f", a candidate, {candidate.in_words(installed.ahead)}" if installed.ahead is not None else ""
    confirmed = f", confirmed by S3 {_ago(seen.now, max(state.confirmed_at, installed.at))}"
    return Topic("version", f"{of}{ahead}, installed {_ago(seen.now, installed.at)}{confirmed}")


def _previous(seen: Observed) -> Iterator[Topic]:
    """Tell which other versions have bytes on this disk: a credential that was revoked may be in them."""
    pre_image = instance_report.pre_image(seen.state, seen.on_disk) if seen.state is not None else None
    found = [f"the previous env-file, version {pre_image}"] if pre_image is not None else []
    found += ["the env-file that the first boot replaced"] if seen.on_disk.backup else []
    if found:
        yield Topic("on-disk", f"{' and '.join(found)}: boot --forget-previous removes it")


def _rejected(rejected: Rejected, state: State, now: int) -> Topic:
    said = f"version {rejected.facts.identity} was rejected {_ago(now, rejected.at)}: {rejected.reason}"
    left = rejection.seconds_left(rejected, now)
    if left is None:
        said += "; boot does not retry it"
    else:
        who = rejection.retrier(state, rejected)
        said += f"; {who} retries it after {timing.in_words(left)}" if left else f"; the next run of {who} retries it"
    return Topic(
        "rejected",
        said,
        agrees=False,
        fix=rejection.retry(rejected, is_candidate=rejected == state.rejected_candidate),
    )


def _s3(s3: S3, seen: Observed) -> Topic:
    if s3.remote is Remote.SAME:
        return Topic("object", "S3 has the same version")
    version = s3.facts.identity if s3.facts is not None else ""
    said, fix = {
        Remote.NEWER: (f"S3 has a newer version, {version}", BOOT),
        Remote.OLDER: (f"S3 has an older version, {version}: the newer version was deleted", _PUSH),
        Remote.ABSENT: ("the object or version no longer exists in S3", _PUSH),
        Remote.DENIED: (s3.reason, _DOCTOR),
        Remote.UNREACHABLE: (s3.reason, _DOCTOR),
    }.get(s3.remote, (s3.reason or "S3 was not queried: the object is unknown", _why_unknown(seen)))
    is_failed = s3.remote in (Remote.OLDER, Remote.ABSENT, Remote.DENIED)
    grade = CheckOutcome.FAILED if is_failed else None
    if s3.remote is Remote.UNKNOWN and seen.state_unreadable is not None and seen.state_unreadable.needs_root:
        grade = CheckOutcome.SKIPPED
    return Topic("object", said, agrees=False, fix=fix, grade=grade)


def _why_unknown(seen: Observed) -> str:
    """Return the fix if S3 was not asked, or if the request failed."""
    if seen.state_unreadable is not None:
        return seen.state_unreadable.fix
    return _DOCTOR if seen.state is not None and seen.state.installed is not None else _FIRST


def _runs(seen: Observed) -> Topic:
    runs = seen.runs
    is_ours_to_start = _starts_agent(seen)
    if runs.unreadable is not None and not is_ours_to_start:
        return Topic("agent", f"not examined ({runs.unreadable.reason}): boot runs with --launch none")
    if runs.unreadable is not None:
        return _not_readable("agent", "the state of the agent", runs.unreadable)
    if runs.way is None and not is_ours_to_start:
        return Topic("agent", "there is no agent: boot runs with --launch none")
    if runs.way is None:
        return Topic("agent", _NONE, agrees=False, fix=BOOT, grade=CheckOutcome.FAILED)
    what = "service" if runs.way is RunsAs.SERVICE else f"container {docker_plan.NAME}"
    if not runs.running:
        return Topic("agent", f"{what} does not run{runs.not_running}", False, _start(seen), CheckOutcome.FAILED)
    what += f", running for {timing.in_words(seen.now - runs.since)}" if runs.since is not None else ", running"
    if runs.way is RunsAs.SERVICE:
        return Topic("agent", what)
    if not runs.is_ours and not is_ours_to_start:
        return Topic("agent", f"{what}, not started by ecsauth: boot runs with --launch none")
    if not runs.is_ours:
        return Topic("agent", f"{what}, not created by ecsauth", agrees=False, fix=BOOT)
    installed = seen.state.installed if seen.state is not None else None
    if installed is not None and runs.version not in _labels(seen):
        return Topic("agent", f"{what}, created from another version, {runs.version}", agrees=False, fix=BOOT)
    return Topic("agent", f"{what}, created from version {runs.version}")


def _labels(seen: Observed) -> frozenset[str]:
    """Return the version IDs of the installed bytes, with which the agent may have been started."""
    state = seen.state
    if state is None or state.installed is None:
        return frozenset()
    installed = state.installed.facts
    return frozenset({installed.identity, state.other_label(installed) or installed.identity})


def _starts_agent(seen: Observed) -> bool:
    return seen.state is None or not seen.state.leaves_agent


def _start(seen: Observed) -> str:
    """Return the fix for an agent that does not run."""
    return BOOT if _starts_agent(seen) else _START


def _environment(seen: Observed) -> Iterator[Topic]:
    """Compare the agent's environment with the file; if docker does not show it, compare the times of both."""
    if not seen.runs.running:
        return
    names, fix = differing(seen), BOOT if _starts_agent(seen) else _RESTART
    if names:
        some = ", ".join(names_shown(names))
        count = f"{len(names)} variable{'' if len(names) == 1 else 's'}"
        yield Topic("environment", f"differs from the file in {count}: {some}", agrees=False, fix=fix)
    elif names is not None:
        yield Topic("environment", "equals the file")
    elif seen.runs.has_file is False:
        said = "the service was started before the file was installed, and has not read it"
        yield Topic("environment", said, agrees=False, fix=fix)
    elif seen.runs.has_file:
        yield Topic("environment", "the service was started after the file was installed")
    elif seen.runs.way is RunsAs.SERVICE or seen.runs.is_ours:
        fix = seen.file.unreadable.fix if seen.file.unreadable is not None else fix
        yield Topic("environment", "cannot be compared with the file", agrees=False, fix=fix)


def _answer(seen: Observed) -> Topic:
    answer, wanted = seen.answer, cluster(seen)
    if answer is None and seen.runs.way is None and not _starts_agent(seen):
        return Topic("cluster", "no agent has joined a cluster")
    if answer is None:
        fix = _LOG if seen.runs.running else _start(seen)
        return Topic("cluster", "the agent does not answer on 127.0.0.1:51678", False, fix, CheckOutcome.FAILED)
    if wanted is not None and not same_cluster(answer.cluster, wanted):
        said = f"{answer.cluster}, but the env-file has {wanted}"
        return Topic("cluster", said, agrees=False, fix=_take_another_cluster(seen), grade=CheckOutcome.FAILED)
    if answer.container_instance is None:
        return Topic("cluster", f"{answer.cluster}, but the agent has not registered", agrees=False, fix=_LOG)
    count = "" if seen.tasks is None else f", {seen.tasks} task{'' if seen.tasks == 1 else 's'}"
    version = f", {answer.agent_version}" if answer.agent_version else ""
    return Topic("cluster", f"{answer.cluster} as {answer.container_instance}{version}{count}")


def _take_another_cluster(seen: Observed) -> str:
    """Return the fix for an agent in another cluster: with the saved state of that cluster, it would exit."""
    if seen.runs.kept is None or seen.runs.kept.place:
        return "replace the instance"
    return BOOT if _starts_agent(seen) else _RESTART


def _ago(now: int, then: int) -> str:
    return f"{timing.in_words(now - then)} ago"
