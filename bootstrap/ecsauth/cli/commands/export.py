"""`ecsauth export`: store a registry's credential as a secret, and print the snippets for a task definition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from ecsauth.aws.attempt import Attempt, Operation
from ecsauth.boot import trust
from ecsauth.check import approve
from ecsauth.cli import console, inputs, options, progress
from ecsauth.cli.findings import document
from ecsauth.cli.inputs import read
from ecsauth.command_hint import CommandHint
from ecsauth.errors import ConflictError, ExitCode, UsageError
from ecsauth.publish import secrets_manager
from ecsauth.publish.secrets_manager import execution_role_policy, is_login, task_definition

if TYPE_CHECKING:
    import argparse

    from ecsauth.aws.secrets_manager import StoredSecret
    from ecsauth.cli.options import Parser
    from ecsauth.finding import Finding
    from ecsauth.publish.secrets_manager import PasswordCredential


def add_arguments(parser: Parser) -> None:
    """Add the command's own arguments."""
    parser.add_argument("target", choices=("secretsmanager",), help="destination: AWS Secrets Manager")
    parser.add_argument("file", metavar="FILE", help=options.A_FILE)
    # Not the key: that of the env-file is for the roles that read the file, not for those that read the secret.
    options.take_name(parser, "file", options.NameUse(fill=("region", "profile")))
    parser.add_argument(
        "--registry",
        metavar="HOST",
        required=True,
        type=options.parsed(secrets_manager.registry),
        help="registry of the credential, such as registry.example.com or docker.io",
    )
    parser.add_argument(
        "--name",
        metavar="NAME",
        type=options.parsed(secrets_manager.given_name),
        help="name of the secret (default: ecsauth/HOST)",
    )
    parser.add_argument(
        "--kms-key",
        metavar="ARN",
        type=options.parsed(trust.key_arn),
        help="KMS key of the secret (default: its current key; for a new secret aws/secretsmanager)",
    )
    parser.add_argument("--dry-run", action="store_true", help="check and compare, but change nothing")
    options.add_aws(parser, "region of the secret and of the bucket")
    options.add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    """Create or update the secret, unless it has this credential already. On an EcsauthError nothing is put."""
    from ecsauth.aws.secrets_manager import Secrets, told
    from ecsauth.aws.session import OperatorClients

    data = read(arguments.file, arguments)
    findings = approve(data, inputs.for_people(arguments.file))
    login = secrets_manager.login(data, arguments.registry)
    name = arguments.name or secrets_manager.secret_name(login.registry)
    with progress.waiting(f"asking Secrets Manager about {name}"):
        with told(Attempt(Operation.LOOK_AT_SECRET, name)):
            client = OperatorClients(arguments.profile, options.region(arguments)).secrets()
        secrets = Secrets(client)
        present = secrets.find(name)
        _refuse_others(present, login, name)
        outcome = _outcome(present, login, arguments.kms_key)
        made = present
        if not arguments.dry_run and outcome == "created":
            made = secrets.create(name, login.document(), login.registry, arguments.kms_key)
        elif not arguments.dry_run and outcome == "updated" and present is not None:
            made = secrets.update(name, present, login.document(), arguments.kms_key)
    _show(arguments, Export(outcome, name, made), findings)
    return ExitCode.OK


class Export(NamedTuple):
    """What was done to the secret, or would be in a dry run; `secret` is None if it does not exist yet."""

    outcome: str
    name: str
    secret: Optional[StoredSecret]

    def snippets(self) -> dict[str, Any]:
        """Return the snippets for the task definition and the execution role's policy, None if there is no ARN yet."""
        if self.secret is None:
            return {"task_definition": None, "execution_role_policy": None}
        return {
            "task_definition": task_definition(self.secret.arn),
            "execution_role_policy": execution_role_policy(self.secret.arn, self.secret.kms_key),
        }


def _refuse_others(present: Optional[StoredSecret], login: PasswordCredential, name: str) -> None:
    """Raise UsageError if the secret has another kind of value, ConflictError if a rotation renews it."""
    # A secret without a version has no value yet.
    if present is None or present.version_id is None or login.is_in(present.value):
        return
    if not is_login(present.value):
        raise UsageError(
            f"secret {name} does not contain a user name and a password, and was not changed",
            "give the name of a secret for this registry: --name NAME",
        )
    if present.rotates:
        raise ConflictError(
            f"secret {name} is renewed by a rotation, so its value is probably newer than that of the file",
            CommandHint(
                "to overwrite it, cancel the rotation",
                "aws",
                "secretsmanager",
                "cancel-rotate-secret",
                "--secret-id",
                name,
            ),
        )


def _outcome(present: Optional[StoredSecret], login: PasswordCredential, kms_key: Optional[str]) -> str:
    if present is None:
        return "created"
    is_same = login.is_in(present.value) and kms_key in (None, present.kms_key)
    return "unchanged" if is_same else "updated"


def _show(arguments: argparse.Namespace, export: Export, findings: tuple[Finding, ...]) -> None:
    """Report the result, and print the snippets. Neither contains the credential, not even its user name."""
    secret = export.secret
    if arguments.format == "json":
        console.show(
            {
                "outcome": export.outcome,
                "dry_run": arguments.dry_run,
                "registry": arguments.registry,
                "name": export.name,
                "arn": secret.arn if secret else None,
                "version_id": secret.version_id if secret else None,
                **export.snippets(),
                "findings": document(findings, arguments.file)["findings"],
            }
        )
        return
    for finding in findings:
        console.warn(f"{arguments.file}: {finding.message} [{finding.code}]")
    console.say(_result(export, dry_run=arguments.dry_run))
    if secret is not None:
        console.show_document(export.snippets())


def _result(export: Export, *, dry_run: bool) -> str:
    if export.outcome == "unchanged":
        return f"nothing to do, secret {export.name} already has this credential"
    if dry_run:
        return f"secret {export.name} would be {export.outcome}: this was a dry run"
    key = (export.secret and export.secret.kms_key) or "the AWS managed key aws/secretsmanager"
    return f"{export.outcome} secret {export.name}, encrypted with {key}"
