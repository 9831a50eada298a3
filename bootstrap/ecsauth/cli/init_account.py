"""`init`: the clients of the account, and what they see before anything is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Optional, TypeVar

from ecsauth import aws_names
from ecsauth.aws.attempt import Attempt, Operation
from ecsauth.cli import console, options, publish
from ecsauth.deploy import caller, rights, stack_state
from ecsauth.deploy.init_plan import X86_IMAGE, FoundAccount, FoundEnvFile, PublishedArchive, StepName, has_group
from ecsauth.deploy.stack_state import StackCondition
from ecsauth.errors import AbsentError, DeniedError, EcsauthError, InvalidError, UsageError
from ecsauth.publish import PublishRequest, boot_archive, push
from ecsauth.publish.review import PublishOutcome

if TYPE_CHECKING:
    import argparse

    from ecsauth.aws.fleets import Clusters, Groups
    from ecsauth.aws.networks import Networks
    from ecsauth.aws.session import OperatorClients
    from ecsauth.aws.stacks import Stacks
    from ecsauth.deploy.caller import Principal
    from ecsauth.deploy.init_plan import InitPlan, WantedEnvironment
    from ecsauth.deploy.rights import NeededActions
    from ecsauth.deploy.stack_state import DeployedStack
    from ecsauth.publish import Services
    from ecsauth.publish.review import NewContent

_Read = TypeVar("_Read")


class Account(NamedTuple):
    """An account in one region, by its clients."""

    region: str
    clients: OperatorClients
    stacks: Stacks
    clusters: Clusters
    groups: Groups
    networks: Networks

    def services(self, stack: DeployedStack) -> Services:
        """Return S3 and KMS for puts into the bucket of the stack."""
        from ecsauth.aws.s3 import translated

        bucket, owner = stack.outputs["BucketName"], stack.outputs["BucketOwner"]
        with translated(Attempt(Operation.LOOK_AT_BUCKET, bucket)):
            client = self.clients.s3()
        return publish.services_of(self.clients, client, bucket, owner)


def connect(arguments: argparse.Namespace) -> Account:
    """Return the account of the arguments; raise an EcsauthError if no client can be made."""
    from ecsauth.aws.calls import told
    from ecsauth.aws.fleets import Clusters, Groups
    from ecsauth.aws.networks import Networks
    from ecsauth.aws.session import OperatorClients
    from ecsauth.aws.stacks import Stacks

    clients = OperatorClients(arguments.profile, options.region(arguments))
    with told(Attempt(Operation.LOOK_AT_STACK, arguments.stack)):
        client = clients.client("cloudformation")
        return Account(
            client.meta.region_name,
            clients,
            Stacks(client),
            Clusters(clients.client("ecs")),
            Groups(clients.client("autoscaling")),
            Networks(clients.client("ec2")),
        )


class AccountReader:
    """Reads the account for the plan. `template` is that of this ecsauth.

    `is_lenient`: a denied read becomes a line in `unread`, for `--dry-run`.
    """

    def __init__(self, account: Account, wanted: WantedEnvironment, template: str, *, is_lenient: bool) -> None:
        self._account = account
        self._wanted = wanted
        self._template = template
        self._is_lenient = is_lenient
        self.unread: list[str] = []
        self.warnings: list[str] = []

    def stack(self) -> Optional[DeployedStack]:
        """Return the stack, None if there is none; raise ConflictError for one that `init` cannot go on with."""
        stacks = self._account.stacks
        stack = self._try(lambda: stacks.find(self._wanted.stack), None)
        if stack is None:
            return None
        stack_state.refuse_unusable(stack)
        if stack.condition is StackCondition.BROKEN:
            raise stack_state.broken(stack, stacks.first_failure(stack))
        if stack.is_rolled_back:
            failure = stacks.first_failure(stack)
            self.warnings.append(f"the last update of stack {stack.name} failed: {failure or 'no reason is known'}")
        name = stack.stack_id
        return stack._replace(template=self._try(lambda: stacks.template(name), None))

    def caller(self, stack: Optional[DeployedStack]) -> Optional[Principal]:
        """Return the caller; raise DeniedError for one whom the key or the bucket would refuse."""
        from ecsauth.aws.rights import find_caller

        clients = self._account.clients
        found = self._try(lambda: find_caller(clients.client("sts"), clients.client("iam")), None)
        administrator, operator = self._people(stack)
        if found is None:
            self.unread.append("the caller is neither a role nor a user: whether it may push is not known")
        elif administrator:
            caller.refuse_stranger(found, administrator, operator, creates=stack is None)
        else:
            raise UsageError(
                f"there is no stack {self._wanted.stack} yet, and a new one needs an administrator",
                f"give --administrator ARN: the role that keeps bucket and key; you are {found.arn}",
            )
        return found

    def _people(self, stack: Optional[DeployedStack]) -> tuple[str, str]:
        """Return administrator and operator: those of the stack, which policies name now, or of a new one."""
        if stack is not None:
            return stack.parameters.get("AdministratorArn", ""), stack.parameters.get("OperatorArn", "")
        return self._wanted.administrator or "", self._wanted.operator or ""

    def refuse_wrong_places(self, stack: Optional[DeployedStack]) -> None:
        """Raise for subnets of two VPCs, a region without the AMI, and the name of a bucket that is taken."""
        from ecsauth.aws import bucket_name, networks

        instances, clients = self._wanted.instances, self._account.clients
        if instances.subnets:
            self._try(lambda: self._refuse_subnets(instances.subnets), None)
        image = instances.image(stack.parameters.get("ImageId") if stack else None)
        if stack is None or image:
            parameter = image or X86_IMAGE
            self._try(lambda: networks.image(clients.client("ssm"), parameter), "")
        bucket = self._wanted.bucket
        if stack is None and bucket and self._try(lambda: bucket_name.is_taken(clients.s3(), bucket), False):
            raise DeniedError(
                f"there is a bucket {bucket} already, in this account or in another one",
                "give another --bucket NAME, or leave it out: the stack then makes a free name",
            )

    def _refuse_subnets(self, ids: tuple[str, ...]) -> None:
        found = self._account.networks.subnets(ids)
        vpcs = sorted({one.vpc for one in found})
        if len(vpcs) > 1:
            places = ", ".join(f"{one.subnet_id} is in {one.vpc}" for one in found)
            raise UsageError(f"the subnets are of {len(vpcs)} VPCs: {places}", "give subnets of one VPC")
        private = [one.subnet_id for one in found if not one.is_public]
        if private:
            self.warnings.append(
                f"instances in {', '.join(private)} get no public address: they reach S3 and ECS only through NAT or "
                "VPC endpoints"
            )

    def found(self, stack: Optional[DeployedStack], new: NewContent) -> FoundAccount:
        """Return all that the plan needs."""
        account, cluster = self._account, self._wanted.cluster
        has_cluster = self._try(lambda: account.clusters.has(cluster), False)
        env_file, archive = FoundEnvFile(), None
        registered: tuple[str, ...] = ()
        if stack is not None and not stack.is_complete:
            self.unread.append(f"stack {stack.name} is {stack.status}: what its bucket holds is not known yet")
        elif stack is not None:
            services = account.services(stack)
            env_file = self._try(lambda: self._env_file(stack, new, services), env_file)
            archive = self._try(lambda: read_archive(stack, services), None)
            registered = self._try(lambda: registered_instances(account, stack, cluster), registered)
        return FoundAccount(stack, has_cluster, env_file, archive, registered, tuple(self.warnings), tuple(self.unread))

    def _env_file(self, stack: DeployedStack, new: NewContent, services: Services) -> FoundEnvFile:
        uri = aws_names.parse(stack.outputs["EnvFileUri"])
        request = PublishRequest(uri, stack.outputs["KeyArn"], True, lambda _: None, lambda _: False)
        report = push(new, request, services)
        review = report.review
        self.warnings += [*review.risks, *review.warnings()]
        changes = review.changes()
        return FoundEnvFile(
            etag=review.current.version.facts.etag if review.current.version else None,
            is_same=report.outcome is PublishOutcome.UNCHANGED,
            changes=None if changes is None else tuple(map(str, changes)),
        )

    def missing_rights(self, who: Optional[Principal], found: FoundAccount, plan: InitPlan) -> tuple[str, ...]:
        """Return the actions that IAM's simulation denies; `unread` says so if the simulation itself is denied."""
        from ecsauth.aws.rights import simulate

        if who is None or who.kind == "root" or not plan.left:
            return ()
        region, outputs = self._account.region, found.stack.outputs if found.stack else {}
        given: dict[str, Optional[str]] = {
            "bucket": outputs.get("BucketName") or self._wanted.bucket,
            "prefix": outputs.get("Prefix") or self._wanted.prefix,
            "key": outputs.get("KeyArn", "").rpartition("/")[2],
            "cluster": self._wanted.cluster,
            "template": outputs.get("LaunchTemplateId"),
            "group": outputs.get("GroupName"),
        }
        names = rights.names_of(who.partition, region, who.account, self._wanted.stack, given)
        more: tuple[NeededActions, ...] = ()
        if plan.has(StepName.UPDATE):
            more = rights.of_update(outputs, has_group=has_group(self._wanted, found.stack))
            self._tell_unknown_rights(found.stack)
        try:
            iam = self._account.clients.client("iam")
            steps = [step.name for step in plan.left]
            asked = rights.questions(steps, names, more)
            return rights.missing(verdict for one in asked for verdict in simulate(iam, who, one, region))
        except EcsauthError as fault:
            self.unread.append(f"{fault.message}: whether your rights suffice shows only on the way")
            return ()

    def _tell_unknown_rights(self, stack: Optional[DeployedStack]) -> None:
        if stack is not None and not stack.is_made_from(self._template):
            self.unread.append("whether your rights suffice for what the new template changes shows only on the way")

    def _try(self, read: Callable[[], _Read], otherwise: _Read) -> _Read:
        try:
            return read()
        except DeniedError as fault:
            if not self._is_lenient or isinstance(fault, AbsentError):
                raise
            self.unread.append(fault.message)
            return otherwise


