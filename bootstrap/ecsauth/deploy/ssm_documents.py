"""The documents of AWS Systems Manager that run ecsauth on an instance: their files, names and the command for each.

The files are those of `iam/ssm/`. They are deployed byte for byte: their SHA-256 is compared before each use.
"""

from __future__ import annotations

import re

from ecsauth.errors import UsageError

# What `ecsauth iam` calls them, and their files in `iam/`.
FILES = {f"ssm-{name}": f"ssm/{name}.yaml" for name in ("boot", "status", "doctor")}
# What the deployed names begin with, unless another stack has deployed them.
PREFIX = "ecsauth"
# SSM API Reference, CreateDocument: 3 to 128 characters, and what the names may not begin with.
_PREFIX = r"[A-Za-z][A-Za-z0-9_.-]{0,119}"
_OF_AWS = ("aws", "amazon", "amzn")
_CREATE = "aws ssm create-document --name {} --document-type Command --document-format YAML --content file://{}"


def prefix(text: str) -> str:
    """Return `text` if the names of documents can begin with it; raise UsageError."""
    if re.fullmatch(_PREFIX, text) and not text.lower().startswith(_OF_AWS):
        return text
    raise UsageError(
        "must be what the names of the documents begin with, such as ecsauth: letters, digits and ._-; not aws"
    )


def deployed_name(name: str, prefix: str) -> str:
    """Return the deployed name of the document that `ecsauth iam` calls `name`."""
    return f"{prefix}-{name.partition('-')[2]}"


def creation(name: str, prefix: str, file: str) -> str:
    """Return the command that creates the document from its `file`."""
    return _CREATE.format(deployed_name(name, prefix), file)
