"""Decide which names a message may show, and which values are secret.

A name can be a part of a secret: a line of a base64 value that was wrapped begins with text that looks like a name.
"""

from __future__ import annotations

import re
from typing import Optional

from ecsauth.agent import variables

# Words in capitals joined by underscores, the usual form of variables; base64 has mixed case and no underscores.
_CONVENTIONAL = "[A-Z][A-Z0-9]{0,31}(?:_[A-Z0-9]{1,31}){1,11}"
_REGISTRY = r"(?:[A-Za-z]{1,8}://)?[A-Za-z0-9.-]{1,255}(?::[0-9]{1,5})?(?:/[A-Za-z0-9._/-]*)?"


def shown(name: str) -> Optional[str]:
    """Return the name of a variable if a message may show it: a known one in any case, or words in capitals."""
    known = variables.find(name) or variables.find(_documented(name))
    return name if known is not None or re.fullmatch(_CONVENTIONAL, name) else None


def _documented(name: str) -> str:
    """Return the name in the spelling of the agent's names: capitals and underscores."""
    return name.upper().replace("-", "_").replace(".", "_")


def shown_registry(key: Optional[str]) -> Optional[str]:
    """Return the name of a registry if a message may show it: a host with a dot, a port or a path, or localhost."""
    if key is None or not re.fullmatch(_REGISTRY, key):
        return None
    host = key.split("://")[-1]
    return key if host.startswith("localhost") or set(host) & set(".:/") else None


def meant(name: str) -> Optional[str]:
    """Return the variable of the agent that a misspelt name probably means, None if there is none.

    Only a name that begins with ECS is corrected: any other may belong to another program.
    """
    if not name.upper().startswith("ECS") or variables.find(name) is not None:
        return None
    return variables.nearest(name)


def in_other_letters(name: str, likely: str) -> bool:
    """Tell whether a name differs from a known one only in capitals and separators."""
    return _documented(name) == likely


def is_own_line(text: str) -> bool:
    """Tell whether a line certainly sets a variable, so it does not continue a value above."""
    name = text.strip().removeprefix("export ").partition("=")
    return bool(name[1]) and shown(name[0].strip()) is not None


_AUTH_TYPE, _AUTH = "ECS_ENGINE_AUTH_TYPE", "ECS_ENGINE_AUTH_"
_AUTH_TYPES = frozenset({"", "docker", "dockercfg"})
_PROXIES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"})
# Words in the names of secrets, also as a part of another word.
_ANYWHERE = r"PASSW|PASSPHRASE|SECRET|TOKEN(?!IZ)|CREDENTIAL|PRIVATE|AUTH(?!OR(?!I[SZ]))"
# KEY needs a word before it, because a comment with KEY=VALUE has no secret. Some words around it are harmless.
_KEY = r"(?<=[A-Z0-9_])(?<!MON)(?<!PUBLIC_)(?<!KMS_)KEY(?!BOARD|CLOAK|NOTE|SPACE)"
# Short words, which match only as a whole word. PWD alone is the working directory.
_WORDS = r"(?:^|_)(?:PASS|PW|DSN|JWT|PAT)(?:_|$)|_PWD(?:_|$)"
# Between the words of dbPassword.
_HUMP = r"(?<=[a-z0-9])(?=[A-Z])"
_FORMS = {
    "bool": r"(?i:true|false|t|f|1|0)",
    "int": r"[+-]?[0-9]{1,12}",
    "float": r"[+-]?[0-9]{1,12}(?:\.[0-9]{1,6})?",
    "duration": r"-?(?:[0-9]{1,9}(?:\.[0-9]{1,6})?(?:ns|us|ms|s|m|h)){1,4}|0",
    "port-range": r"[0-9]{1,5}-[0-9]{1,5}",
    "rate-limits": r"[0-9]{1,9},[0-9]{1,9}",
}
_DRIVER = r'"(?:json-file|syslog|journald|gelf|fluentd|awslogs|splunk|logentries|sumologic|none|awsfirelens)"'
_PORTS = r"\[(?:[0-9]{1,5}(?:, ?[0-9]{1,5}){0,63})?\]"
_NAMED_FORMS = {
    # The names of clusters that ECS accepts.
    "ECS_CLUSTER": r"[A-Za-z0-9_-]{1,255}",
    "ECS_AVAILABLE_LOGGING_DRIVERS": rf"\[(?:{_DRIVER}(?:, ?{_DRIVER}){{0,15}})?\]",
    "ECS_RESERVED_PORTS": _PORTS,
    "ECS_RESERVED_PORTS_UDP": _PORTS,
}
# A value that looks like a credential has one of these: only then the slower pattern is tried.
_MARKS = ("://", '"', "AKIA", "ASIA", "-----BEGIN", "gh", "glpat-", "dckr_pat_", "npm_", "xox")
_CREDENTIALS = (
    r"://[^/\s:@]*:[^/\s@]+@"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|-----BEGIN|\b(?:ghp_|gho_|ghs_|github_pat_|glpat-|dckr_pat_|npm_|xox[abp]-)\w{8}"
    r'|(?i:(?:password|passwd|secret|token|api_?key)"\s*:\s*"[^"]{6})|"auth"\s*:\s*"[A-Za-z0-9+/]{16}'
)


def holds_secret(name: str, value: Optional[str] = None) -> bool:
    """Tell whether a variable probably has a secret, judged by name and value; without a value, by the name."""
    if name.startswith(_AUTH):
        # Sometimes the credentials are in this variable by mistake.
        return name != _AUTH_TYPE or value is None or value.strip() not in _AUTH_TYPES
    if value is not None and looks_secret(value):
        return True
    if name.upper() in _PROXIES and value is not None:
        return names_user(value)
    spelt = re.sub(_HUMP, "_", name).upper().replace("-", "_").replace(".", "_")
    variable = variables.find(name) or variables.find(spelt)
    if variable is not None:
        return variable.sensitive
    return re.search(f"{_ANYWHERE}|{_KEY}|{_WORDS}", spelt) is not None


def is_public(name: str, value: Optional[str] = None) -> bool:
    """Tell whether the value of a variable is certainly not a secret; for an unknown name it may be one."""
    return variables.find(name) is not None and not holds_secret(name, value)


def is_plain(name: str, value: str) -> bool:
    """Tell whether a value may be shown with its variable: it is public, and has a form that no secret has.

    A password that was pasted in place of a number does not have that form.
    """
    variable = variables.find(name)
    if variable is None or not is_public(name, value):
        return False
    if variable.kind == "enum":
        return value in variable.parsing.get("values", ())
    pattern = _NAMED_FORMS.get(name) or _FORMS.get(variable.kind)
    return pattern is not None and re.fullmatch(pattern, value) is not None


def looks_secret(value: str) -> bool:
    """Tell whether a value has the form of a credential."""
    return any(mark in value for mark in _MARKS) and re.search(_CREDENTIALS, value) is not None


def names_user(address: str) -> bool:
    """Tell whether an address has a user name, and so possibly a password."""
    return "@" in address