def wanted_subnets(account: Account, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the subnets; the word `default` stands for those of the default VPC."""
    if names != ("default",):
        return names
    return tuple(sorted(one.subnet_id for one in account.networks.default_subnets()))


def read_archive(stack: DeployedStack, services: Services) -> Optional[PublishedArchive]:
    """Return the boot archive in S3, None if there is none or if it is damaged."""
    uri = aws_names.parse(stack.outputs["ArchiveUri"])
    version = services.archives.look(uri)
    if version is None or version.facts.version_id is None:
        return None
    try:
        content: Any = services.archives.read(uri, version).content
        archive = boot_archive.read(content, str(uri))
    except InvalidError:
        return None
    return PublishedArchive(archive.sha256, version.facts.version_id, archive.version, archive.pythons)


def registered_instances(account: Account, stack: DeployedStack, cluster: str) -> tuple[str, ...]:
    """Return the instances of the stack's group that are in the cluster."""
    group = stack.outputs.get("GroupName")
    if group is None:
        return ()
    registered = account.clusters.instances(cluster)
    return tuple(one for one in account.groups.look(group).instances if one in registered)


def show(found: FoundAccount, plan: InitPlan) -> None:
    """Show the plan."""
    for step in plan.steps:
        console.say(f"{'done' if step.is_done else 'to do'}: {step.text}")
        if step.name is StepName.ENV_FILE and not step.is_done:
            for change in found.env_file.changes or ():
                console.say(f"       {change}")
    for note in plan.notes:
        console.say(note)
    for warning in found.warnings:
        console.warn(warning)
    for line in found.unread:
        console.say(f"not known: {line}")
