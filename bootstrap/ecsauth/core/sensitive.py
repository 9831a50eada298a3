"""What is secret: the one definition for findings, `--set`, units, masked texts and logs.

The catalogue decides about the variables that it knows, the words of its name about any other. A variable whose value
is an address, as a proxy's, is secret only with a user in the address; where the value is not known it may be.
"""

from __future__ import annotations

import re
from typing import Optional

from ecsauth.core import agent_variables

_AUTH_TYPE, _AUTH = "ECS_ENGINE_AUTH_TYPE", "ECS_ENGINE_AUTH_"
_AUTH_TYPES = frozenset({"", "docker", "dockercfg"})
_PROXIES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"})
# Words that stand in the name of a secret, also within another word.
_ANYWHERE = r"PASSW|PASSPHRASE|SECRET|TOKEN(?!IZ)|CREDENTIAL|PRIVATE|AUTH(?!OR(?!I[SZ]))"
# The word before says whose key it is; a comment with KEY=VALUE holds none.
_KEY = r"(?<=[A-Z0-9_])(?<!MON)(?<!PUBLIC_)(?<!KMS_)KEY(?!BOARD|CLOAK|NOTE|SPACE)"
# Short ones, which count as words of their own. PWD alone is the working directory.
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
    # What ECS takes as the name of a cluster.
    "ECS_CLUSTER": r"[A-Za-z0-9_-]{1,255}",
    "ECS_AVAILABLE_LOGGING_DRIVERS": rf"\[(?:{_DRIVER}(?:, ?{_DRIVER}){{0,15}})?\]",
    "ECS_RESERVED_PORTS": _PORTS,
    "ECS_RESERVED_PORTS_UDP": _PORTS,
}
# What a value that looks like a credential has in it: the pattern is tried only for one that may.
_MARKS = ("://", '"', "AKIA", "ASIA", "-----BEGIN", "gh", "glpat-", "dckr_pat_", "npm_", "xox")
_CREDENTIALS = (
    r"://[^/\s:@]*:[^/\s@]+@"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|-----BEGIN|\b(?:ghp_|gho_|ghs_|github_pat_|glpat-|dckr_pat_|npm_|xox[abp]-)\w{8}"
    r'|(?i:(?:password|passwd|secret|token|api_?key)"\s*:\s*"[^"]{6})|"auth"\s*:\s*"[A-Za-z0-9+/]{16}'
)


def holds_secret(name: str, value: Optional[str] = None) -> bool:
    """Tell whether a variable is likely to hold a secret; without a value, whether one of this name may."""
    if name.startswith(_AUTH):
        # People write the credentials there by mistake.
        return name != _AUTH_TYPE or value is None or value.strip() not in _AUTH_TYPES
    if value is not None and looks_secret(value):
        return True
    if name.upper() in _PROXIES and value is not None:
        return names_user(value)
    spelt = re.sub(_HUMP, "_", name).upper().replace("-", "_").replace(".", "_")
    variable = agent_variables.find(name) or agent_variables.find(spelt)
    if variable is not None:
        return variable.sensitive
    return re.search(f"{_ANYWHERE}|{_KEY}|{_WORDS}", spelt) is not None


def is_public(name: str, value: Optional[str] = None) -> bool:
    """Tell whether the value of a variable is surely no secret: of a name that nobody knows it may be anything."""
    return agent_variables.find(name) is not None and not holds_secret(name, value)


def is_plain(name: str, value: str) -> bool:
    """Tell whether a value may be shown with its variable: public, and of the form that nothing secret has.

    A password that was pasted in the place of a number is of another form.
    """
    variable = agent_variables.find(name)
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
    """Tell whether an address has a user in it, and so perhaps a password."""
    return "@" in address
