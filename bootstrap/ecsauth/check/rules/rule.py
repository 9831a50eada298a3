"""One rule of the catalogue."""

from __future__ import annotations

from typing import NamedTuple

from ecsauth.finding import Severity

ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE


class Rule(NamedTuple):
    """One fault that `check` finds.

    `title` is the fault in the file, `consequence` its effect on docker, ecs-init or the agent, and `fix` an
    instruction: each one line in lower case, at most 25 words. The lines of `fix` after the first are one command to
    paste, with FILE for the name of the file. `source` is the place in the source code of the program with this
    behaviour. `before` and `after` are whole env-files with made-up secrets: the first has the fault, the second does
    not. Bytes that are not UTF-8 are surrogate escapes in `before`.
    """

    code: str
    severity: Severity
    title: str
    consequence: str
    fix: str
    source: str
    before: str
    after: str


CLUSTER = "ECS_CLUSTER=prod\n"
"""The first line of most examples: without it, each would have a finding about the cluster too."""


DROPPED = "the agent drops all registry credentials: pulls of private images are anonymous"
"""The consequence of registry credentials that the agent cannot read."""


EXPAND = "an unquoted here-document, $ for $$ in Terraform, Fn::Sub in CloudFormation"
"""The ways in which a template expands a placeholder."""


def auth(kind: str, data: str) -> str:
    """Return an env-file with registry credentials."""
    return f"{CLUSTER}ECS_ENGINE_AUTH_TYPE={kind}\nECS_ENGINE_AUTH_DATA={data}\n"


def docker(*entries: str) -> str:
    """Return an env-file with the type docker and these members of its object."""
    return auth("docker", "{" + ",".join(entries) + "}")


def dockercfg(*entries: str) -> str:
    """Return an env-file with the type dockercfg and these members of its object."""
    return auth("dockercfg", "{" + ",".join(entries) + "}")


def pair(registry: str, username: str = "example", password: str = "not-a-secret") -> str:  # noqa: S107 - made up
    """Return one registry in the form of the type docker."""
    return f'"{registry}":{{"username":"{username}","password":"{password}"}}'


def encoded(registry: str, value: str = "ZXhhbXBsZTpub3QtYS1zZWNyZXQ=") -> str:
    """Return one registry in the form of the type dockercfg."""
    return f'"{registry}":{{"auth":"{value}"}}'
