"""What may stand in a finding: names of variables and registries, unless they may be a part of a secret.

A line that came apart, a wrapped base64 value above all, begins with something that looks like a name.
"""

from __future__ import annotations

import re
from typing import Optional

from ecsauth.core import agent_variables

# Words in capitals joined by underscores, as everybody writes variables; base64 has no underscores and mixed case.
_CONVENTIONAL = "[A-Z][A-Z0-9]{0,31}(?:_[A-Z0-9]{1,31}){1,11}"
_REGISTRY = r"(?:[A-Za-z]{1,8}://)?[A-Za-z0-9.-]{1,255}(?::[0-9]{1,5})?(?:/[A-Za-z0-9._/-]*)?"


def shown(name: str) -> Optional[str]:
    """Return the name of a variable if it may stand in a message: a known one in any letters, or one in capitals."""
    known = agent_variables.find(name) or agent_variables.find(_documented(name))
    return name if known is not None or re.fullmatch(_CONVENTIONAL, name) else None


def _documented(name: str) -> str:
    """Return a name in the letters that all names of the agent are written in."""
    return name.upper().replace("-", "_").replace(".", "_")


def shown_registry(key: Optional[str]) -> Optional[str]:
    """Return the name of a registry if it may stand in a message: a host with a dot, a port or a path, or localhost."""
    if key is None or not re.fullmatch(_REGISTRY, key):
        return None
    host = key.split("://")[-1]
    return key if host.startswith("localhost") or set(host) & set(".:/") else None


def meant(name: str) -> Optional[str]:
    """Return the variable of the agent that a name which is none was probably meant to be.

    Only names that begin with ECS are guessed at: any other may be somebody else's.
    """
    if not name.upper().startswith("ECS") or agent_variables.find(name) is not None:
        return None
    return agent_variables.nearest(name)


def in_other_letters(name: str, likely: str) -> bool:
    """Tell whether a name is a known one but for capitals and separators."""
    return _documented(name) == likely


def is_own_line(text: str) -> bool:
    """Tell whether a line sets a variable for sure, so that no value above goes on in it."""
    name = text.strip().removeprefix("export ").partition("=")
    return bool(name[1]) and shown(name[0].strip()) is not None
