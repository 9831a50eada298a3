"""The schemas of docs/schemas, by which every JSON document that a test reads is validated."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "docs" / "schemas"
# What is no document of its own.
COMMON = "common"


@functools.cache
def schemas() -> dict[str, Any]:
    """Return the schemas by name."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}


def errors(name: str, document: Any) -> list[str]:
    """Return why a schema does not fit a document; nothing if it does."""
    return [f"{error.json_path}: {error.message}" for error in _validator(name).iter_errors(document)]


def validated(document: Any) -> Any:
    """Return a document that ecsauth printed; AssertionError unless a schema fits it.

    A policy or a SARIF log has no number of ecsauth's format, and is returned as it is.
    """
    if isinstance(document, dict) and "schema" in document:
        found = [errors(name, document) for name in schemas() if _is_of(schemas()[name], set(document))]
        assert found, f"no schema has these fields: {', '.join(document)}"
        assert [] in found, found
    return document


def _is_of(schema: dict[str, Any], fields: set[str]) -> bool:
    """Tell whether these can be the fields of a document."""
    return set(schema.get("required", ["a name that no document has"])) <= fields <= set(schema.get("properties", ()))


@functools.cache
def _validator(name: str) -> Any:
    # Loaded by those tests only that read a document.
    from jsonschema import Draft202012Validator
    from referencing import Registry, Resource

    named = [(f"{other}.json", Resource.from_contents(schemas()[other])) for other in (COMMON, "report")]
    parts: Registry[Any] = Registry().with_resources(named)
    return Draft202012Validator(schemas()[name], registry=parts)
