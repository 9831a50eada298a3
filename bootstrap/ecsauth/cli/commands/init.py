"""`ecsauth init`: from an AWS account to a running instance; a later run goes on where an earlier one ended."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from ecsauth import __version__, aws_names, envfile
from ecsauth.check import approve
from ecsauth.cli import console, init_account, init_environment, options, progress
from ecsauth.cli.authored import from_dialect
from ecsauth.cli.commands import archive
from ecsauth.cli.init_progress import InitProgress
from ecsauth.cli.init_report import document, show_next
from ecsauth.cli.init_run import Deployment, Waiting
from ecsauth.cli.inputs import read_path
from ecsauth.deploy import init_commands, init_plan, policies
from ecsauth.deploy.init_commands import CommandPlace
from ecsauth.deploy.init_plan import WantedEnvironment, WantedInstances
from ecsauth.deploy.stack_state import StackCondition
from ecsauth.errors import DeniedError, EcsauthError, ExitCode, UsageError
from ecsauth.host import files
from ecsauth.host.clock import SystemClock
from ecsauth.publish.review import NewContent

if TYPE_CHECKING:
    import argparse

    from ecsauth.cli.init_account import Account
    from ecsauth.cli.options import Parser
    from ecsauth.deploy.init_plan import FoundAccount, InitPlan
    from ecsauth.deploy.stack_state import DeployedStack

_TEMPLATE = "stack.yaml"
_STACK = "ecsauth"
_AGAIN = "run the same command again"
_TIMEOUT_S = 15 * 60.0


def add_arguments(parser: Parser) -> None:
    """Add the command's own arguments."""
    parser.add_argument("file", metavar="FILE", help="the env-file, a path; its ECS_CLUSTER names the cluster")
    made = parser.add_argument_group("the stack; an option that is left out keeps what the stack has")
    given = (
        ("--stack", "NAME", _stack_name, f"default: {_STACK}"),
        ("--administrator", "ARN", policies.principal, "the role that keeps bucket and key; a new stack needs it"),
        ("--operator", "ARN", policies.principal, "the role that pushes, besides the administrator"),
        ("--prefix", "PREFIX", policies.prefix, "the environment: its place in the bucket (default: prod)"),
        ("--bucket", "NAME", policies.bucket, "name of the bucket (default: the stack makes a free name)"),
    )
    for option, metavar, parse, text in given:
        made.add_argument(option, metavar=metavar, type=options.parsed(parse), help=text)
    instances = parser.add_argument_group("instances")
    instances.add_argument(
        "--subnets",
        metavar="ID,ID",
        type=options.parsed(_subnets),
        default=(),
        help="make an Auto Scaling group in these subnets; `default`: those of the default VPC",
    )
    instances.add_argument("--instances", metavar="N", type=options.parsed(_number), help="how many (default: 1)")
    instances.add_argument(
        "--instance-type", metavar="TYPE", type=options.parsed(_instance_type), help="default: t3.small"
    )
    instances.add_argument(
        "--ami-parameter",
        metavar="NAME",
        type=options.parsed(_parameter),
        help="SSM parameter of the AMI (default: Amazon Linux 2023 for ECS, of the type's architecture)",
    )
    _add_run(parser)


def _add_run(parser: Parser) -> None:
    run_options = parser.add_argument_group("this run")
    run_options.add_argument("--dry-run", action="store_true", help="show the plan and its commands, make nothing")
    run_options.add_argument("--yes", action="store_true", help="do not ask; needed without a terminal")
    run_options.add_argument(
        "--ignore-rights", action="store_true", help="go on although IAM's simulation says that rights are missing"
    )
    run_options.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=options.parsed(options.seconds),
        default=_TIMEOUT_S,
        help=f"longest wait for the stack, and for an instance (default: {_TIMEOUT_S:.0f})",
    )
    archive.add_pythons(parser)
    options.add_dialect(parser)
    options.add_aws(parser, "region of the stack")
    options.add_format(parser)


