"""`init`: carry out the steps that are left, one after the other, and wait for what AWS does by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, NamedTuple, Optional, TypeVar

from ecsauth import aws_names
from ecsauth.command_hint import CommandHint
from ecsauth.deploy import stack_state
from ecsauth.deploy.init_plan import PublishedArchive, StepName, changed_parameters
from ecsauth.deploy.stack_state import StackCondition
from ecsauth.errors import ConflictError, ExpiredError, UnreachableError
from ecsauth.publish import PublishRequest, boot_archive, push, push_archive
from ecsauth.timing import Deadline, in_words

if TYPE_CHECKING:
    from ecsauth.aws_names import S3URI
    from ecsauth.cli.init_account import Account
    from ecsauth.cli.init_progress import InitProgress
    from ecsauth.deploy.init_plan import InitPlan, WantedEnvironment
    from ecsauth.deploy.stack_state import DeployedStack
    from ecsauth.publish.review import NewContent, Review
    from ecsauth.timing import Clock

_Seen = TypeVar("_Seen")
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 10.0
_AGAIN = "run the same command again"
_GOES_ON = f"{_AGAIN}: it goes on from there"
_ARCHIVE = "the boot archive"
_REFRESH = ("aws", "autoscaling", "start-instance-refresh", "--auto-scaling-group-name")


class Waiting(NamedTuple):
    """How to wait: the clock, and the longest time for one step."""

    clock: Clock
    seconds: float


class Deployment:
    """The steps of one run. `stack` and `archive` are what they have reached so far.

    `planned_etag` is that of the env-file that the operator has seen replaced in the plan, None if there was none.
    """

    def __init__(
        self,
        account: Account,
        wanted: WantedEnvironment,
        template: str,
        waiting: Waiting,
        progress: InitProgress,
    ) -> None:
        self._account = account
        self._wanted = wanted
        self._template = template
        self._waiting = waiting
        self._progress = progress
        self.stack: Optional[DeployedStack] = None
        self.archive: Optional[PublishedArchive] = None
        self.planned_etag: Optional[str] = None
        self.registered: tuple[str, ...] = ()

    def settled(self, name: str) -> DeployedStack:
        """Wait until CloudFormation has ended its work on the stack, and return the stack."""

        def look() -> Optional[DeployedStack]:
            stack = self._account.stacks.find(name)
            if stack is None:
                raise ConflictError(f"stack {self._wanted.stack} was deleted meanwhile", "find out who deleted it")
            self._progress.wait(stack.status)
            return None if stack.condition is StackCondition.BUSY else stack

        return self._poll(look, lambda: self._late(f"stack {self._wanted.stack} is not complete"))

    def carry_out(self, plan: InitPlan, new: NewContent, build: Callable[[], bytes]) -> None:
        """Do the steps that are left; raise an EcsauthError at the first that fails."""
        if plan.has(StepName.STACK):
            self._create(plan.changes)
        if plan.has(StepName.CLUSTER):
            self._create_cluster()
        if plan.has(StepName.ENV_FILE):
            self._push(new)
        if plan.has(StepName.ARCHIVE):
            self._publish(build)
        if plan.has(StepName.UPDATE):
            self._update()
        if plan.has(StepName.INSTANCE):
            self._await_instance()

    def _create(self, parameters: dict[str, str]) -> None:
        self._progress.begin(f"creating stack {self._wanted.stack}")
        stack_id = self._account.stacks.create(self._wanted.stack, self._template, parameters)
        self._progress.begun(f"stack {self._wanted.stack}, which CloudFormation finishes by itself")
        self.stack = self._completed(stack_id)
        self._progress.done(f"created stack {self.stack.name}")

    def _completed(self, stack_id: str) -> DeployedStack:
        """Return the stack after a deployment of this run; raise LaunchError if that failed."""
        stack = self.settled(stack_id)
        if stack.condition is StackCondition.BROKEN or stack.is_rolled_back:
            raise stack_state.failed(stack, self._account.stacks.first_failure(stack))
        return stack

    def _create_cluster(self) -> None:
        self._progress.begin(f"creating ECS cluster {self._wanted.cluster}")
        self._account.clusters.create(self._wanted.cluster)
        self._progress.done(f"created ECS cluster {self._wanted.cluster}")

    def _push(self, new: NewContent) -> None:
        stack = self._present
        uri = aws_names.parse(stack.outputs["EnvFileUri"])
        self._progress.begin(f"pushing {self._wanted.file}")
        report = push(new, self._as_planned(uri, stack), self._account.services(stack))
        if report.version is None:
            raise ConflictError(
                f"cannot push {uri}: another push changed it since the plan", f"{_AGAIN}, and look at the new plan"
            )
        version = report.version.facts.version_id
        for warning in report.warnings():
            self._progress.warn(warning)
        self._progress.done(f"pushed {uri}, version {version}")

    def _as_planned(self, uri: S3URI, stack: DeployedStack) -> PublishRequest:
        """Return the request for a put that replaces what the plan has shown, and nothing newer."""

        def is_as_planned(review: Review) -> bool:
            current = review.current.version
            return (current.facts.etag if current else None) == self.planned_etag

        return _decided(uri, stack)._replace(confirm=is_as_planned)

    def _publish(self, build: Callable[[], bytes]) -> None:
        stack = self._present
        uri = aws_names.parse(stack.outputs["ArchiveUri"])
        self._progress.begin("building the boot archive")
        content = build()
        archive = boot_archive.read(content, _ARCHIVE)
        self._progress.begin(f"publishing {uri}")
        report = push_archive(content, _ARCHIVE, _decided(uri, stack), self._account.services(stack))
        version = report.version
        if version is None or version.facts.version_id is None:
            raise ConflictError(f"{uri} has no version, so user data cannot name it", "is the bucket versioned?")
        self.archive = PublishedArchive(archive.sha256, version.facts.version_id, archive.version)
        self._progress.done(f"published {uri}, version {version.facts.version_id}")

    def _update(self) -> None:
        stack = self._present
        changes = changed_parameters(self._wanted, stack, self.archive)
        self._progress.begin(f"updating stack {stack.name}")
        if not self._account.stacks.update(stack, self._template, changes):
            self._progress.done(f"stack {stack.name} needs no update")
            return
        self._progress.begun(f"the update of stack {stack.name}, which CloudFormation finishes by itself")
        self.stack = self._completed(stack.stack_id)
        self._progress.done(f"updated stack {stack.name}")

    def _await_instance(self) -> None:
        group, cluster = self._present.outputs["GroupName"], self._wanted.cluster
        self._progress.begin(f"waiting for an instance in cluster {cluster}")
        launched: tuple[str, ...] = ()

        def look() -> Optional[tuple[str, ...]]:
            nonlocal launched
            seen = self._account.groups.look(group)
            for failure in reversed(seen.failures):
                self._progress.warn_once(f"Auto Scaling could not launch an instance: {failure}")
            launched = seen.instances
            inside = self._account.clusters.instances(cluster)
            self._progress.wait(_about_launched(launched))
            return tuple(one for one in launched if one in inside) or None

        self.registered = self._poll(look, lambda: self._no_instance(group, launched))
        self._progress.done(f"instance {', '.join(self.registered)} is in cluster {cluster}")

    def _no_instance(self, group: str, launched: tuple[str, ...]) -> UnreachableError:
        cluster = self._wanted.cluster
        if not launched:
            see = ("aws", "autoscaling", "describe-scaling-activities", "--auto-scaling-group-name", group)
            return self._late(f"group {group} has launched no instance", CommandHint("see why", *see))
        console_output = (
            "aws",
            "ec2",
            "get-console-output",
            "--latest",
            "--output",
            "text",
            "--instance-id",
            launched[0],
        )
        return self._late(
            f"instance {launched[0]} is launched, but no instance of group {group} is in cluster {cluster}",
            CommandHint("see what its user data said", *console_output),
            CommandHint("find the cause on the instance; most often it has no route to S3 or ECS", "ecsauth", "doctor"),
            CommandHint("replace it when the cause is gone, because user data runs only once", *_REFRESH, group),
        )

    def _poll(self, look: Callable[[], Optional[_Seen]], late: Callable[[], UnreachableError]) -> _Seen:
        """Look until there is a result; an unreachable service is asked again until the deadline."""
        clock = self._waiting.clock
        deadline, pause = Deadline(clock, self._waiting.seconds), _FIRST_PAUSE
        while True:
            try:
                seen = look()
            except ExpiredError:
                raise
            except UnreachableError:
                if deadline.left() <= pause:
                    raise
                seen = None
            if seen is not None:
                return seen
            if deadline.left() <= 0:
                raise late()
            clock.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def _late(self, message: str, *hints: str) -> UnreachableError:
        return UnreachableError(f"{message} after {in_words(self._waiting.seconds)}", *hints, _GOES_ON)

    @property
    def _present(self) -> DeployedStack:
        """The stack, which the first step has made if it was absent."""
        if self.stack is None:
            raise ConflictError(f"stack {self._wanted.stack} was deleted meanwhile", _GOES_ON)
        return self.stack


def _decided(uri: S3URI, stack: DeployedStack) -> PublishRequest:
    """Return the request for a put that the operator has confirmed with the plan."""
    return PublishRequest(uri, stack.outputs["KeyArn"], False, lambda _: None, lambda _: True)


def _about_launched(launched: tuple[str, ...]) -> str:
    if not launched:
        return "Auto Scaling has launched no instance yet"
    return f"{', '.join(launched)} launched, not in the cluster yet"
