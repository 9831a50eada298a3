"""The type variable: what it is for the agent, and what was meant when it is nothing to the agent."""

from __future__ import annotations

from typing import Optional

from ecsauth.core.auth import document_shape, go_json
from ecsauth.core.auth.auth_document import DOCKER, DOCKERCFG
from ecsauth.core.auth.auth_problem import Problem, ProblemKind
from ecsauth.core.go_space import GO_SPACE

_MEANT = {
    "docker": DOCKER,
    "dockercfg": DOCKERCFG,
    "dockerconf": DOCKERCFG,
    "dockerconfig": DOCKERCFG,
    "dockerconfigjson": DOCKERCFG,
    "kubernetesiodockercfg": DOCKERCFG,
    "kubernetesiodockerconfigjson": DOCKERCFG,
}
"""Letters of a type that people write, and the type that they mean."""


def trim(text: str) -> str:
    """Cut what Go's strings.TrimSpace cuts: Unicode's White_Space, which is less than Python's str.strip cuts."""
    return text.strip(GO_SPACE)


def problem_of(kind: str, data: str) -> Optional[Problem]:
    """Return what is wrong with a type that the agent does not know; None when neither variable is set."""
    if kind.startswith(("{", "[", '"{', "'{")):
        return Problem(ProblemKind.TYPE_IS_DATA)
    letters = "".join(filter(str.isalpha, kind.split("#", 1)[0].lower()))
    if letters in _MEANT:
        return Problem(ProblemKind.TYPE_MISSPELT, detail=_MEANT[letters])
    if kind or data:
        return Problem(ProblemKind.TYPE_UNKNOWN if kind else ProblemKind.TYPE_MISSING, detail=_looks_like(data))
    return None


def _looks_like(data: str) -> Optional[str]:
    """Return the type that the data is written for, None when that is not clear."""
    try:
        return document_shape.looks_like(go_json.decode(data))
    except go_json.JsonError:
        return None
