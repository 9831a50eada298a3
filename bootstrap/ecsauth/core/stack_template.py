"""The template of the stack, with defaults for its parameters: line by line, so that its comments stay."""

from __future__ import annotations

import itertools
import json
import re
from typing import TYPE_CHECKING

from ecsauth.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ecsauth.core.policy_values import Values

_HEADING = "\nParameters:\n"
_PARAMETER = re.compile(r"^  ([A-Za-z0-9]+):\n(?:    .*\n)*", re.MULTILINE)


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
    before, heading, rest = template.partition(_HEADING)
    text = "".join(itertools.takewhile(lambda line: not line[0].isalpha(), rest.splitlines(keepends=True)))
    found = {match[1]: match[0] for match in _PARAMETER.finditer(text)}
    missing = [name for name in defaults if name not in found]
    if missing:
        raise UsageError(f"the template has no parameter {', '.join(missing)}")
    changed = text
    for name, default in defaults.items():
        changed = changed.replace(found[name], _with_default(found[name], default))
    return before + heading + changed + rest[len(text) :]


def _with_default(parameter: str, default: str) -> str:
    """Return the lines of a parameter with its default below its type, in the place of another one."""
    lines = [line for line in parameter.splitlines(keepends=True) if not line.startswith("    Default:")]
    (type_,) = (number for number, line in enumerate(lines) if line.startswith("    Type:"))
    return "".join((*lines[: type_ + 1], f"    Default: {json.dumps(default)}\n", *lines[type_ + 1 :]))
