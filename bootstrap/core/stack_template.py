"""The template of the stack, with defaults for its parameters: line by line, so that its comments stay."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bootstrap.core.errors import UsageError
from bootstrap.core.plain_yaml import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bootstrap.core.policy_values import Values

_SECTION = re.compile(r"^([A-Za-z]+):\s*$")
_PARAMETER = re.compile(r"^  ([A-Za-z0-9]+):\s*$")


def parameters(values: Values) -> dict[str, str]:
    """Return the stack's parameters, as far as the values say them; raise UsageError for what it does not take."""
    if values.keys or values.account or values.partition:
        raise UsageError("the stack makes its own key, in the account and partition that it is deployed in")
    if len(values.operators) > 1:
        raise UsageError("the stack takes one operator", "let the others take that role")
    if values.bucket and "." in values.bucket:
        raise UsageError("the stack takes no bucket with a dot in its name: the certificate of S3 does not cover it")
    named = {
        "BucketName": values.bucket,
        "Prefix": values.prefix,
        "OperatorArn": next(iter(values.operators), None),
        "AdministratorArn": values.administrator,
    }
    return {name: value for name, value in named.items() if value is not None}


def with_defaults(template: str, defaults: Mapping[str, str]) -> str:
    """Return the template with other defaults; raise UsageError for a parameter that it does not have."""
    lines: list[str] = []
    left = dict(defaults)
    section = parameter = ""
    for line in template.splitlines():
        found = _SECTION.match(line)
        section = found[1] if found else section
        named = _PARAMETER.match(line) if section == "Parameters" else None
        parameter = named[1] if named else "" if found else parameter
        if section == "Parameters" and parameter in defaults and line.startswith("    Default:"):
            continue
        lines.append(line)
        if section == "Parameters" and parameter in left and line.startswith("    Type:"):
            lines.append(f"    Default: {quoted(left.pop(parameter))}")
    if left:
        raise UsageError(f"the template has no parameter {', '.join(left)}")
    return "".join(f"{line}\n" for line in lines)