def _stack_name(text: str) -> str:
    # CloudFormation API Reference, CreateStack.
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,127}", text):
        return text
    raise UsageError("takes a name of letters, digits and dashes")


def _subnets(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(text.split(",")))
    if names == ("default",) or all(re.fullmatch("subnet-[0-9a-f]{8,17}", name) for name in names):
        return names
    raise UsageError("takes IDs of subnets with commas between, as subnet-12345678,subnet-87654321, or `default`")


def _number(text: str) -> int:
    if re.fullmatch("[1-9][0-9]{0,3}", text):
        return int(text)
    raise UsageError("takes a number from 1 to 9999")


def _instance_type(text: str) -> str:
    if re.fullmatch(r"[a-z0-9-]+\.[a-z0-9-]+", text):
        return text
    raise UsageError("takes a type, as t3.small")


def _parameter(text: str) -> str:
    if re.fullmatch(r"/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*", text) and len(text) <= 1011:  # noqa: PLR2004 - of SSM
        return text
    raise UsageError("takes the name of a parameter of Systems Manager")


def run(arguments: argparse.Namespace) -> int:
    """Look, plan, ask, and carry out the plan. On an EcsauthError before the question nothing is made."""
    if arguments.file == "-":
        raise UsageError("init needs a file, so that the same command can go on later", "write it to a file first")
    data = from_dialect(read_path(arguments.file), arguments.file, arguments.dialect).data
    new = NewContent(data, arguments.file, approve(data, arguments.file))
    arguments.stack = arguments.stack or _STACK
    account = init_account.connect(arguments)
    run_ = _Run(arguments, account, new)
    try:
        return run_.run()
    except EcsauthError as fault:
        run_.progress.end_early(has_begun=run_.has_begun)
        if run_.has_begun and not any(_AGAIN in hint for hint in fault.hints):
            fault.hints = (*fault.hints, f"{_AGAIN}: it goes on from there")
        raise
    except KeyboardInterrupt:
        run_.progress.end_early(has_begun=run_.has_begun)
        console.say(f"hint: {_AGAIN}: it goes on from there")
        raise


