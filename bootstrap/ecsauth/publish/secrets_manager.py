"""Credentials of a private registry in Secrets Manager: the secret that a task definition names.

Sources: Amazon ECS Developer Guide, "Private registry authentication for tasks"; amazon-ecs-agent agent/asm/asm.go,
extractASMValue: a JSON object with `username` and `password`, neither of them empty.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from ecsauth import envfile
from ecsauth.command_hint import FILE, CommandHint
from ecsauth.errors import InvalidError, UsageError
from ecsauth.registry import auth as registry_auth
from ecsauth.registry import match
from ecsauth.registry.keys import (
    CANONICAL_HUB_KEY,
    canonical_registry,
    host_of,
    is_valid_host,
    is_valid_path,
    names_host,
    path_of,
    shown_key,
)
from ecsauth.registry.problems import ProblemKind
from ecsauth.secret import Secret

if TYPE_CHECKING:
    from ecsauth.registry.credential import Credential

# Secrets Manager API Reference, CreateSecret. A name with such an ending looks like that of an ARN, which ends in a
# random suffix.
_NAME = "[A-Za-z0-9/_+=.@-]{1,512}"
_LIKE_AN_ARN = "-[A-Za-z0-9]{6}$"
_MANAGED_KEY = "alias/aws/secretsmanager"
_FIELDS = frozenset({"username", "password"})
# docker's own name for a login by identity token (docker-credential-helpers).
_TOKEN_USER = "<token>"  # noqa: S105 - a user name


class PasswordCredential(NamedTuple):
    """A long-lived user name and password of one registry. The user name is secret too: it may be a token."""

    registry: str
    username: Secret
    password: Secret

    def document(self) -> Secret:
        """Return the value to store in the secret."""
        return Secret(json.dumps({"username": self.username.reveal(), "password": self.password.reveal()}))

    def is_in(self, value: Optional[Secret]) -> bool:
        """Tell whether a secret's value has the same user name and password."""
        return value is not None and _decoded(value) == json.loads(self.document().reveal())


def registry(text: str) -> str:
    """Return the registry, `docker.io` for every name of Docker Hub; raise UsageError for anything else.

    A path may follow the host if the env-file has different credentials for the paths of a host.
    """
    meant = canonical_registry(text).rstrip("/")
    if meant == CANONICAL_HUB_KEY.rstrip("/"):
        return match.HUB
    host = host_of(meant)
    if names_host(host) and is_valid_host(host) and is_valid_path(path_of(meant)):
        return meant
    raise UsageError("must be a registry host, such as registry.example.com, or docker.io for Docker Hub")


def secret_name(registry: str) -> str:
    """Return the default name of a registry's secret."""
    name = "ecsauth/" + re.sub(r"[^A-Za-z0-9/_+=.@-]", "_", registry)
    return f"{name}_" if re.search(_LIKE_AN_ARN, name) else name


def given_name(text: str) -> str:
    """Return `text` if a secret can have that name; raise UsageError."""
    if re.fullmatch(_NAME, text):
        return text
    raise UsageError("must be the name of a secret, not its ARN: letters, digits and /_+=.@-")


def login(data: bytes, registry: str) -> PasswordCredential:
    """Return the credential that the agent would send to a registry with this env-file.

    Raises InvalidError if it would send none or a random one, or one that expires or that ECS does not accept from a
    secret.
    """
    auth = registry_auth.in_environment(envfile.docker(data).process_environment())
    found = match.match(auth, f"{registry}/IMAGE")
    if not found.deterministic:
        raise InvalidError(
            f"the agent sends a random one of several credentials to {registry}",
            "add a path of its images: --registry HOST/PATH",
        )
    entry, sent = found.candidates[0]
    if entry is None:
        raise InvalidError(
            f"the agent sends no credential to {registry} with this file",
            CommandHint("see why", "ecsauth", "which", f"{registry}/IMAGE", "--why", "--file", FILE),
        )
    _refuse_tokens(sent, registry)
    if any(
        problem.kind is ProblemKind.EXPIRING_LOGIN and problem.registry == shown_key(entry.key)
        for problem in auth.problems
    ):
        raise InvalidError(
            f"the credential for {registry} expires within hours, and nothing renews the secret",
            "images of Amazon ECR need no secret: the execution role can pull them",
            "for other registries, use a service account with a permanent password, or rotate the secret",
        )
    _refuse_incomplete(sent, registry)
    return PasswordCredential(registry, Secret(sent.username), sent.password)


def is_login(value: Optional[Secret]) -> bool:
    """Tell whether a secret's value has exactly the form that ECS expects, so that it may be replaced."""
    return value is not None and frozenset(_decoded(value)) == _FIELDS


def task_definition(arn: str) -> dict[str, Any]:
    """Return the part of a container definition that names the secret, for images of the registry."""
    return {"repositoryCredentials": {"credentialsParameter": arn}}


def execution_role_policy(arn: str, kms_key: Optional[str]) -> dict[str, Any]:
    """Return the policy of the task execution role: read this secret, and use its KMS key only through Secrets Manager.

    `kms_key` is the key as Secrets Manager returns it: an ARN, an ID or an alias, or None for the AWS managed key. The
    policy of that key allows the account's principals to use it through Secrets Manager.
    """
    read = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": arn}
    statements: list[dict[str, Any]] = [read]
    if kms_key and not kms_key.endswith(_MANAGED_KEY):
        statements.append(_decrypt(arn, kms_key))
    return {"Version": "2012-10-17", "Statement": statements}


def _decrypt(arn: str, kms_key: str) -> dict[str, Any]:
    _, partition, _, region, account, *_ = arn.split(":")
    conditions: dict[str, Any] = {"StringEquals": {"kms:ViaService": _services(partition, region)}}
    key = kms_key.rpartition(":")[2]
    if key.startswith("alias/"):
        # A policy cannot name a key by its alias; a condition on the alias can (KMS Developer Guide, "ABAC").
        conditions["ForAnyValue:StringEquals"] = {"kms:ResourceAliases": key}
        key = "key/*"
    resource = f"arn:{partition}:kms:{region}:{account}:key/{key.removeprefix('key/')}"
    if kms_key.startswith("arn:") and key != "key/*":
        resource = kms_key
    return {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": resource, "Condition": conditions}


def _services(partition: str, region: str) -> Any:
    """Return the value of kms:ViaService for Secrets Manager; in China a service has two names."""
    name = f"secretsmanager.{region}.amazonaws.com"
    return [name, f"{name}.cn"] if partition == "aws-cn" else name


def _decoded(value: Secret) -> dict[str, Any]:
    """Return the JSON object in a secret, an empty one if the secret is not a JSON object."""
    try:
        found = json.loads(value.reveal())
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _refuse_tokens(sent: Credential, registry: str) -> None:
    if sent.identitytoken or sent.registrytoken or sent.username == _TOKEN_USER:
        raise InvalidError(
            f"the credential for {registry} is a token, but ECS accepts only a user name and a password",
            "create a password, or an access token that serves as a password, at the registry",
        )


def _refuse_incomplete(sent: Credential, registry: str) -> None:
    """Raise InvalidError for a credential that ECS refuses, and for bytes that are not UTF-8: JSON cannot hold them."""
    if not sent.username or not sent.password:
        lack = "password" if sent.username else "user name"
        raise InvalidError(f"the credential for {registry} has no {lack}, and ECS refuses a secret without one")
    try:
        (sent.username + sent.password.reveal()).encode()
    except UnicodeEncodeError:
        raise InvalidError(
            f"the credential for {registry} is not UTF-8", "create a password of ASCII letters and digits"
        ) from None
