"""`ecsauth iam`: generate the policies of an environment, or the stack that creates all of it."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any, Callable, Optional

from ecsauth.aws.attempt import Attempt, Operation
from ecsauth.cli import console, inputs, options, progress
from ecsauth.deploy import policies, ssm_documents
from ecsauth.errors import DeniedError, ExitCode, UsageError
from ecsauth.host import files

if TYPE_CHECKING:
    import argparse

    from ecsauth.aws.cloudformation import Stack
    from ecsauth.cli.options import Parser
    from ecsauth.deploy.policies import Policy, Values

_TEMPLATE = "stack.yaml"
# The parameters of the stack that name those who put objects, in the order of the bucket's policy.
_PEOPLE = ("OperatorArn", "FleetRollArn", "FleetPromoteArn")
_DEPLOY = "aws cloudformation deploy --template-file FILE --stack-name ecsauth --capabilities CAPABILITY_IAM"
_NEEDS = (
    "bucket needs --bucket, --kms-key and --administrator; instance-role, operator, auditor, fleet-roll and "
    "fleet-promote need --bucket, --prefix and --kms-key; key needs --bucket, --administrator and --region; "
    "fleet-read and fleet-instance need --account and --region; each of them can take the values from --stack "
    "instead. instance-role-trust and stack need no values, nor do ssm-boot, ssm-status and ssm-doctor"
)


def add_arguments(parser: Parser) -> None:
    """Add the command's own arguments."""
    names = (*policies.POLICIES, *ssm_documents.FILES, policies.STACK)
    parser.add_argument("what", metavar="POLICY", choices=names, help=f"{_listed(names)}. {_NEEDS}")
    values = parser.add_argument_group("values of the policy or the stack")
    values.add_argument(
        "--stack", metavar="NAME", type=options.parsed(_stack), help="a stack of ecsauth: use its bucket, key and roles"
    )
    given: tuple[tuple[str, str, Callable[[str], str], str], ...] = (
        ("--bucket", "NAME", policies.bucket, "the bucket"),
        ("--prefix", "PREFIX", policies.prefix, "prefix of the environment's keys, such as prod"),
        ("--account", "ACCOUNT", policies.account, "account of the bucket (default: that of the ARNs)"),
        ("--partition", "PARTITION", policies.partition, "default: that of the ARNs, or of the region"),
        ("--administrator", "ARN", policies.principal, "role that can change bucket and key"),
        (
            "--documents",
            "NAME",
            policies.documents,
            "start of the names of the SSM documents (default: the stack's name, else ecsauth)",
        ),
    )
    for option, metavar, parse, text in given:
        values.add_argument(option, metavar=metavar, type=options.parsed(parse), help=text)
    many = (
        ("--kms-key", policies.key, "the KMS key; repeatable, for a key change"),
        ("--operator", policies.principal, "role that pushes; repeatable (default: only the administrator)"),
    )
    for option, parse, text in many:
        values.add_argument(option, metavar="ARN", action="append", default=[], type=options.parsed(parse), help=text)
    options.add_aws(parser, "region of bucket, key and stack")
    parser.add_argument(
        "--format", choices=("json",), help="print errors as JSON, too; not for the stack, which is YAML"
    )
    parser.add_argument("-o", "--output", metavar="FILE", default="-", help="output file, mode 0600 (default: stdout)")


def _listed(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


def _stack(text: str) -> str:
    """Return the name or ARN of a stack; raise UsageError. CloudFormation API Reference, CreateStack."""
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,127}|arn:[A-Za-z0-9:/-]{1,1000}", text):
        return text
    raise UsageError("must be the name or the ARN of a stack")


def run(arguments: argparse.Namespace) -> int:
    """Print or write the policy. On an EcsauthError nothing is written."""
    text, steps = _text(arguments)
    inputs.deliver(arguments.output, text.encode())
    for step in steps:
        console.say(f"hint: {step}")
    return ExitCode.OK


def _text(arguments: argparse.Namespace) -> tuple[str, list[str]]:
    """Return what is printed, and hints for its deployment."""
    if arguments.what == policies.STACK:
        return _stack_text(arguments)
    return _document_text(arguments) if arguments.what in ssm_documents.FILES else _policy_text(arguments)


def _document_text(arguments: argparse.Namespace) -> tuple[str, list[str]]:
    """Return a document of Systems Manager, byte for byte, and the hint that creates it."""
    if arguments.stack:
        raise UsageError("a stack with Fleet has created its documents: they are printed without --stack")
    step = ssm_documents.creation(arguments.what, arguments.documents or ssm_documents.PREFIX, _file(arguments))
    return files.read_policy(ssm_documents.FILES[arguments.what]), [_then(step, arguments)]


def _stack_text(arguments: argparse.Namespace) -> tuple[str, list[str]]:
    """Return the template with the given values as defaults, and hints for its deployment."""
    if arguments.stack or arguments.format == "json":
        raise UsageError("the stack's template is YAML, and takes its values from options: remove --stack and --format")
    values = _given(arguments)
    policies.settled(values)
    defaults = policies.parameters(values)
    template = policies.with_defaults(files.read_policy(_TEMPLATE), defaults)
    # The one parameter without a default.
    needed = "" if values.administrator else " --parameter-overrides AdministratorArn=ARN"
    return template, [_then(_DEPLOY.replace("FILE", _file(arguments)) + needed, arguments)]


