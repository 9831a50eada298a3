"""The registry credentials that the agent reads from ECS_ENGINE_AUTH_TYPE and ECS_ENGINE_AUTH_DATA, and the problems.

Source: amazon-ecs-agent, agent/config (os.Getenv, strings.TrimSpace on the type only) and
agent/dockerclient/dockerauth/dockerauth.go parseAuthData; measured with agent 1.105.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth.go import json
from ecsauth.go.values import trim_space
from ecsauth.registry import credential as registry_credential
from ecsauth.registry import document as registry_document
from ecsauth.registry import document_problems, entry_problems, key_problems
from ecsauth.registry.credential import Credential, Entry
from ecsauth.registry.document import DOCKER, Document, RawEntry
from ecsauth.registry.keys import strip_scheme
from ecsauth.registry.problems import Problem, ProblemKind, best_first
from ecsauth.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ecsauth.go.json import Value


TYPE, DATA = "ECS_ENGINE_AUTH_TYPE", "ECS_ENGINE_AUTH_DATA"


class RegistryAuth(NamedTuple):
    """The registry credentials of the agent after its start.

    `kind` is "docker", "dockercfg", or "" if the type is neither and the agent reads nothing. `entries` are those that
    the agent keeps, also empty ones. `problems` are sorted, the likeliest cause first.

    `warnings` are the agent's own log lines, exact and sorted. They repeat keys and the unknown type, so they may have
    a password: use them for conformance and for masking, NOT for output.

    `is_bare` is set if the data is JSON without anything around the registries.
    """

    kind: str
    entries: tuple[Entry, ...] = ()
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()
    is_bare: bool = False


def parse(auth_type: Optional[str], auth_data: Optional[str]) -> RegistryAuth:
    """Read the two variables as the agent does; None and empty are the same to it.

    The texts are like those of `os.environ`: bytes that are not UTF-8 are surrogate escapes. Raises nothing.
    """
    kind, data = trim_space(auth_type or ""), auth_data or ""
    if kind in registry_document.FIELDS:
        return _read(kind, data)
    warnings = (f"Unknown auth configuration: {kind}",) if kind else ()
    problem = document_problems.type_problem_of(kind, data)
    if problem is None:
        return RegistryAuth("", warnings=warnings)
    likely = _read(problem.detail, data)
    return RegistryAuth("", (), (problem, *likely.problems), warnings, likely.is_bare)


def in_environment(environment: Mapping[str, Secret]) -> RegistryAuth:
    """Read the two variables of the agent's environment."""
    kind, data = (environment.get(name) for name in (TYPE, DATA))
    return parse(kind.reveal() if kind else None, data.reveal() if data else None)


def _read(kind: Optional[str], data: str) -> RegistryAuth:
    """Read the data for one of the two types; without a type, find only the problems of both types."""
    failed = RegistryAuth(kind or "", (), (), (f"Could not parse '{kind}' type auth config",))
    if not data:
        return failed._replace(problems=(Problem(ProblemKind.DATA_MISSING),))
    try:
        value = json.decode(data)
    except json.JsonError as error:
        return failed._replace(problems=(document_problems.json_problem_of(data, error),))
    failed = failed._replace(is_bare=document_problems.is_bare(value))
    if kind is None:
        return failed._replace(problems=best_first(document_problems.problems_of(value, data)))
    document = registry_document.read(value, kind)
    entries, warnings = _entries(document, kind)
    problems = best_first(list(_problems(value, document, entries, data, kind)))
    if not document.readable:
        return failed._replace(problems=problems)
    return RegistryAuth(kind, entries, problems, warnings, failed.is_bare)


def _entries(document: Document, kind: str) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    """Return the entries that parseAuthData stores, and its log lines for those that it drops."""
    entries, warnings = [], []
    for draft in document.drafts:
        if kind == DOCKER:
            credential = _docker(draft)
        else:
            pair = registry_credential.decode(draft.text("auth"))
            if pair.refusal is not None:
                warnings.append(f"Malformed auth data for registry {draft.key}{pair.refusal.value}")
                continue
            credential = Credential(pair.username, pair.password)
        entries.append(Entry(draft.key, strip_scheme(draft.key), credential, draft.column))
    return tuple(entries), tuple(sorted(warnings))


def _docker(draft: RawEntry) -> Credential:
    """Return a credential of the type docker, which keeps every field unchanged."""
    return Credential(
        username=draft.text("username"),
        password=Secret(draft.text("password")),
        auth=Secret(draft.text("auth")),
        email=draft.text("email"),
        serveraddress=draft.text("serveraddress"),
        identitytoken=Secret(draft.text("identitytoken")),
        registrytoken=Secret(draft.text("registrytoken")),
    )


def _problems(value: Value, document: Document, entries: tuple[Entry, ...], data: str, kind: str) -> Iterator[Problem]:
    """Yield every problem of a document that is valid JSON."""
    yield from document_problems.problems_of(value, data)
    if document_problems.auths(value) is not None:
        return  # all other problems follow from the wrapper
    yield from document.problems
    drafts = tuple(draft for draft in document.drafts if document_problems.is_registry(draft.key, draft.value))
    keys = {draft.key for draft in drafts}
    yield from entry_problems.problems_of(drafts, data, kind)
    yield from key_problems.problems_of(drafts, tuple(entry for entry in entries if entry.key in keys))
