"""Documents of Systems Manager, as far as Run Command uses them: versions, hashes, parameters, the shell step.

Sources: Systems Manager API Reference (CreateDocument, SendCommand), User Guide, "Data elements and parameters"; for
the text that replaces a parameter: amazon-ssm-agent, agent/parameters.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

import yaml
from json_service import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ACTION = "aws:runShellScript"


class DocumentVersion(NamedTuple):
    """One version of a document: what its author has written."""

    name: str
    number: int
    content: str

    @property
    def sha256(self) -> str:
        """The hash by which a command can pin it."""
        return hashlib.sha256(self.content.encode()).hexdigest()

    def step(self) -> Step:
        """Return the shell step; AssertionError for a document that is not of the one kind that is played."""
        document = yaml.safe_load(self.content)
        assert document["schemaVersion"] == "2.2", "only schema 2.2 is played"
        (only,) = document["mainSteps"]
        assert only["action"] == _ACTION, f"only {_ACTION} is played"
        inputs = only["inputs"]
        return Step(only["name"], "\n".join(inputs["runCommand"]), int(inputs.get("timeoutSeconds", 3600)))

    def parameters(self) -> dict[str, dict[str, Any]]:
        """Return the declared parameters."""
        declared: dict[str, dict[str, Any]] = yaml.safe_load(self.content).get("parameters", {})
        return declared

    def check(self, given: Mapping[str, Sequence[str]]) -> dict[str, str]:
        """Return the value of each parameter; raise RefusedError."""
        declared = self.parameters()
        unknown = sorted(set(given) - set(declared))
        if unknown:
            raise RefusedError("InvalidParameters", f"Parameter {unknown[0]} is not defined in the document.")
        return {name: _value(name, one, given.get(name)) for name, one in declared.items()}


class Step(NamedTuple):
    """The shell step of a document; `timeout` in seconds."""

    name: str
    script: str
    timeout: int

    def script_with(self, values: Mapping[str, str]) -> str:
        """Return the script with the values in the places of the parameters: text, nothing is quoted."""
        script = self.script
        for name, value in values.items():
            script = value.join(re.split(r"\{\{ *" + re.escape(name) + r" *\}\}", script))
        return script


def _value(name: str, declared: Mapping[str, Any], given: Optional[Sequence[str]]) -> str:
    assert declared["type"] == "String", "only parameters of type String are played"
    if given is None:
        if "default" not in declared:
            raise RefusedError("InvalidParameters", f"Parameter {name} is required.")
        return str(declared["default"])
    if len(given) != 1:
        raise RefusedError("InvalidParameters", f"Parameter {name} takes one value.")
    pattern, allowed = declared.get("allowedPattern"), declared.get("allowedValues")
    # As Java's Matcher.find, for which $ has a place before a last line feed, too.
    if pattern is not None and re.search(pattern, given[0]) is None:
        raise RefusedError("InvalidParameters", f"Parameter {name} does not match the allowed pattern {pattern}.")
    if allowed is not None and given[0] not in allowed:
        raise RefusedError("InvalidParameters", f"Parameter {name} is none of the allowed values.")
    return given[0]


class Documents:
    """The documents of an account. `put` is CreateDocument or UpdateDocument with the new version as the default."""

    def __init__(self) -> None:
        self._versions: dict[str, list[DocumentVersion]] = {}

    def put(self, name: str, content: str) -> DocumentVersion:
        """Make a new version, and make it the default one."""
        versions = self._versions.setdefault(name, [])
        versions.append(DocumentVersion(name, len(versions) + 1, content))
        return versions[-1]

    def find(self, name: str, version: Optional[str] = None, sha256: Optional[str] = None) -> DocumentVersion:
        """Return a version; raise RefusedError for one that is not there, or that has another hash."""
        versions = self._versions.get(name.rpartition(":document/")[2])
        if versions is None:
            raise RefusedError("InvalidDocument", f"Document with name {name} does not exist.")
        found = versions[-1]
        if version not in (None, "$DEFAULT", "$LATEST"):
            if not str(version).isdigit() or not 0 < int(str(version)) <= len(versions):
                raise RefusedError("InvalidDocumentVersion", "The document version isn't valid or doesn't exist.")
            found = versions[int(str(version)) - 1]
        if sha256 is not None and sha256 != found.sha256:
            raise RefusedError("InvalidDocument", "The document hash and hash type do not match the document.")
        return found