def _policy_text(arguments: argparse.Namespace) -> tuple[str, list[str]]:
    """Return the policy, and hints for its deployment."""
    policy = policies.POLICIES[arguments.what]
    given = _given(arguments)
    stack = _look(arguments) if arguments.stack else None
    found = _with_stack(given, stack, arguments.stack) if stack else given
    values = policies.settled(found, options.region(arguments))
    document = policies.fill(files.read_policy(policy.file), values)
    if stack and given._replace(region=None) == policies.Values():
        hints = _hints_of_stack(policy, stack, values, arguments)
    else:
        hints = [_then(step, arguments) for step in policies.next_steps(policy, values, _file(arguments))]
    return json.dumps(document, indent=2) + "\n", hints


def _then(command: str, arguments: argparse.Namespace) -> str:
    """Return the hint with a command for the same account and region."""
    where = (("--region", arguments.region), ("--profile", arguments.profile))
    return " ".join([f"then: {command}", *(f"{name} {shlex.quote(value)}" for name, value in where if value)])


def _hints_of_stack(policy: Policy, stack: Stack, values: Values, arguments: argparse.Namespace) -> list[str]:
    """Return the commands that remain if a stack has created the policy."""
    if policy.is_fleet and stack.parameters.get("Fleet", "off") == "off":
        return [f"stack {arguments.stack} has no fleet yet: deploy it with Fleet=on"]
    if not policy.output:
        return [] if _has_bucket_key(stack) else [f"stack {arguments.stack} has already applied this policy"]
    arn = stack.outputs.get(policy.output, "")
    known = arn if re.fullmatch(r"arn:[A-Za-z0-9:/+=,.@_-]+", arn) else policy.output
    people = [one for name in policy.people if (one := stack.parameters.get(name)) in values.operators]
    return [_then(policies.attachment(known, next(iter(people), None)), arguments)]


def _file(arguments: argparse.Namespace) -> str:
    """Return the file name in the next command; a placeholder if the policy went to standard output."""
    return "FILE" if arguments.output == "-" else shlex.quote(arguments.output)


def _given(arguments: argparse.Namespace) -> Values:
    return policies.Values(
        partition=arguments.partition,
        region=policies.region(arguments.region) if arguments.region else None,
        account=arguments.account,
        bucket=arguments.bucket,
        prefix=arguments.prefix,
        keys=tuple(arguments.kms_key),
        operators=tuple(arguments.operator),
        administrator=arguments.administrator,
        documents=arguments.documents,
    )


def _look(arguments: argparse.Namespace) -> Stack:
    """Return the stack that --stack names."""
    from ecsauth.aws import cloudformation
    from ecsauth.aws.session import OperatorClients

    with progress.waiting(f"asking CloudFormation about stack {arguments.stack}"):
        clients = OperatorClients(arguments.profile, options.region(arguments))
        with cloudformation.told(Attempt(Operation.LOOK_AT_STACK, arguments.stack)):
            client = clients.client("cloudformation")
        return cloudformation.look(client, arguments.stack)


def _has_bucket_key(stack: Stack) -> bool:
    return stack.parameters.get("BucketKey", "off") != "off"


def _with_stack(given: Values, stack: Stack, name: str) -> Values:
    """Return the given values; missing ones come from the stack."""
    if _has_bucket_key(stack):
        console.warn(
            f"stack {name} uses an S3 bucket key, with which KMS cannot distinguish prefixes: the policies of the "
            "stack allow that, the printed policy does not"
        )
    made = _made(stack, name)
    kept = {name: value for name, value in given._asdict().items() if value}
    return made._replace(**kept)


def _made(stack: Stack, name: str) -> Values:
    """Return the values in a stack's outputs and parameters; raise DeniedError if it is not from ecsauth's template."""

    def said(found: dict[str, str], key: str, parse: Callable[[str], str]) -> Optional[str]:
        text = found.get(key)
        try:
            return parse(text) if text else None
        except UsageError:
            raise DeniedError(
                f"{key} of stack {name} is invalid", "check that the stack was created from stack.yaml"
            ) from None

    if "BucketName" not in stack.outputs:
        raise DeniedError(
            f"stack {name} has no output BucketName",
            "check that the stack was created from stack.yaml, and that its deployment is complete",
        )
    key = said(stack.outputs, "KeyArn", policies.key)
    people = (said(stack.parameters, parameter, policies.principal) for parameter in _PEOPLE)
    found: dict[str, Any] = {
        "region": said(stack.outputs, "Region", policies.region),
        "account": said(stack.outputs, "BucketOwner", policies.account),
        "bucket": said(stack.outputs, "BucketName", policies.bucket),
        "prefix": said(stack.outputs, "Prefix", policies.prefix),
        "administrator": said(stack.parameters, "AdministratorArn", policies.principal),
        # The stack names its documents after itself; an ARN has the name between its slashes.
        "documents": name.split("/")[1] if "/" in name else name,
    }
    operators = tuple(dict.fromkeys(one for one in people if one))
    return policies.Values(keys=(key,) if key else (), operators=operators, **found)
