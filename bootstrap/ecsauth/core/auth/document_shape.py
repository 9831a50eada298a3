"""Documents that are JSON but no map from registries to credentials: docker's config.json, lists, bare fields."""

from __future__ import annotations

from typing import Optional

from ecsauth.core.auth.auth_document import DOCKER, DOCKERCFG, known_field
from ecsauth.core.auth.auth_problem import Problem, ProblemKind
from ecsauth.core.auth.go_json import Kind, Member, Value
from ecsauth.core.auth.json_problems import is_shell_quoted
from ecsauth.core.auth.registry_key import printable

_CREDENTIAL_HELPERS = frozenset({"credsStore", "credHelpers"})
_SETTINGS = frozenset(
    {
        *("HttpHeaders", "proxies", "detachKeys", "currentContext", "plugins", "cliPluginsExtraDirs", "aliases"),
        *("features", "experimental", "stackOrchestrator", "kubernetes", "pruneFilters"),
        *("psFormat", "imagesFormat", "networksFormat", "volumesFormat", "statsFormat", "servicesFormat"),
        *("tasksFormat", "nodesFormat", "secretFormat", "configFormat", "pluginsFormat", "serviceInspectFormat"),
    }
)
"""What docker's config.json may hold beside `auths` (docker/cli, cli/config/configfile/file.go)."""


def auths(value: Value) -> Optional[Member]:
    """Return the `auths` object that docker's config.json wraps around the registries, None when there is none.

    A registry that is really called `auths` has fields in it, not objects.
    """
    for member in value.members:
        if member.name == "auths" and member.value.kind is Kind.OBJECT:
            return member if all(inner.value.kind is Kind.OBJECT for inner in member.value.members) else None
    return None


def is_registry(name: str, value: Value) -> bool:
    """Tell whether a member of the document is meant as a registry: not a setting of config.json, not a bare field."""
    return name not in _SETTINGS | _CREDENTIAL_HELPERS and value.kind in {Kind.OBJECT, Kind.NULL}


def looks_like(value: Value) -> Optional[str]:
    """Return the type that a document is written for, under an `auths` or not; None when that is not clear."""
    wrapper = auths(value)
    registries = (wrapper.value if wrapper else value).members
    fields = {known_field(part.name) for registry in registries for part in registry.value.members}
    if "auth" in fields:
        return DOCKERCFG
    return DOCKER if fields & {"username", "password", "identitytoken", "registrytoken"} else None


def problems_of(value: Value, data: str) -> list[Problem]:
    """Return what makes a decoded document, or members of it, something else than registries."""
    if value.kind is Kind.STRING and is_shell_quoted(data):
        return [Problem(ProblemKind.SHELL_QUOTED, value.column)]
    wrapper = auths(value)
    if wrapper is not None:
        helpers = [_member_problem(member) for member in value.members if member.name in _CREDENTIAL_HELPERS]
        return [Problem(ProblemKind.AUTHS_WRAPPER, wrapper.column, detail=looks_like(value)), *filter(None, helpers)]
    if value.kind is Kind.NULL or (value.kind is Kind.OBJECT and not value.members):
        return [Problem(ProblemKind.DOCUMENT_EMPTY, value.column)]
    if value.kind is not Kind.OBJECT:
        return [Problem(ProblemKind.DOCUMENT_NOT_OBJECT, value.column, detail=value.kind.value)]
    return list(filter(None, map(_member_problem, value.members)))


def _member_problem(member: Member) -> Optional[Problem]:
    """Return the likeliest reason why a member of the document is no registry, None when it may be one."""
    if member.name in _CREDENTIAL_HELPERS:
        return Problem(ProblemKind.CREDS_STORE, member.column, detail=member.name)
    if member.name in _SETTINGS:
        return Problem(ProblemKind.CONFIG_FILE_FIELD, member.column, detail=member.name)
    if member.value.kind in {Kind.OBJECT, Kind.NULL}:
        return None
    field = known_field(member.name)
    if field is not None:
        return Problem(ProblemKind.REGISTRY_KEY_MISSING, member.column, detail=field)
    kind = member.value.kind.value
    return Problem(ProblemKind.REGISTRY_NOT_OBJECT, member.value.column, printable(member.name), kind)