class _Run:
    """One run: the command line, the account, and the env-file."""

    def __init__(self, arguments: argparse.Namespace, account: Account, new: NewContent) -> None:
        self._arguments = arguments
        self._account = account
        self._new = new
        self._template = files.read_policy(_TEMPLATE)
        self._place = CommandPlace(account.region, arguments.profile, arguments.dialect)
        self._is_text = arguments.format == "text"
        clock = SystemClock()
        self.progress = InitProgress(clock, is_quiet=not self._is_text)
        self.has_begun = False
        self._who = "a caller that is not known"
        self._wanted = _wanted(arguments, account, new)
        waiting = Waiting(clock, arguments.timeout)
        self._deployment = Deployment(account, self._wanted, self._template, waiting, self.progress)

    def run(self) -> int:
        """Look, plan, ask, carry out, report."""
        with progress.waiting("looking at the account"):
            found, plan = self._plan()
        if self._is_text:
            console.say(f"plan for stack {self._wanted.stack} in {self._account.region}, as {self._who}")
            init_account.show(found, plan)
        if self._arguments.dry_run:
            return self._end_dry_run(found, plan)
        if plan.changes_anything and not self._is_confirmed():
            console.say("nothing was made")
            return console.DECLINED
        self.has_begun = bool(plan.left)
        self._deployment.stack, self._deployment.registered = found.stack, found.registered
        self._deployment.archive = None if plan.has(init_plan.StepName.ARCHIVE) else found.archive
        self._deployment.planned_etag = found.env_file.etag
        with progress.waiting("setting up the account"):
            self._deployment.carry_out(plan, self._new, lambda: archive.carried_or_built(self._arguments)[0])
        return self._end(found, plan)

    def _plan(self) -> tuple[FoundAccount, InitPlan]:
        reader = init_account.AccountReader(
            self._account, self._wanted, self._template, is_lenient=self._arguments.dry_run
        )
        stack = reader.stack()
        if stack is not None and stack.condition is StackCondition.BUSY and not self._arguments.dry_run:
            self.progress.begin(f"waiting for stack {stack.name}, which another run changes")
            self._deployment.settled(stack.stack_id)
            self.progress.done(f"stack {stack.name} is complete")
            self.progress.made.clear()
            stack = reader.stack()
        who = reader.caller(stack)
        self._who = who.arn if who else self._who
        reader.refuse_wrong_places(stack)
        found = reader.found(stack, self._new)
        plan = init_plan.make(self._wanted, found, self._template, __version__)
        missing = reader.missing_rights(who, found, plan)
        self._refuse_missing(missing)
        return found._replace(unread=tuple(reader.unread), warnings=tuple(reader.warnings)), plan

    def _refuse_missing(self, missing: tuple[str, ...]) -> None:
        if not missing:
            return
        message = f"IAM's simulation says that you may not: {', '.join(missing)}"
        if self._arguments.dry_run or self._arguments.ignore_rights:
            console.warn(message)
            return
        raise DeniedError(
            message, "have these actions allowed in IAM", "if the simulation is wrong, give --ignore-rights"
        )

    def _is_confirmed(self) -> bool:
        if self._arguments.yes:
            return True
        if not self._is_text or not console.is_possible():
            raise UsageError(
                "init asks before it makes anything, and there is no terminal to answer",
                "give --yes, or look at the plan first: --dry-run",
            )
        return console.is_yes("make these changes?")

    def _end_dry_run(self, found: FoundAccount, plan: InitPlan) -> int:
        commands = tuple(init_commands.by_hand(self._wanted, found.stack, plan, self._place))
        if self._is_text:
            console.say("nothing was made: this was a dry run; by hand, the same commands are:")
            for command in commands:
                sys.stdout.write(f"{command}\n")
        else:
            console.show({**document(self._account.region, plan, found.stack), "dry_run": True, "commands": commands})
        return ExitCode.OK

    def _end(self, found: FoundAccount, plan: InitPlan) -> int:
        stack = self._deployment.stack
        if stack is None:  # the plan has made one
            raise AssertionError
        version, name = self._version(stack), init_environment.remember(stack, self._place)
        following = init_commands.after(self._arguments.file, stack, version, self._place, name)
        if plan.has(init_plan.StepName.UPDATE) and found.registered:
            following = (*init_commands.replacing(stack), *following)
        if self._is_text:
            show_next(self._wanted.stack, self._deployment.registered, following, made=bool(plan.left))
        else:
            facts = document(self._account.region, plan, stack)
            more = {"dry_run": False, "instances": self._deployment.registered}
            console.show({**facts, **more, "next": {one.purpose: one.command for one in following}})
        return ExitCode.OK

    def _version(self, stack: DeployedStack) -> str:
        version = self._account.services(stack).env_files.look(aws_names.parse(stack.outputs["EnvFileUri"]))
        return (version.facts.version_id if version else None) or "VERSION"


def _wanted(arguments: argparse.Namespace, account: Account, new: NewContent) -> WantedEnvironment:
    cluster = envfile.docker(new.data).environment().get("ECS_CLUSTER")
    wanted = WantedInstances(
        init_account.wanted_subnets(account, arguments.subnets),
        arguments.instances,
        arguments.instance_type,
        account.networks.is_arm(arguments.instance_type) if arguments.instance_type else None,
        arguments.ami_parameter,
    )
    return WantedEnvironment(
        stack=arguments.stack,
        file=arguments.file,
        cluster=(cluster.reveal() if cluster else "") or init_plan.DEFAULT_CLUSTER,
        administrator=arguments.administrator,
        operator=arguments.operator,
        prefix=arguments.prefix,
        bucket=arguments.bucket,
        instances=wanted,
        pythons=archive.wanted_pythons(arguments),
    )
